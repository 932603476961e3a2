#include "cloud_fixture.h"

static void assert_named(struct fixture *f, enum grpc_code code, cloud_unary_fn *fn, const char *name)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, name);
    assert_code(f, code, fn, &request);
}

static void test_topics_and_their_errors(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        fixture_make(&f, on_disk);
        assert_named(&f, GRPC_NOT_FOUND, cloud_topic_get, TOPIC);
        make_topic(&f, TOPIC);
        assert_named(&f, GRPC_OK, cloud_topic_get, TOPIC);
        assert_named(&f, GRPC_ALREADY_EXISTS, cloud_topic_create, TOPIC);
        static const char *const bad[] = {
            "projects/p/topics/ab", "projects/p/topics/1ab", "projects/p/topics/googly", "projects//topics/abc",
            "projects/p/topics/a b", "projects/p/subscriptions/abc", "topics/abc", "", "projects/p/topics/abc/d"
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
            assert_named(&f, GRPC_INVALID_ARGUMENT, cloud_topic_create, bad[i]);
        if (on_disk) {
            fixture_close(&f);
            fixture_open(&f);
        }
        assert_named(&f, GRPC_OK, cloud_topic_delete, TOPIC);
        assert_named(&f, GRPC_NOT_FOUND, cloud_topic_delete, TOPIC);
        assert_named(&f, GRPC_NOT_FOUND, cloud_topic_get, TOPIC);
        fixture_end(&f);
    }
}

static void test_two_creations_at_once(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, TOPIC);
    CLEANUP(call_fini) struct call a, b;
    call_start(&f, &a, cloud_topic_create, buf_bytes(&request));
    call_start(&f, &b, cloud_topic_create, buf_bytes(&request));
    assert_false(a.done || b.done);    /* nothing is said before it is durable */
    call_wait(&f, &a);
    call_wait(&f, &b);
    assert_int_equal(a.code, GRPC_OK);
    assert_int_equal(b.code, GRPC_ALREADY_EXISTS);
    fixture_end(&f);
}

static void test_a_subscription_is_answered_with_its_defaults(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    fixture_close(&f);
    fixture_open(&f);
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, SUB);
    CLEANUP(call_fini) struct call c;
    call_run(&f, &c, cloud_sub_get, buf_bytes(&request));
    struct bytes sub = buf_bytes(&c.response);
    us_t us = 0;
    assert_bytes_equal(cloud_wire_find(sub, 1), SUB);
    assert_bytes_equal(cloud_wire_find(sub, 2), TOPIC);
    assert_non_null(cloud_wire_find(sub, 4).ptr);
    assert_int_equal(cloud_wire_find_uint(sub, 5), 10);
    assert_true(cloud_wire_read_time(cloud_wire_find(sub, 8), &us) && us == 604800 * US_PER_S);
    assert_true(cloud_wire_read_time(cloud_wire_find(cloud_wire_find(sub, 11), 1), &us) && us == 2678400 * US_PER_S);
    assert_int_equal(cloud_wire_find_uint(sub, 19), 1);
    fixture_end(&f);
}

/* One field of Subscription, and how creating with it ends. */
static void assert_sub(struct fixture *f, enum grpc_code code, uint32_t number, struct bytes value, uint64_t n)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, "projects/p/subscriptions/odd");
    put(&request, 2, TOPIC);
    if (value.ptr != NULL)
        cloud_wire_put_bytes(&request, number, value);
    else
        cloud_wire_put_uint(&request, number, n);
    assert_code(f, code, cloud_sub_create, &request);
}

static void assert_sub_time(struct fixture *f, enum grpc_code code, uint32_t number, us_t us, bool within)
{
    CLEANUP(buf_fini) struct buf time = { 0 };
    cloud_wire_put_time(&time, within ? 1 : 99, us);
    assert_sub(f, code, number, within ? buf_bytes(&time) : cloud_wire_find(buf_bytes(&time), 99), 0);
}

static void test_subscriptions_that_are_refused(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    const struct bytes none = { 0 };
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 5, none, 9);
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 5, none, 601);
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 5, none, (uint64_t) -1);
    assert_sub(&f, GRPC_NOT_FOUND, 2, BYTES_LIT("projects/p/topics/none"), 0);
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 2, BYTES_LIT("projects/p/topics/1"), 0);
    assert_sub_time(&f, GRPC_INVALID_ARGUMENT, 8, 60 * US_PER_S, false);
    assert_sub_time(&f, GRPC_INVALID_ARGUMENT, 8, 32 * 86400 * US_PER_S, false);
    assert_sub_time(&f, GRPC_INVALID_ARGUMENT, 11, 86399 * US_PER_S, true);
    assert_sub_time(&f, GRPC_INVALID_ARGUMENT, 14, 601 * US_PER_S, true);
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 13, BYTES_LIT("\x10\x05"), 0);
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 4, BYTES_LIT("\x0a\x08gopher:/"), 0);
    assert_sub(&f, GRPC_INVALID_ARGUMENT, 9, BYTES_LIT("\x0a\x05UPPER\x12\x01x"), 0);
    assert_sub(&f, GRPC_UNIMPLEMENTED, 22, BYTES_LIT(""), 0);
    assert_sub(&f, GRPC_UNIMPLEMENTED, 27, BYTES_LIT(""), 0);
    assert_sub(&f, GRPC_UNIMPLEMENTED, 18, BYTES_LIT(""), 0);
    fixture_end(&f);
}

