/* The commonest mistakes in a configuration, each with the code, the sentence and the suggestion that it must get. */
#include "config_fixture.h"

#include <stdio.h>

#define WITH(more) "{" FIVE ",\n" more "}"
#define RUNNER(name, more) WITH("\"runner\": \"" name "Runner\", \"dead_letter\": {\"sink\": \"none\"},\n" more)
#define GS "\"staging_location\": \"gs://bkt/s\", \"temp_location\": \"gs://bkt/t\""

static const struct {
    const char *text, *code, *want, *meant;
} rows[] = {
    /* not JSON */
    { "", "E-CFG-004", "the file is empty", "" },
    { "[]", "E-CFG-004", "the file holds a list, not an object", "" },
    { "\xef\xbb\xbf{}", "E-CFG-003", "byte-order mark", "" },
    { "{" FIVE ",\n}", "E-CFG-003", "remove the comma before it", "" },
    { "{ // ours\n" FIVE "}", "E-CFG-003", "JSON has no comments", "" },
    { "{ # ours\n" FIVE "}", "E-CFG-003", "JSON has no comments", "" },
    { "{'project_id': 'p'}", "E-CFG-003", "use plain double quotes", "" },
    { "{\xe2\x80\x9cproject_id\xe2\x80\x9d: 1}", "E-CFG-003", "use plain double quotes", "" },
    { "{\"project_id\" = \"p\"}", "E-CFG-003", "write a colon between key and value", "" },
    { "{\"project_id\": \"p\"\n\"region\": \"r\"}", "E-CFG-003", "a comma is missing before it", "" },
    { "{" FIVE, "E-CFG-003", "the file ends too early", "" },
    { WITH("\"copy_labels\": True"), "E-CFG-003", "JSON writes true, false and null", "" },
    { "{project_id: \"p\"}", "E-CFG-003", "keys stand in double quotes", "" },
    { "{" FIVE ",, \"a\": 1}", "E-CFG-003", "remove one comma", "" },
    { "{" FIVE "} {}", "E-CFG-003", "not valid JSON", "" },
    /* keys */
    { WITH("\"source_hl7_store\": \"x\""), "E-CFG-014", "unknown key \"source_hl7_store\"", "\"source_hl7v2_store\"" },
    { WITH("\"projectid\": \"x\""), "E-CFG-014", "unknown key \"projectid\"", "\"project_id\"" },
    { WITH("\"Region\": \"x\""), "E-CFG-014", "unknown key \"Region\"", "\"region\"" },
    { WITH("\"dest-hl7v2-store\": \"x\""), "E-CFG-014", "unknown key \"dest-hl7v2-store\"", "\"dest_hl7v2_store\"" },
    { WITH("\"rate_limit\": 5"), "E-CFG-014", "unknown key \"rate_limit\"", "\"rate_limit\" inside \"flow\"" },
    { WITH("\"flow\": {\"rate_limt\": 5}"), "E-CFG-014", "unknown key \"rate_limt\" in flow", "\"rate_limit\"" },
    { WITH("\"flows\": {\"rate_limit\": 5}"), "E-CFG-014", "unknown key \"flows\"", "\"flow\"" },
    { WITH("\"max_retries\": 3"), "E-CFG-014", "unknown key \"max_retries\"", "\"max_retries\" inside" },
    { WITH("\"comment\": \"x\""), "E-CFG-014", "unknown key \"comment\"", "" },
    { WITH("\"subscription\": \"x\""), "E-CFG-014", "unknown key \"subscription\"", "\"subscription\" inside \"dead_letter\"" },
    { WITH("\"project_id\": \"again\""), "E-CFG-005", "the key \"project_id\" stands twice", "" },
    { WITH("\"flow\": {}, \"flow\": {}"), "E-CFG-005", "the key \"flow\" stands twice", "" },
    { WITH("\"flow\": 7"), "E-CFG-016", "\"flow\" must be an object, not a number", "" },
    { WITH("\"audit\": \"file:///a\""), "E-CFG-015", "\"audit\" is not in this version", "" },
    { WITH("\"audit\": {\"x\": 1}"), "E-CFG-015", "\"audit\" is not in this version", "" },
    { WITH("\"verify_after_write\": true"), "E-CFG-015", "\"verify_after_write\" is not in this version", "" },
    { WITH("\"tls\": {\"min_version\": \"1.3\"}"), "E-CFG-015", "\"tls.min_version\" is not in this version", "" },
    { WITH("\"dead_letter\": {\"include_body\": true}"), "E-CFG-015", "\"dead_letter.include_body\" is not in this version", "" },
    /* values */
    { WITH("\"fetch_timeout_sec\": \"soon\""), "E-CFG-018", "fetch_timeout_sec wants a duration such as 30s", "" },
    { WITH("\"fetch_timeout_sec\": 0"), "E-CFG-017", "fetch_timeout_sec must be within 1s..24h", "" },
    { WITH("\"executor_max_workers\": \"4\""), "E-CFG-016", "\"executor_max_workers\" wants a whole number, not text in quotes: take the quotes away", "" },
    { WITH("\"executor_max_workers\": 2.5"), "E-CFG-016", "executor_max_workers wants a whole number", "" },
    { WITH("\"copy_labels\": \"true\""), "E-CFG-016", "\"copy_labels\" wants true or false, not text in quotes: take the quotes away", "" },
    { WITH("\"copy_labels\": 1"), "E-CFG-016", "\"copy_labels\" wants true or false, not a number", "" },
    { WITH("\"staging_location\": null"), "E-CFG-016", "give a value, or remove the key", "" },
    { WITH("\"staging_location\": 7"), "E-CFG-016", "\"staging_location\" wants text, not a number: put it in double quotes", "" },
    { WITH("\"flow\": {\"max_body_bytes\": \"256M\"}"), "E-CFG-018", "flow.max_body_bytes wants a size such as 256MiB", "" },
    { WITH("\"flow\": {\"max_body_bytes\": \"1MiB\"}"), "E-CFG-017", "flow.max_body_bytes must be within 32MiB..64GiB", "" },
    { WITH("\"flow\": {\"max_concurrency\": -1}"), "E-CFG-017", "flow.max_concurrency must be within 1..100000", "" },
    { WITH("\"retry\": {\"max_retries\": 1e9}"), "E-CFG-017", "retry.max_retries must be within 1..1000", "" },
    { WITH("\"log\": {\"level\": \"warn\"}"), "E-CFG-019", "log.level wants one of debug|info|notice|warning|error", "\"warning\"" },
    { WITH("\"log\": {\"format\": \"jsn\"}"), "E-CFG-019", "log.format wants one of auto|json|human", "\"json\"" },
    { WITH("\"runner\": \"Dataflow\""), "E-CFG-019", "runner wants one of", "\"DataflowRunner\"" },
    { WITH("\"runner\": \"PrismRunner\""), "E-CFG-028", "dead letters would go into files on a worker's disk", "" },
    { RUNNER("Prism", "\"environment_type\": \"EXTERN\""), "E-CFG-019", "environment_type is not one of", "\"EXTERNAL\"" },
    { RUNNER("Prism", "\"environment_type\": \"EXTERNAL\""), "E-CFG-029", "HOST:PORT of a pool", "" },
    { RUNNER("Prism", "\"environment_type\": \"DOCKER\""), "E-CFG-020", "\"sdk_container_image\" is missing", "" },
    { RUNNER("Prism", "\"job_endpoint\": \"http://localhost\""), "E-CFG-029", "job_endpoint must be HOST:PORT", "" },
    { RUNNER("Prism", "\"streaming\": false"), "E-CFG-028", "a subscription has no end", "" },
    { RUNNER("Prism", "\"experiments\": [\"pre_optimize=none\"]"), "E-CFG-028", "break the fusion", "" },
    { RUNNER("Flink", "\"checkpointing_interval\": -1"), "E-CFG-028", "Flink acknowledges messages after checkpoints alone", "" },
    { RUNNER("Flink", "\"finish_bundle_before_checkpointing\": false"), "E-CFG-028", "Flink may stop pulling", "" },
    { RUNNER("Flink", "\"parallelism\": 4"), "E-CFG-030", "max_parallelism is smaller than parallelism", "" },
    { RUNNER("Flink", "\"shutdown_sources_after_idle_ms\": 5"), "E-CFG-014", "unknown key", "" },
    { RUNNER("Portable", "\"copy_labels\": true"), "E-CFG-028", "PortableRunner may be Python's local runner", "" },
    { RUNNER("Portable", "\"environment_type\": \"PROCESS\""), "E-CFG-028", "PortableRunner starts no processes", "" },
    { RUNNER("Dataflow", GS ", \"sdk_container_image\": \"i\", \"environment_type\": \"PROCESS\""), "E-CFG-028", "from a container image alone", "" },
    { RUNNER("Dataflow", GS), "E-CFG-020", "\"sdk_container_image\" is missing", "" },
    { RUNNER("Dataflow", "\"sdk_container_image\": \"i\", \"temp_location\": \"gs://bkt/t\""), "E-CFG-020", "\"staging_location\" is missing", "" },
    { RUNNER("Dataflow", "\"sdk_container_image\": \"i\", \"staging_location\": \"bkt/s\", \"temp_location\": \"gs://bkt/t\""),
      "E-CFG-028", "staging_location must be a folder in Cloud Storage", "" },
    { RUNNER("Dataflow", GS ", \"sdk_container_image\": \"i\", \"job_name\": \"Copy\""), "E-CFG-028", "Dataflow wants lower-case letters", "" },
    { RUNNER("Dataflow", GS ", \"sdk_container_image\": \"i\", \"pubsub_endpoint\": \"http://127.0.0.1:1\", \"healthcare_endpoint\": "
             "\"http://127.0.0.1:1\""), "E-CFG-028", "cannot reach the local cloud", "" },
    { WITH("\"allow_hosts\": \"a.example\""), "E-CFG-016", "\"allow_hosts\" wants a list, not text in quotes", "" },
    { WITH("\"allow_hosts\": [1]"), "E-CFG-016", "\"allow_hosts\" holds text only, not a number", "" },
    { WITH("\"connect_to\": [\"a\"]"), "E-CFG-016", "\"connect_to\" wants an object of names and values, not a list", "" },
    { WITH("\"job_name\": \"a\\u000ab\""), "E-CFG-033", "\"job_name\" holds a control character", "" },
    /* what keys mean together */
    { "{\"region\": \"r\", \"source_hl7v2_store\": \"" SOURCE_STORE "\", \"dest_hl7v2_store\": \"" DEST_STORE "\", "
      "\"pubsub_subscription\": \"projects/p/subscriptions/s\"}", "E-CFG-020", "\"project_id\" is missing", "" },
    { "{\"project_id\": \"\", \"region\": \"r\", \"source_hl7v2_store\": \"" SOURCE_STORE "\", \"dest_hl7v2_store\": \"" DEST_STORE "\", "
      "\"pubsub_subscription\": \"projects/p/subscriptions/s\"}", "E-CFG-020", "\"project_id\" is empty", "" },
    { WITH("\"dead_letter\": {\"sink\": \"/var/dead\"}"), "E-CFG-027", "dead_letter.sink is not a file:// URL", "\"file:///var/dead\"" },
    { WITH("\"dead_letter\": {\"sink\": \"file://dead\"}"), "E-CFG-027", "must name an absolute directory", "" },
    { WITH("\"dead_letter\": {\"sink\": \"projects/p/topics/t\"}"), "E-CFG-027", "a Pub/Sub topic is named by dead_letter.topic", "" },
    { WITH("\"dead_letter\": {\"topic\": \"projects/p/subscriptions/t\"}"), "E-CFG-027", "dead_letter.topic is not of the form", "" },
    { WITH("\"dead_letter\": {\"topic\": \"projects/p/topics/t\", \"subscription\": \"t\"}"), "E-CFG-027", "dead_letter.subscription is not of the form", "" },
    { WITH("\"dead_letter\": {\"topic\": \"projects/p/topics/t\", \"sink\": \"none\"}"), "E-CFG-030", "there is one sink", "" },
    { WITH("\"dead_letter\": {\"subscription\": \"projects/p/subscriptions/t\"}"), "E-CFG-030", "without dead_letter.topic", "" },
    { WITH("\"state_dir\": \"state\""), "E-CFG-027", "state_dir must be an absolute directory", "" },
    { WITH("\"audit\": \"x\""), "E-CFG-015", "\"audit\" is not in this version", "" },
    { WITH("\"pubsub_endpoint\": \"http://127.0.0.1:8085\""), "E-CFG-024", "Pub/Sub is the local cloud and Healthcare is not", "" },
    { WITH("\"pubsub_endpoint\": \"http://10.1.2.3:8085\""), "E-CFG-025", "pubsub_endpoint is http:// to a host that is not loopback", "" },
    { WITH("\"healthcare_endpoint\": \"healthcare.googleapis.com\""), "E-CFG-029", "healthcare_endpoint must begin with https://", "" },
    { WITH("\"healthcare_endpoint\": \"https://healthcare.googleapis.com/v1\""), "E-CFG-029", "must end after host and port", "" },
    { WITH("\"healthcare_endpoint\": \"https://hc.example\""), "E-CFG-029", "would be given an access token", "" },
    { WITH("\"proxy\": \"proxy:3128\""), "E-CFG-029", "proxy must be http://[user:password@]HOST:PORT", "" },
    { WITH("\"connect_to\": {\"h\": \"10.0.0.1\"}"), "E-CFG-029", "connect_to: the address must be ADDRESS:PORT", "" },
    { WITH("\"status_listen\": \"9464\""), "E-CFG-029", "status_listen must be ADDRESS:PORT", "\"127.0.0.1:9464\"" },
    { WITH("\"status_listen\": \":9464\""), "E-CFG-029", "status_listen must be ADDRESS:PORT", "\"127.0.0.1:9464\"" },
    { WITH("\"log\": {\"log_message_content\": true}"), "E-CFG-026", "needs log.phi_logging_until", "" },
    { WITH("\"log\": {\"log_message_content\": true, \"phi_logging_until\": \"tomorrow\"}"), "E-CFG-026", "is no RFC 3339 time", "" },
    { WITH("\"log\": {\"log_message_content\": true, \"phi_logging_until\": \"2026-02-01T00:00:00Z\"}"), "E-CFG-026", "more than 24 hours ahead", "" },
    { WITH("\"lease\": {\"min_extension\": \"60s\", \"max_extension\": \"30s\"}"), "E-CFG-030", "lease.min_extension is longer than lease.max_extension", "" },
    { WITH("\"retry\": {\"backoff_initial\": \"1m\"}"), "E-CFG-030", "retry.backoff_initial is longer than retry.backoff_max", "" },
    { WITH("\"retry\": {\"max_retries\": 3}, \"retry_config\": {\"max_retries\": 4}"), "E-CFG-030", "are both given", "" },
    { WITH("\"min_num_workers\": 9, \"max_num_workers\": 3"), "E-CFG-030", "min_num_workers is larger than max_num_workers", "" },
    { WITH("\"auth\": {\"mode\": \"key\"}"), "E-CFG-034", "auth.mode is not one of", "" },
    { WITH("\"auth\": {\"mode\": \"token_file\"}"), "E-CFG-034", "auth.mode: token_file wants an absolute path", "" },
    { WITH("\"auth\": {\"allow_types\": [\"service_acount\"]}"), "E-CFG-019", "auth.allow_types holds something else", "\"service_account\"" },
};

