#include "cloud/seed_parts.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cloud/fault.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * What may stand where: a level is an object whose keys are names (of what, says `kind`), or fixed words that lead
 * to the next level.
 */
struct level {
    const char *word;              /* the key that leads here */
    enum cloud_seed_kind kind;     /* of the things below it; CLOUD_SEED_KINDS: they are only names on the way */
    const char *resource;          /* "/topics/": what the resource name gets before the id */
    const struct level *below;     /* of each of them; the last has no word */
};

static const struct level of_dataset[] = {
    { "hl7V2Stores", CLOUD_SEED_STORE, "/hl7V2Stores/", NULL }, { NULL, CLOUD_SEED_KINDS, NULL, NULL }
};
static const struct level of_location[] = {
    { "datasets", CLOUD_SEED_DATASET, "/datasets/", of_dataset }, { NULL, CLOUD_SEED_KINDS, NULL, NULL }
};
static const struct level of_project[] = {
    { "topics", CLOUD_SEED_TOPIC, "/topics/", NULL },
    { "subscriptions", CLOUD_SEED_SUBSCRIPTION, "/subscriptions/", NULL },
    { "locations", CLOUD_SEED_KINDS, "/locations/", of_location },
    { NULL, CLOUD_SEED_KINDS, NULL, NULL }
};
static const struct level root[] = {
    { "projects", CLOUD_SEED_KINDS, "projects/", of_project }, { NULL, CLOUD_SEED_KINDS, NULL, NULL }
};

static bool walk_level(struct cloud_seed *s, const struct level *level, const struct json_value *object, struct buf *path,
                       struct buf *name, enum cloud_seed_kind wanted);

static void words_of(const struct level *levels, struct buf *out)
{
    for (const struct level *l = levels; l->word != NULL; l++)
        buf_printf(out, "%s%s", out->len > 0 ? ", " : "", l->word);
}

/* An id that can stand in a resource name; what else is allowed say the methods. */
static bool id_ok(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char) id.ptr[i] <= ' ' || id.ptr[i] == '/' || id.ptr[i] == 0x7f)
            return false;
    return id.len > 0 && id.len <= LIMIT_MESSAGE_ID_LEN;
}

static bool make(struct cloud_seed *s, enum cloud_seed_kind kind, const struct json_value *value, struct buf *path, struct buf *name)
{
    struct bytes project = buf_bytes(name);
    (void) bytes_cut(&project, '/');
    project = bytes_cut(&project, '/');
    struct cloud_seed_item *item = mem_alloc(sizeof(*item));
    *item = (struct cloud_seed_item) { .seed = s, .kind = kind, .value = *value };
    buf_append(&item->path, buf_bytes(path));
    buf_append(&item->name, buf_bytes(name));
    cloud_seed_body(value, project, &item->body);
    cloud_seed_make(item);
    cloud_seed_wait(s, LIMIT_CLOUD_SEEDING);
    return s->first.class == ERR_OK;
}

static bool messages_of(struct cloud_seed *s, const struct json_value *store, struct buf *path, struct buf *name)
{
    struct json_cursor members = json_cursor_of(store);
    struct json_value key, value;
    while (json_next(&members, &key, &value)) {
        if (!json_str_is(&key, "messages"))
            continue;
        CLEANUP(buf_fini) struct buf at = { 0 };
        buf_printf(&at, "%s.messages", buf_str(path));
        if (!cloud_seed_messages(s, &value, buf_str(&at), buf_str(name)))
            return false;
    }
    return true;
}

/* One thing with a name: {"T": {...}}. */
static bool walk_named(struct cloud_seed *s, const struct level *level, const struct json_value *key, const struct json_value *value,
                       struct buf *path, struct buf *name, enum cloud_seed_kind wanted)
{
    size_t path_len = path->len, name_len = name->len;
    CLEANUP(buf_fini) struct buf id = { 0 };
    if (!json_unescape(key->raw, &id) || !id_ok(buf_bytes(&id)))
        return cloud_seed_wrong(s, key->raw.ptr, buf_str(path), "a name must have 1 to 256 characters, none of them a space or '/'");
    buf_printf(path, ".%s", buf_str(&id));
    buf_printf(name, "%s%s", level->resource, buf_str(&id));
    if (value->kind != JSON_OBJECT)
        return cloud_seed_wrong(s, value->raw.ptr, buf_str(path), "it must be an object: {} where nothing is to be said");
    bool ok = level->kind != wanted || make(s, wanted, value, path, name);
    if (ok && wanted == CLOUD_SEED_MESSAGE && level->kind == CLOUD_SEED_STORE)
        ok = messages_of(s, value, path, name);
    struct json_cursor members = json_cursor_of(value);
    struct json_value word, below;
    while (ok && level->below != NULL && json_next(&members, &word, &below)) {
        const struct level *next = level->below;
        while (next->word != NULL && !json_str_is(&word, next->word))
            next++;
        if (next->word != NULL)
            ok = walk_level(s, next, &below, path, name, wanted);
        else if (level->kind == CLOUD_SEED_KINDS) {
            CLEANUP(buf_fini) struct buf words = { 0 };
            words_of(level->below, &words);
            ok = cloud_seed_wrong(s, word.raw.ptr, buf_str(path), "there is no key \"%.*s\" here; known are: %s", (int) MIN(word.raw.len, (size_t) 60),
                                  word.raw.ptr, buf_str(&words));
        }
    }
    path->len = path_len;
    name->len = name_len;
    return ok;
}