static void test_a_subscription_without_a_name_gets_one(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf request = { 0 };
    CLEANUP(call_fini) struct call a, b;
    put(&request, 2, TOPIC);
    call_run(&f, &a, cloud_sub_create, buf_bytes(&request));
    call_run(&f, &b, cloud_sub_create, buf_bytes(&request));
    assert_int_equal(b.code, GRPC_OK);
    struct bytes first = cloud_wire_find(buf_bytes(&a.response), 1), second = cloud_wire_find(buf_bytes(&b.response), 1);
    assert_true(cloud_pubsub_name_ok(first, "subscriptions") && bytes_starts(first, BYTES_LIT("projects/p/")));
    assert_false(bytes_eq(first, second));
    fixture_end(&f);
}

static void test_deleting_a_topic_leaves_its_subscriptions(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    publish(&f, "one");
    assert_named(&f, GRPC_OK, cloud_topic_delete, TOPIC);
    make_topic(&f, TOPIC);    /* the same name again is another topic */
    publish(&f, "not for the old subscription");
    fixture_close(&f);
    fixture_open(&f);
    struct cloud_sub *s = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB));
    assert_bytes_equal(s->conf.topic, "_deleted-topic_");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    idle(&f);
    assert_int_equal(t->count, 1);
    taker_free(t);
    fixture_end(&f);
}

static void test_lists_come_in_pages(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    static const char *const names[] = { "projects/p/topics/ccc", "projects/p/topics/aaa", "projects/p/topics/bbb",
                                         "projects/other/topics/aaa" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        make_topic(&f, names[i]);
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, "projects/p");
    cloud_wire_put_uint(&request, 2, 2);
    CLEANUP(call_fini) struct call first, second;
    call_run(&f, &first, cloud_topic_list, buf_bytes(&request));
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(buf_bytes(&first.response), 1), 1), names[2]);
    cloud_wire_put_text(&request, 3, cloud_wire_find(buf_bytes(&first.response), 2));
    call_run(&f, &second, cloud_topic_list, buf_bytes(&request));
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(buf_bytes(&second.response), 1), 1), names[0]);
    assert_int_equal(cloud_wire_find(buf_bytes(&second.response), 2).len, 0);
    fixture_end(&f);
}

static void test_updates_change_what_the_mask_names(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    CLEANUP(buf_fini) struct buf sub = { 0 }, request = { 0 }, mask = { 0 };
    put(&sub, 1, SUB);
    cloud_wire_put_uint(&sub, 5, 33);
    cloud_wire_put_pair(&sub, 9, BYTES_LIT("k"), BYTES_LIT("v"));
    cloud_wire_put_bytes(&request, 1, buf_bytes(&sub));
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_update, &request);    /* no mask */
    put(&mask, 1, "ack_deadline_seconds");
    cloud_wire_put_bytes(&request, 2, buf_bytes(&mask));
    CLEANUP(call_fini) struct call c;
    call_run(&f, &c, cloud_sub_update, buf_bytes(&request));
    assert_int_equal(c.code, GRPC_OK);
    assert_int_equal(cloud_wire_find_uint(buf_bytes(&c.response), 5), 33);
    assert_int_equal(cloud_wire_find(buf_bytes(&c.response), 9).len, 0);
    struct cloud_sub *s = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB));
    assert_int_equal(s->conf.ack_deadline_us, 33 * US_PER_S);
    put(&mask, 1, "topic");
    cloud_wire_put_bytes(&request, 2, buf_bytes(&mask));
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_update, &request);
    fixture_end(&f);
}

/* A message of one attribute (or none) and its fate. */
static void assert_publish(struct fixture *f, enum grpc_code code, struct bytes data, struct bytes key,
                           struct bytes value, struct bytes ordering_key)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, message = { 0 };
    put(&request, 1, TOPIC);
    cloud_wire_put_text(&message, 1, data);
    if (key.ptr != NULL)
        cloud_wire_put_pair(&message, 2, key, value);
    cloud_wire_put_text(&message, 5, ordering_key);
    cloud_wire_put_bytes(&request, 2, buf_bytes(&message));
    assert_code(f, code, cloud_topic_publish, &request);
}

