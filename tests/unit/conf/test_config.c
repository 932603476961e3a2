#include "config_fixture.h"

static const char python_config[] =
    "{\n  \"project_id\": \"my-proj\",\n  \"region\": \"us-central1\",\n"
    "  \"source_hl7v2_store\": \"" SOURCE_STORE "\",\n"
    "  \"dest_hl7v2_store\": \"" DEST_STORE "\",\n"
    "  \"pubsub_subscription\": \"projects/my-proj/subscriptions/hl7\",\n"
    "  \"staging_location\": \"gs://b/staging\",\n  \"temp_location\": \"gs://b/temp\",\n  \"setup_file\": \"./setup.py\",\n"
    "  \"worker_machine_type\": \"n1-highmem-16\",\n  \"min_num_workers\": 1,\n  \"max_num_workers\": 100,\n"
    "  \"executor_max_workers\": 4,\n  \"fetch_timeout_sec\": 400,\n  \"ingest_timeout_sec\": 300,\n"
    "  \"retry_config\": { \"max_retries\": 7, \"backoff_base\": 3, \"max_wait_time\": 40 }\n}\n";

static void the_python_pipelines_file_unchanged(void **state UNUSED)
{
    struct conf_faults faults;
    struct config *c = fixture_read(python_config, NULL, &faults);
    assert_non_null(c);
    assert_int_equal(c->attempts_max, 7);
    assert_true(c->backoff_factor == 3);
    assert_int_equal(c->backoff_max_us, 40 * US_PER_S);
    assert_int_equal(c->backoff_initial_us, US_PER_S);
    assert_int_equal(c->fetch_timeout_us, 400 * US_PER_S);
    assert_int_equal(c->ingest_timeout_us, 300 * US_PER_S);
    assert_int_equal(c->attempt_timeout_us, 60 * US_PER_S);
    assert_bytes_equal(c->source.store, "src");
    assert_bytes_equal(c->dest.dataset, "d");
    assert_string_equal(c->runner, "direct");
    assert_true(c->credentials && c->pubsub.tls && c->healthcare.port == 443);
    assert_string_equal(c->healthcare.host, "healthcare.googleapis.com");
    assert_int_equal(c->sink, CONF_SINK_FILE);
    assert_string_equal(c->sink_dir, "/var/lib/hl7relay/dead");
    unsigned no_effect = 0, differ = 0;
    for (size_t i = 0; i < c->notes_count; i++) {
        no_effect += c->notes[i].kind == CONF_NOTE_NO_EFFECT;
        differ += c->notes[i].kind == CONF_NOTE_DEFAULT_DIFFERS;
    }
    assert_int_equal(no_effect, 8);
    assert_true(differ >= 2);
    config_free(c);
}

static void defaults_without_retry_config(void **state UNUSED)
{
    struct conf_faults faults;
    struct config *c = fixture_read("{" FIVE "}", NULL, &faults);
    assert_non_null(c);
    assert_int_equal(c->attempts_max, 8);
    assert_int_equal(c->backoff_initial_us, 250000);
    assert_int_equal(c->backoff_max_us, 32 * US_PER_S);
    assert_int_equal(c->give_up_after_us, 15 * US_PER_MIN);
    assert_int_equal(c->flow_max_body_bytes, 256 << 20);
    assert_true(c->copy_labels && c->log_per_message && !c->log_message_content);
    assert_string_equal(c->status_host, "127.0.0.1");
    assert_int_equal(c->status_port, 9464);
    assert_int_equal(c->notes_count, 1);    /* region */
    assert_string_equal(c->sink_dir, "/var/lib/hl7relay/dead");
    config_free(c);
}

/* The reference example: every group, all at once. */
static void every_group(void **state UNUSED)
{
    static const char text[] =
        "{" FIVE ", \"runner\": \"DirectRunner\", \"streaming\": true, \"job_name\": \"hl7v2-to-hl7v2\", \"labels\": {}, \"experiments\": [],\n"
        "\"source_store_aliases\": [\"projects/123/locations/l/datasets/d/hl7V2Stores/src\"],\n"
        "\"flow\": { \"max_outstanding_messages\": 100, \"max_outstanding_bytes\": \"1MiB\", \"max_body_bytes\": \"64MiB\","
        " \"max_concurrency\": 32, \"rate_limit\": 0 },\n"
        "\"lease\": { \"min_extension\": \"10s\", \"max_extension\": \"600s\", \"max_hold\": \"60m\" },\n"
        "\"retry\": { \"timeout\": \"30s\", \"max_retries\": 3, \"give_up_after\": \"1m\", \"backoff_initial\": \"10ms\", \"backoff_max\": \"1s\" },\n"
        "\"dead_letter\": { \"sink\": \"file:///tmp/dead\", \"topic\": \"\", \"subscription\": \"\", \"kept_volume\": false,"
        " \"include_body\": false, \"storm_guard\": { \"window\": 1000, \"ratio\": 0.01, \"min\": 20 } },\n"
        "\"auth\": { \"mode\": \"token_file:/run/token\", \"allow_types\": [\"service_account\"], \"quota_project\": \"q\" },\n"
        "\"tls\": { \"ca_file\": \"\" }, \"allow_hosts\": [], \"proxy\": \"http://u:s3cret@proxy.local:3128\",\n"
        "\"pubsub_endpoint\": \"\", \"healthcare_endpoint\": \"\", \"connect_to\": { \"healthcare.googleapis.com\": \"10.0.0.2:443\" },\n"
        "\"status_listen\": \"[::1]:0\", \"metrics\": { \"prometheus\": true },\n"
        "\"log\": { \"format\": \"json\", \"level\": \"warning\", \"per_message\": false, \"log_message_content\": true,"
        " \"phi_logging_until\": \"2026-01-01T12:00:00Z\" },\n"
        "\"state_dir\": \"/tmp/state\", \"shutdown\": { \"drain_timeout\": \"20s\" } }";
    struct conf_faults faults;
    struct config *c = fixture_read(text, NULL, &faults);
    if (c == NULL)
        fail_msg("%s", faults.at[0].text);
    assert_int_equal(c->attempts_max, 3);
    assert_int_equal(c->aliases_count, 1);
    assert_bytes_equal(c->aliases[0].project, "123");
    assert_string_equal(c->healthcare.connect_to, "10.0.0.2:443");
    assert_string_equal(c->pubsub.connect_to, "");
    assert_string_equal(c->proxy, "http://u:s3cret@proxy.local:3128");
    assert_string_equal(c->status_host, "::1");
    assert_int_equal(c->content_until_us, (us_t) 1767225600 * US_PER_S + 12 * 60 * US_PER_MIN);
    assert_string_equal(c->connect_to.key[0], "healthcare.googleapis.com");
    assert_int_equal(opt_get(c->values, OPT_flow_max_concurrency)->line, 6);
    config_free(c);
}

