#include "fake_grpc.h"

#include "pubsub/pubsub_codec.h"
#include "pubsub/pull_flow.h"
#include "pubsub/pull_stream.h"

static struct loop *loop;
static struct pull_stream *stream;
static unsigned deliveries, states;
static enum pull_state state_now;
static struct pubsub_answer why_now;
static bool exactly_once, ordered;
static us_t lease_until;

static void on_deliveries(void *ctx, const struct pubsub_delivery *at, size_t count, us_t until_us)
{
    (void) ctx;
    (void) at;
    deliveries += (unsigned) count;
    lease_until = until_us;
}

static void on_properties(void *ctx, bool once, bool order)
{
    (void) ctx;
    exactly_once = once;
    ordered = order;
}

static void on_state(void *ctx, enum pull_state s, const struct pubsub_answer *why, const struct err *err)
{
    (void) ctx;
    assert_non_null(err);
    state_now = s;
    why_now = *why;
    states++;
}

static int setup(void **state)
{
    static const struct pull_stream_events events = { on_deliveries, on_properties, on_state };
    struct err err;
    (void) state;
    loop = loop_make(&err);
    struct pull_stream_conf conf = { .endpoint = { .loop = loop }, .subscription = BYTES_LIT("projects/p/subscriptions/s"),
                                     .lease_s = 60, .outstanding_max = 1000, .seed = 7 };
    fake_pass(loop, 0);
    stream = pull_stream_make(&conf, &events, NULL);
    deliveries = states = 0;
    state_now = PULL_CLOSED;
    exactly_once = ordered = false;
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    pull_stream_free(stream);
    loop_free(loop);
    fake_fini();
    return 0;
}

static struct grpc_call *opened(void)
{
    unsigned before = fake_calls;
    pull_stream_flow(stream, 1000);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 1);
    fake_last()->ev->on_headers(fake_last()->ctx);
    assert_int_equal(state_now, PULL_OPEN);
    return fake_last();
}

static void it_opens_with_the_first_allowance(void **state)
{
    static const char head[] = "\x0a\x1aprojects/p/subscriptions/s\x28\x3c\x32\x24";
    static const char tail[] = "\x38\xe8\x07\x40\x80\x80\x80\x32\x50\x01";    /* 1000, 100 MiB, version 1 */
    unsigned before = fake_calls;
    (void) state;
    fake_pass(loop, 5 * US_PER_S);
    assert_int_equal(fake_calls, before);
    pull_stream_flow(stream, 1000);
    assert_int_equal(fake_calls, before);
    fake_pass(loop, 0);
    struct grpc_call *c = fake_last();
    assert_int_equal(state_now, PULL_OPENING);
    assert_string_equal(c->method, "/google.pubsub.v1.Subscriber/StreamingPull");
    assert_int_equal(c->sends, 2);
    assert_int_equal(c->sent[0].len, sizeof(head) - 1 + 36 + sizeof(tail) - 1);
    assert_memory_equal(c->sent[0].ptr, head, sizeof(head) - 1);
    assert_memory_equal(c->sent[0].ptr + sizeof(head) - 1 + 36, tail, sizeof(tail) - 1);
    assert_int_equal(c->sent[1].len, 0);
}

static void it_delivers_and_tells_properties(void **state)
{
    struct grpc_call *c = opened();
    (void) state;
    c->ev->on_message(c->ctx, BYTES_LIT("\x0a\x03\x0a\x01" "a\x0a\x03\x0a\x01" "b\x22\x04\x08\x01\x10\x01"));
    assert_int_equal(deliveries, 2);
    assert_true(exactly_once && ordered);
    assert_true(lease_until <= fake_now + 60 * US_PER_S && lease_until >= fake_now + 55 * US_PER_S);
    /* a reply without properties says nothing about them */
    c->ev->on_message(c->ctx, BYTES_LIT(""));
    assert_true(exactly_once && ordered);
    c->ev->on_message(c->ctx, BYTES_LIT("\x22\x00"));
    assert_false(exactly_once || ordered);
}

