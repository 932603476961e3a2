/* The methods of hl7V2Stores. A change shows once it is durable. */
#include "cloud/iam.h"
#include "cloud/stores.h"

#include "base/b64.h"
#include "base/mem.h"

static const struct bytes STORE_SEQ = { "store_seq", 9 };

static void write_store(const struct cloud_store *store, struct json_writer *w, const char *key)
{
    json_write_object(w, key);
    json_write_str(w, "name", bytes_str(store->name));
    cloud_store_conf_write(&store->conf, w);
    json_write_end(w);
}

static void append_row(uint64_t number, const struct cloud_store_conf *conf, struct buf *row)
{
    cloud_db_key_u64(row, number);
    struct json_writer w = json_write_to(row);
    json_write_object(&w, NULL);
    cloud_store_conf_write(conf, &w);
    json_write_end(&w);
}

static bool read_body(struct cloud_call *call, struct cloud_store_conf *conf)
{
    struct cloud_json_fault fault = { 0 };
    struct json_value json;
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    struct bytes body = call->ask->body.len > 0 ? call->ask->body : BYTES_LIT("{}");
    if (!json_scan(body, &json, &fault.err) || !cloud_store_conf_read(&json, strict, conf, &fault)) {
        cloud_stores_refuse(call, &fault);
        return false;
    }
    return true;
}

/* --- create --- */

/* A store that becomes visible once it is durable. */
struct birth {
    struct cloud_stores *stores;
    char *name;
    uint64_t number;
    struct cloud_store_conf conf;
};

static void on_born(void *ctx, const struct err *err)
{
    struct birth *b = ctx;
    if (err == NULL)
        cloud_stores_add(b->stores, bytes_str(b->name), b->number, &b->conf);
    cloud_store_conf_fini(&b->conf);
    mem_free(b->name);
    mem_free(b);
}

static void answer_exists(struct cloud_call *call)
{
    cloud_call_fail(call, GRPC_ALREADY_EXISTS, (struct bytes) { 0 }, "already exists: %.*s",
                    BYTES_FMT(buf_bytes(&call->key)));
}

/* The next store number, also put into w. */
static uint64_t take_number(struct cloud_call *call, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct bytes old = { 0 };
    uint64_t number = 1;
    if (cloud_db_get_latest(call->c->db, CLOUD_DB_META, STORE_SEQ, &old) == CLOUD_DB_FOUND)
        number = cloud_db_read_u64(old) + 1;
    cloud_db_key_u64(&row, number);
    cloud_db_put(w, CLOUD_DB_META, STORE_SEQ, buf_bytes(&row));
    return number;
}

static void commit_birth(struct cloud_call *call, struct bytes name, struct cloud_store_conf *conf)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    struct birth *b = mem_alloc(sizeof(*b));
    b->stores = call->c->stores;
    b->name = mem_dup(name);
    b->number = take_number(call, w);
    b->conf = *conf;
    append_row(b->number, &b->conf, &row);
    cloud_db_put(w, CLOUD_DB_STORE, name, buf_bytes(&row));
    struct json_writer json = json_write_to(&call->json);
    write_store(&(struct cloud_store) { .name = b->name, .conf = b->conf }, &json, NULL);
    cloud_db_then(w, on_born, b);
    cloud_call_commit(call, w);
}

void cloud_stores_create(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf dataset = { 0 };
    struct bytes id = query_get2(&call->query, "hl7V2StoreId", "hl7_v2_store_id"), row;
    struct cloud_store_conf conf;
    cloud_stores_name(call, 3, &dataset);
    if (!cloud_stores_id_ok(id)) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                        "invalid hl7V2StoreId: 1 to 256 letters, digits, '_', '-' and '.'");
        return;
    }
    if (!read_body(call, &conf))
        return;
    cloud_stores_name(call, 3, &call->key);
    buf_append_str(&call->key, "/hl7V2Stores/");
    buf_append(&call->key, id);
    enum cloud_db_found parent =
        cloud_db_get_latest(call->c->db, CLOUD_DB_DATASET, buf_bytes(&dataset), &row);
    enum cloud_db_found same = cloud_db_get_latest(call->c->db, CLOUD_DB_STORE, buf_bytes(&call->key), &row);
    if (parent == CLOUD_DB_FOUND && same == CLOUD_DB_ABSENT) {
        commit_birth(call, buf_bytes(&call->key), &conf);
        return;
    }
    cloud_store_conf_fini(&conf);
    if (parent == CLOUD_DB_FAILED || same == CLOUD_DB_FAILED)
        cloud_call_fail_disk(call);
    else if (parent == CLOUD_DB_ABSENT)
        cloud_stores_missing(call, buf_bytes(&dataset));
    else
        cloud_call_after_barrier(call, answer_exists);
}

/* --- get, list --- */

/* The store that the path names; NULL: answered 404. */
static struct cloud_store *store_of(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_stores_name(call, 4, &name);
    struct cloud_store *store = cloud_stores_find(call->c->stores, buf_bytes(&name));
    if (store == NULL)
        cloud_stores_missing(call, buf_bytes(&name));
    return store;
}

void cloud_stores_get(struct cloud_call *call)
{
    struct cloud_store *store = store_of(call);
    if (store == NULL)
        return;
    struct json_writer w = json_write_to(&call->json);
    write_store(store, &w, NULL);
    cloud_call_end(call);
}

struct page {
    struct cloud_stores *stores;
    struct json_writer *w;
    struct cloud_message_filter *filter;
    size_t wanted, taken;
    struct buf last;
    bool more;
};

