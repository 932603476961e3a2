/* messages.list: a walk over the index in order of send time, a page at a time. */
#include "cloud/messages.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/sha256.h"

enum { PLACE_LEN = 8 + SHA256_LEN, CHECK_LEN = 8 }; /* of an index key, after the store's number */

/*
 * A page token is base64url of:  place of the last row looked at | be64 check of filter and order
 */
struct page {
    struct cloud_message_filter *filter;
    const struct cloud_zone *zone;
    size_t wanted, looked_at;
    struct buf places;    /* of the rows on the page, PLACE_LEN each */
    char last[PLACE_LEN]; /* of the last row looked at */
    bool more;
};

static bool add_to_page(void *ctx, struct bytes key, struct bytes value)
{
    struct page *page = ctx;
    struct cloud_facts facts;
    struct bytes place = bytes_sub(key, 8, key.len);
    if (place.len != PLACE_LEN)
        return true;
    if (page->places.len / PLACE_LEN == page->wanted || page->looked_at == LIMIT_CLOUD_SCAN) {
        page->more = true;
        return false;
    }
    page->looked_at++;
    memcpy(page->last, place.ptr, PLACE_LEN);
    bool wanted = page->filter == NULL;
    if (!wanted && cloud_facts_read(value, &facts)) {
        facts.zone = page->zone;
        wanted = cloud_message_filter_match(page->filter, &facts);
    }
    if (wanted)
        buf_append(&page->places, place);
    return true;
}

static bool read_order(struct cloud_call *call, bool *ret_descending)
{
    struct bytes order = bytes_trim(query_get2(&call->query, "orderBy", "order_by"));
    struct bytes field = bytes_cut(&order, ' '), way = bytes_trim(order);
    bool known = field.len == 0 || bytes_eq_str(field, "send_time") || bytes_eq_str(field, "sendTime");
    bool desc = bytes_eq_str(way, "desc");
    if (!known || (way.len > 0 && !desc && !bytes_eq_str(way, "asc"))) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                        "invalid orderBy: \"send_time\" or \"send_time desc\"");
        return false;
    }
    *ret_descending = desc;
    return true;
}

static uint64_t check_of(const struct cloud_call *call, bool descending)
{
    return bytes_hash(query_get(&call->query, "filter"), descending ? 2 : 1);
}

/* Appends the index key after which the page begins; nothing: from the start. */
static bool read_token(struct cloud_call *call, const struct cloud_store *store, bool descending,
                       struct buf *after)
{
    CLEANUP(buf_fini) struct buf token = { 0 };
    struct bytes text = query_get2(&call->query, "pageToken", "page_token");
    if (text.len == 0)
        return true;
    if (!b64_decode(text, &token) || token.len != PLACE_LEN + CHECK_LEN ||
        cloud_db_read_u64(bytes_sub(buf_bytes(&token), PLACE_LEN, CHECK_LEN)) != check_of(call, descending)) {
        cloud_call_fail(
            call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
            "invalid pageToken: use the one of the page before, with the same filter and orderBy");
        return false;
    }
    cloud_db_key_u64(after, store->number);
    buf_append(after, bytes_sub(buf_bytes(&token), 0, PLACE_LEN));
    return true;
}

static void write_token(const struct cloud_call *call, const char last[PLACE_LEN], bool descending,
                        struct json_writer *w)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    CLEANUP(buf_fini) struct buf token = { 0 };
    buf_append(&plain, bytes_of(last, PLACE_LEN));
    cloud_db_key_u64(&plain, check_of(call, descending));
    b64_encode_url(buf_bytes(&plain), &token);
    json_write_str(w, "nextPageToken", buf_bytes(&token));
}

/* One row of the page. False: the disk failed. A message that was deleted meanwhile is left out. */
static bool write_row(struct cloud_call *call, const struct cloud_store *store, struct bytes sum,
                      enum cloud_view view, struct json_writer *w)
{
    struct cloud_message_row row = { 0 };
    struct bytes value;
    buf_clear(&call->name);
    cloud_messages_name(store, sum, &call->name);
    if (view != CLOUD_VIEW_BASIC) {
        buf_clear(&call->key);
        cloud_db_key_u64(&call->key, store->number);
        buf_append(&call->key, sum);
        enum cloud_db_found found =
            cloud_db_get(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &value);
        if (found != CLOUD_DB_FOUND)
            return found == CLOUD_DB_ABSENT;
        if (!cloud_messages_row(value, &row))
            return false;
    }
    cloud_messages_write(store, buf_bytes(&call->name), &row, view, w, NULL);
    return true;
}

static void answer_page(struct cloud_call *call, const struct cloud_store *store, struct page *page,
                        enum cloud_view view, bool descending)
{
    struct json_writer w = json_write_to(&call->json);
    struct bytes places = buf_bytes(&page->places);
    bool ok = true;
    json_write_object(&w, NULL);
    if (places.len > 0) {
        json_write_array(&w, "hl7V2Messages");
        while (ok && places.len > 0) {
            ok = write_row(call, store, bytes_sub(places, 8, SHA256_LEN), view, &w);
            struct bytes place = bytes_sub(places, 0, PLACE_LEN);
            places = bytes_sub(places, PLACE_LEN, places.len);
            if (call->json.len > LIMIT_CLOUD_PAGE && places.len > 0) {
                /* A page of large messages ends early, and the next one begins there. */
                memcpy(page->last, place.ptr, PLACE_LEN);
                page->more = true;
                break;
            }
        }
        json_write_end(&w);
    }
    if (page->more)
        write_token(call, page->last, descending, &w);
    json_write_end(&w);
    if (ok)
        cloud_call_end(call);
    else
        cloud_call_fail_disk(call);
}

void cloud_messages_list(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    CLEANUP(buf_fini) struct buf after = { 0 };
    struct cloud_json_fault fault = { 0 };
    struct page page = { 0 };
    enum cloud_view view;
    bool descending;
    cloud_stores_name(call, 4, &name);
    struct cloud_store *store = cloud_stores_find(call->c->stores, buf_bytes(&name));
    if (store == NULL) {
        cloud_stores_missing(call, buf_bytes(&name));
        return;
    }
    if (!cloud_messages_view(call, CLOUD_VIEW_BASIC, &view) || !read_order(call, &descending) ||
        !cloud_stores_page_size(call, 100, 1000, &page.wanted) ||
        !read_token(call, store, descending, &after))
        return;
    if (!cloud_message_filter_make(query_get(&call->query, "filter"), &page.filter, &fault.err)) {
        cloud_stores_refuse(call, &fault);
        return;
    }
    page.zone = store->zone;
    cloud_db_key_u64(&prefix, store->number);
    struct cloud_db_range range = { .table = CLOUD_DB_MESSAGE_INDEX,
                                    .prefix = buf_bytes(&prefix),
                                    .after = buf_bytes(&after),
                                    .descending = descending,
                                    .keys_only = page.filter == NULL };
    if (cloud_db_scan(call->c->db, &range, add_to_page, &page, &fault.err))
        answer_page(call, store, &page, view, descending);
    else
        cloud_call_fail_disk(call);
    cloud_message_filter_free(page.filter);
    buf_fini(&page.places);
}
