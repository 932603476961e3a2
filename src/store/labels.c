/* Are the labels of two messages the same? Order and escapes of JSON do not matter. */
#include "base/limits.h"
#include "json/scan.h"
#include "store/store_client.h"

struct label {
    struct json_value key, value;
};

/* Into at[]; false: no object of strings, or more labels than a message may have. */
static bool read_all(struct bytes text, struct label *at, size_t *ret_count)
{
    struct json_value root;
    *ret_count = 0;
    if (text.len == 0 || bytes_eq_str(text, "null"))
        return true;
    if (!json_scan(text, &root, NULL) || root.kind != JSON_OBJECT)
        return false;
    struct label l;
    for (struct json_cursor c = json_cursor_of(&root); json_next(&c, &l.key, &l.value); at[(*ret_count)++] = l)
        if (*ret_count == LIMIT_LABELS || l.value.kind != JSON_STRING)
            return false;
    return true;
}

static bool same_text(const struct json_value *a, const struct json_value *b)
{
    CLEANUP(buf_fini) struct buf plain_a = { 0 }, plain_b = { 0 };
    if (bytes_eq(a->raw, b->raw))
        return true;
    if (!a->escaped && !b->escaped)
        return false;
    return json_unescape(a->raw, &plain_a) && json_unescape(b->raw, &plain_b) && bytes_eq(buf_bytes(&plain_a), buf_bytes(&plain_b));
}

static bool has(const struct label *at, size_t count, const struct label *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (same_text(&at[i].key, &wanted->key))
            return same_text(&at[i].value, &wanted->value);
    return false;
}

bool store_labels_same(struct bytes a, struct bytes b)
{
    if (bytes_eq(a, b))
        return true;
    struct label of_a[LIMIT_LABELS], of_b[LIMIT_LABELS];
    size_t count_a, count_b;
    if (!read_all(a, of_a, &count_a) || !read_all(b, of_b, &count_b) || count_a != count_b)
        return false;
    for (size_t i = 0; i < count_a; i++)
        if (!has(of_b, count_b, &of_a[i]) || !has(of_a, count_a, &of_b[i]))    /* a key may stand there twice */
            return false;
    return true;
}