static void flag_over_environment_over_file(void **state UNUSED)
{
    static const char *const env[] = { "HL7RELAY_FLOW_RATE_LIMIT=7", "HL7RELAY_LOG_LEVEL=debug", "HL7RELAY_SERVICE_HOST=10.0.0.1", NULL };
    struct opt_values *flags = opt_values_make();
    struct err err;
    struct conf_faults faults;
    opt_set_text(flags, OPT_log_level, OPT_FROM_FLAG, BYTES_LIT("error"), &err);
    opt_set_text(flags, OPT_set, OPT_FROM_FLAG, BYTES_LIT("lease.max_hold=5m"), &err);
    fixture_env = env;
    struct config *c = fixture_read("{" FIVE ", \"flow\": {\"rate_limit\": 1}, \"log\": {\"level\": \"info\"}}", flags, &faults);
    fixture_env = NULL;
    opt_values_free(flags);
    assert_non_null(c);
    assert_true(c->flow_rate_limit == 7);
    assert_string_equal(c->log_level, "error");
    assert_int_equal(c->lease_max_hold, 5 * US_PER_MIN);
    config_free(c);
}

static void the_local_cloud_by_variables_or_keys(void **state UNUSED)
{
    static const char *const env[] = { "PUBSUB_EMULATOR_HOST=127.0.0.1:8085", "HEALTHCARE_EMULATOR_HOST=http://localhost:8086", NULL };
    struct conf_faults faults;
    fixture_env = env;
    struct config *c = fixture_read("{" FIVE "}", NULL, &faults);
    fixture_env = NULL;
    assert_non_null(c);
    assert_true(c->pubsub.local && c->healthcare.local && !c->credentials && !c->pubsub.tls);
    assert_string_equal(c->healthcare.host, "localhost");
    assert_int_equal(c->healthcare.port, 8086);
    config_free(c);
    c = fixture_read("{" FIVE ", \"pubsub_endpoint\": \"https://eu-pubsub.googleapis.com\", \"healthcare_endpoint\": "
                     "\"https://hc.internal:8443/\", \"allow_hosts\": [\"hc.internal\"]}", NULL, &faults);
    assert_non_null(c);
    assert_true(c->credentials && c->healthcare.tls && c->healthcare.port == 8443);
    config_free(c);
}

static void an_end_of_content_logging_that_passed_turns_it_off(void **state UNUSED)
{
    struct conf_faults faults;
    struct config *c = fixture_read("{" FIVE ", \"log\": {\"log_message_content\": true, \"phi_logging_until\": \"2025-12-31T00:00:00Z\"}}",
                                    NULL, &faults);
    assert_non_null(c);
    assert_int_equal(c->content_until_us, 0);
    assert_int_equal(c->notes[c->notes_count - 1].kind, CONF_NOTE_PHI_ENDED);
    config_free(c);
}

static void keys_that_need_a_restart(void **state UNUSED)
{
    struct conf_faults faults;
    struct config *a = fixture_read("{" FIVE "}", NULL, &faults);
    struct config *b = fixture_read("{" FIVE ", \"status_listen\": \"127.0.0.1:1\", \"flow\": {\"rate_limit\": 2}}", NULL, &faults);
    const char *names[4];
    assert_int_equal(config_restart_keys(a, b, names, 4), 1);
    assert_string_equal(names[0], "status_listen");
    config_free(a);
    config_free(b);
}

static void a_file_that_is_not_there(void **state UNUSED)
{
    struct conf_input in = { .path = "/nonexistent/config.json" };
    struct conf_faults faults;
    struct err err;
    assert_null(config_load(&in, &faults, &err));
    assert_int_equal(faults.at[0].code, CONF_NO_FILE);
    assert_string_equal(err.text, "/nonexistent/config.json cannot be opened: No such file or directory");
    in.path = NULL;
    assert_null(config_load(&in, &faults, &err));
    assert_int_equal(faults.at[0].code, CONF_NO_PATH);
    in.path = "/";
    assert_null(config_load(&in, &faults, &err));
    assert_int_equal(faults.at[0].code, CONF_NO_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_python_pipelines_file_unchanged),
        cmocka_unit_test(defaults_without_retry_config),
        cmocka_unit_test(every_group),
        cmocka_unit_test(flag_over_environment_over_file),
        cmocka_unit_test(the_local_cloud_by_variables_or_keys),
        cmocka_unit_test(an_end_of_content_logging_that_passed_turns_it_off),
        cmocka_unit_test(keys_that_need_a_restart),
        cmocka_unit_test(a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
