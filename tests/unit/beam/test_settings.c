#include "config_fixture.h"

#include "beam/settings.h"

static const char text[] =
    "{" FIVE ", \"runner\": \"PrismRunner\", \"job_name\": \"copy\", \"environment_type\": \"EXTERNAL\", \"environment_config\": \"h:1\",\n"
    "\"staging_location\": \"gs://bkt/s\", \"status_listen\": \"127.0.0.1:0\", \"proxy\": \"http://u:s3cret@proxy.local:3128\",\n"
    "\"flow\": {\"max_body_bytes\": \"64MiB\", \"rate_limit\": 12.5}, \"copy_labels\": false,\n"
    "\"retry_config\": {\"max_retries\": 7, \"backoff_base\": 3},\n"
    "\"dead_letter\": {\"sink\": \"none\", \"storm_guard\": {\"min\": 30}},\n"
    "\"auth\": {\"mode\": \"metadata\", \"allow_types\": [\"metadata\"]}, \"connect_to\": {\"pubsub.googleapis.com\": \"10.0.0.2:443\"},\n"
    "\"lease\": {\"max_hold\": \"5m\"} }";

static struct config *travel(const char *from, struct buf *out)
{
    struct conf_faults faults;
    struct config *before = fixture_read(from, NULL, &faults);
    assert_non_null(before);
    struct json_writer w = json_write_to(out);
    settings_write(before, &w, NULL);
    config_free(before);
    fixture_env = NULL;
    struct config *after = fixture_read(buf_str(out), NULL, &faults);
    if (after == NULL)
        fail_msg("%s in %s", faults.at[0].text, buf_str(out));
    return after;
}

static void what_was_given_arrives(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct config *c = travel(text, &out);
    assert_string_equal(c->source.name, SOURCE_STORE);
    assert_string_equal(c->pubsub_subscription, "projects/p/subscriptions/s");
    assert_int_equal(c->flow_max_body_bytes, 64 << 20);
    assert_true(c->flow_rate_limit == 12.5 && !c->copy_labels && c->backoff_factor == 3);
    assert_int_equal(c->attempts_max, 7);
    assert_int_equal(c->dead_letter_storm_guard_min, 30);
    assert_int_equal(c->sink, CONF_SINK_NONE);
    assert_string_equal(c->auth_mode, "metadata");
    assert_int_equal(c->auth_allow_types.count, 1);
    assert_string_equal(c->pubsub.connect_to, "10.0.0.2:443");
    assert_int_equal(c->lease_max_hold, 5 * US_PER_MIN);
    assert_true(c->direct && c->credentials);
    config_free(c);
}

static void secrets_and_the_runners_keys_stay_here(void **state UNUSED)
{
    static const char *const absent[] = { "s3cret", "proxy", "runner", "job_name", "environment", "gs://", "status_listen" };
    CLEANUP(buf_fini) struct buf out = { 0 };
    config_free(travel(text, &out));
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        assert_null(strstr(buf_str(&out), absent[i]));
}

static void defaults_do_not_travel(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    config_free(travel("{" FIVE ", \"dead_letter\": {\"sink\": \"none\"}}", &out));
    assert_null(strstr(buf_str(&out), "retry"));
    assert_null(strstr(buf_str(&out), "endpoint"));
}

static void the_local_cloud_goes_along(void **state UNUSED)
{
    static const char *const env[] = { "PUBSUB_EMULATOR_HOST=127.0.0.1:8085", "HEALTHCARE_EMULATOR_HOST=[::1]:8086", NULL };
    CLEANUP(buf_fini) struct buf out = { 0 };
    fixture_env = env;
    struct config *c = travel("{" FIVE ", \"dead_letter\": {\"sink\": \"none\"}}", &out);
    assert_true(c->pubsub.local && c->healthcare.local && !c->credentials);
    assert_int_equal(c->pubsub.port, 8085);
    assert_string_equal(c->healthcare.host, "::1");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_given_arrives),
        cmocka_unit_test(secrets_and_the_runners_keys_stay_here),
        cmocka_unit_test(defaults_do_not_travel),
        cmocka_unit_test(the_local_cloud_goes_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
