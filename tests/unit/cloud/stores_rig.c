#include "stores_rig.h"

#include "base/b64.h"
#include "base/mem.h"
#include "cloud/notify.h"
#include "cloud/operations.h"

struct buf stores_rig_notes;

/* Stands in for the Pub/Sub half: topic t is there, all others are not. */
bool cloud_notify(struct cloud *c UNUSED, struct cloud_db_write *w UNUSED, struct bytes topic,
                  struct bytes resource_name, struct bytes msg_type)
{
    if (!bytes_ends(topic, BYTES_LIT("/t")))
        return false;
    buf_printf(&stores_rig_notes, "%.*s %.*s %.*s\n", BYTES_FMT(topic), BYTES_FMT(resource_name),
               BYTES_FMT(msg_type));
    return true;
}

void stores_rig_begin(struct stores_rig *rig)
{
    struct err err = { 0 };
    rig->c.loop = loop_make(&err);
    rig->c.db = cloud_db_open(rig->c.loop, rig->conf.data_dir, &err);
    rig->c.fault = cloud_fault_make(rig->c.loop, &rig->conf, &err);
    rig->c.jobs = cloud_jobs_make(rig->c.loop);
    rig->c.gcs_folder = rig->conf.gcs_folder != NULL ? mem_dup(bytes_str(rig->conf.gcs_folder)) : NULL;
    rig->c.stores = cloud_stores_make(&rig->c, &rig->conf, &err);
    assert_non_null(rig->c.stores);
    assert_true(cloud_operations_load(&rig->c, &err));
    stores_rig_ask_str(rig, "POST", "projects/p/locations/l/datasets?datasetId=d", "{}");
    stores_rig_ask_str(rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=s", "{}");
    /* 409: the directory had them already. */
    assert_true(rig->status == 200 || (rig->conf.data_dir != NULL && rig->status == 409));
}

void stores_rig_end(struct stores_rig *rig)
{
    cloud_jobs_stop(rig->c.jobs);
    cloud_db_settle(rig->c.db);
    cloud_jobs_free(rig->c.jobs);
    cloud_stores_free(rig->c.stores);
    cloud_fault_free(rig->c.fault);
    cloud_db_close(rig->c.db);
    loop_free(rig->c.loop);
    mem_free(rig->c.gcs_folder);
    buf_fini(&rig->json);
    buf_fini(&stores_rig_notes);
}

static void on_done(void *ctx, struct cloud_call *call)
{
    struct stores_rig *rig = ctx;
    assert_false(rig->answered);
    rig->answered = true;
    rig->status = call->status;
    rig->plan = call->plan;
    buf_clear(&rig->json);
    buf_append(&rig->json, buf_bytes(&call->json));
}

void stores_rig_ask(struct stores_rig *rig, const char *method, const char *path, struct bytes body)
{
    CLEANUP(buf_fini) struct buf whole = { 0 };
    buf_printf(&whole, "/v1/%s", path);
    struct bytes query = buf_bytes(&whole), way = bytes_cut(&query, '?');
    struct cloud_ask ask = { bytes_str(method), way, query, body, { 0 } };
    rig->answered = false;
    cloud_http_store_serve(&rig->c, &ask, on_done, rig);
    /* What was asked is gone before the answer comes: nothing may lean on it. */
    memset(whole.ptr, 'x', whole.len);
    while (!rig->answered)
        loop_pass(rig->c.loop, US_NEVER);
}

void stores_rig_override(struct stores_rig *rig, const struct cloud_ask *ask)
{
    rig->answered = false;
    cloud_http_store_serve(&rig->c, ask, on_done, rig);
    while (!rig->answered)
        loop_pass(rig->c.loop, US_NEVER);
}

void stores_rig_ask_str(struct stores_rig *rig, const char *method, const char *path, const char *body)
{
    stores_rig_ask(rig, method, path, bytes_str(body));
}

void stores_rig_put(struct stores_rig *rig, const char *method, struct bytes message)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_append_str(&body, "{\"message\":{\"data\":\"");
    b64_encode(message, &body);
    buf_append_str(&body, "\"}}");
    buf_printf(&path, STORE "/%s", method);
    stores_rig_ask(rig, "POST", buf_str(&path), buf_bytes(&body));
}
