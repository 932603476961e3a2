#include "unit.h"

#include "pubsub/pubsub_codec.h"

#define B(lit) BYTES_LIT(lit)

static void the_first_request(void **state)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct pubsub_codec_open o = { B("s"), B("c"), 60, 1000, 300 };
    static const char want[] = "\x0a\x01s\x28\x3c\x32\x01" "c\x38\xe8\x07\x40\xac\x02\x50\x01";
    (void) state;
    pubsub_codec_open(&o, &out);
    assert_int_equal(out.len, sizeof(want) - 1);
    assert_memory_equal(out.ptr, want, sizeof(want) - 1);
}

static void acknowledgements(void **state)
{
    CLEANUP(buf_fini) struct buf ack = { 0 }, modack = { 0 }, nack = { 0 };
    (void) state;
    pubsub_codec_ack_head(B("s"), &ack);
    pubsub_codec_ack_id(B("a1"), &ack);
    pubsub_codec_ack_id(B("b"), &ack);
    assert_bytes_equal(buf_bytes(&ack), "\x0a\x01s\x12\x02" "a1\x12\x01" "b");
    pubsub_codec_modack_head(B("s"), 600, &modack);
    pubsub_codec_modack_id(B("a1"), &modack);
    assert_bytes_equal(buf_bytes(&modack), "\x0a\x01s\x18\xd8\x04\x22\x02" "a1");
    pubsub_codec_modack_head(B("s"), 0, &nack);
    pubsub_codec_modack_id(B("a"), &nack);
    assert_bytes_equal(buf_bytes(&nack), "\x0a\x01s\x22\x01" "a");
}

static void a_publish(void **state)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct pubsub_attribute attribute = { B("k"), B("v") };
    struct pubsub_message m[] = { { .data = B("d"), .ordering_key = B("o"), .attributes = &attribute,
                                    .attributes_count = 1 }, { .data = B("e") } };
    (void) state;
    pubsub_codec_publish(B("t"), m, 2, &out);
    assert_bytes_equal(buf_bytes(&out), "\x0a\x01t\x12\x0e\x0a\x01" "d\x12\x06\x0a\x01k\x12\x01v\x2a\x01o"
                                        "\x12\x03\x0a\x01" "e");
}

static void a_reply_with_everything(void **state)
{
    static const char reply[] =
        "\x0a\x2a"                                             /* received_messages, 42 bytes */
        "\x0a\x02" "a1"                                        /* ack_id */
        "\x12\x22"                                             /* message, 34 bytes */
        "\x0a\x01" "d\x12\x06\x0a\x01k\x12\x01v\x1a\x02id"     /* data, attributes, message_id */
        "\x22\x0c\x08\x80\xe2\xcf\xaa\x06\x10\x80\xca\xb5\xee\x01"    /* publish_time 1700000000.5 */
        "\x2a\x03key"                                          /* ordering_key */
        "\x18\x05"                                             /* delivery_attempt */
        "\x7a\x01x\x48\x07\x5d\x01\x02\x03\x04\x61\x01\x02\x03\x04\x05\x06\x07\x08"    /* unknown fields of each kind */
        "\x22\x04\x08\x01\x10\x01"                             /* properties: both */
        "\x2a\x03\x0a\x01z\x1a\x03\x12\x01z"                   /* confirmations */
        "\x0a\x03\x0a\x01" "b";                                /* a second delivery, bare */
    struct pubsub_codec_reply r;
    struct pubsub_delivery d;
    (void) state;
    assert_true(pubsub_codec_reply(bytes_of(reply, sizeof(reply) - 1), &r));
    assert_int_equal(r.deliveries, 2);
    assert_true(r.has_properties && r.exactly_once && r.ordered);
    assert_true(pubsub_codec_delivery(&r, &d));
    assert_bytes_equal(d.ack_id, "a1");
    assert_bytes_equal(d.data, "d");
    assert_bytes_equal(d.message_id, "id");
    assert_bytes_equal(d.ordering_key, "key");
    assert_int_equal(d.attempt, 5);
    assert_int_equal(d.published_wall_us, 1700000000500000);
    assert_true(pubsub_codec_delivery(&r, &d));
    assert_bytes_equal(d.ack_id, "b");
    assert_int_equal(d.data.len + d.message_id.len + d.ordering_key.len, 0);
    assert_int_equal(d.attempt, 0);
    assert_false(pubsub_codec_delivery(&r, &d));
}

static void an_empty_reply_is_one(void **state)
{
    struct pubsub_codec_reply r;
    struct pubsub_delivery d;
    (void) state;
    assert_true(pubsub_codec_reply(bytes_of(NULL, 0), &r));
    assert_int_equal(r.deliveries, 0);
    assert_false(r.has_properties);
    assert_false(pubsub_codec_delivery(&r, &d));
    assert_true(pubsub_codec_reply(B("\x22\x00"), &r));
    assert_true(r.has_properties && !r.exactly_once && !r.ordered);
}

