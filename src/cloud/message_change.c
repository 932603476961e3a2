/* messages.patch and messages.delete. */
#include "cloud/messages.h"

#include "base/limits.h"
#include "base/sha256.h"

static void append_merged_pair(struct buf *out, uint32_t *count, struct bytes k, struct bytes v)
{
    cloud_facts_append_pair(out, k, v);
    ++*count;
}

/* Old labels with the new ones laid over them. */
static uint32_t merge_labels(struct bytes old, struct bytes added, struct buf *out)
{
    uint32_t count = 0;
    struct bytes k, v, k2, v2, rest = added;
    while (cloud_facts_pair(&old, &k, &v)) {
        bool replaced = false;
        struct bytes look = added;
        while (cloud_facts_pair(&look, &k2, &v2))
            replaced |= bytes_eq(k, k2);
        if (!replaced)
            append_merged_pair(out, &count, k, v);
    }
    while (cloud_facts_pair(&rest, &k, &v))
        append_merged_pair(out, &count, k, v);
    return count;
}

static void put_labels(struct cloud_call *call, const struct cloud_store *store,
                       const struct cloud_message_row *old, struct bytes added)
{
    CLEANUP(buf_fini) struct buf facts = { 0 };
    CLEANUP(buf_fini) struct buf pairs = { 0 };
    CLEANUP(buf_fini) struct buf value = { 0 };
    CLEANUP(buf_fini) struct buf index = { 0 };
    struct cloud_message_row row;
    uint32_t count = merge_labels(old->facts.labels, added, &pairs);
    if (count > LIMIT_LABELS) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "a message may have %d labels",
                        LIMIT_LABELS);
        return;
    }
    buf_append(&facts, old->facts.before_labels);
    cloud_facts_append_labels_count(&facts, count);
    buf_append(&facts, buf_bytes(&pairs));
    cloud_messages_append(buf_bytes(&facts), old->ack, &value);
    buf_append(&value, old->data);
    cloud_messages_index_key(store, old->facts.send_us, bytes_sub(buf_bytes(&call->key), 8, SHA256_LEN),
                             &index);
    CHECK(cloud_messages_row(buf_bytes(&value), &row));
    struct json_writer json = json_write_to(&call->json);
    cloud_messages_write(store, buf_bytes(&call->name), &row, CLOUD_VIEW_RAW, &json, NULL);
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    cloud_db_put(w, CLOUD_DB_MESSAGE, buf_bytes(&call->key), buf_bytes(&value));
    cloud_db_put(w, CLOUD_DB_MESSAGE_INDEX, buf_bytes(&index), buf_bytes(&facts));
    cloud_call_commit(call, w);
}

/* The labels of a Message; its other fields are there in what clients send, and are passed over. */
static bool read_labels(const struct json_value *message, bool strict, struct buf *pairs,
                        struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(message);
    struct json_value key, v;
    uint32_t count;
    if (message->kind != JSON_OBJECT)
        return cloud_json_bad(fault, "message", "it must be an object");
    while (json_next(&members, &key, &v)) {
        if (json_str_is(&key, "labels"))
            TRY(cloud_json_labels(&v, pairs, &count, fault));
        else if (!json_str_is(&key, "data") && !cloud_messages_is_output(&key) && strict)
            return cloud_json_unknown(&key, "message", fault);
    }
    return true;
}

void cloud_messages_patch(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf labels = { 0 };
    struct cloud_json_fault fault = { 0 };
    struct cloud_message_row row;
    struct json_value root;
    struct bytes value = { 0 };
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL || !cloud_messages_find(call, store))
        return;
    if (!bytes_eq_str(bytes_trim(query_get2(&call->query, "updateMask", "update_mask")), "labels")) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                        "updateMask is required, and only \"labels\" of a message can be changed");
        return;
    }
    if (!json_scan(call->ask->body, &root, &fault.err) || !read_labels(&root, strict, &labels, &fault)) {
        cloud_stores_refuse(call, &fault);
        return;
    }
    enum cloud_db_found found =
        cloud_db_get_latest(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &value);
    if (cloud_messages_found(call, found, value, &row))
        put_labels(call, store, &row, buf_bytes(&labels));
}

void cloud_messages_delete(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf index = { 0 };
    struct cloud_message_row row;
    struct bytes value = { 0 };
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL || !cloud_messages_find(call, store))
        return;
    enum cloud_db_found found =
        cloud_db_get_latest(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &value);
    if (!cloud_messages_found(call, found, value, &row))
        return;
    cloud_messages_index_key(store, row.facts.send_us, bytes_sub(buf_bytes(&call->key), 8, SHA256_LEN),
                             &index);
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    cloud_db_erase(w, CLOUD_DB_MESSAGE, buf_bytes(&call->key));
    cloud_db_erase(w, CLOUD_DB_MESSAGE_INDEX, buf_bytes(&index));
    buf_append_str(&call->json, "{}");
    cloud_call_commit(call, w);
}
