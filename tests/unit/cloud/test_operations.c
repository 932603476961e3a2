/* Exports, imports, counts and policies of stores, without a socket: the folder stands in for Cloud Storage. */
#include "stores_rig.h"

#include "temp_dir.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define EXPORT(body) stores_rig_ask_str(&rig, "POST", STORE ":export", body)
/* Whatever this machine's clock says. */
#define LATE         "\"endTime\":\"2100-01-01T00:00:00Z\","
#define IMPORT(body) stores_rig_ask_str(&rig, "POST", STORE ":import", body)

static void message(unsigned n, struct buf *out)
{
    buf_clear(out);
    buf_printf(out, "MSH|^~\\&|A|B|C|D|202601%02u000000||%s|%u|P|2.5\rPID|1||%u^^^^MR\r", n % 28 + 1,
               n % 2 == 0 ? "ADT^A01" : "ORU^R01", n, n);
}

static void put_many(struct stores_rig *rig, unsigned n)
{
    CLEANUP(buf_fini) struct buf one = { 0 };
    for (unsigned i = 0; i < n; i++) {
        message(i, &one);
        stores_rig_put(rig, "messages", buf_bytes(&one));
        assert_int_equal(rig->status, 200);
    }
}

/* The name of the operation that was answered, and then the operation once it is done. */
static void finish(struct stores_rig *rig)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    assert_int_equal(rig->status, 200);
    assert_json_lacks(rig, "\"done\"");
    const char *at = strstr(buf_str(&rig->json), "\"name\":\"") + strlen("\"name\":\"");
    buf_append(&name, bytes_of(at, strcspn(at, "\"")));
    do {
        loop_pass(rig->c.loop, US_PER_MS);
        stores_rig_ask_str(rig, "GET", buf_str(&name), "");
        assert_int_equal(rig->status, 200);
    } while (strstr(buf_str(&rig->json), "\"done\":true") == NULL);
}

static unsigned lines_of(const char *folder, struct buf *text)
{
    unsigned lines = 0;
    DIR *dir = opendir(folder);
    struct dirent *e;
    assert_non_null(dir);
    buf_clear(text);
    while ((e = readdir(dir)) != NULL) {
        CLEANUP(buf_fini) struct buf path = { 0 };
        if (e->d_name[0] == '.')
            continue;
        assert_non_null(strstr(e->d_name, ".ndjson"));
        assert_null(strstr(e->d_name, ".part"));
        buf_printf(&path, "%s/%s", folder, e->d_name);
        FILE *f = fopen(buf_str(&path), "rb");
        size_t n;
        while ((n = fread(buf_reserve(text, 65536), 1, 65536, f)) > 0)
            text->len += n;
        fclose(f);
    }
    closedir(dir);
    for (size_t i = 0; i < text->len; i++)
        lines += text->ptr[i] == '\n';
    if (text->len > 0)
        text->ptr[text->len] = '\0';
    return lines;
}

static void begin(struct stores_rig *rig, char dir[64], char bucket[80])
{
    temp_dir_make(dir);
    snprintf(bucket, 80, "%s/bucket", dir);
    assert_int_equal(mkdir(bucket, 0777), 0);
    *rig = (struct stores_rig) { .conf.gcs_folder = dir };
    stores_rig_begin(rig);
}

