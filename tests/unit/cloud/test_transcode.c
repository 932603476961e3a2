#include "unit.h"

#include "cloud/proto_wire.h"
#include "cloud/transcode.h"

/* JSON in, protobuf, JSON out. */
static void assert_round(enum cloud_message m, const char *in, const char *expected)
{
    CLEANUP(buf_fini) struct buf wire = { 0 }, out = { 0 };
    struct err err = { 0 };
    if (!cloud_transcode_read(m, bytes_str(in), &wire, &err))
        fail_msg("%s", err.text);
    cloud_transcode_write(m, buf_bytes(&wire), &out);
    assert_string_equal(buf_str(&out), expected);
}

static void assert_refused(enum cloud_message m, const char *in, const char *why)
{
    CLEANUP(buf_fini) struct buf wire = { 0 };
    struct err err = { 0 };
    assert_false(cloud_transcode_read(m, bytes_str(in), &wire, &err));
    if (strstr(err.text, why) == NULL)
        fail_msg("%s is not in: %s", why, err.text);
}

static void test_names_in_both_spellings(void **state UNUSED)
{
    static const char out[] = "{\"name\":\"n\",\"ackDeadlineSeconds\":20,\"enableMessageOrdering\":true}";
    assert_round(CLOUD_MESSAGE_subscription,
                 "{\"ackDeadlineSeconds\": 20, \"enableMessageOrdering\": true, \"name\": \"n\"}", out);
    assert_round(CLOUD_MESSAGE_subscription,
                 "{\"ack_deadline_seconds\": \"20\", \"enable_message_ordering\": true, \"name\": \"n\"}", out);
    assert_round(CLOUD_MESSAGE_empty, "", "{}");
    assert_round(CLOUD_MESSAGE_topic, "{\"labels\":{},\"tags\":{}}", "{}");    /* Node sends these always */
    assert_round(CLOUD_MESSAGE_topic, "{\"labels\":{\"a\":\"b\",\"c\":\"\"},\"name\":null}",
                 "{\"labels\":{\"a\":\"b\",\"c\":\"\"}}");
}

static void test_special_types(void **state UNUSED)
{
    assert_round(CLOUD_MESSAGE_subscription,
                 "{\"messageRetentionDuration\":\"1.500s\",\"expirationPolicy\":{\"ttl\":\"86400s\"},\"pushConfig\":{}}",
                 "{\"pushConfig\":{},\"messageRetentionDuration\":\"1.500000s\",\"expirationPolicy\":{\"ttl\":\"86400s\"}}");
    assert_round(CLOUD_MESSAGE_publish,
                 "{\"messages\":[{\"data\":\"aGk_\",\"attributes\":{\"k\":\"v\"}},{\"data\":\"aGk/\"},{}]}",
                 "{\"messages\":[{\"data\":\"aGk/\",\"attributes\":{\"k\":\"v\"}},{\"data\":\"aGk/\"},{}]}");
    assert_round(CLOUD_MESSAGE_pulled,
                 "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"publishTime\":\"2026-01-02T03:04:05.678Z\"}}]}",
                 "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"publishTime\":\"2026-01-02T03:04:05.678Z\"}}]}");
    CLEANUP(buf_fini) struct buf wire = { 0 };
    assert_true(cloud_transcode_read(CLOUD_MESSAGE_update_topic, BYTES_LIT("{\"updateMask\":\"labels,a.b\"}"), &wire,
                                     NULL));
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(buf_bytes(&wire), 2), 1), "a.b");
}

static void test_what_does_not_fit_is_refused(void **state UNUSED)
{
    assert_refused(CLOUD_MESSAGE_topic, "{\"nmae\":\"x\"}", "Unknown name \"nmae\": Cannot find field.");
    assert_refused(CLOUD_MESSAGE_update_topic, "{\"topic\":{\"nmae\":\"x\"}}", "Unknown name \"nmae\" at 'topic': Cannot");
    assert_refused(CLOUD_MESSAGE_publish, "{\"messages\":[{\"data\":\"!\"}]}", "Invalid value at 'messages.data'.");
    assert_refused(CLOUD_MESSAGE_set_policy, "{\"policy\":{\"auditConfigs\":[{\"auditLogConfigs\":[{\"logType\":\"NONE\"}]}]}}",
                   "'policy.auditConfigs.auditLogConfigs.logType'");
    assert_refused(CLOUD_MESSAGE_topic, "[]", "Payload isn't valid for request.");
    assert_refused(CLOUD_MESSAGE_topic, "{", "Payload isn't valid for request.");
    assert_refused(CLOUD_MESSAGE_topic, "{\"name\":3}", "'name'");
    assert_refused(CLOUD_MESSAGE_topic, "{\"labels\":{\"a\":1}}", "'labels'");
    assert_refused(CLOUD_MESSAGE_subscription, "{\"ackDeadlineSeconds\":\"ten\"}", "'ackDeadlineSeconds'");
    assert_refused(CLOUD_MESSAGE_subscription, "{\"messageRetentionDuration\":\"ten\"}", "'messageRetentionDuration'");
    assert_refused(CLOUD_MESSAGE_publish, "{\"messages\":{}}", "'messages'");
    assert_refused(CLOUD_MESSAGE_publish, "{\"messages\":[{\"data\":\"%\"}]}", "'messages.data'");
    assert_refused(CLOUD_MESSAGE_acknowledge, "{\"ackIds\":\"a\"}", "'ackIds'");
}

static void test_path_and_query_parameters(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf wire = { 0 };
    assert_true(cloud_transcode_read(CLOUD_MESSAGE_update_topic,
                                     BYTES_LIT("{\"topic\":{\"labels\":{\"a\":\"b\"}}}"), &wire, NULL));
    assert_true(cloud_transcode_read_field(CLOUD_MESSAGE_update_topic, "topic.name", BYTES_LIT("n"), &wire));
    struct bytes topic = cloud_wire_find(buf_bytes(&wire), 1);
    assert_bytes_equal(cloud_wire_find(topic, 1), "n");
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(topic, 2), 1), "a");
    buf_clear(&wire);
    assert_true(cloud_transcode_read_field(CLOUD_MESSAGE_list_project, "pageSize", BYTES_LIT("7"), &wire));
    assert_int_equal(cloud_wire_find_uint(buf_bytes(&wire), 2), 7);
    assert_false(cloud_transcode_read_field(CLOUD_MESSAGE_list_project, "$alt", BYTES_LIT("json"), &wire));
    assert_false(cloud_transcode_read_field(CLOUD_MESSAGE_list_project, "pageSize", BYTES_LIT("x"), &wire));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_in_both_spellings),
        cmocka_unit_test(test_special_types),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_path_and_query_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