static const struct {
    const char *source, *dest, *subscription, *code, *want, *meant;
} names[] = {
    { SOURCE_STORE, SOURCE_STORE, "projects/p/subscriptions/s", "E-CFG-023", "name the same store", "" },
    { "projects/p/locations/l/datasets/d/hl7v2Stores/src", DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021",
      "part 7 must be \"hl7V2Stores\"", "\"hl7V2Stores\"" },
    { "src", DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "part 1 must be \"projects\"", "" },
    { "/" SOURCE_STORE, DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "begins or ends with a slash", "" },
    { SOURCE_STORE "/messages", DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "goes on after the store's id", "" },
    { "https://healthcare.googleapis.com/v1/" SOURCE_STORE, DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "is a URL", "" },
    { "projects/<PROJECT>/locations/l/datasets/d/hl7V2Stores/src", DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "not one that Google allows", "" },
    { "projects//locations/l/datasets/d/hl7V2Stores/src", DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "is missing", "" },
    { "projects/p/locations/l/datasets/d/fhirStores/src", DEST_STORE, "projects/p/subscriptions/s", "E-CFG-021", "part 7 must be", "" },
    { SOURCE_STORE, DEST_STORE, "s", "E-CFG-022", "is only the last part of a name", "\"projects/p/subscriptions/s\"" },
    { SOURCE_STORE, DEST_STORE, "projects/p/topics/t", "E-CFG-022", "names a topic", "" },
    { SOURCE_STORE, DEST_STORE, "subscriptions/s", "E-CFG-022", "is not of the form", "" },
};