static void it_pings_and_hears(void **state)
{
    struct grpc_call *c = opened();
    (void) state;
    for (int i = 0; i < 5; i++) {
        fake_pass(loop, 30 * US_PER_S);
        assert_int_equal(c->sends, 3 + i);
        assert_int_equal(c->sent[2 + i].len, 0);
        c->ev->on_message(c->ctx, BYTES_LIT(""));
    }
    assert_true(c->open);
    assert_int_equal(pull_stream_stats(stream).timeouts, 0);
}

static void silence_after_a_ping_ends_it(void **state)
{
    struct grpc_call *c = opened();
    unsigned before = fake_calls;
    (void) state;
    fake_pass(loop, 30 * US_PER_S);
    fake_pass(loop, 14 * US_PER_S);
    assert_true(c->open);
    fake_pass(loop, US_PER_S);
    assert_true(c->cancelled);
    assert_int_equal(state_now, PULL_WAITING);
    assert_int_equal(why_now.class, ERR_TIMEOUT);
    assert_int_equal(pull_stream_stats(stream).timeouts, 1);
    /* it had lived: opened again within 100 ms */
    fake_pass(loop, 100 * US_PER_MS);
    assert_int_equal(fake_calls, before + 1);
}

static void it_backs_off_when_it_does_not_live(void **state)
{
    unsigned before;
    us_t most = 100 * US_PER_MS;
    (void) state;
    opened();
    for (int i = 0; i < 8; i++) {
        fake_end(fake_last(), GRPC_UNAVAILABLE, bytes_of(NULL, 0));
        assert_int_equal(state_now, PULL_WAITING);
        before = fake_calls;
        fake_pass(loop, most / 2 - 1);
        assert_int_equal(fake_calls, before);
        fake_pass(loop, most / 2 + 1);
        assert_int_equal(fake_calls, before + 1);
        most = MIN(most * 4, 60 * US_PER_S);
    }
}

static void system_faults_wait_for_the_owner(void **state)
{
    static const enum grpc_code codes[] = { GRPC_NOT_FOUND, GRPC_PERMISSION_DENIED, GRPC_UNAUTHENTICATED,
                                            GRPC_INVALID_ARGUMENT, GRPC_FAILED_PRECONDITION };
    (void) state;
    opened();
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        fake_end(fake_last(), codes[i], bytes_of(NULL, 0));
        assert_int_equal(state_now, PULL_FAULT);
        assert_int_equal(why_now.grpc, codes[i]);
        unsigned before = fake_calls;
        fake_pass(loop, 5 * US_PER_S - 1);
        assert_int_equal(fake_calls, before);
        pull_stream_open_now(stream);
        assert_int_equal(fake_calls, before);
        fake_pass(loop, 0);
        assert_int_equal(fake_calls, before + 1);
    }
}

static void a_fault_that_nobody_probes_is_looked_at_again(void **state)
{
    unsigned before;
    (void) state;
    opened();
    before = fake_calls;
    fake_end(fake_last(), GRPC_NOT_FOUND, bytes_of(NULL, 0));
    pull_stream_flow(stream, 0);
    fake_pass(loop, 5 * US_PER_S);
    assert_int_equal(fake_calls, before + 1);
    fake_end(fake_last(), GRPC_NOT_FOUND, bytes_of(NULL, 0));
    fake_pass(loop, 60 * US_PER_S);
    assert_int_equal(fake_calls, before + 2);
}

static void every_probe_is_answered(void **state)
{
    struct grpc_call *c = opened();
    unsigned told = states, before = fake_calls;
    (void) state;
    pull_stream_open_now(stream);
    assert_int_equal(states, told);
    fake_pass(loop, 0);
    assert_int_equal(states, told + 1);
    assert_int_equal(state_now, PULL_OPEN);
    /* closed for want of an allowance: opened with a limit of one */
    pull_stream_flow(stream, 0);
    fake_pass(loop, 0);
    fake_pass(loop, US_PER_S);
    assert_true(c->ended);
    fake_end(c, GRPC_OK, bytes_of(NULL, 0));
    assert_int_equal(state_now, PULL_CLOSED);
    pull_stream_open_now(stream);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 1);
    assert_int_equal(pull_stream_stats(stream).limit, 1);
    fake_last()->ev->on_headers(fake_last()->ctx);
    assert_int_equal(state_now, PULL_OPEN);
}

