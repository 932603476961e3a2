#include "stores_rig.h"

#include "temp_dir.h"

static void a_dataset_is_made_by_an_operation_that_is_done(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "POST", "projects/p/locations/l/datasets?datasetId=e", "{\"timeZone\":\"UTC\"}");
    assert_int_equal(rig.status, 200);
    assert_json_has(&rig, "\"done\":true");
    assert_json_has(&rig, "\"@type\":\"type.googleapis.com/google.cloud.healthcare.v1.dataset.Dataset\"");
    stores_rig_ask_str(&rig, "GET", "projects/p/locations/l/datasets/e", "");
    assert_string_equal(buf_str(&rig.json),
                        "{\"name\":\"projects/p/locations/l/datasets/e\",\"timeZone\":\"UTC\"}");
    stores_rig_ask_str(&rig, "GET", "projects/p/locations/l/datasets/e/operations", "");
    assert_json_has(&rig, "\"operations\":[{\"name\":\"projects/p/locations/l/datasets/e/operations/");
    stores_rig_ask_str(&rig, "POST", "projects/p/locations/l/datasets?datasetId=e", "{}");
    assert_int_equal(rig.status, 409);
    assert_json_has(&rig, "ALREADY_EXISTS");
    stores_rig_ask_str(&rig, "POST", "projects/p/locations/l/datasets?datasetId=f",
                       "{\"encryptionSpec\":{}}");
    assert_int_equal(rig.status, 501);
    stores_rig_ask_str(&rig, "POST", "projects/p/locations/l/datasets?datasetId=a%20b", "{}");
    assert_int_equal(rig.status, 400);
    stores_rig_end(&rig);
}

static void lists_come_in_pages(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=r",
                       "{\"labels\":{\"stage\":\"dev\"}}");
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores?pageSize=1", "");
    assert_json_has(&rig, "/hl7V2Stores/r\"");
    assert_json_lacks(&rig, "/hl7V2Stores/s\"");
    char *token = strstr(buf_str(&rig.json), "nextPageToken\":\"");
    assert_non_null(token);
    CLEANUP(buf_fini) struct buf path = { 0 };
    token += strlen("nextPageToken\":\"");
    buf_printf(&path, DATASET "/hl7V2Stores?pageSize=1&pageToken=%.*s", (int) strcspn(token, "\""), token);
    stores_rig_ask_str(&rig, "GET", buf_str(&path), "");
    assert_json_has(&rig, "/hl7V2Stores/s\"");
    assert_json_lacks(&rig, "nextPageToken");
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores?filter=labels.stage=dev", "");
    assert_json_lacks(&rig, "/hl7V2Stores/s\"");
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores?pageToken=%21", "");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "GET", "projects/p/locations/l/datasets/none/hl7V2Stores", "");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
}

static void what_clients_set_comes_back(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    const char *conf =
        "{\"parserConfig\":{\"allowNullHeader\":true,\"segmentTerminator\":\"Cg==\",\"version\":\"V3\"},"
        "\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/"
        "t\",\"filter\":\"messageType=\\\"ADT\\\"\"}],"
        "\"rejectDuplicateMessage\":true,\"labels\":{\"a\":\"b\"}}";
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=q", conf);
    assert_int_equal(rig.status, 200);
    CLEANUP(buf_fini) struct buf first = { 0 };
    buf_append(&first, buf_bytes(&rig.json));
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/q", "");
    assert_string_equal(buf_str(&rig.json), buf_str(&first));
    assert_int_equal(rig.json.len, strlen(conf) + strlen("\"name\":\"" DATASET "/hl7V2Stores/q\","));
    assert_json_has(
        &rig,
        "\"parserConfig\":{\"allowNullHeader\":true,\"segmentTerminator\":\"Cg==\",\"version\":\"V3\"}");
    stores_rig_end(&rig);
}

