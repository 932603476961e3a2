#include "store/store_path.h"

#include "base/check.h"
#include "base/limits.h"

static const char *const words[] = { "projects", "locations", "datasets", "hl7V2Stores", "messages" };

enum { STORE_PARTS = 4, MESSAGE_PARTS = 5 };

enum { IN_ID = 1, IN_PART = 2 };

/* Looked at for each byte of each message's name, several times: a table. */
static const uint8_t allowed[256] = {
    ['a' ... 'z'] = IN_ID | IN_PART, ['A' ... 'Z'] = IN_ID | IN_PART, ['0' ... '9'] = IN_ID | IN_PART,
    ['_'] = IN_ID | IN_PART, ['-'] = IN_ID | IN_PART, ['='] = IN_ID, ['.'] = IN_PART, [':'] = IN_PART,
};

static bool all_allowed(struct bytes b, unsigned where)
{
    unsigned all = where;
    for (size_t i = 0; i < b.len; i++)
        all &= allowed[(unsigned char) b.ptr[i]];
    return all != 0 && b.len > 0 && b.len <= LIMIT_MESSAGE_ID_LEN;
}

static bool only_dots(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.ptr[i] != '.')
            return false;
    return true;
}

static bool part_ok(struct bytes part)
{
    return all_allowed(part, IN_PART) && !only_dots(part);
}

bool store_path_id_ok(struct bytes id)
{
    return all_allowed(id, IN_ID);
}

/* Cuts path at its slashes into word/part pairs; false unless there are exactly `count` with the right words. */
static bool split(struct bytes path, struct bytes *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes word = bytes_cut(&path, '/');
        if (!bytes_eq_str(word, words[i]))
            return false;
        size_t end = bytes_find(path, 0, '/');
        if ((end == path.len) != (i == count - 1))
            return false;
        parts[i] = bytes_sub(path, 0, end);
        path = bytes_sub(path, end + 1, path.len);
    }
    return true;
}

bool store_name_parse(struct bytes full, struct store_name *ret_name, struct err *err)
{
    struct bytes parts[STORE_PARTS];
    if (full.len > LIMIT_NAME_LEN || !split(full, parts, STORE_PARTS))
        return FAIL(err, CONFIG, "a store is named projects/P/locations/L/datasets/D/hl7V2Stores/S "
                                 "(with this spelling of hl7V2Stores and nothing before or after it)");
    for (size_t i = 0; i < STORE_PARTS; i++)
        if (!part_ok(parts[i]))
            return FAIL(err, CONFIG, "the part after %s/ in a store's name must be 1 to 256 of A-Z a-z 0-9 _ . : -",
                        words[i]);
    *ret_name = (struct store_name) { full, parts[0], parts[1], parts[2], parts[3] };
    return true;
}

/* The one way in: configured bytes, then /messages/, then an id. */
static bool is_message_of(const struct store_name *name, struct bytes path, struct bytes *ret_id)
{
    static const struct bytes between = { "/messages/", 10 };
    if (name->full.len == 0 || !bytes_starts(path, name->full))
        return false;
    struct bytes rest = bytes_sub(path, name->full.len, path.len);
    if (!bytes_starts(rest, between))
        return false;
    struct bytes id = bytes_sub(rest, between.len, rest.len);
    if (!store_path_id_ok(id))
        return false;
    *ret_id = id;
    return true;
}

static bool same_but_project(const struct store_name *name, const struct bytes *parts)
{
    return bytes_eq(name->location, parts[1]) && bytes_eq(name->dataset, parts[2]) &&
           bytes_eq(name->store, parts[3]) && !bytes_eq(name->project, parts[0]);
}

enum store_path_verdict store_path_check(const struct store_names *names, struct bytes path, struct bytes *ret_id)
{
    if (path.len > LIMIT_NAME_LEN)
        return STORE_PATH_BAD;
    if (is_message_of(&names->own, path, ret_id))
        return STORE_PATH_OK;
    for (size_t i = 0; i < names->aliases_count; i++)
        if (is_message_of(&names->alias[i], path, ret_id))
            return STORE_PATH_OK;

    /* Not ours. What follows only chooses the word for it; nothing of path is used any more. */
    struct bytes parts[MESSAGE_PARTS];
    if (!split(path, parts, MESSAGE_PARTS) || !store_path_id_ok(parts[4]))
        return STORE_PATH_BAD;
    for (size_t i = 0; i < STORE_PARTS; i++)
        if (!part_ok(parts[i]))
            return STORE_PATH_BAD;
    return same_but_project(&names->own, parts) ? STORE_PATH_FOREIGN_PROJECT : STORE_PATH_FOREIGN_STORE;
}

void store_path_url(const struct store_name *own, const char *rest, struct buf *out)
{
    buf_append(out, BYTES_LIT("/v1/"));
    buf_append(out, own->full);
    buf_append_str(out, rest);
}

void store_path_message_url(const struct store_name *own, struct bytes id, const char *query, struct buf *out)
{
    CHECK(store_path_id_ok(id));
    store_path_url(own, "/messages/", out);
    buf_append(out, id);
    buf_append_str(out, query);
}
