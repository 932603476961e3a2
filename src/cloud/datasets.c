/* Datasets. The operation that makes one is done when it is answered. */
#include "base/mem.h"
#include "cloud/iam.h"
#include "cloud/operations.h"
#include "cloud/stores.h"

#include <stdio.h>

static void answer_exists(struct cloud_call *call)
{
    cloud_call_fail(call, GRPC_ALREADY_EXISTS, (struct bytes) { 0 }, "already exists: %.*s",
                    BYTES_FMT(buf_bytes(&call->key)));
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
            buf_clear(zone);
            buf_append(zone, text);
        } else if (json_str_is(&key, "encryptionSpec") || json_str_is(&key, "encryption_spec")) {
            return FAIL(&fault->err, UNIMPLEMENTED, "encryptionSpec: the local cloud keeps no keys; leave it out");
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

void cloud_datasets_zone_of(struct bytes row, struct buf *out)
{
    CLEANUP(buf_fini) struct buf scratch = { 0 };
    struct json_field zone = { .key = "timeZone" };
    struct cloud_json_fault fault;
    struct bytes text;
    if (json_scan_object(row, &zone, 1, &fault.err) && zone.value.kind == JSON_STRING &&
        cloud_json_text(&zone.value, "timeZone", &scratch, &text, &fault))
        buf_append(out, text);
}

/* A time zone that its stores use once it is durable. */
struct zoning {
    struct cloud_stores *stores;
    char *dataset;
    struct cloud_zone *zone;
};

static void on_zoned(void *ctx, const struct err *err)
{
    struct zoning *z = ctx;
    if (err == NULL)
        cloud_stores_set_zone(z->stores, bytes_str(z->dataset), z->zone);
    else
        cloud_zone_free(z->zone);
    mem_free(z->dataset);
    mem_free(z);
}

/* Takes the zone, which `named` names. */
static void put_dataset(struct cloud_call *call, struct cloud_db_write *w, struct bytes name, struct bytes named,
                        struct cloud_zone *zone)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct json_writer json = json_write_to(&row);
    struct zoning *z = mem_alloc(sizeof(*z));
    *z = (struct zoning) { call->c->stores, mem_dup(name), zone };
    write_dataset(&json, NULL, name, named, false);
    cloud_db_put(w, CLOUD_DB_DATASET, name, buf_bytes(&row));
    cloud_db_then(w, on_zoned, z);
}

/* Writes the operation into the answer and into w. */
static void put_operation(struct cloud_call *call, struct cloud_db_write *w, struct bytes dataset,
                          struct bytes zone)
{
    CLEANUP(buf_fini) struct buf response = { 0 };
    struct json_writer json = json_write_to(&response);
    write_dataset(&json, NULL, dataset, zone, true);
    cloud_operations_put_done(call, w, dataset, "dataset.DatasetService.CreateDataset", buf_bytes(&response));
}

static bool load_zone(const struct buf *named, struct cloud_zone **ret_zone, struct cloud_json_fault *fault)
{
    snprintf(fault->field, sizeof(fault->field), "timeZone");
    return cloud_zone_load(buf_bytes(named), ret_zone, &fault->err);
}

void cloud_datasets_create(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf named = { 0 };
    struct cloud_zone *zone = NULL;
    struct bytes id = query_get2(&call->query, "datasetId", "dataset_id"), row;
    struct cloud_json_fault fault = { 0 };
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    if (!cloud_stores_id_ok(id)) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                        "invalid datasetId: 1 to 256 letters, digits, '_', '-' and '.'");
        return;
    }
    if (!read_dataset(call->ask->body, strict, &named, &fault) || !load_zone(&named, &zone, &fault)) {
        cloud_stores_refuse(call, &fault);
        return;
    }
    cloud_stores_name(call, 2, &call->key);
    buf_append_str(&call->key, "/datasets/");
    buf_append(&call->key, id);
    enum cloud_db_found same =
        cloud_db_get_latest(call->c->db, CLOUD_DB_DATASET, buf_bytes(&call->key), &row);
    if (same != CLOUD_DB_ABSENT)
        cloud_zone_free(zone);
    if (same == CLOUD_DB_FAILED) {
        cloud_call_fail_disk(call);
    } else if (same == CLOUD_DB_FOUND) {
        cloud_call_after_barrier(call, answer_exists);
    } else {
        struct cloud_db_write *w = cloud_db_begin(call->c->db);
        put_dataset(call, w, buf_bytes(&call->key), buf_bytes(&named), zone);
        put_operation(call, w, buf_bytes(&call->key), buf_bytes(&named));
        cloud_call_commit(call, w);
    }
}

void cloud_datasets_get(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_stores_name(call, 3, &name);
    cloud_rows_get(call, CLOUD_DB_DATASET, buf_bytes(&name));
}

void cloud_datasets_list(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    cloud_stores_name(call, 2, &prefix);
    buf_append_str(&prefix, "/datasets/");
    cloud_rows_list(call, CLOUD_DB_DATASET, buf_bytes(&prefix), "datasets", NULL);
}

/* Messages keep the send time that they were stored with. */
void cloud_datasets_patch(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    CLEANUP(buf_fini) struct buf named = { 0 };
    struct cloud_zone *zone = NULL;
    struct bytes mask = bytes_trim(query_get2(&call->query, "updateMask", "update_mask")), row;
    struct cloud_json_fault fault = { 0 };
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    cloud_stores_name(call, 3, &name);
    enum cloud_db_found found = cloud_db_get_latest(call->c->db, CLOUD_DB_DATASET, buf_bytes(&name), &row);
    if (found != CLOUD_DB_FOUND) {
        if (found == CLOUD_DB_ABSENT)
            cloud_stores_missing(call, buf_bytes(&name));
        else
            cloud_call_fail_disk(call);
        return;
    }
    if (!bytes_eq_str(mask, "timeZone") && !bytes_eq_str(mask, "time_zone")) {
        cloud_json_bad(&fault, "updateMask", "it is required, and only timeZone of a dataset can be changed");
        cloud_stores_refuse(call, &fault);
        return;
    }
    if (!read_dataset(call->ask->body, strict, &named, &fault) || !load_zone(&named, &zone, &fault)) {
        cloud_stores_refuse(call, &fault);
        return;
    }
    struct json_writer json = json_write_to(&call->json);
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    write_dataset(&json, NULL, buf_bytes(&name), buf_bytes(&named), false);
    put_dataset(call, w, buf_bytes(&name), buf_bytes(&named), zone);
    cloud_call_commit(call, w);
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
    cloud_iam_erase(w, buf_bytes(&name));
    buf_append_char(&name, '/');
    cloud_stores_erase(call->c->stores, buf_bytes(&name), false, w);
    cloud_db_erase_prefix(w, CLOUD_DB_OPERATION, buf_bytes(&name));
    /* A store whose creation is not durable yet is no store to cloud_stores_erase(): its row goes here. */
    cloud_db_erase_prefix(w, CLOUD_DB_STORE, buf_bytes(&name));
    buf_append_str(&call->json, "{}");
    cloud_call_commit(call, w);
}