static void a_schema_comes_back_and_parses_nothing(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    const char *schema =
        "{\"schemas\":[{\"messageSchemaConfigs\":{\"ADT_A01\":{\"name\":\"ADT_A01\",\"minOccurs\":1,\"maxOccurs\":1,"
        "\"members\":[{\"segment\":{\"type\":\"MSH\",\"minOccurs\":1}},{\"group\":{\"name\":\"g\",\"choice\":true,"
        "\"members\":[{\"segment\":{\"type\":\"ZPI\",\"maxOccurs\":-1}}]}}]}},"
        "\"version\":[{\"mshField\":\"12\",\"value\":\"2.5\"}]}],"
        "\"types\":[{\"type\":[{\"name\":\"ZPI\",\"primitive\":\"VARIES\",\"fields\":[{\"name\":\"a\","
        "\"type\":\"ST\"}]}]}],\"schematizedParsingType\":\"SOFT_FAIL\",\"ignoreMinOccurs\":true}";
    CLEANUP(buf_fini) struct buf body = { 0 };
    buf_printf(&body, "{ \"parser_config\" : { \"schema\" : %s } }", schema);
    stores_rig_ask(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=x", buf_bytes(&body));
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/x", "");
    assert_json_has(&rig, schema);
    /* Names in snake_case, white space, defaults: the API's own form comes back. */
    stores_rig_ask_str(&rig, "PATCH", DATASET "/hl7V2Stores/x?updateMask=parserConfig.schema",
                       "{\"parserConfig\":{\"schema\":{ \"schematized_parsing_type\" : \"SOFT_FAIL\",\n"
                       "\"ignore_min_occurs\":false, \"types\":[] }}}");
    assert_json_has(&rig, "\"parserConfig\":{\"schema\":{\"schematizedParsingType\":\"SOFT_FAIL\"}}");
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores/x/messages",
                       "{\"message\":{\"data\":\"TVNIfF5+XCZ8QXxCfEN8RHwyMDI2MDEwMXx8QURUXkEwMXwxfFB8Mi41DQ==\"}}");
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/x/messages?view=SCHEMATIZED_ONLY", "");
    assert_json_has(&rig, "\"schematizedData\":{\"error\":");
    assert_json_lacks(&rig, "\"data\":");
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/x/messages?view=PARSED_ONLY", "");
    assert_json_lacks(&rig, "schematizedData");
    buf_clear(&body);
    buf_append_str(&body, "{\"parserConfig\":{\"schema\":{\"schemas\":[{\"messageSchemaConfigs\":{\"A\":");
    for (int i = 0; i < 15; i++)
        buf_append_str(&body, "{\"members\":[{\"group\":");
    buf_append_str(&body, "{}");
    for (int i = 0; i < 15; i++)
        buf_append_str(&body, "}]}");
    buf_append_str(&body, "}}]}}}");
    stores_rig_ask(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=deep", buf_bytes(&body));
    assert_int_equal(rig.status, 400);
    assert_json_has(&rig, "deep");
    /* What was set to nothing comes back as nothing, and what was not set not at all. */
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=y", "{\"parserConfig\":{}}");
    assert_json_has(&rig, "\"parserConfig\":{}");
    stores_rig_ask_str(&rig, "GET", STORE, "");
    assert_json_lacks(&rig, "parserConfig");
    stores_rig_end(&rig);
}

static void a_bad_store_is_refused_with_the_field(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    const struct {
        const char *body;
        int status;
        const char *words;
    } cases[] = {
        { "{\"gcsSource\":1}", 400,
          "Invalid JSON payload received. Unknown name \\\"gcsSource\\\": Cannot find field." },
        { "{\"parserConfig\":{\"x\":1}}", 400, "at 'parserConfig'" },
        { "{\"parserConfig\":{\"version\":\"V9\"}}", 400, "parserConfig.version" },
        { "{\"parserConfig\":{\"schema\":{\"schematizedParsingType\":\"HARD_FAIL\"}}}", 501, "UNIMPLEMENTED" },
        { "{\"parserConfig\":{\"schema\":{\"schematizedParsingType\":\"SOFT\"}}}", 400, "schematizedParsingType" },
        { "{\"parserConfig\":{\"schema\":{\"unexpectedSegmentHandling\":\"x\"}}}", 400, "unexpectedSegment" },
        { "{\"parserConfig\":{\"schema\":{\"schemas\":{}}}}", 400, "parserConfig.schema.schemas" },
        { "{\"parserConfig\":{\"schema\":{\"schemas\":[null]}}}", 400, "null" },
        { "{\"parserConfig\":{\"schema\":{\"schemas\":[{\"version\":[{\"msh\":\"\"}]}]}}}", 400, "Unknown name" },
        { "{\"parserConfig\":{\"schema\":{\"types\":[{\"type\":[{\"fields\":[{\"minOccurs\":\"x\"}]}]}]}}}", 400,
          "fields.minOccurs" },
        { "{\"parserConfig\":{\"schema\":{\"ignoreMinOccurs\":1}}}", 400, "ignoreMinOccurs" },
        { "{\"parserConfig\":{\"schema\":{\"schemas\":[{\"messageSchemaConfigs\":[]}]}}}", 400,
          "messageSchemaConfigs" },
        { "{\"notificationConfigs\":[{\"pubsubTopic\":\"t\"}]}", 400, "pubsubTopic" },
        { "{\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/t\",\"filter\":\"(\"}]}", 400,
          "filter" },
        { "{\"labels\":{\"A\":\"b\"}}", 400, "labels" },
        { "{\"rejectDuplicateMessage\":\"yes\"}", 400, "rejectDuplicateMessage" },
        { "{", 400, "INVALID_ARGUMENT" },
        { "[]", 400, "INVALID_ARGUMENT" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=bad", cases[i].body);
        assert_int_equal(rig.status, cases[i].status);
        assert_json_has(&rig, cases[i].words);
    }
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/bad", "");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
    rig = (struct stores_rig) { .conf.lenient_json = true };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=ok", "{\"gcsSource\":1}");
    assert_int_equal(rig.status, 200);
    stores_rig_end(&rig);
}

static void a_patch_changes_what_its_mask_names(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=rejectDuplicateMessage,labels",
                       "{\"rejectDuplicateMessage\":true,\"labels\":{\"k\":\"v\"},\"parserConfig\":{"
                       "\"allowNullHeader\":true}}");
    assert_int_equal(rig.status, 200);
    assert_json_has(&rig, "\"rejectDuplicateMessage\":true");
    assert_json_lacks(&rig, "allowNullHeader");
    stores_rig_ask_str(&rig, "GET", STORE, "");
    assert_json_has(&rig, "\"labels\":{\"k\":\"v\"}");
    stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=parserConfig",
                       "{\"parserConfig\":{\"version\":\"V3\"}}");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "PATCH", STORE, "{}");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=name", "{}");
    assert_int_equal(rig.status, 400);
    stores_rig_end(&rig);
}

