#include "net/route.h"

#include "base/mem.h"
#include "net/percent.h"

/* Decoded text is never longer than raw, so one block holds it all and does not move while fields point into it. */
bool query_parse(struct bytes raw, struct query *q)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    buf_hold_still(&text, raw.len);
    *q = (struct query) { 0 };
    while (raw.len > 0) {
        struct bytes pair = bytes_cut(&raw, '&');
        if (pair.len == 0)
            continue;
        struct bytes name = bytes_cut(&pair, '=');
        size_t name_at = text.len;
        bool ok = q->count < QUERY_FIELDS && percent_decode(name, true, &text);
        size_t value_at = text.len;
        if (!ok || !percent_decode(pair, true, &text)) {
            *q = (struct query) { 0 };
            return false;
        }
        q->at[q->count++] = (struct query_field) {
            { text.ptr + name_at, value_at - name_at },
            { text.ptr + value_at, text.len - value_at },
        };
    }
    q->text = TAKE(text.ptr);
    return true;
}

void query_fini(struct query *q)
{
    if (q == NULL)
        return;
    mem_free(q->text);
    *q = (struct query) { 0 };
}

struct bytes query_get(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++)
        if (bytes_eq_str(q->at[i].name, name))
            return q->at[i].value;
    return bytes_of(NULL, 0);
}

struct bytes query_get2(const struct query *q, const char *camel, const char *snake)
{
    struct bytes value = query_get(q, camel);
    return value.ptr != NULL ? value : query_get(q, snake);
}