static void no_allowance_closes_it_and_some_opens_it(void **state)
{
    struct grpc_call *c = opened();
    (void) state;
    fake_pass(loop, 2 * US_PER_S);
    pull_stream_flow(stream, 0);
    fake_pass(loop, US_PER_S / 2);
    assert_false(c->ended);
    fake_pass(loop, US_PER_S / 2);
    assert_true(c->ended);
    /* what was on its way is still delivered */
    c->ev->on_message(c->ctx, BYTES_LIT("\x0a\x03\x0a\x01" "a"));
    assert_int_equal(deliveries, 1);
    fake_end(c, GRPC_OK, bytes_of(NULL, 0));
    assert_int_equal(state_now, PULL_CLOSED);
    unsigned before = fake_calls;
    fake_pass(loop, 60 * US_PER_S);
    assert_int_equal(fake_calls, before);
    pull_stream_flow(stream, 3);
    fake_pass(loop, US_PER_S / 2);
    assert_int_equal(fake_calls, before);
    fake_pass(loop, US_PER_S / 2);
    assert_int_equal(fake_calls, before + 1);
    assert_int_equal(pull_stream_stats(stream).limit, 3);
    /* with the rest of the allowance back, a stream with a larger limit takes its place */
    fake_last()->ev->on_headers(fake_last()->ctx);
    pull_stream_flow(stream, 1000);
    fake_pass(loop, US_PER_S);
    assert_false(fake_last()->ended);
    fake_pass(loop, 4 * US_PER_S);
    assert_true(fake_last()->ended);
    fake_end(fake_last(), GRPC_CANCELLED, bytes_of(NULL, 0));
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 2);
    assert_int_equal(pull_stream_stats(stream).limit, 1000);
}

static void a_half_closed_stream_is_cut_in_the_end(void **state)
{
    struct grpc_call *c = opened();
    (void) state;
    pull_stream_stop(stream);
    fake_pass(loop, 0);
    assert_true(c->ended);
    fake_pass(loop, 5 * US_PER_S);
    assert_true(c->cancelled);
    assert_int_equal(state_now, PULL_CLOSED);
    unsigned before = fake_calls;
    pull_stream_flow(stream, 500);
    pull_stream_open_now(stream);
    fake_pass(loop, 60 * US_PER_S);
    assert_int_equal(fake_calls, before);
}

static void a_broken_reply_ends_it(void **state)
{
    struct grpc_call *c = opened();
    (void) state;
    c->ev->on_message(c->ctx, BYTES_LIT("\x0a\x05x"));
    assert_true(c->open);
    fake_pass(loop, 0);
    assert_true(c->cancelled);
    assert_int_equal(why_now.class, ERR_PROTOCOL);
    assert_int_equal(state_now, PULL_WAITING);
}

static void many_deliveries_come_in_parts(void **state)
{
    CLEANUP(buf_fini) struct buf message = { 0 };
    struct grpc_call *c = opened();
    (void) state;
    for (int i = 0; i < 600; i++)
        buf_append(&message, BYTES_LIT("\x0a\x03\x0a\x01" "a"));
    c->ev->on_message(c->ctx, buf_bytes(&message));
    assert_int_equal(deliveries, 600);
    assert_int_equal(pull_stream_stats(stream).deliveries, 600);
}

static struct pubsub_answer call_answer;

static void on_reply(void *ctx, const struct pubsub_reply *r)
{
    (void) ctx;
    call_answer = r->answer;
}