static void look(const char *text, const char *code, const char *want, const char *meant)
{
    struct conf_faults faults;
    struct config *c = fixture_read(text, NULL, &faults);
    CLEANUP(buf_fini) struct buf all = { 0 };
    bool found = false;
    for (size_t i = 0; i < faults.count; i++) {
        const struct conf_fault *f = &faults.at[i];
        found = found || (strcmp(conf_code_text(f->code), code) == 0 && strstr(f->text, want) != NULL && strstr(f->did_you_mean, meant) != NULL &&
                          (meant[0] != '\0' || f->did_you_mean[0] == '\0'));
        conf_fault_render(f, &all);
    }
    if (c != NULL || !found || faults.count > 2)
        fail_msg("wanted %s \"%s\" (%s), got:\n%s", code, want, meant, buf_str(&all));
}

static void each_gets_its_sentence(void **state UNUSED)
{
    assert_true(ARRAY_LEN(rows) + ARRAY_LEN(names) >= 60);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        look(rows[i].text, rows[i].code, rows[i].want, rows[i].meant);
}

static void names_get_theirs(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        buf_printf(&text, "{\"project_id\": \"p\", \"region\": \"r\", \"source_hl7v2_store\": \"%s\", \"dest_hl7v2_store\": \"%s\", "
                   "\"pubsub_subscription\": \"%s\"}", names[i].source, names[i].dest, names[i].subscription);
        look(buf_str(&text), names[i].code, names[i].want, names[i].meant);
    }
}

