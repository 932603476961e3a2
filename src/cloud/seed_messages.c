/* Messages of a seed file: files, or folders of them, beside it. */
#include "cloud/seed_parts.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Where the entry stands, for errors, and what it says. */
struct entry {
    struct cloud_seed *seed;
    const struct json_value *value;
    const char *path, *store;
    struct json_value labels;    /* kind JSON_NONE: none */
};

/* As the file says it, or beside the seed file. */
static void full_path(const struct cloud_seed *s, struct bytes name, struct buf *out)
{
    const char *slash = strrchr(s->file, '/');
    if (name.ptr[0] != '/' && slash != NULL)
        buf_append(out, bytes_of(s->file, (size_t) (slash - s->file) + 1));
    buf_append(out, name);
}

static bool read_message(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t n;
    while ((n = fread(buf_reserve(out, 65536), 1, 65536, file)) > 0 && out->len <= LIMIT_REQUEST_BODY)
        out->len += n;
    bool ok = ferror(file) == 0;
    fclose(file);
    return ok;
}

static bool add_file(const struct entry *e, const char *path, const char *shown)
{
    CLEANUP(buf_fini) struct buf bytes = { 0 };
    struct cloud_seed *s = e->seed;
    if (!read_message(path, &bytes))
        return cloud_seed_wrong(s, e->value->raw.ptr, e->path, "%s cannot be read: %m", shown);
    struct cloud_seed_item *item = mem_alloc(sizeof(*item));
    *item = (struct cloud_seed_item) { .seed = s, .kind = CLOUD_SEED_MESSAGE, .value = *e->value };
    buf_printf(&item->path, "%s (%s)", e->path, shown);
    buf_append_str(&item->name, e->store);
    buf_append_str(&item->body, "{\"message\":{\"data\":\"");
    b64_encode(buf_bytes(&bytes), &item->body);
    buf_append_char(&item->body, '"');
    if (e->labels.kind != JSON_NONE)
        buf_printf(&item->body, ",\"labels\":%.*s", BYTES_FMT(e->labels.raw));
    buf_append_str(&item->body, "}}");
    cloud_seed_make(item);
    cloud_seed_wait(s, LIMIT_CLOUD_SEEDING);
    return s->first.class == ERR_OK;
}

static int is_message_file(const struct dirent *d)
{
    return bytes_ends(bytes_str(d->d_name), BYTES_LIT(".hl7"));
}

static bool add_folder(const struct entry *e, const char *path, const char *shown)
{
    struct dirent **names;
    int count = scandir(path, &names, is_message_file, alphasort);
    bool ok = count > 0;
    if (!ok)
        cloud_seed_wrong(e->seed, e->value->raw.ptr, e->path, count < 0 ? "the folder %s cannot be read: %m" : "the folder %s holds no file *.hl7",
                         shown);
    for (int i = 0; i < count; i++) {
        CLEANUP(buf_fini) struct buf file = { 0 }, name = { 0 };
        buf_printf(&file, "%s/%s", path, names[i]->d_name);
        buf_printf(&name, "%s%s%s", shown, bytes_ends(bytes_str(shown), BYTES_LIT("/")) ? "" : "/", names[i]->d_name);
        ok = ok && add_file(e, buf_str(&file), buf_str(&name));
        mem_free(names[i]);
    }
    if (count >= 0)
        mem_free(names);
    return ok;
}

/* "FILE" or {"file": "FILE", "labels": {...}}: the file's name. */
static bool read_entry(struct entry *e, struct buf *name)
{
    struct json_field fields[] = { { .key = "file" }, { .key = "labels" } };
    struct json_cursor members = json_cursor_of(e->value);
    struct json_value key, value, file = *e->value;
    struct err err = { 0 };
    if (e->value->kind == JSON_OBJECT) {
        while (json_next(&members, &key, &value))
            if (!json_str_is(&key, "file") && !json_str_is(&key, "labels"))
                return cloud_seed_wrong(e->seed, key.raw.ptr, e->path, "there is no key \"%.*s\" here; known are: file, labels",
                                        (int) MIN(key.raw.len, (size_t) 60), key.raw.ptr);
        if (!json_scan_object(e->value->raw, fields, 2, &err))
            return cloud_seed_wrong(e->seed, e->value->raw.ptr, e->path, "file or labels stands here twice");
        file = fields[0].value;
        e->labels = fields[1].value;
    }
    if (file.kind != JSON_STRING || file.raw.len == 0 || !json_unescape(file.raw, name))
        return cloud_seed_wrong(e->seed, e->value->raw.ptr, e->path, "a message is \"FILE\", \"FOLDER\" or {\"file\": \"FILE\", \"labels\": {...}}");
    return true;
}

bool cloud_seed_messages(struct cloud_seed *s, const struct json_value *list, const char *path, const char *store)
{
    struct json_cursor items = json_cursor_of(list);
    struct json_value value;
    if (list->kind != JSON_ARRAY)
        return cloud_seed_wrong(s, list->raw.ptr, path, "it must be a list of files: [\"a01.hl7\"]");
    for (size_t i = 0; json_next(&items, NULL, &value); i++) {
        CLEANUP(buf_fini) struct buf at = { 0 }, name = { 0 }, full = { 0 };
        struct stat st;
        buf_printf(&at, "%s[%zu]", path, i);
        struct entry e = { .seed = s, .value = &value, .path = buf_str(&at), .store = store };
        TRY(read_entry(&e, &name));
        full_path(s, buf_bytes(&name), &full);
        bool folder = stat(buf_str(&full), &st) == 0 && S_ISDIR(st.st_mode);
        TRY(folder ? add_folder(&e, buf_str(&full), buf_str(&name)) : add_file(&e, buf_str(&full), buf_str(&name)));
    }
    return true;
}