static void without_a_token_nothing_is_sent(void **state)
{
    static const struct pull_stream_events events = { on_deliveries, on_properties, on_state };
    struct auth_conf auth = { .kind = AUTH_METADATA };
    struct err err;
    struct auth_source *source = auth_source_make(loop, (struct http_cold *) (void *) &err, &auth, &err);
    struct pubsub_endpoint e = { .loop = loop, .auth = source };
    struct pull_stream_conf conf = { .endpoint = e, .subscription = BYTES_LIT("s"), .lease_s = 60,
                                     .outstanding_max = 10, .seed = 1 };
    unsigned before = fake_calls;
    (void) state;
    struct pull_stream *s = pull_stream_make(&conf, &events, NULL);
    pull_stream_flow(s, 10);
    fake_pass(loop, 0);
    assert_int_equal(state_now, PULL_FAULT);
    assert_int_equal(why_now.class, ERR_UNAUTHENTICATED);
    assert_int_equal(why_now.reach, NOT_SENT);
    pubsub_call_start(&e, "/m", bytes_of(NULL, 0), bytes_of(NULL, 0), US_PER_S, on_reply, NULL);
    assert_int_equal(call_answer.class, ERR_OK);
    fake_pass(loop, 0);
    assert_int_equal(call_answer.class, ERR_UNAUTHENTICATED);
    assert_int_equal(call_answer.reach, NOT_SENT);
    assert_int_equal(fake_calls, before);
    auth_refresh(source, 0);
    fake_cold_reply(200, "Google", "{\"access_token\":\"a\",\"expires_in\":1000}");
    pull_stream_open_now(s);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, before + 1);
    assert_int_equal(state_now, PULL_OPENING);
    /* a 401 names the token it was sent with */
    fake_end(fake_last(), GRPC_UNAUTHENTICATED, bytes_of(NULL, 0));
    assert_int_equal(state_now, PULL_FAULT);
    assert_int_equal(why_now.token_gen, 1);
    pull_stream_free(s);
    auth_source_free(source);
    buf_fini(&fake_cold.body);
}

static void the_flow_decides(void **state)
{
    struct pull_flow f = pull_flow_of(1000, 0);
    (void) state;
    assert_int_equal(pull_flow_look(&f, 0), PULL_FLOW_NONE);
    assert_int_equal(pull_flow_due(&f), US_NEVER);
    pull_flow_allow(&f, 5000, 0);
    assert_int_equal(f.allowance, 1000);
    assert_int_equal(pull_flow_look(&f, 0), PULL_FLOW_OPEN);
    assert_int_equal(pull_flow_opened(&f, 0), 1000);
    /* full, for less than a second: stays */
    pull_flow_allow(&f, 0, US_PER_S);
    assert_int_equal(pull_flow_due(&f), 2 * US_PER_S);
    pull_flow_allow(&f, 1, 2 * US_PER_S - 1);
    assert_int_equal(pull_flow_look(&f, 2 * US_PER_S), PULL_FLOW_NONE);
    /* a limit that is not much smaller than it could be is left alone */
    f.limit = 800;
    pull_flow_allow(&f, 1000, 3 * US_PER_S);
    assert_int_equal(pull_flow_look(&f, 60 * US_PER_S), PULL_FLOW_NONE);
    f.limit = 700;
    assert_int_equal(pull_flow_look(&f, 60 * US_PER_S), PULL_FLOW_REPLACE);
    /* a probe opens without an allowance, and gets a second */
    pull_flow_closed(&f);
    pull_flow_allow(&f, 0, 61 * US_PER_S);
    assert_int_equal(pull_flow_opened(&f, 100 * US_PER_S), 1);
    assert_int_equal(pull_flow_look(&f, 100 * US_PER_S), PULL_FLOW_NONE);
    assert_int_equal(pull_flow_look(&f, 101 * US_PER_S), PULL_FLOW_CLOSE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(it_opens_with_the_first_allowance), T(it_delivers_and_tells_properties), T(it_pings_and_hears),
        T(silence_after_a_ping_ends_it), T(it_backs_off_when_it_does_not_live), T(system_faults_wait_for_the_owner),
        T(a_fault_that_nobody_probes_is_looked_at_again), T(every_probe_is_answered),
        T(no_allowance_closes_it_and_some_opens_it), T(a_half_closed_stream_is_cut_in_the_end),
        T(a_broken_reply_ends_it), T(many_deliveries_come_in_parts), T(without_a_token_nothing_is_sent),
        cmocka_unit_test(the_flow_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
