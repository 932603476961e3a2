/*
 * REST requests to the stores: whatever method, path, query and body say, there is one answer, it is JSON,
 * and bad input is never the server's fault.
 *
 *   input: "METHOD path?query" LF body. Store s is strict, store a takes anything.
 */
#include "fuzz.h"

#include "cloud/http_store.h"
#include "cloud/jobs.h"
#include "cloud/stores.h"
#include "json/scan.h"

static struct cloud cloud;
static unsigned answers;
static uint16_t last_status;

static void on_done(void *ctx UNUSED, struct cloud_call *call)
{
    struct json_value root;
    struct err err;
    answers++;
    last_status = call->status;
    CHECK(json_scan(buf_bytes(&call->json), &root, &err) && root.kind == JSON_OBJECT);
    cloud_http_format_apply(&call->format, &call->json);
    CHECK(json_scan(buf_bytes(&call->json), &root, &err) && root.kind == JSON_OBJECT);
    CHECK(call->status == 200 || (call->status >= 400 && call->status < 500) || call->status == 501);
}

static void serve(struct bytes method, struct bytes target, struct bytes body)
{
    unsigned before = answers;
    struct bytes query = target, path = bytes_cut(&query, '?');
    struct cloud_ask ask = { method, path, query, body, { 0 } };
    cloud_http_store_serve(&cloud, &ask, on_done, NULL);
    while (answers == before)
        loop_pass(cloud.loop, US_NEVER);
    CHECK(answers == before + 1);
}

static void begin(void)
{
    static const struct cloud_conf conf = { .accept_all = true, .accept_all_stores = "a" };
    struct err err;
    cloud.loop = loop_make(&err);
    cloud.db = cloud_db_open(cloud.loop, NULL, &err);
    cloud.fault = cloud_fault_make(cloud.loop, &conf, &err);
    cloud.jobs = cloud_jobs_make(cloud.loop);
    cloud.stores = cloud_stores_make(&cloud, &conf, &err);
    CHECK(cloud.stores != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char dataset[] = "/v1/projects/p/locations/l/datasets";
    CLEANUP(buf_fini) struct buf path = { 0 };
    struct bytes body = fuzz_bytes(data, len), line = bytes_cut(&body, '\n'), method = bytes_cut(&line, ' ');
    if (cloud.loop == NULL)
        begin();
    serve(BYTES_LIT("POST"), BYTES_LIT("/v1/projects/p/locations/l/datasets?datasetId=d"), bytes_of(NULL, 0));
    serve(BYTES_LIT("POST"), BYTES_LIT("/v1/projects/p/locations/l/datasets/d/hl7V2Stores?hl7V2StoreId=s"),
          bytes_of(NULL, 0));
    serve(BYTES_LIT("POST"), BYTES_LIT("/v1/projects/p/locations/l/datasets/d/hl7V2Stores?hl7V2StoreId=a"),
          bytes_of(NULL, 0));
    buf_append_str(&path, dataset);
    buf_append(&path, line);
    serve(method, buf_bytes(&path), body);
    /* What was put in can be listed in full. */
    serve(BYTES_LIT("GET"),
          BYTES_LIT("/v1/projects/p/locations/l/datasets/d/hl7V2Stores/a/messages?view=FULL"),
          bytes_of(NULL, 0));
    serve(BYTES_LIT("DELETE"), BYTES_LIT("/v1/projects/p/locations/l/datasets/d"), bytes_of(NULL, 0));
    CHECK(last_status == 200 || last_status == 404);
    return 0;
}