static bool add_to_page(void *ctx, struct bytes key, struct bytes value UNUSED)
{
    struct page *page = ctx;
    const struct cloud_store *store = cloud_stores_find(page->stores, key);
    struct cloud_facts facts = { .send_us = CLOUD_FACTS_NO_TIME };
    if (store == NULL)
        return true;
    facts.labels = buf_bytes(&store->conf.labels);
    if (!cloud_message_filter_match(page->filter, &facts))
        return true;
    if (page->taken == page->wanted) {
        page->more = true;
        return false;
    }
    if (page->taken++ == 0)
        json_write_array(page->w, "hl7V2Stores");
    write_store(store, page->w, NULL);
    buf_clear(&page->last);
    buf_append(&page->last, key);
    return true;
}

void cloud_stores_list(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    CLEANUP(buf_fini) struct buf after = { 0 };
    struct cloud_json_fault fault = { 0 };
    struct json_writer w = json_write_to(&call->json);
    struct page page = { .stores = call->c->stores, .w = &w };
    cloud_stores_name(call, 3, &prefix);
    struct bytes row;
    if (cloud_db_get(call->c->db, CLOUD_DB_DATASET, buf_bytes(&prefix), &row) == CLOUD_DB_ABSENT) {
        cloud_stores_missing(call, buf_bytes(&prefix));
        return;
    }
    buf_append_str(&prefix, "/hl7V2Stores/");
    if (!cloud_stores_page_size(call, 100, 1000, &page.wanted))
        return;
    if (!b64_decode(query_get2(&call->query, "pageToken", "page_token"), &after) ||
        (after.len > 0 && !bytes_starts(buf_bytes(&after), buf_bytes(&prefix)))) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "invalid pageToken");
        return;
    }
    if (!cloud_message_filter_make(query_get(&call->query, "filter"), &page.filter, &fault.err)) {
        cloud_stores_refuse(call, &fault);
        return;
    }
    json_write_object(&w, NULL);
    struct cloud_db_range range = {
        .table = CLOUD_DB_STORE, .prefix = buf_bytes(&prefix), .after = buf_bytes(&after), .keys_only = true
    };
    bool read = cloud_db_scan(call->c->db, &range, add_to_page, &page, &fault.err);
    if (page.taken > 0)
        json_write_end(&w);
    if (page.more) {
        CLEANUP(buf_fini) struct buf token = { 0 };
        b64_encode_url(buf_bytes(&page.last), &token);
        json_write_str(&w, "nextPageToken", buf_bytes(&token));
    }
    json_write_end(&w);
    cloud_message_filter_free(page.filter);
    buf_fini(&page.last);
    if (read)
        cloud_call_end(call);
    else
        cloud_call_fail_disk(call);
}

/* --- patch --- */

struct change {
    struct cloud_stores *stores;
    char *name;
    struct cloud_store_conf conf;
};

static void on_changed(void *ctx, const struct err *err)
{
    struct change *change = ctx;
    struct cloud_store *store = cloud_stores_find(change->stores, bytes_str(change->name));
    if (err == NULL && store != NULL) {
        struct cloud_store_conf old = store->conf;
        store->conf = change->conf;
        change->conf = old;
    }
    cloud_store_conf_fini(&change->conf);
    mem_free(change->name);
    mem_free(change);
}

/* A copy by way of JSON: what is written can be read. Changes that wait for the disk are in the latest row.
 */
static bool copy_latest(struct cloud_call *call, const struct cloud_store *store,
                        struct cloud_store_conf *ret_conf)
{
    struct cloud_json_fault fault;
    struct json_value json;
    struct bytes row;
    return cloud_db_get_latest(call->c->db, CLOUD_DB_STORE, bytes_str(store->name), &row) == CLOUD_DB_FOUND &&
           json_scan(bytes_sub(row, 8, row.len), &json, &fault.err) &&
           cloud_store_conf_read(&json, false, ret_conf, &fault);
}

void cloud_stores_patch(struct cloud_call *call)
{
    struct cloud_json_fault fault = { 0 };
    struct cloud_store_conf asked, conf;
    struct cloud_store *store = store_of(call);
    if (store == NULL || !read_body(call, &asked))
        return;
    if (!copy_latest(call, store, &conf)) {
        cloud_store_conf_fini(&asked);
        cloud_call_fail_disk(call);
        return;
    }
    bool merged =
        cloud_store_conf_merge(&conf, &asked, query_get2(&call->query, "updateMask", "update_mask"), &fault);
    cloud_store_conf_fini(&asked);
    if (!merged) {
        cloud_store_conf_fini(&conf);
        cloud_stores_refuse(call, &fault);
        return;
    }
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct change *change = mem_alloc(sizeof(*change));
    *change = (struct change) { call->c->stores, mem_dup(bytes_str(store->name)), conf };
    append_row(store->number, &change->conf, &row);
    struct json_writer w = json_write_to(&call->json);
    write_store(&(struct cloud_store) { .name = change->name, .conf = change->conf }, &w, NULL);
    struct cloud_db_write *write = cloud_db_begin(call->c->db);
    cloud_db_put(write, CLOUD_DB_STORE, bytes_str(store->name), buf_bytes(&row));
    cloud_db_then(write, on_changed, change);
    cloud_call_commit(call, write);
}

void cloud_stores_delete(struct cloud_call *call)
{
    struct cloud_store *store = store_of(call);
    if (store == NULL)
        return;
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    cloud_iam_erase(w, bytes_str(store->name));
    cloud_stores_erase(call->c->stores, bytes_str(store->name), true, w);
    buf_append_str(&call->json, "{}");
    cloud_call_commit(call, w);
}