static void test_the_limits_of_publish(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    const struct bytes none = { 0 }, data = BYTES_LIT("d"), k = BYTES_LIT("k"), v = BYTES_LIT("v");
    CLEANUP(mem_free_ptr) char *large = mem_alloc(11 << 20);
    memset(large, 'x', 11 << 20);
    assert_publish(&f, GRPC_OK, data, k, v, none);
    assert_publish(&f, GRPC_OK, none, k, v, none);
    assert_publish(&f, GRPC_OK, data, k, bytes_of(large, 1024), bytes_of(large, 1024));
    assert_publish(&f, GRPC_OK, bytes_of(large, 9999900), none, none, none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, bytes_of(large, 10000000), none, none, none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, none, none, none, none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, data, bytes_of(large, 257), v, none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, data, k, bytes_of(large, 1025), none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, data, BYTES_LIT("googly"), v, none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, data, k, BYTES_LIT("\xff"), none);
    assert_publish(&f, GRPC_INVALID_ARGUMENT, data, none, none, bytes_of(large, 1025));
    assert_publish(&f, GRPC_INVALID_ARGUMENT, bytes_of(large, 11 << 20), none, none, none);
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, TOPIC);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_topic_publish, &request);    /* no messages */
    const char *many[1001];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = "x";
    buf_clear(&request);
    publish_request(&request, many, 1001);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_topic_publish, &request);
    fixture_end(&f);
}

static void test_a_refused_batch_stores_nothing(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    CLEANUP(buf_fini) struct buf request = { 0 };
    publish_request(&request, (const char *const[]) { "good", "" }, 2);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_topic_publish, &request);
    struct taker *t = taker_make(&f, SUB, 0);
    idle(&f);
    assert_int_equal(t->count, 0);
    taker_free(t);
    fixture_end(&f);
}

static void test_bad_acknowledgements(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    CLEANUP(buf_fini) struct buf none = { 0 }, malformed = { 0 }, late = { 0 }, foreign = { 0 }, id = { 0 };
    put(&none, 1, SUB);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_acknowledge, &none);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_modify_deadline, &none);
    ack_request(&malformed, 2, "zzz");
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_acknowledge, &malformed);
    cloud_ack_id_write(&(struct cloud_ack_id) { .number = 77, .seq = 5 }, &id);
    ack_request(&foreign, 2, buf_str(&id));
    assert_code(&f, GRPC_OK, cloud_sub_acknowledge, &foreign);    /* well-formed and unknown: no error */
    ack_request(&late, 4, buf_str(&id));
    cloud_wire_put_uint(&late, 3, 601);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_modify_deadline, &late);
    fixture_end(&f);
}

static void test_a_pull_waits_for_a_message(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, SUB);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_pull, &request);    /* no max_messages */
    cloud_wire_put_uint(&request, 3, 10);
    CLEANUP(call_fini) struct call waiting, empty, gone;
    call_start(&f, &waiting, cloud_sub_pull, buf_bytes(&request));
    idle(&f);
    assert_false(waiting.done);
    publish(&f, "one");
    call_wait(&f, &waiting);
    struct bytes message = cloud_wire_find(cloud_wire_find(buf_bytes(&waiting.response), 1), 2);
    assert_bytes_equal(cloud_wire_find(message, 1), "one");
    assert_int_equal(cloud_wire_find(message, 3).len, 16);
    assert_true(cloud_wire_find(message, 4).len > 0);

    call_start(&f, &gone, cloud_sub_pull, buf_bytes(&request));
    gone.unary.gone = true;
    gone.unary.on_gone(&gone.unary);
    assert_true(gone.done);
    cloud_wire_put_uint(&request, 2, 1);
    call_run(&f, &empty, cloud_sub_pull, buf_bytes(&request));
    assert_int_equal(empty.code, GRPC_OK);
    assert_int_equal(empty.response.len, 0);
    fixture_end(&f);
}

static void test_a_pull_takes_what_is_there_up_to_its_maximum(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    for (int i = 0; i < 5; i++)
        publish(&f, "x");
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, SUB);
    cloud_wire_put_uint(&request, 3, 3);
    static const size_t expected[] = { 3, 2 };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        CLEANUP(call_fini) struct call c;
        call_run(&f, &c, cloud_sub_pull, buf_bytes(&request));
        size_t count = 0;
        struct cloud_wire w = cloud_wire_of(buf_bytes(&c.response));
        struct cloud_wire_field v;
        while (cloud_wire_next(&w, &v))
            count++;
        assert_int_equal(count, expected[i]);
    }
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_and_their_errors),
        cmocka_unit_test(test_two_creations_at_once),
        cmocka_unit_test(test_a_subscription_is_answered_with_its_defaults),
        cmocka_unit_test(test_subscriptions_that_are_refused),
        cmocka_unit_test(test_a_subscription_without_a_name_gets_one),
        cmocka_unit_test(test_deleting_a_topic_leaves_its_subscriptions),
        cmocka_unit_test(test_lists_come_in_pages),
        cmocka_unit_test(test_updates_change_what_the_mask_names),
        cmocka_unit_test(test_the_limits_of_publish),
        cmocka_unit_test(test_a_refused_batch_stores_nothing),
        cmocka_unit_test(test_bad_acknowledgements),
        cmocka_unit_test(test_a_pull_waits_for_a_message),
        cmocka_unit_test(test_a_pull_takes_what_is_there_up_to_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
