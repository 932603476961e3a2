/* messages.batchGet of v1beta1: up to a hundred messages by id, in the order asked for. */
#include "cloud/messages.h"

#include "base/limits.h"

/* One message into the array, which the first one opens; one that is not there is left out. False: the disk failed. */
static bool write_one(struct cloud_call *call, const struct cloud_store *store, struct bytes sum,
                      enum cloud_view view, struct json_writer *w, bool *some)
{
    struct cloud_message_row row;
    struct bytes value;
    buf_clear(&call->key);
    buf_clear(&call->name);
    cloud_messages_key(store, sum, &call->key);
    cloud_messages_name(store, sum, &call->name);
    switch (cloud_db_get(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &value)) {
    case CLOUD_DB_ABSENT:
        return true;
    case CLOUD_DB_FOUND:
        TRY(cloud_messages_row(value, &row));
        if (!*some)
            json_write_array(w, "messages");
        *some = true;
        cloud_messages_write(store, buf_bytes(&call->name), &row, view, w, NULL);
        return true;
    default:
        return false;
    }
}

/* False: answered 400. */
static bool check_ids(struct cloud_call *call, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < call->query.count; i++)
        count += bytes_eq_str(call->query.at[i].name, "ids");
    if (count > 0 && count <= LIMIT_CLOUD_BATCH) {
        *ret_count = count;
        return true;
    }
    cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "ids: name 1 to %d messages",
                    LIMIT_CLOUD_BATCH);
    return false;
}

void cloud_messages_batch_get(struct cloud_call *call)
{
    enum cloud_view view;
    size_t count;
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL || !cloud_messages_view(call, CLOUD_VIEW_BASIC, &view) || !check_ids(call, &count))
        return;
    struct json_writer w = json_write_to(&call->json);
    bool ok = true, some = false;
    json_write_object(&w, NULL);
    for (size_t i = 0; i < call->query.count && ok; i++) {
        CLEANUP(buf_fini) struct buf sum = { 0 };
        if (!bytes_eq_str(call->query.at[i].name, "ids") ||
            !cloud_messages_sum(call->query.at[i].value, &sum))
            continue;
        ok = write_one(call, store, buf_bytes(&sum), view, &w, &some);
    }
    if (some)
        json_write_end(&w);
    json_write_end(&w);
    if (ok)
        cloud_call_end(call);
    else
        cloud_call_fail_disk(call);
}
