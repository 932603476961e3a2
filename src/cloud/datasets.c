/* Datasets and the operations that make them. An operation is done when it is answered. */
#include "cloud/stores.h"

#include "base/b64.h"
#include "hl7/dtm.h"

#include <inttypes.h>

static const struct bytes OPERATION_SEQ = { "operation_seq", 13 };

static void answer_exists(struct cloud_call *call)
{
    cloud_call_fail(call, GRPC_ALREADY_EXISTS, (struct bytes) { 0 }, "already exists: %.*s",
                    BYTES_FMT(buf_bytes(&call->key)));
}

static bool is_utc(struct bytes zone)
{
    return zone.len == 0 || bytes_eq_str(zone, "UTC") || bytes_eq_str(zone, "Etc/UTC") ||
           bytes_eq_str(zone, "GMT");
}

/* Reads a Dataset; only its time zone is anyone's to set. */
static bool read_dataset(struct bytes body, bool strict, struct buf *zone, struct cloud_json_fault *fault)
{
    struct json_value json, key, v;
    struct bytes text;
    if (body.len == 0)
        return true;
    TRY(json_scan(body, &json, &fault->err));
    if (json.kind != JSON_OBJECT)
        return cloud_json_bad(fault, "dataset", "it must be an object");
    struct json_cursor members = json_cursor_of(&json);
    while (json_next(&members, &key, &v)) {
        if (json_str_is(&key, "timeZone") || json_str_is(&key, "time_zone")) {
            CLEANUP(buf_fini) struct buf scratch = { 0 };
            TRY(cloud_json_text(&v, "timeZone", &scratch, &text, fault));
            if (!is_utc(text))
                return FAIL(&fault->err, UNIMPLEMENTED,
                            "timeZone: this version of the local cloud knows UTC alone; leave it out");
            buf_append(zone, text);
        } else if (!json_str_is(&key, "name") && strict) {
            return cloud_json_unknown(&key, "", fault);
        }
    }
    return true;
}

static void write_dataset(struct json_writer *w, const char *key, struct bytes name, struct bytes zone,
                          bool typed)
{
    json_write_object(w, key);
    if (typed)
        json_write_str(w, "@type",
                       BYTES_LIT("type.googleapis.com/google.cloud.healthcare.v1.dataset.Dataset"));
    json_write_str(w, "name", name);
    if (zone.len > 0)
        json_write_str(w, "timeZone", zone);
    json_write_end(w);
}

static void write_operation(struct json_writer *w, struct bytes name, struct bytes dataset, struct bytes zone,
                            us_t wall_us)
{
    char now[HL7_RFC3339_LEN];
    hl7_dtm_rfc3339(wall_us, now);
    json_write_object(w, NULL);
    json_write_str(w, "name", name);
    json_write_object(w, "metadata");
    json_write_str(w, "@type", BYTES_LIT("type.googleapis.com/google.cloud.healthcare.v1.OperationMetadata"));
    json_write_str(w, "apiMethodName",
                   BYTES_LIT("google.cloud.healthcare.v1.dataset.DatasetService.CreateDataset"));
    json_write_str(w, "createTime", bytes_str(now));
    json_write_str(w, "endTime", bytes_str(now));
    json_write_end(w);
    json_write_bool(w, "done", true);
    write_dataset(w, "response", dataset, zone, true);
    json_write_end(w);
}

static void put_dataset(struct cloud_db_write *w, struct bytes name, struct bytes zone)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct json_writer json = json_write_to(&row);
    write_dataset(&json, NULL, name, zone, false);
    cloud_db_put(w, CLOUD_DB_DATASET, name, buf_bytes(&row));
}

/* Writes the operation into the answer and into w. */
static void put_operation(struct cloud_call *call, struct cloud_db_write *w, struct bytes dataset,
                          struct bytes zone)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct bytes old;
    uint64_t number = 1;
    if (cloud_db_get_latest(call->c->db, CLOUD_DB_META, OPERATION_SEQ, &old) == CLOUD_DB_FOUND)
        number = cloud_db_read_u64(old) + 1;
    cloud_db_key_u64(&row, number);
    cloud_db_put(w, CLOUD_DB_META, OPERATION_SEQ, buf_bytes(&row));
    buf_printf(&name, "%.*s/operations/%019" PRIu64, BYTES_FMT(dataset), number);
    struct json_writer json = json_write_to(&call->json);
    write_operation(&json, buf_bytes(&name), dataset, zone, loop_wall(call->c->loop));
    cloud_db_put(w, CLOUD_DB_OPERATION, buf_bytes(&name), buf_bytes(&call->json));
}

