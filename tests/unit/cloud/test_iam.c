#include "cloud_fixture.h"

#include "cloud/iam.h"
#include "cloud/transcode.h"

/* SetIamPolicyRequest from the JSON of REST. */
static void set_request(struct buf *out, const char *resource, const char *json)
{
    struct err err = { 0 };
    if (!cloud_transcode_read(CLOUD_MESSAGE_set_policy, bytes_str(json), out, &err))
        fail_msg("%s", err.text);
    put(out, 1, resource);
}

static enum grpc_code set_policy(struct fixture *f, const char *resource, const char *json, struct buf *answer)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    CLEANUP(call_fini) struct call c;
    set_request(&request, resource, json);
    call_run(f, &c, cloud_pubsub_iam_set, buf_bytes(&request));
    buf_clear(answer);
    cloud_transcode_write(CLOUD_MESSAGE_policy, buf_bytes(&c.response), answer);
    return c.code;
}

static enum grpc_code get_policy(struct fixture *f, const char *resource, uint64_t version, struct buf *answer)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, options = { 0 };
    CLEANUP(call_fini) struct call c;
    put(&request, 1, resource);
    cloud_wire_put_uint(&options, 1, version);
    cloud_wire_put_bytes(&request, 2, buf_bytes(&options));
    call_run(f, &c, cloud_pubsub_iam_get, buf_bytes(&request));
    buf_clear(answer);
    cloud_transcode_write(CLOUD_MESSAGE_policy, buf_bytes(&c.response), answer);
    return c.code;
}

#define BINDING "{\"role\":\"roles/pubsub.publisher\",\"members\":[\"user:a@example.org\",\"allUsers\"]}"

static void test_a_policy_is_kept_with_its_etag(void **state UNUSED)
{
    struct fixture f;
    CLEANUP(buf_fini) struct buf first = { 0 }, second = { 0 };
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    assert_int_equal(get_policy(&f, TOPIC, 0, &first), GRPC_OK);
    assert_string_equal(buf_str(&first), "{\"etag\":\"ACAB\"}");
    assert_int_equal(set_policy(&f, TOPIC, "{\"policy\":{\"etag\":\"ACAB\",\"bindings\":[" BINDING "]}}", &first), GRPC_OK);
    assert_non_null(strstr(buf_str(&first), "\"version\":1,\"bindings\":[" BINDING "],\"etag\":\""));
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(get_policy(&f, TOPIC, 3, &second), GRPC_OK);
    assert_string_equal(buf_str(&second), buf_str(&first));
    /* An etag that is not the newest: nothing changes. */
    assert_int_equal(set_policy(&f, TOPIC, "{\"policy\":{\"etag\":\"ACAB\"}}", &second), GRPC_ABORTED);
    assert_int_equal(set_policy(&f, TOPIC, "{\"policy\":{}}", &second), GRPC_OK);
    assert_null(strstr(buf_str(&second), "bindings"));
    assert_string_not_equal(buf_str(&second), buf_str(&first));
    fixture_end(&f);
}

static void test_conditions_need_version_3(void **state UNUSED)
{
    static const char conditional[] = "{\"policy\":{\"version\":%d,\"bindings\":[{\"role\":\"roles/pubsub.viewer\",\"members\":"
                                      "[\"group:g@example.org\"],\"condition\":{\"title\":\"t\",\"expression\":\"true\"}}]}}";
    struct fixture f;
    char json[400];
    CLEANUP(buf_fini) struct buf answer = { 0 };
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    snprintf(json, sizeof(json), conditional, 1);
    assert_int_equal(set_policy(&f, TOPIC, json, &answer), GRPC_INVALID_ARGUMENT);
    snprintf(json, sizeof(json), conditional, 3);
    assert_int_equal(set_policy(&f, TOPIC, json, &answer), GRPC_OK);
    assert_non_null(strstr(buf_str(&answer), "\"version\":3"));
    assert_int_equal(get_policy(&f, TOPIC, 3, &answer), GRPC_OK);
    assert_non_null(strstr(buf_str(&answer), "\"condition\":{\"expression\":\"true\",\"title\":\"t\"}"));
    assert_int_equal(get_policy(&f, TOPIC, 1, &answer), GRPC_OK);
    assert_non_null(strstr(buf_str(&answer), "roles/pubsub.viewer_withcond_"));
    assert_null(strstr(buf_str(&answer), "condition\":"));
    assert_int_equal(get_policy(&f, TOPIC, 2, &answer), GRPC_INVALID_ARGUMENT);
    fixture_end(&f);
}

static void test_policies_that_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "{}", "{\"policy\":{\"version\":2}}", "{\"policy\":{\"bindings\":[{\"role\":\"owner\"}]}}",
        "{\"policy\":{\"bindings\":[{\"role\":\"roles/x\",\"members\":[\"a@example.org\"]}]}}"
    };
    struct fixture f;
    CLEANUP(buf_fini) struct buf answer = { 0 };
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(set_policy(&f, TOPIC, bad[i], &answer), GRPC_INVALID_ARGUMENT);
    assert_int_equal(set_policy(&f, SUB, "{\"policy\":{}}", &answer), GRPC_NOT_FOUND);
    assert_int_equal(get_policy(&f, "projects/p/nothing/abc", 0, &answer), GRPC_INVALID_ARGUMENT);
    fixture_end(&f);
}

static void test_a_policy_goes_with_its_resource(void **state UNUSED)
{
    struct fixture f;
    CLEANUP(buf_fini) struct buf answer = { 0 }, request = { 0 };
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    assert_int_equal(set_policy(&f, TOPIC, "{\"policy\":{\"bindings\":[" BINDING "]}}", &answer), GRPC_OK);
    put(&request, 1, TOPIC);
    assert_code(&f, GRPC_OK, cloud_topic_delete, &request);
    make_topic(&f, TOPIC);
    assert_int_equal(get_policy(&f, TOPIC, 0, &answer), GRPC_OK);
    assert_string_equal(buf_str(&answer), "{\"etag\":\"ACAB\"}");
    fixture_end(&f);
}

static void assert_granted(struct fixture *f, const char *resource, const char *permission, enum grpc_code code,
                           const char *granted)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    CLEANUP(call_fini) struct call c;
    put(&request, 1, resource);
    put(&request, 2, permission);
    call_run(f, &c, cloud_pubsub_iam_test, buf_bytes(&request));
    assert_int_equal(c.code, code);
    assert_bytes_equal(cloud_wire_find(buf_bytes(&c.response), 1), granted);
}

static void test_permissions(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    assert_granted(&f, TOPIC, "pubsub.topics.publish", GRPC_OK, "pubsub.topics.publish");
    assert_granted(&f, SUB, "pubsub.subscriptions.consume", GRPC_OK, "");    /* is not there: none, and no error */
    assert_granted(&f, TOPIC, "pubsub.topics.*", GRPC_INVALID_ARGUMENT, "");
    assert_granted(&f, TOPIC, "publish", GRPC_INVALID_ARGUMENT, "");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_policy_is_kept_with_its_etag),
        cmocka_unit_test(test_conditions_need_version_3),
        cmocka_unit_test(test_policies_that_are_refused),
        cmocka_unit_test(test_a_policy_goes_with_its_resource),
        cmocka_unit_test(test_permissions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