static bool is_twice(const struct json_value *object, const struct json_value *key)
{
    struct json_cursor members = json_cursor_of(object);
    struct json_value other;
    while (json_next(&members, &other, &(struct json_value) { 0 }) && other.raw.ptr < key->raw.ptr)
        if (bytes_eq(other.raw, key->raw))
            return true;
    return false;
}

static bool walk_level(struct cloud_seed *s, const struct level *level, const struct json_value *object, struct buf *path,
                       struct buf *name, enum cloud_seed_kind wanted)
{
    size_t path_len = path->len;
    buf_printf(path, "%s%s", path_len > 0 ? "." : "", level->word);
    if (object->kind != JSON_OBJECT)
        return cloud_seed_wrong(s, object->raw.ptr, buf_str(path), "it must be an object of names: {\"name\": {...}}");
    struct json_cursor members = json_cursor_of(object);
    struct json_value key, value;
    bool ok = true;
    while (ok && json_next(&members, &key, &value)) {
        if (wanted == CLOUD_SEED_TOPIC && is_twice(object, &key))
            ok = cloud_seed_wrong(s, key.raw.ptr, buf_str(path), "\"%.*s\" stands here twice", (int) MIN(key.raw.len, (size_t) 60), key.raw.ptr);
        else
            ok = walk_named(s, level, &key, &value, path, name, wanted);
    }
    path->len = path_len;
    return ok;
}

void cloud_seed_wait(struct cloud_seed *s, size_t left)
{
    while (s->under_way > left)
        loop_pass(s->c->loop, US_NEVER);
}

static bool walk_all(struct cloud_seed *s, const struct json_value *top)
{
    static const struct json_value none = { .kind = JSON_NONE };
    struct json_value projects = none, key, value;
    struct json_cursor members = json_cursor_of(top);
    if (top->kind != JSON_OBJECT)
        return cloud_seed_wrong(s, top->raw.ptr, "the file", "it must be an object: {\"projects\": {...}}");
    while (json_next(&members, &key, &value)) {
        if (!json_str_is(&key, "projects") || projects.kind != JSON_NONE)
            return cloud_seed_wrong(s, key.raw.ptr, "the file", "it must be {\"projects\": {...}} and nothing else");
        projects = value;
    }
    if (projects.kind == JSON_NONE)
        return cloud_seed_wrong(s, s->text.ptr, "the file", "the key \"projects\" is missing: {\"projects\": {\"my-project\": {...}}}");
    for (int kind = 0; kind < CLOUD_SEED_KINDS; kind++) {
        CLEANUP(buf_fini) struct buf path = { 0 }, name = { 0 };
        bool ok = walk_level(s, root, &projects, &path, &name, (enum cloud_seed_kind) kind);
        cloud_seed_wait(s, 0);
        if (!ok || s->first.class != ERR_OK)
            return false;
    }
    return true;
}

static bool read_file(const char *path, struct buf *out, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return FAIL(err, BAD_INPUT, "--seed: %s cannot be opened: %m", path);
    size_t n;
    while ((n = fread(buf_reserve(out, 65536), 1, 65536, file)) > 0 && out->len <= LIMIT_CLOUD_SEED)
        out->len += n;
    bool ok = ferror(file) == 0;
    fclose(file);
    if (!ok)
        return FAIL(err, BAD_INPUT, "--seed: %s cannot be read: %m", path);
    return out->len <= LIMIT_CLOUD_SEED || FAIL(err, BAD_INPUT, "--seed: %s is larger than %d MiB", path, LIMIT_CLOUD_SEED >> 20);
}

static void say(const struct cloud_seed *s, void (*tell)(void *ctx, const char *sentence), void *ctx)
{
    static const char *const words[CLOUD_SEED_KINDS][2] = {
        { "topic", "topics" }, { "subscription", "subscriptions" }, { "dataset", "datasets" }, { "store", "stores" }, { "message", "messages" }
    };
    CLEANUP(buf_fini) struct buf sentence = { 0 };
    buf_printf(&sentence, "Furnished from %s:", s->file);
    for (int i = 0; i < CLOUD_SEED_KINDS; i++)
        buf_printf(&sentence, "%s %" PRIu64 " %s", i > 0 ? "," : "", s->count[i], words[i][s->count[i] != 1]);
    if (tell != NULL)
        tell(ctx, buf_str(&sentence));
}

bool cloud_seed(struct cloud *c, const char *path, void (*tell)(void *ctx, const char *sentence), void *ctx, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct json_value top;
    TRY(read_file(path, &text, err));
    struct cloud_seed s = { .c = c, .file = path, .text = buf_bytes(&text) };
    if (!json_scan(s.text, &top, err)) {
        err->class = ERR_BAD_INPUT;
        return err_wrap(err, "%s", path);
    }
    /* Faults are for clients: while it is furnished there are none. */
    struct cloud_fault *faults = c->fault;
    c->fault = cloud_fault_make(c->loop, &(struct cloud_conf) { 0 }, err);
    bool ok = walk_all(&s, &top);
    cloud_seed_wait(&s, 0);
    cloud_fault_free(c->fault);
    c->fault = faults;
    if (!ok) {
        *err = s.first;
        return false;
    }
    say(&s, tell, ctx);
    return true;
}
