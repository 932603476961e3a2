#include "cloud/gcs_path.h"

#include "base/limits.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { URI_MAX = 1100, DEPTH_MAX = 32 };

static bool is_part(struct bytes part)
{
    for (size_t i = 0; i < part.len; i++)
        if ((unsigned char) part.ptr[i] < ' ' || part.ptr[i] == 0x7f)
            return false;
    return part.len > 0 && part.len <= 255 && !bytes_eq_str(part, ".") && !bytes_eq_str(part, "..");
}

bool cloud_gcs_parse(struct bytes uri, struct bytes *ret_bucket, struct bytes *ret_object)
{
    if (!bytes_starts(uri, BYTES_LIT("gs://")) || uri.len > URI_MAX)
        return false;
    struct bytes object = bytes_sub(uri, 5, uri.len), bucket = bytes_cut(&object, '/');
    for (size_t i = 0; i < bucket.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", bucket.ptr[i]) == NULL || bucket.ptr[i] == '\0')
            return false;
    if (bucket.len < 3 || !is_part(bucket))
        return false;
    struct bytes rest = object;
    while (rest.len > 0)
        if (!is_part(bytes_cut(&rest, '/')))
            return false;
    *ret_bucket = bucket;
    *ret_object = object;
    return true;
}

bool cloud_gcs_is_pattern(struct bytes object)
{
    return bytes_find(object, 0, '*') < object.len || bytes_find(object, 0, '?') < object.len;
}

/* The usual walk with one place to go back to; a second one for '**', which may take slashes, too. */
bool cloud_gcs_match(struct bytes pattern, struct bytes name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, star_at = 0, all = SIZE_MAX, all_at = 0;
    while (n < name.len || p < pattern.len) {
        char c = p < pattern.len ? pattern.ptr[p] : (char) 0;
        if (c == '*' && p + 1 < pattern.len && pattern.ptr[p + 1] == '*') {
            p += 2;
            all = p;
            all_at = n;
            star = SIZE_MAX;
        } else if (c == '*') {
            star = ++p;
            star_at = n;
        } else if (p < pattern.len && n < name.len &&
                   ((c == '?' && name.ptr[n] != '/') || (c != '?' && c == name.ptr[n]))) {
            p++;
            n++;
        } else if (star != SIZE_MAX && star_at < name.len && name.ptr[star_at] != '/') {
            n = ++star_at;
            p = star;
        } else if (all != SIZE_MAX && all_at < name.len) {
            n = ++all_at;
            p = all;
            star = SIZE_MAX;
        } else {
            return false;
        }
    }
    return true;
}

/* --- listing --- */

struct found {
    struct bytes pattern;
    char **names;
    size_t count;
    bool too_many;
};

static void take(struct found *f, const char *name)
{
    if (f->count == LIMIT_CLOUD_IMPORT_FILES) {
        f->too_many = true;
        return;
    }
    f->names = mem_grow(f->names, (f->count + 1) * sizeof(*f->names));
    f->names[f->count++] = mem_dup(bytes_str(name));
}

/* folder: where; object: the same as an object's name, "" or "a/b/". False: it cannot be read. */
static bool walk(struct found *f, const char *folder, const char *object, unsigned depth)
{
    DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
    struct dirent *entry;
    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL && !f->too_many) {
        CLEANUP(buf_fini) struct buf path = { 0 };
        CLEANUP(buf_fini) struct buf name = { 0 };
        struct stat at;
        if (!is_part(bytes_str(entry->d_name)))
            continue;
        buf_printf(&path, "%s/%s", folder, entry->d_name);
        buf_printf(&name, "%s%s", object, entry->d_name);
        if (stat(buf_str(&path), &at) != 0)
            continue;
        if (S_ISDIR(at.st_mode)) {
            buf_append_char(&name, '/');
            (void) walk(f, buf_str(&path), buf_str(&name), depth + 1);
        } else if (S_ISREG(at.st_mode) && cloud_gcs_match(f->pattern, buf_bytes(&name))) {
            take(f, buf_str(&name));
        }
    }
    closedir(dir);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

bool cloud_gcs_list(const char *bucket_folder, struct bytes pattern, struct buf *names, char why[256])
{
    struct found f = { .pattern = pattern };
    bool read = walk(&f, bucket_folder, "", 0);
    if (f.count > 1)
        qsort(f.names, f.count, sizeof(*f.names), by_name);
    for (size_t i = 0; i < f.count; i++) {
        buf_append(names, bytes_of(f.names[i], strlen(f.names[i]) + 1));
        mem_free(f.names[i]);
    }
    mem_free(f.names);
    if (!read)
        snprintf(why, 256, "the bucket's folder cannot be read: %s", strerror(errno));
    else if (f.too_many)
        snprintf(why, 256, "more than %d files match", LIMIT_CLOUD_IMPORT_FILES);
    else if (f.count == 0)
        snprintf(why, 256, "no file matches");
    return read && !f.too_many && f.count > 0;
}
