#include "fake_grpc.h"

#include "base/limits.h"
#include "pubsub/ack_batch.h"
#include "pubsub/publisher.h"
#include "pubsub/topic_admin.h"

static struct loop *loop;
static struct ack_batch *acks;
static struct ack_result result[1000];
static unsigned results;

static void on_results(void *ctx, const struct ack_result *r, size_t count)
{
    (void) ctx;
    assert_true(results + count <= ARRAY_LEN(result));
    memcpy(result + results, r, count * sizeof(*r));
    results += (unsigned) count;
}

static int setup(void **state)
{
    struct err err;
    (void) state;
    loop = loop_make(&err);
    struct ack_batch_conf conf = { .endpoint = { .loop = loop }, .subscription = BYTES_LIT("s"),
                                   .gather_us = 10 * US_PER_MS, .timeout_us = 10 * US_PER_S };
    fake_pass(loop, 0);
    acks = ack_batch_make(&conf, on_results, NULL);
    results = 0;
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    ack_batch_free(acks);
    loop_free(loop);
    fake_fini();
    return 0;
}

static struct slot_id lease(uint32_t n)
{
    return (struct slot_id) { n, 1 };
}

static void ids_are_gathered_for_ten_milliseconds(void **state)
{
    unsigned before = fake_calls;
    (void) state;
    ack_batch_ack(acks, lease(1), BYTES_LIT("a"));
    fake_pass(loop, 9 * US_PER_MS);
    ack_batch_ack(acks, lease(2), BYTES_LIT("b"));
    assert_int_equal(fake_calls, before);
    fake_pass(loop, US_PER_MS);
    assert_int_equal(fake_calls, before + 1);
    assert_string_equal(fake_last()->method, "/google.pubsub.v1.Subscriber/Acknowledge");
    assert_bytes_equal(buf_bytes(&fake_last()->sent[0]), "\x0a\x01s\x12\x01" "a\x12\x01" "b");
    assert_int_equal(results, 0);
    assert_int_equal(ack_batch_open(acks), 2);
    fake_answer(fake_last(), bytes_of("", 0));
    assert_int_equal(results, 2);
    assert_int_equal(result[0].lease.slot, 1);
    assert_int_equal(result[1].lease.slot, 2);
    assert_int_equal(result[1].answer.class, ERR_OK);
    assert_int_equal(result[1].op, ACK_DONE);
    assert_int_equal(ack_batch_open(acks), 0);
}

static void a_full_batch_leaves_at_once(void **state)
{
    unsigned before = fake_calls;
    (void) state;
    for (uint32_t i = 0; i < LIMIT_ACK_BATCH + 1; i++)
        ack_batch_ack(acks, lease(i), BYTES_LIT("id"));
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 1);
    fake_answer(fake_last(), bytes_of("", 0));
    assert_int_equal(results, LIMIT_ACK_BATCH);
}

static void requests_stay_below_their_limit(void **state)
{
    static char id[LIMIT_ACK_ID_LEN];
    (void) state;
    memset(id, 'x', sizeof(id));
    for (uint32_t i = 0; i < 700; i++)
        ack_batch_release(acks, lease(i), bytes_of(id, sizeof(id)));
    unsigned before = fake_calls;
    ack_batch_flush(acks);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 7);
    for (unsigned i = before; i < fake_calls; i++)
        assert_true(fake_call[i % FAKE_CALLS].sent[0].len <= LIMIT_ACK_REQUEST_BYTES);
}

static void extensions_of_one_length_go_together(void **state)
{
    unsigned before = fake_calls;
    (void) state;
    ack_batch_extend(acks, lease(1), BYTES_LIT("a"), 60);
    ack_batch_extend(acks, lease(2), BYTES_LIT("b"), 30);
    ack_batch_extend(acks, lease(3), BYTES_LIT("c"), 60);
    ack_batch_release(acks, lease(4), BYTES_LIT("d"));
    us_t asked = fake_now;
    ack_batch_flush(acks);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 3);
    for (unsigned i = before; i < before + 3; i++)
        assert_string_equal(fake_call[i % FAKE_CALLS].method, "/google.pubsub.v1.Subscriber/ModifyAckDeadline");
    fake_now += 2 * US_PER_S;
    for (unsigned i = before; i < before + 3; i++)
        fake_answer(&fake_call[i % FAKE_CALLS], bytes_of("", 0));
    assert_int_equal(results, 4);
    for (unsigned i = 0; i < 4; i++) {
        if (result[i].lease.slot == 1)
            assert_int_equal(result[i].until_us, asked + 60 * US_PER_S);
        if (result[i].lease.slot == 2)
            assert_int_equal(result[i].until_us, asked + 30 * US_PER_S);
        if (result[i].lease.slot == 4)
            assert_int_equal(result[i].until_us, 0);
    }
}

static void a_failed_call_fails_each_id(void **state)
{
    (void) state;
    ack_batch_ack(acks, lease(1), BYTES_LIT("a"));
    ack_batch_flush(acks);
    fake_pass(loop, 0);
    fake_end(fake_last(), GRPC_UNAVAILABLE, bytes_of(NULL, 0));
    assert_int_equal(results, 1);
    assert_int_equal(result[0].answer.class, ERR_TRANSIENT);
    assert_int_equal(result[0].answer.grpc, GRPC_UNAVAILABLE);
}

