#include "unit.h"

#include "bad_server.h"
#include "rig.h"

#include "base/limits.h"
#include "base/limits.h"
#include "grpc/grpc_client.h"
#include "grpc/grpc_framing.h"
#include "grpc/retry_info.h"
#include "loop/resolve.h"

#include <stdio.h>

static struct loop *loop;
static struct resolver *resolver;
static struct bad_server *server;
static struct h2_pool *pool;

/* ---- the far side ------------------------------------------------------ */

static const struct net_header grpc_type = { BYTES_LIT("content-type"), BYTES_LIT("application/grpc+proto") };
static const struct net_header ok_trailer = { BYTES_LIT("grpc-status"), BYTES_LIT("0") };
static struct buf seen_headers, seen_body;

static void send_message(struct bad_server_stream *s, struct bytes message)
{
    char prefix[GRPC_PREFIX_LEN];
    grpc_framing_prefix((uint32_t) message.len, prefix);
    bad_server_send(s, bytes_of(prefix, sizeof(prefix)));
    bad_server_send(s, message);
}

static void trailers_only(struct bad_server_stream *s)
{
    static const struct net_header fields[] = {
        { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") },
        { BYTES_LIT("grpc-status"), BYTES_LIT("5") },
        { BYTES_LIT("grpc-message"), BYTES_LIT("no%20such%20%C3%A4%25") },
    };
    bad_server_begin(s, "200", fields, ARRAY_LEN(fields), true);
}

static void with_details(struct bad_server_stream *s)
{
    static const struct net_header trailers[] = {
        { BYTES_LIT("grpc-status"), BYTES_LIT("8") },
        /* Status { code: 8, details: [Any { RetryInfo { retry_delay: 2.5 s } }] }, not padded */
        { BYTES_LIT("grpc-status-details-bin"),
          BYTES_LIT("CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIAhCAyrXuAQ") },
    };
    bad_server_begin(s, "200", &grpc_type, 1, false);
    bad_server_end(s, trailers, ARRAY_LEN(trailers));
}

static void on_request(void *ctx UNUSED, struct bad_server_stream *s)
{
    buf_clear(&seen_headers);
    buf_append(&seen_headers, buf_bytes(&s->headers));
    buf_clear(&seen_body);
    buf_append(&seen_body, buf_bytes(&s->body));
    if (strcmp(s->path, "/t/Echo") == 0) {
        bad_server_begin(s, "200", &grpc_type, 1, false);
        bad_server_send(s, buf_bytes(&s->body));
        bad_server_end(s, &ok_trailer, 1);
    } else if (strcmp(s->path, "/t/NotFound") == 0) {
        trailers_only(s);
    } else if (strcmp(s->path, "/t/Details") == 0) {
        with_details(s);
    } else if (strcmp(s->path, "/t/Nothing") == 0 || strcmp(s->path, "/t/Two") == 0) {
        bad_server_begin(s, "200", &grpc_type, 1, false);
        for (int i = 0; s->path[3] == 'T' && i < 2; i++)
            send_message(s, BYTES_LIT("m"));
        bad_server_end(s, &ok_trailer, 1);
    } else if (strcmp(s->path, "/t/Cut") == 0) {
        bad_server_begin(s, "200", &grpc_type, 1, false);
        bad_server_send(s, BYTES_LIT("\0\0\0\0\x09" "half"));
        bad_server_end(s, &ok_trailer, 1);
    } else if (strcmp(s->path, "/t/Compressed") == 0) {
        bad_server_begin(s, "200", &grpc_type, 1, false);
        bad_server_send(s, BYTES_LIT("\1\0\0\0\1x"));
    } else if (strcmp(s->path, "/t/Huge") == 0) {
        bad_server_begin(s, "200", &grpc_type, 1, false);
        bad_server_send(s, BYTES_LIT("\0\x7f\0\0\0"));
    } else if (strcmp(s->path, "/t/Silent") == 0) {
        bad_server_begin(s, "200", &grpc_type, 1, false);
        send_message(s, BYTES_LIT("m"));
        bad_server_end(s, NULL, 0);
    } else if (strcmp(s->path, "/t/Page") == 0) {
        bad_server_reply(s, "503", BYTES_LIT("<html>"));
    } else if (strcmp(s->path, "/t/Portal") == 0) {
        bad_server_reply(s, "302", BYTES_LIT("<html>"));
    } else if (strcmp(s->path, "/t/Flood") == 0) {
        static char block[64 << 10];
        bad_server_begin(s, "200", &grpc_type, 1, false);
        for (int i = 0; i < 64; i++)
            send_message(s, bytes_of(block, sizeof(block)));
        bad_server_end(s, &ok_trailer, 1);
    } else if (strcmp(s->path, "/t/Refuse") == 0) {
        bad_server_reset(s, 7);
    }    /* else: hang */
}

/* ---- this side --------------------------------------------------------- */

struct heard {
    struct grpc_call *call;
    int opened, messages, dones;
    bool cancel_on_message;
    struct buf last, message;
    struct grpc_result result;
};

static void on_headers(void *ctx)
{
    ((struct heard *) ctx)->opened++;
}

static void on_message(void *ctx, struct bytes message)
{
    struct heard *a = ctx;
    a->messages++;
    buf_clear(&a->last);
    buf_append(&a->last, message);
    if (a->cancel_on_message)
        grpc_call_cancel(a->call);
}

static void on_done(void *ctx, const struct grpc_result *result)
{
    struct heard *a = ctx;
    a->dones++;
    a->result = *result;
    buf_append(&a->message, result->message);
}

static const struct grpc_call_events events = { on_headers, on_message, on_done };

static struct heard *unary(const char *method, struct bytes request)
{
    static struct heard a;
    buf_fini(&a.last);
    buf_fini(&a.message);
    a = (struct heard) { 0 };
    struct grpc_call_conf conf = { .method = method, .deadline_us = US_NEVER, .message_max = 1 << 20 };
    a.call = grpc_call_unary(pool, &conf, request, &events, &a);
    assert_int_equal(a.dones, 0);    /* never inside the call */
    RIG_UNTIL(loop, a.dones > 0);
    assert_int_equal(a.dones, 1);
    return &a;
}

static void a_unary_call_is_answered(void **state UNUSED)
{
    struct heard *a = unary("/t/Echo", BYTES_LIT("question"));
    assert_int_equal(a->result.err.class, ERR_OK);
    assert_int_equal(a->result.code, GRPC_OK);
    assert_int_equal(a->opened, 1);
    assert_int_equal(a->messages, 1);
    assert_bytes_equal(buf_bytes(&a->last), "question");
    assert_memory_equal(seen_body.ptr, "\0\0\0\0\x08question", 13);
    assert_non_null(strstr(buf_str(&seen_headers), ":method: POST\n"));
    assert_non_null(strstr(buf_str(&seen_headers), "te: trailers\n"));
    assert_non_null(strstr(buf_str(&seen_headers), "content-type: application/grpc\n"));
    assert_null(strstr(buf_str(&seen_headers), "grpc-accept-encoding"));
    assert_null(strstr(buf_str(&seen_headers), "grpc-timeout"));
}

static void metadata_and_deadline_are_sent(void **state UNUSED)
{
    struct heard a = { 0 };
    struct grpc_call_conf conf = { .method = "/t/Hang", .message_max = 1, .routing = BYTES_LIT("subscription=s"),
                                   .quota_project = BYTES_LIT("p"), .deadline_us = clock_now() + 60 * US_PER_MS };
    grpc_call_unary(pool, &conf, (struct bytes) { 0 }, &events, &a);
    RIG_UNTIL(loop, a.dones == 1);
    assert_int_equal(a.result.code, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(a.result.err.class, ERR_TIMEOUT);
    assert_non_null(strstr(buf_str(&seen_headers), "x-goog-request-params: subscription=s\n"));
    assert_non_null(strstr(buf_str(&seen_headers), "x-goog-user-project: p\n"));
    assert_non_null(strstr(buf_str(&seen_headers), "grpc-timeout: "));
    conf.method = "/t/Echo";
    conf.deadline_us = clock_now() + 599 * US_PER_S + 500 * US_PER_MS;
    grpc_call_unary(pool, &conf, (struct bytes) { 0 }, &events, &a);
    RIG_UNTIL(loop, a.dones == 2);
    assert_non_null(strstr(buf_str(&seen_headers), "grpc-timeout: 600S\n"));
    buf_fini(&a.last);
    buf_fini(&a.message);
}

static void a_status_alone_is_an_answer(void **state UNUSED)
{
    struct heard *a = unary("/t/NotFound", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_NOT_FOUND);
    assert_int_equal(a->result.err.class, ERR_NOT_FOUND);
    assert_int_equal(a->result.err.grpc, GRPC_NOT_FOUND);
    assert_int_equal(a->result.err.reach, ANSWERED);
    assert_bytes_equal(buf_bytes(&a->message), "no such \xc3\xa4%");
    assert_string_equal(a->result.err.text, "/t/NotFound: NOT_FOUND");    /* the far side's text stays out */
    assert_int_equal(a->opened, 0);
}

static void retry_info_is_read(void **state UNUSED)
{
    struct heard *a = unary("/t/Details", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(a->result.err.class, ERR_THROTTLED);
    assert_int_equal(a->result.err.wait_us, 2500000);
    assert_int_equal(grpc_retry_delay(BYTES_LIT("\x1a\x7fnonsense")), 0);
    assert_int_equal(grpc_retry_delay(BYTES_LIT("")), 0);
}

static void ok_needs_exactly_one_reply(void **state UNUSED)
{
    assert_int_equal(unary("/t/Nothing", BYTES_LIT(""))->result.err.class, ERR_PROTOCOL);
    assert_int_equal(unary("/t/Two", BYTES_LIT(""))->result.err.class, ERR_PROTOCOL);
    assert_int_equal(unary("/t/Cut", BYTES_LIT(""))->result.err.class, ERR_PROTOCOL);
}

static void what_cannot_be_taken_ends_the_call(void **state UNUSED)
{
    struct heard *a = unary("/t/Compressed", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_INTERNAL);
    a = unary("/t/Huge", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(a->result.err.class, ERR_TOO_LARGE);
    assert_int_equal(a->result.err.reach, MAYBE_APPLIED);
    RIG_UNTIL(loop, bad_server_resets(server) == 2);
}

static void answers_of_others_are_no_answers(void **state UNUSED)
{
    struct heard *a = unary("/t/Silent", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_UNKNOWN);
    assert_int_equal(a->result.err.class, ERR_PROTOCOL);
    a = unary("/t/Page", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_UNAVAILABLE);
    assert_int_equal(a->result.err.class, ERR_TRANSIENT);
    assert_int_equal(a->result.err.http, 503);
    a = unary("/t/Portal", BYTES_LIT(""));
    assert_int_equal(a->result.err.class, ERR_NOT_API);
}

static void a_refused_stream_was_not_sent(void **state UNUSED)
{
    struct heard *a = unary("/t/Refuse", BYTES_LIT(""));
    assert_int_equal(a->result.code, GRPC_UNAVAILABLE);
    assert_int_equal(a->result.err.reach, NOT_SENT);
}

static void credentials_are_not_sent_in_the_clear(void **state UNUSED)
{
    struct heard a = { 0 };
    struct grpc_call_conf conf = { .method = "/t/Echo", .message_max = 1, .token = BYTES_LIT("secret"),
                                   .deadline_us = US_NEVER };
    struct grpc_call *c = grpc_call_stream(pool, &conf, &events, &a);
    grpc_call_send(c, BYTES_LIT("x"));
    grpc_call_send_end(c);
    RIG_UNTIL(loop, a.dones == 1);
    assert_int_equal(a.result.err.class, ERR_CONFIG);
    assert_int_equal(a.result.err.reach, NOT_SENT);
    assert_null(strstr(a.result.err.text, "secret"));
    assert_int_equal(bad_server_requests(server), 0);
    c = grpc_call_stream(pool, &conf, &events, &a);
    grpc_call_cancel(c);
    loop_pass(loop, 0);
    assert_int_equal(a.dones, 1);
    buf_fini(&a.message);
}

static void messages_span_frames_both_ways(void **state UNUSED)
{
    static char big[300000];
    struct heard a = { 0 };
    memset(big, 'b', sizeof(big));
    struct grpc_call_conf conf = { .method = "/t/Echo", .message_max = sizeof(big), .deadline_us = US_NEVER };
    a.call = grpc_call_stream(pool, &conf, &events, &a);
    grpc_call_send(a.call, bytes_of(big, sizeof(big)));
    grpc_call_send(a.call, BYTES_LIT(""));
    grpc_call_send(a.call, BYTES_LIT("small"));
    assert_int_equal(grpc_call_unsent(a.call), sizeof(big) + 5 + 3 * GRPC_PREFIX_LEN);
    grpc_call_send_end(a.call);
    RIG_UNTIL(loop, a.dones == 1);
    assert_int_equal(a.result.code, GRPC_OK);
    assert_int_equal(a.messages, 3);
    assert_bytes_equal(buf_bytes(&a.last), "small");
    buf_fini(&a.last);
    buf_fini(&a.message);
}

/* The far side has one window to fill, however much it has, and other calls go on meanwhile. */
static void a_held_call_takes_a_window_and_no_more(void **state UNUSED)
{
    struct heard a = { 0 };
    struct grpc_call_conf conf = { .method = "/t/Flood", .message_max = 1 << 20, .deadline_us = US_NEVER };
    a.call = grpc_call_stream(pool, &conf, &events, &a);
    grpc_call_hold(a.call, true);
    grpc_call_send_end(a.call);
    RIG_UNTIL(loop, a.messages >= LIMIT_AUTO_WINDOW / (64 << 10) - 1);
    assert_int_equal(unary("/t/Echo", BYTES_LIT("meanwhile"))->result.code, GRPC_OK);
    for (int i = 0; i < 20; i++)
        loop_pass(loop, US_PER_MS);
    assert_in_range(a.messages, 1, LIMIT_AUTO_WINDOW / (64 << 10));
    assert_int_equal(a.dones, 0);
    grpc_call_hold(a.call, false);
    RIG_UNTIL(loop, a.dones == 1);
    assert_int_equal(a.messages, 64);
    assert_int_equal(a.result.code, GRPC_OK);
    buf_fini(&a.last);
    buf_fini(&a.message);
}

static void a_call_may_be_cancelled_while_it_tells(void **state UNUSED)
{
    struct heard a = { .cancel_on_message = true };
    struct grpc_call_conf conf = { .method = "/t/Two", .message_max = 1, .deadline_us = US_NEVER };
    a.call = grpc_call_stream(pool, &conf, &events, &a);
    grpc_call_send_end(a.call);
    RIG_UNTIL(loop, a.messages == 1);
    for (int i = 0; i < 10; i++)
        loop_pass(loop, US_PER_MS);
    assert_int_equal(a.messages, 1);
    assert_int_equal(a.dones, 0);
    buf_fini(&a.last);
}

static int set_up(void **state UNUSED)
{
    struct bad_server_conf server_conf = { .handler = on_request };
    server = bad_server_start(loop, &server_conf);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = bad_server_port(server), .connections_max = 2,
                                 .streams_max = 100 };
    pool = h2_pool_make(loop, resolver, &conf);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    h2_pool_free(pool);
    bad_server_free(server);
    return 0;
}

static int set_up_all(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    resolver = resolver_make(loop);
    return 0;
}

static int tear_down_all(void **state UNUSED)
{
    buf_fini(&seen_headers);
    buf_fini(&seen_body);
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_unary_call_is_answered),
        TEST(metadata_and_deadline_are_sent),
        TEST(a_status_alone_is_an_answer),
        TEST(retry_info_is_read),
        TEST(ok_needs_exactly_one_reply),
        TEST(what_cannot_be_taken_ends_the_call),
        TEST(answers_of_others_are_no_answers),
        TEST(a_refused_stream_was_not_sent),
        TEST(credentials_are_not_sent_in_the_clear),
        TEST(messages_span_frames_both_ways),
        TEST(a_held_call_takes_a_window_and_no_more),
        TEST(a_call_may_be_cancelled_while_it_tells),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