static void variables_get_theirs(void **state UNUSED)
{
    static const struct {
        const char *env[3], *code, *want;
    } variables[] = {
        { { "PUBSUB_EMULATOR_HOST=127.0.0.1:8085" }, "E-CFG-024", "Pub/Sub is the local cloud and Healthcare is not" },
        { { "HEALTHCARE_EMULATOR_HOST=127.0.0.1:8085" }, "E-CFG-024", "Healthcare is the local cloud and Pub/Sub is not" },
        { { "PUBSUB_EMULATOR_HOST=192.168.1.4:8085" }, "E-CFG-025", "the variable PUBSUB_EMULATOR_HOST is http:// to a host that is not loopback" },
        { { "PUBSUB_EMULATOR_HOST=127.0.0.1:x" }, "E-CFG-029", "does not name a host and port" },
        { { "HL7RELAY_FLOW_RATE_LIMIT=fast" }, "E-CFG-032", "HL7RELAY_FLOW_RATE_LIMIT: flow.rate_limit wants a number" },
    };
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        fixture_env = variables[i].env;
        look("{" FIVE "}", variables[i].code, variables[i].want, "");
        fixture_env = NULL;
    }
}

static void the_place_is_shown_and_values_are_masked(void **state UNUSED)
{
    struct conf_faults faults;
    assert_null(fixture_read("{\n  \"source_hl7_store\": \"projects/SECRET\", \"fetch_timeout_sec\": 5,\n" FIVE "}", NULL, &faults));
    CLEANUP(buf_fini) struct buf text = { 0 };
    conf_fault_render(&faults.at[0], &text);
    assert_bytes_equal(buf_bytes(&text), "error[E-CFG-014]: unknown key \"source_hl7_store\"\n"
                                         "  --> config.json:2:3\n"
                                         "   | 2 |   \"source_hl7_store\": \"...\", \"fetch_timeout_sec\": 5,\n"
                                         "  did you mean \"source_hl7v2_store\"?\n"
                                         "  fix   hl7relay help config lists every key\n"
                                         "  help  hl7relay help E-CFG-014\n");
    static const char *const leaks[] = {
        "{\"proxy\": \"http://u:SECRET@h:1\" x}", "{\"proxy\": http://u:SECRET@h}", "{\"proxy\": 'SECRET', }", "{\"proxy\": \"SECRET",
        "{ \"a\": 1 // SECRET\n}", "{\"allow_hosts\": [\"SECRET\", 1]}", "{\"proxy\": \"http://u:SECRET@h/x\"}", "{\"auth\": {\"mode\": \"SECRET\"}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(leaks); i++) {
        assert_null(fixture_read(leaks[i], NULL, &faults));
        for (size_t k = 0; k < faults.count; k++) {
            CLEANUP(buf_fini) struct buf shown = { 0 };
            conf_fault_render(&faults.at[k], &shown);
            if (strstr(buf_str(&shown), "SECRET") != NULL)
                fail_msg("%s shows a value: %s", leaks[i], buf_str(&shown));
        }
    }
}

static void every_code_has_its_words(void **state UNUSED)
{
    for (unsigned code = 0; code < CONF_CODES; code++) {
        assert_int_equal(strlen(conf_code_text(code)), 9);
        assert_true(strlen(conf_code_title(code)) > 5 && strlen(conf_code_fix(code)) > 5);
        for (unsigned other = 0; other < code; other++)
            assert_string_not_equal(conf_code_text(code), conf_code_text(other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_its_sentence),
        cmocka_unit_test(names_get_theirs),
        cmocka_unit_test(variables_get_theirs),
        cmocka_unit_test(the_place_is_shown_and_values_are_masked),
        cmocka_unit_test(every_code_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