static void broken_replies_are_refused(void **state)
{
    static const struct bytes rows[] = {
        { "\x0a", 1 }, { "\x0a\x05\x0a", 3 }, { "\x0a\x02\x0a\x05", 4 }, { "\x08\x01", 2 }, { "\x20\x01", 2 },
        { "\x0a\x02\x08\x01", 4 }, { "\x0a\x03\x1a\x01x", 5 }, { "\x0a\x04\x12\x02\x08\x01", 6 },
        { "\x0a\x05\x12\x03\x22\x01\x08", 7 }, { "\x0a\x06\x12\x04\x12\x02\x08\x01", 8 }, { "\x03", 1 }, { "\x0b\x0c", 2 },
        { "\x00\x00", 2 }, { "\x0f", 1 }, { "\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, { "\x48\x80", 2 },
        { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, { "\x61\x01\x02", 3 }, { "\x5d\x01", 2 },
        { "\x22\x02\x0a\x00", 4 }, { "\x2a\x02\x08\x01", 4 },
    };
    struct pubsub_codec_reply r;
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (pubsub_codec_reply(rows[i], &r))
            fail_msg("accepted: row %zu", i);
}

static void a_time_out_of_range_is_not_told(void **state)
{
    struct pubsub_codec_reply r;
    struct pubsub_delivery d;
    (void) state;
    /* seconds = 2^63 - 1 */
    assert_true(pubsub_codec_reply(B("\x0a\x0e\x12\x0c\x22\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), &r));
    assert_true(pubsub_codec_delivery(&r, &d));
    assert_int_equal(d.published_wall_us, 0);
}

static void a_subscription_is_read(void **state)
{
    static const char message[] =
        "\x0a\x01s\x12\x01t\x28\x14\x38\x01\x42\x04\x08\x80\xf5\x24\x50\x01\x6a\x05\x0a\x01" "d\x10\x05\x78\x01\x80\x01\x01";
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct topic_admin_subscription sub;
    (void) state;
    struct pubsub_cold *c = pubsub_cold_subscription(bytes_of(message, sizeof(message) - 1), &sub);
    assert_non_null(c);
    assert_bytes_equal(sub.name, "s");
    assert_bytes_equal(sub.topic, "t");
    assert_bytes_equal(sub.dead_letter_topic, "d");
    assert_int_equal(sub.dead_letter_attempts, 5);
    assert_int_equal(sub.ack_deadline_s, 20);
    assert_int_equal(sub.retention_us, 604800 * US_PER_S);
    assert_true(sub.exactly_once && sub.ordered && sub.detached && sub.retain_acked);
    sub.detached = false;
    pubsub_codec_subscription(&sub, &out);
    assert_bytes_equal(buf_bytes(&out), "\x0a\x01s\x12\x01t\x28\x14\x38\x01\x42\x04\x08\x80\xf5\x24\x50\x01"
                                        "\x6a\x05\x0a\x01" "d\x10\x05\x80\x01\x01");
    pubsub_cold_free(c);
    assert_null(pubsub_cold_subscription(B("\x0a"), &sub));
}

static unsigned permanent_count, transient_count;

static void on_ack_error(void *ctx, struct bytes ack_id, bool permanent)
{
    assert_ptr_equal(ctx, &permanent_count);
    assert_int_equal(ack_id.len, 1);
    *(permanent ? &permanent_count : &transient_count) += 1;
}

static void details_of_a_failed_call(void **state)
{
    CLEANUP(buf_fini) struct buf info = { 0 }, any = { 0 }, status = { 0 };
    bool found = false;
    (void) state;
    buf_append(&info, B("\x0a\x1a" "EXACTLY_ONCE_ACKID_FAILURE\x12\x01p"));
    buf_append(&info, B("\x1a\x25\x0a\x01" "a\x12\x20PERMANENT_FAILURE_INVALID_ACK_ID"));
    buf_append(&info, B("\x1a\x10\x0a\x01" "b\x12\x0bTRANSIENT_X"));
    buf_append(&any, B("\x0a\x28type.googleapis.com/google.rpc.ErrorInfo\x12"));
    buf_append_char(&any, (char) info.len);
    buf_append(&any, buf_bytes(&info));
    buf_append(&status, B("\x08\x03\x12\x01m\x1a"));
    buf_append_char(&status, (char) (any.len | 0x80));
    buf_append_char(&status, (char) (any.len >> 7));
    buf_append(&status, buf_bytes(&any));
    /* RetryInfo { retry_delay { seconds 3, nanos 500000000 } } */
    buf_append(&status, B("\x1a\x36\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
                          "\x12\x0a\x0a\x08\x08\x03\x10\x80\xca\xb5\xee\x01"));
    us_t wait_us = pubsub_cold_details(buf_bytes(&status), on_ack_error, &permanent_count, &found);
    assert_true(found);
    assert_int_equal(permanent_count, 1);
    assert_int_equal(transient_count, 1);
    assert_int_equal(wait_us, 3500000);
    assert_int_equal(pubsub_cold_details(B("\xff"), NULL, NULL, &found), 0);
    assert_false(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_request),
        cmocka_unit_test(acknowledgements),
        cmocka_unit_test(a_publish),
        cmocka_unit_test(a_reply_with_everything),
        cmocka_unit_test(an_empty_reply_is_one),
        cmocka_unit_test(broken_replies_are_refused),
        cmocka_unit_test(a_time_out_of_range_is_not_told),
        cmocka_unit_test(a_subscription_is_read),
        cmocka_unit_test(details_of_a_failed_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