static void what_is_deleted_takes_its_messages_along(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages", BYTES_LIT("MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\r"));
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "DELETE", STORE, "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_ask_str(&rig, "GET", STORE "/messages", "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=s", "{}");
    stores_rig_ask_str(&rig, "GET", STORE "/messages", "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_ask_str(&rig, "DELETE", DATASET, "");
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "GET", STORE, "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=s", "{}");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
}

static void all_of_it_outlives_the_process(void **state)
{
    (void) state;
    char dir[64];
    temp_dir_make(dir);
    struct stores_rig rig = { .conf.data_dir = dir };
    CLEANUP(buf_fini) struct buf store = { 0 };
    CLEANUP(buf_fini) struct buf messages = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(
        &rig, "PATCH", STORE "?updateMask=labels,notificationConfigs",
        "{\"labels\":{\"a\":\"b\"},\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/t\","
        "\"filter\":\"message_type=ADT\"}]}");
    buf_append(&store, buf_bytes(&rig.json));
    stores_rig_put(&rig, "messages:ingest", BYTES_LIT("MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\r"));
    stores_rig_ask_str(&rig, "GET", STORE "/messages?view=FULL", "");
    buf_append(&messages, buf_bytes(&rig.json));
    stores_rig_end(&rig);
    rig = (struct stores_rig) { .conf.data_dir = dir };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "GET", STORE, "");
    assert_string_equal(buf_str(&rig.json), buf_str(&store));
    stores_rig_ask_str(&rig, "GET", STORE "/messages?view=FULL", "");
    assert_string_equal(buf_str(&rig.json), buf_str(&messages));
    /* A store made now has a number of its own: none of the old messages. */
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=new", "{}");
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/new/messages", "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_end(&rig);
    temp_dir_remove(dir);
}

static void open_facts_are_set_by_word(void **state)
{
    (void) state;
    struct cloud_conf conf = { 0 };
    struct err err = { 0 };
    const char *const good[] = { "duplicate=400", "oversize=413", "topic=fail", "field=ignore",
                                 "project=123" };
    const char *const bad[] = { "",        "duplicate", "duplicate=500", "oversize=",
                                "topic=x", "project=",  "project=a/b",   "x=1" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(cloud_answers_set(&conf, good[i], &err));
    assert_int_equal(conf.duplicate_status, 400);
    assert_int_equal(conf.oversize_status, 413);
    assert_true(conf.missing_topic_fails && conf.lenient_json);
    assert_string_equal(conf.notify_project, "123");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(cloud_answers_set(&conf, bad[i], &err));
    assert_int_equal(err.class, ERR_USAGE);
}

static void other_paths_and_methods_have_their_answers(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "POST", STORE ":rollback", "{}");
    assert_int_equal(rig.status, 501);
    assert_json_has(&rig, "\"status\":\"UNIMPLEMENTED\"");
    stores_rig_ask_str(&rig, "GET", DATASET "/fhirStores", "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "PUT", STORE, "{}");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "GET", STORE "/messages/%zz", "");
    assert_int_equal(rig.status, 400);
    assert_true(cloud_http_store_owns(BYTES_LIT("/v1/projects/p/locations/l/datasets")));
    assert_false(cloud_http_store_owns(BYTES_LIT("/v1/projects/p/topics/t")));
    stores_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dataset_is_made_by_an_operation_that_is_done),
        cmocka_unit_test(lists_come_in_pages),
        cmocka_unit_test(what_clients_set_comes_back),
        cmocka_unit_test(a_schema_comes_back_and_parses_nothing),
        cmocka_unit_test(a_bad_store_is_refused_with_the_field),
        cmocka_unit_test(a_patch_changes_what_its_mask_names),
        cmocka_unit_test(what_is_deleted_takes_its_messages_along),
        cmocka_unit_test(all_of_it_outlives_the_process),
        cmocka_unit_test(open_facts_are_set_by_word),
        cmocka_unit_test(other_paths_and_methods_have_their_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
