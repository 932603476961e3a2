/* Rows that are answers as they stand: one of them, or a page. */
#include "cloud/operations.h"

#include "base/b64.h"
#include "cloud/stores.h"

void cloud_rows_get(struct cloud_call *call, enum cloud_db_table table, struct bytes name)
{
    struct bytes row;
    switch (cloud_db_get(call->c->db, table, name, &row)) {
    case CLOUD_DB_FOUND:
        buf_append(&call->json, row);
        cloud_call_end(call);
        break;
    case CLOUD_DB_ABSENT:
        cloud_stores_missing(call, name);
        break;
    default:
        cloud_call_fail_disk(call);
    }
}

struct page {
    struct cloud *c;
    bool (*live)(struct cloud *c, struct bytes name, struct json_writer *w);
    struct json_writer w;
    const char *key;
    size_t wanted, taken;
    struct buf last;
    bool more;
};

static bool add_to_page(void *ctx, struct bytes key, struct bytes value)
{
    struct page *page = ctx;
    if (page->taken == page->wanted) {
        page->more = true;
        return false;
    }
    if (page->taken++ == 0)
        json_write_array(&page->w, page->key);
    if (page->live == NULL || !page->live(page->c, key, &page->w))
        json_write_raw(&page->w, NULL, value);
    buf_clear(&page->last);
    buf_append(&page->last, key);
    return true;
}

void cloud_rows_list(struct cloud_call *call, enum cloud_db_table table, struct bytes prefix, const char *key,
                     bool (*live)(struct cloud *c, struct bytes name, struct json_writer *w))
{
    CLEANUP(buf_fini) struct buf after = { 0 };
    CLEANUP(buf_fini) struct buf token = { 0 };
    struct page page = { .c = call->c, .live = live, .w = json_write_to(&call->json), .key = key };
    struct err err;
    if (!cloud_stores_page_size(call, 100, 1000, &page.wanted))
        return;
    if (!b64_decode(query_get2(&call->query, "pageToken", "page_token"), &after) ||
        (after.len > 0 && !bytes_starts(buf_bytes(&after), prefix))) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "invalid pageToken");
        return;
    }
    struct cloud_db_range range = { .table = table, .prefix = prefix, .after = buf_bytes(&after) };
    json_write_object(&page.w, NULL);
    bool read = cloud_db_scan(call->c->db, &range, add_to_page, &page, &err);
    if (page.taken > 0)
        json_write_end(&page.w);
    if (page.more) {
        b64_encode_url(buf_bytes(&page.last), &token);
        json_write_str(&page.w, "nextPageToken", buf_bytes(&token));
    }
    json_write_end(&page.w);
    buf_fini(&page.last);
    if (read)
        cloud_call_end(call);
    else
        cloud_call_fail_disk(call);
}