static void exactly_once_fails_by_id(void **state)
{
    /* Status { details: ErrorInfo { reason, metadata { a: PERMANENT_X, b: TRANSIENT_X } } } */
    static const char details[] = "\x1a\x6e\x0a\x28type.googleapis.com/google.rpc.ErrorInfo\x12\x42"
                                  "\x0a\x1a" "EXACTLY_ONCE_ACKID_FAILURE"
                                  "\x1a\x12\x0a\x01" "a\x12\x0dPERMANENT_XXX"
                                  "\x1a\x10\x0a\x01" "b\x12\x0bTRANSIENT_X";
    (void) state;
    ack_batch_ack(acks, lease(1), BYTES_LIT("a"));
    ack_batch_ack(acks, lease(2), BYTES_LIT("b"));
    ack_batch_ack(acks, lease(3), BYTES_LIT("c"));
    ack_batch_flush(acks);
    fake_pass(loop, 0);
    fake_end(fake_last(), GRPC_INVALID_ARGUMENT, bytes_of(details, sizeof(details) - 1));
    assert_int_equal(results, 3);
    assert_int_equal(result[0].answer.class, ERR_LOST_LEASE);
    assert_int_equal(result[1].answer.class, ERR_TRANSIENT);
    assert_int_equal(result[2].answer.class, ERR_TRANSIENT);
    assert_int_equal(result[2].answer.reach, MAYBE_APPLIED);
}

static void an_id_that_is_none_is_answered_later(void **state)
{
    static char id[LIMIT_ACK_ID_LEN + 1];
    (void) state;
    ack_batch_ack(acks, lease(9), bytes_of(id, sizeof(id)));
    ack_batch_extend(acks, lease(8), bytes_of("", 0), 10);
    assert_int_equal(results, 0);
    fake_pass(loop, 0);
    assert_int_equal(results, 2);
    assert_int_equal(result[0].answer.class, ERR_LOST_LEASE);
    assert_int_equal(ack_batch_open(acks), 0);
}

static void calls_under_way_are_bounded(void **state)
{
    unsigned before = fake_calls;
    (void) state;
    for (uint32_t i = 0; i < (LIMIT_ACK_CALLS + 2) * 10; i++) {
        ack_batch_ack(acks, lease(i), BYTES_LIT("id"));
        if (i % 10 == 9)
            ack_batch_flush(acks);
    }
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + LIMIT_ACK_CALLS);
    fake_answer(&fake_call[before % FAKE_CALLS], bytes_of("", 0));
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + LIMIT_ACK_CALLS + 1);
}

static struct publisher_reply published;
static char first_id[8];

static void on_published(void *ctx, const struct publisher_reply *r)
{
    (void) ctx;
    published = *r;
    memset(first_id, 0, sizeof(first_id));
    if (r->ids_count > 0)
        memcpy(first_id, r->ids[0].ptr, MIN(r->ids[0].len, sizeof(first_id) - 1));
}

static void a_publish_is_answered_with_ids(void **state)
{
    struct pubsub_endpoint e = { .loop = loop };
    struct pubsub_message m = { .data = BYTES_LIT("d") };
    (void) state;
    publisher_publish(&e, BYTES_LIT("t"), &m, 1, US_PER_S, on_published, NULL);
    assert_bytes_equal(buf_bytes(&fake_last()->sent[0]), "\x0a\x01t\x12\x03\x0a\x01" "d");
    fake_answer(fake_last(), BYTES_LIT("\x0a\x02" "17"));
    assert_int_equal(published.answer.class, ERR_OK);
    assert_string_equal(first_id, "17");
    publisher_publish(&e, BYTES_LIT("t"), &m, 1, US_PER_S, on_published, NULL);
    fake_answer(fake_last(), bytes_of("", 0));
    assert_int_equal(published.answer.class, ERR_BAD_REPLY);
    unsigned before = fake_calls;
    publisher_publish(&e, BYTES_LIT("t"), &m, 0, US_PER_S, on_published, NULL);
    fake_pass(loop, 0);
    assert_int_equal(published.answer.class, ERR_REFUSED);
    assert_int_equal(fake_calls, before);
    pubsub_call_cancel(publisher_publish(&e, BYTES_LIT("t"), &m, 1, US_PER_S, on_published, NULL));
    assert_true(fake_last()->cancelled);
}

static size_t listed;

static void on_listed(void *ctx, const struct topic_admin_reply *r)
{
    (void) ctx;
    listed = r->answer.class == ERR_OK ? r->names_count : 999;
    if (r->names_count == 2)
        assert_bytes_equal(r->next_page_token, "n");
}

static void subscriptions_of_a_topic_are_listed(void **state)
{
    struct pubsub_endpoint e = { .loop = loop };
    (void) state;
    topic_admin_list_subscriptions(&e, BYTES_LIT("t"), bytes_of(NULL, 0), US_PER_S, on_listed, NULL);
    assert_bytes_equal(buf_bytes(&fake_last()->sent[0]), "\x0a\x01t\x10\x64");
    fake_answer(fake_last(), BYTES_LIT("\x0a\x01" "a\x0a\x01" "b\x12\x01n"));
    assert_int_equal(listed, 2);
    topic_admin_list_subscriptions(&e, BYTES_LIT("t"), bytes_of(NULL, 0), US_PER_S, on_listed, NULL);
    fake_end(fake_last(), GRPC_NOT_FOUND, bytes_of(NULL, 0));
    assert_int_equal(listed, 999);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(ids_are_gathered_for_ten_milliseconds), T(a_full_batch_leaves_at_once), T(requests_stay_below_their_limit),
        T(extensions_of_one_length_go_together), T(a_failed_call_fails_each_id), T(exactly_once_fails_by_id),
        T(an_id_that_is_none_is_answered_later), T(calls_under_way_are_bounded), T(a_publish_is_answered_with_ids),
        T(subscriptions_of_a_topic_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