static void an_export_is_a_file_of_lines_and_an_import_reads_it(void **state)
{
    (void) state;
    char dir[64], bucket[80], sub[128];
    struct stores_rig rig;
    CLEANUP(buf_fini) struct buf text = { 0 };
    begin(&rig, dir, bucket);
    put_many(&rig, 600);
    EXPORT("{" LATE "\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/a/b\"}}");
    assert_json_has(&rig, "\"apiMethodName\":\"google.cloud.healthcare.v1.hl7v2.Hl7V2Service.ExportMessages\"");
    finish(&rig);
    assert_json_has(&rig, "\"counter\":{\"success\":\"600\"}");
    assert_json_has(&rig, "google.cloud.healthcare.v1.hl7v2.ExportMessagesResponse\"}");
    assert_json_has(&rig, "\"endTime\"");
    snprintf(sub, sizeof(sub), "%s/a/b", bucket);
    assert_int_equal(lines_of(sub, &text), 600);
    assert_non_null(strstr(buf_str(&text), "\"parsedData\":"));
    stores_rig_ask_str(&rig, "DELETE", STORE, "");
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=s",
                       "{\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/t\"}]}");
    IMPORT("{\"gcsSource\":{\"uri\":\"gs://bucket/**.ndjson\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"counter\":{\"success\":\"600\"}");
    assert_json_has(&rig, "ImportMessagesResponse");
    /* What stood at the same time keeps its place once, and nothing is announced. */
    assert_int_equal(stores_rig_notes.len, 0);
    stores_rig_ask_str(&rig, "GET", STORE ":getHL7v2StoreMetrics", "");
    assert_json_has(&rig, "\"messageType\":\"ADT\",\"count\":\"300\"");
    assert_json_has(&rig, "\"messageType\":\"ORU\",\"count\":\"300\"");
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void what_is_exported_is_told_by_time_filter_and_view(void **state)
{
    (void) state;
    char dir[64], bucket[80], sub[128];
    struct stores_rig rig;
    CLEANUP(buf_fini) struct buf text = { 0 };
    begin(&rig, dir, bucket);
    put_many(&rig, 28);
    stores_rig_put(&rig, "messages", BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT^A01|no time|P|2.5\r"));
    EXPORT("{\"startTime\":\"2026-01-03T00:00:00Z\",\"endTime\":\"2026-01-09T00:00:00Z\","
           "\"filter\":\"message_type=\\\"ORU\\\"\","
           "\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/x/\",\"messageView\":\"BASIC\","
           "\"contentStructure\":\"MESSAGE_JSON\"}}");
    finish(&rig);
    snprintf(sub, sizeof(sub), "%s/x", bucket);
    assert_int_equal(lines_of(sub, &text), 3);
    assert_null(strstr(buf_str(&text), "sendTime"));
    EXPORT("{" LATE "\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/y\",\"messageView\":\"RAW_ONLY\"}}");
    finish(&rig);
    snprintf(sub, sizeof(sub), "%s/y", bucket);
    assert_int_equal(lines_of(sub, &text), 28);
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void an_export_may_go_to_a_topic(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    put_many(&rig, 300);
    EXPORT("{" LATE "\"pubsubDestination\":{\"pubsubTopic\":\"projects/p/topics/t\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"error\":{\"code\":5,");
    struct cloud_db_write *w = cloud_db_begin(rig.c.db);
    cloud_db_put(w, CLOUD_DB_TOPIC, BYTES_LIT("projects/p/topics/t"), BYTES_LIT("x"));
    cloud_db_commit(w);
    cloud_db_settle(rig.c.db);
    EXPORT("{" LATE "\"pubsubDestination\":{\"pubsubTopic\":\"projects/p/topics/t\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"counter\":{\"success\":\"300\"}");
    unsigned lines = 0;
    for (size_t i = 0; i < stores_rig_notes.len; i++)
        lines += stores_rig_notes.ptr[i] == '\n';
    assert_int_equal(lines, 300);
    stores_rig_end(&rig);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void an_import_counts_what_it_could_not_take(void **state)
{
    (void) state;
    char dir[64], bucket[80], path[128];
    struct stores_rig rig;
    begin(&rig, dir, bucket);
    CLEANUP(buf_fini) struct buf one = { 0 };
    CLEANUP(buf_fini) struct buf file = { 0 };
    message(1, &one);
    stores_rig_put(&rig, "messages", buf_bytes(&one));
    for (unsigned i = 0; i < 2; i++) {
        struct json_writer w = json_write_to(&file);
        message(i, &one);
        json_write_object(&w, NULL);
        json_write_b64(&w, "data", buf_bytes(&one));
        json_write_object(&w, "labels");
        json_write_str(&w, "n", i == 0 ? BYTES_LIT("zero") : BYTES_LIT("one"));
        json_write_end(&w);
        json_write_end(&w);
        buf_append_str(&file, "\r\n\n");
    }
    buf_append_str(&file, "no json\n{\"data\":\"!\"}\n{\"data\":\"eHl6\"}\n{\"datum\":\"\"}\n{\"data\":\"eHl6\"}");
    snprintf(path, sizeof(path), "%s/m.ndjson", bucket);
    write_file(path, buf_str(&file));
    snprintf(path, sizeof(path), "%s/m.txt", bucket);
    write_file(path, "not asked for");
    IMPORT("{\"gcsSource\":{\"uri\":\"gs://bucket/?.nd*\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"counter\":{\"success\":\"2\",\"failure\":\"5\"}");
    stores_rig_ask_str(&rig, "GET", STORE "/messages?filter=labels.n=one&view=RAW_ONLY", "");
    assert_json_has(&rig, "\"labels\":{\"n\":\"one\"}");
    IMPORT("{\"gcsSource\":{\"uri\":\"gs://bucket/none\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"error\":{\"code\":5,\"message\":\"no file matches\"}");
    IMPORT("{\"gcsSource\":{\"uri\":\"gs://other/m.ndjson\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"error\":{\"code\":5,");
    EXPORT("{\"gcsDestination\":{\"uriPrefix\":\"gs://other/x\"}}");
    finish(&rig);
    assert_json_has(&rig, "\"error\":{\"code\":5,\"message\":\"the bucket does not exist\"}");
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void bad_requests_say_what_is_wrong(void **state)
{
    (void) state;
    char dir[64], bucket[80];
    struct stores_rig rig;
    begin(&rig, dir, bucket);
    static const struct {
        const char *method, *body, *words;
    } cases[] = {
        { "export", "{}", "gcsDestination or pubsubDestination" },
        { "export", "{\"gcsDestination\":{\"uriPrefix\":\"s3://x\"}}", "uriPrefix" },
        { "export", "{\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/../x\"}}", "uriPrefix" },
        { "export", "{\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/x\",\"messageView\":\"x\"}}", "messageView" },
        { "export", "{\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/x\",\"contentStructure\":\"x\"}}",
          "contentStructure" },
        { "export", "{\"gcsDestination\":{\"uri\":\"gs://bucket/x\"}}", "Unknown name" },
        { "export", "{\"pubsubDestination\":{\"pubsubTopic\":\"t\"}}", "pubsubTopic" },
        { "export", "{\"startTime\":\"x\",\"pubsubDestination\":{\"pubsubTopic\":\"projects/p/topics/t\"}}",
          "startTime" },
        { "export",
          "{\"startTime\":\"2026-01-02T00:00:00Z\",\"endTime\":\"2026-01-01T00:00:00Z\","
          "\"pubsubDestination\":{\"pubsubTopic\":\"projects/p/topics/t\"}}",
          "endTime" },
        { "export", "{\"filter\":\"(\",\"pubsubDestination\":{\"pubsubTopic\":\"projects/p/topics/t\"}}", "filter" },
        { "export", "[]", "object" },
        { "import", "{}", "gcsSource" },
        { "import", "{\"gcsSource\":{\"uri\":\"gs://bucket\"}}", "gcsSource" },
        { "import", "{\"gcsSource\":{\"uri\":\"gs://bucket/../../x\"}}", "gcsSource" },
        { "import", "{\"gcsSource\":{\"uri\":\"gs://../x\"}}", "gcsSource" },
        { "import", "{\"gcsSource\":1}", "gcsSource" },
        { "import", "{\"x\":1}", "Unknown name" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf path = { 0 };
        buf_printf(&path, STORE ":%s", cases[i].method);
        stores_rig_ask_str(&rig, "POST", buf_str(&path), cases[i].body);
        assert_int_equal(rig.status, 400);
        assert_json_has(&rig, cases[i].words);
    }
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores/none:export", "{}");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
    rig = (struct stores_rig) { 0 };
    stores_rig_begin(&rig);
    IMPORT("{\"gcsSource\":{\"uri\":\"gs://bucket/x\"}}");
    assert_int_equal(rig.status, 501);
    assert_json_has(&rig, "--gcs-folder");
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void operations_are_listed_and_cancelled(void **state)
{
    (void) state;
    char dir[64], bucket[80];
    struct stores_rig rig;
    begin(&rig, dir, bucket);
    put_many(&rig, 3);
    EXPORT("{\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/a\"}}");
    CLEANUP(buf_fini) struct buf first = { 0 };
    CLEANUP(buf_fini) struct buf cancel = { 0 };
    buf_append(&first, buf_bytes(&rig.json));
    const char *at = strstr(buf_str(&first), "\"name\":\"") + strlen("\"name\":\"");
    buf_printf(&cancel, "%.*s:cancel", (int) strcspn(at, "\""), at);
    stores_rig_ask_str(&rig, "POST", buf_str(&cancel), "{}");
    assert_string_equal(buf_str(&rig.json), "{}");
    rig.json.len = 0;
    buf_append(&rig.json, buf_bytes(&first));
    finish(&rig);
    assert_json_has(&rig, "\"cancelRequested\":true");
    assert_json_has(&rig, "\"error\":{\"code\":1,");
    stores_rig_ask_str(&rig, "POST", buf_str(&cancel), "{}");
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "POST", DATASET "/operations/99:cancel", "{}");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "GET", DATASET "/operations?pageSize=1", "");
    assert_json_has(&rig, "nextPageToken");
    stores_rig_ask_str(&rig, "GET", DATASET "/operations?filter=done", "");
    assert_int_equal(rig.status, 501);
    stores_rig_ask_str(&rig, "GET", "projects/p/locations/l/datasets/none/operations", "");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void an_operation_that_a_stop_cut_short_is_aborted(void **state)
{
    (void) state;
    char dir[64], data[80], bucket[80];
    temp_dir_make(dir);
    snprintf(data, sizeof(data), "%s/data", dir);
    snprintf(bucket, sizeof(bucket), "%s/bucket", dir);
    assert_int_equal(mkdir(bucket, 0777), 0);
    struct stores_rig rig = { .conf = { .gcs_folder = dir, .data_dir = data } };
    stores_rig_begin(&rig);
    put_many(&rig, 3);
    EXPORT("{\"gcsDestination\":{\"uriPrefix\":\"gs://bucket/a\"}}");
    assert_int_equal(rig.status, 200);
    stores_rig_end(&rig);
    rig = (struct stores_rig) { .conf = { .gcs_folder = dir, .data_dir = data } };
    stores_rig_begin(&rig);
    cloud_db_settle(rig.c.db);
    stores_rig_ask_str(&rig, "GET", DATASET "/operations", "");
    assert_json_has(&rig, "\"done\":true,\"error\":{\"code\":10,");
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void policies_belong_to_datasets_and_stores(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    static const char *const resources[] = { DATASET, STORE };
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        CLEANUP(buf_fini) struct buf path = { 0 };
        buf_printf(&path, "%s:setIamPolicy", resources[i]);
        stores_rig_ask_str(&rig, "POST", buf_str(&path),
                           "{\"policy\":{\"bindings\":[{\"role\":\"roles/healthcare.hl7V2Consumer\","
                           "\"members\":[\"user:a@example.com\"]}]}}");
        assert_int_equal(rig.status, 200);
        buf_clear(&path);
        buf_printf(&path, "%s:getIamPolicy?options.requestedPolicyVersion=3", resources[i]);
        stores_rig_ask_str(&rig, "GET", buf_str(&path), "");
        assert_json_has(&rig, "user:a@example.com");
        assert_json_has(&rig, "\"etag\":");
        buf_clear(&path);
        buf_printf(&path, "%s:testIamPermissions", resources[i]);
        stores_rig_ask_str(&rig, "POST", buf_str(&path), "{\"permissions\":[\"healthcare.hl7V2Messages.get\"]}");
        assert_string_equal(buf_str(&rig.json), "{\"permissions\":[\"healthcare.hl7V2Messages.get\"]}");
    }
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/none:getIamPolicy", "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores/none:testIamPermissions", "{\"permissions\":[\"a.b.c\"]}");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_ask_str(&rig, "DELETE", STORE, "");
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=s", "{}");
    stores_rig_ask_str(&rig, "GET", STORE ":getIamPolicy", "");
    assert_json_lacks(&rig, "user:a@example.com");
    stores_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_a_file_of_lines_and_an_import_reads_it),
        cmocka_unit_test(what_is_exported_is_told_by_time_filter_and_view),
        cmocka_unit_test(an_export_may_go_to_a_topic),
        cmocka_unit_test(an_import_counts_what_it_could_not_take),
        cmocka_unit_test(bad_requests_say_what_is_wrong),
        cmocka_unit_test(operations_are_listed_and_cancelled),
        cmocka_unit_test(an_operation_that_a_stop_cut_short_is_aborted),
        cmocka_unit_test(policies_belong_to_datasets_and_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