void cloud_datasets_create(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf zone = { 0 };
    struct bytes id = query_get2(&call->query, "datasetId", "dataset_id"), row;
    struct cloud_json_fault fault = { 0 };
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    if (!cloud_stores_id_ok(id)) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                        "invalid datasetId: 1 to 256 letters, digits, '_', '-' and '.'");
        return;
    }
    if (!read_dataset(call->ask->body, strict, &zone, &fault)) {
        cloud_stores_refuse(call, &fault);
        return;
    }
    cloud_stores_name(call, 2, &call->key);
    buf_append_str(&call->key, "/datasets/");
    buf_append(&call->key, id);
    enum cloud_db_found same =
        cloud_db_get_latest(call->c->db, CLOUD_DB_DATASET, buf_bytes(&call->key), &row);
    if (same == CLOUD_DB_FAILED) {
        cloud_call_fail_disk(call);
    } else if (same == CLOUD_DB_FOUND) {
        cloud_call_after_barrier(call, answer_exists);
    } else {
        struct cloud_db_write *w = cloud_db_begin(call->c->db);
        put_dataset(w, buf_bytes(&call->key), buf_bytes(&zone));
        put_operation(call, w, buf_bytes(&call->key), buf_bytes(&zone));
        cloud_call_commit(call, w);
    }
}

/* Answers with a row as it stands. */
static void answer_row(struct cloud_call *call, enum cloud_db_table table, struct bytes name)
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

void cloud_datasets_get(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_stores_name(call, 3, &name);
    answer_row(call, CLOUD_DB_DATASET, buf_bytes(&name));
}

struct page {
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
    json_write_raw(&page->w, NULL, value);
    buf_clear(&page->last);
    buf_append(&page->last, key);
    return true;
}

static void list_rows(struct cloud_call *call, enum cloud_db_table table, struct bytes prefix,
                      const char *key)
{
    CLEANUP(buf_fini) struct buf after = { 0 };
    CLEANUP(buf_fini) struct buf token = { 0 };
    struct page page = { .w = json_write_to(&call->json), .key = key };
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

void cloud_datasets_list(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    cloud_stores_name(call, 2, &prefix);
    buf_append_str(&prefix, "/datasets/");
    list_rows(call, CLOUD_DB_DATASET, buf_bytes(&prefix), "datasets");
}

void cloud_datasets_delete(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct bytes row;
    cloud_stores_name(call, 3, &name);
    enum cloud_db_found found = cloud_db_get_latest(call->c->db, CLOUD_DB_DATASET, buf_bytes(&name), &row);
    if (found != CLOUD_DB_FOUND) {
        if (found == CLOUD_DB_ABSENT)
            cloud_stores_missing(call, buf_bytes(&name));
        else
            cloud_call_fail_disk(call);
        return;
    }
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    cloud_db_erase(w, CLOUD_DB_DATASET, buf_bytes(&name));
    buf_append_char(&name, '/');
    cloud_stores_erase(call->c->stores, buf_bytes(&name), false, w);
    cloud_db_erase_prefix(w, CLOUD_DB_OPERATION, buf_bytes(&name));
    /* A store whose creation is not durable yet is no store to cloud_stores_erase(): its row goes here. */
    cloud_db_erase_prefix(w, CLOUD_DB_STORE, buf_bytes(&name));
    buf_append_str(&call->json, "{}");
    cloud_call_commit(call, w);
}

void cloud_operations_get(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_stores_name(call, 3, &name);
    buf_append_str(&name, "/operations/");
    buf_append(&name, call->hit.param[3]);
    answer_row(call, CLOUD_DB_OPERATION, buf_bytes(&name));
}

void cloud_operations_list(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    cloud_stores_name(call, 3, &prefix);
    buf_append_str(&prefix, "/operations/");
    list_rows(call, CLOUD_DB_OPERATION, buf_bytes(&prefix), "operations");
}
