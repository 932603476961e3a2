#include "unit.h"

#include "certs.h"
#include "bad_server.h"
#include "rig.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/resolve.h"
#include "net/h2_client.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *loop;
static struct resolver *resolver;
static struct bad_server *peer;
static struct h2_pool *pool;

/* ---- the far side: does what the path says ----------------------------- */

static char pattern[1 << 20];

static void on_request(void *ctx UNUSED, struct bad_server_stream *s)
{
    static const struct net_header trailer = { BYTES_LIT("x-sum"), BYTES_LIT("7") };
    static struct net_header many[300];
    size_t n = strchr(s->path + 1, '/') != NULL ? strtoul(strchr(s->path + 1, '/') + 1, NULL, 10) : 0;
    if (bytes_starts(bytes_str(s->path), BYTES_LIT("/size/"))) {
        bad_server_reply(s, "200", bytes_of(pattern, n));
    } else if (bytes_starts(bytes_str(s->path), BYTES_LIT("/unknown/"))) {
        bad_server_begin(s, "200", NULL, 0, false);
        bad_server_send(s, bytes_of(pattern, n));
        bad_server_end(s, NULL, 0);
    } else if (bytes_starts(bytes_str(s->path), BYTES_LIT("/half/"))) {    /* and then nothing */
        bad_server_begin(s, "200", NULL, 0, false);
        bad_server_send(s, bytes_of(pattern, n));
    } else if (bytes_starts(bytes_str(s->path), BYTES_LIT("/reset/"))) {
        bad_server_reset(s, (uint32_t) n);
    } else if (strcmp(s->path, "/goaway") == 0) {
        bad_server_goaway(s, s->id - 2, NGHTTP2_NO_ERROR);
    } else if (strcmp(s->path, "/echo") == 0) {
        bad_server_reply(s, "201", buf_bytes(&s->body));
    } else if (strcmp(s->path, "/trailers") == 0) {
        bad_server_begin(s, "200", NULL, 0, false);
        bad_server_send(s, BYTES_LIT("body"));
        bad_server_end(s, &trailer, 1);
    } else if (strcmp(s->path, "/flood") == 0) {
        for (size_t i = 0; i < ARRAY_LEN(many); i++)
            many[i] = (struct net_header) { BYTES_LIT("x-more"), BYTES_LIT("and more") };
        bad_server_begin(s, "200", many, ARRAY_LEN(many), true);
    } else if (strcmp(s->path, "/nonsense") == 0) {
        bad_server_raw(s, BYTES_LIT("\x00\x00\x01\x00\x00\x00\x00\x00\x00x"));    /* DATA on stream 0 */
    } else if (strcmp(s->path, "/headers") == 0) {
        bad_server_reply(s, "200", buf_bytes(&s->headers));
    }    /* else: hang */
}

/* ---- this side --------------------------------------------------------- */

struct heard {
    struct h2_call *call;
    int headers, data, wants, trailers, dones;
    uint16_t status;
    uint64_t want_total;
    struct buf body;
    struct h2_result result;
    bool cancel_on_data, restart_on_done;
    char trailer[32];
};

static void on_headers(void *ctx, uint16_t status, struct net_headers h UNUSED)
{
    struct heard *a = ctx;
    a->headers++;
    a->status = status;
}

static void on_data(void *ctx, struct bytes data)
{
    struct heard *a = ctx;
    a->data++;
    buf_append(&a->body, data);
    if (a->cancel_on_data) {
        h2_call_cancel(a->call);
        a->call = NULL;
    }
}

static void on_want(void *ctx, uint64_t total)
{
    struct heard *a = ctx;
    a->wants++;
    a->want_total = total;
}

static void on_trailers(void *ctx, struct net_headers h)
{
    struct heard *a = ctx;
    struct bytes sum = net_headers_get(h, "x-sum");
    a->trailers++;
    snprintf(a->trailer, sizeof(a->trailer), "%.*s", BYTES_FMT(sum));
}

static void start(struct heard *a, const char *path, struct h2_request req);

static void on_done(void *ctx, const struct h2_result *result)
{
    struct heard *a = ctx;
    a->dones++;
    a->call = NULL;
    a->result = *result;
    if (a->restart_on_done) {
        a->restart_on_done = false;
        start(a, "/size/1", (struct h2_request) { 0 });
    }
}

static const struct h2_call_events events = { on_headers, on_data, on_want, on_trailers, on_done };

static void start(struct heard *a, const char *path, struct h2_request req)
{
    req.method = req.method != NULL ? req.method : "GET";
    req.path = bytes_str(path);
    req.first_window = LIMIT_STREAM_WINDOW;
    req.deadline_us = req.deadline_us != 0 ? req.deadline_us : US_NEVER;
    int dones = a->dones;
    a->call = h2_call_start(pool, &req, &events, a);
    assert_int_equal(a->dones, dones);    /* never inside the call */
}

static void get(struct heard *a, const char *path)
{
    start(a, path, (struct h2_request) { 0 });
}

static void finish(struct heard *a)
{
    RIG_UNTIL(loop, a->dones > 0);
    assert_int_equal(a->dones, 1);
}

static void expect_end(struct heard *a, const char *path, enum err_class class, enum reach reach)
{
    *a = (struct heard) { 0 };
    get(a, path);
    finish(a);
    assert_int_equal(a->result.err.class, class);
    assert_int_equal(a->result.err.reach, reach);
    buf_fini(&a->body);
}

static void open_pool(struct tls_context *tls, struct bad_server_conf peer_conf, uint32_t connections, uint32_t streams)
{
    peer_conf.tls = NULL;
    peer_conf.handler = on_request;
    peer = bad_server_start(loop, &peer_conf);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = bad_server_port(peer), .tls = tls,
                                 .connections_max = connections, .streams_max = streams };
    pool = h2_pool_make(loop, resolver, &conf);
}

static int set_up(void **state UNUSED)
{
    open_pool(NULL, (struct bad_server_conf) { 0 }, 4, 100);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    h2_pool_free(pool);
    bad_server_free(peer);
    return 0;
}

/* ---- replies ----------------------------------------------------------- */

static void a_reply_comes_whole(void **state UNUSED)
{
    struct heard a = { 0 };
    get(&a, "/size/5000");
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_OK);
    assert_int_equal(a.result.err.reach, ANSWERED);
    assert_int_equal(a.headers, 1);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.result.status, 200);
    assert_int_equal(a.body.len, 5000);
    assert_memory_equal(a.body.ptr, pattern, 5000);
    assert_int_equal(a.wants, 0);
    assert_true(a.result.sent_us > 0 && a.result.first_byte_us >= a.result.sent_us);
    buf_fini(&a.body);
}

static void trailers_come_after_the_body(void **state UNUSED)
{
    struct heard a = { 0 };
    get(&a, "/trailers");
    finish(&a);
    assert_int_equal(a.trailers, 1);
    assert_string_equal(a.trailer, "7");
    assert_bytes_equal(buf_bytes(&a.body), "body");
    buf_fini(&a.body);
}

static void a_body_in_parts_arrives_whole(void **state UNUSED)
{
    struct heard a = { 0 };
    start(&a, "/echo", (struct h2_request) { .method = "POST",
        .body = { BYTES_LIT("{\"d\":\""), bytes_of(pattern, 200000), { 0 }, BYTES_LIT("\"}") } });
    RIG_UNTIL(loop, a.wants == 1);
    h2_call_grant(a.call, 1 << 20);
    finish(&a);
    assert_int_equal(a.status, 201);
    assert_int_equal(a.body.len, 200008);
    assert_memory_equal(a.body.ptr, "{\"d\":\"", 6);
    assert_memory_equal(a.body.ptr + 6, pattern, 200000);
    assert_memory_equal(a.body.ptr + 200006, "\"}", 2);
    buf_fini(&a.body);
}

static void headers_are_sent_as_given(void **state UNUSED)
{
    struct heard a = { 0 };
    char name[8] = "x-own", value[8] = "1 2";
    const struct net_header own = { bytes_str(name), bytes_str(value) };
    start(&a, "/headers", (struct h2_request) { .headers = &own, .headers_count = 1 });
    memset(name, '#', sizeof(name));    /* they were copied */
    memset(value, '#', sizeof(value));
    finish(&a);
    char want[200];
    snprintf(want, sizeof(want), ":method: GET\n:scheme: http\n:authority: 127.0.0.1:%u\n:path: /headers\nx-own: 1 2\n",
             bad_server_port(peer));
    assert_bytes_equal(buf_bytes(&a.body), want);
    buf_fini(&a.body);
}

static void a_forged_header_is_not_sent(void **state UNUSED)
{
    struct heard a = { 0 };
    const struct net_header own = { BYTES_LIT("x-own"), BYTES_LIT("1\r\nx-forged: 2") };
    start(&a, "/headers", (struct h2_request) { .headers = &own, .headers_count = 1 });
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_INTERNAL);
    assert_int_equal(a.result.err.reach, NOT_SENT);
    assert_int_equal(bad_server_requests(peer), 0);
}

/* ---- windows ----------------------------------------------------------- */

static void a_large_reply_waits_for_its_grant(void **state UNUSED)
{
    struct heard a = { 0 };
    get(&a, "/size/300000");
    RIG_UNTIL(loop, a.wants == 1 && a.body.len == LIMIT_STREAM_WINDOW);
    assert_int_equal(a.want_total, 300000);
    for (int i = 0; i < 20; i++)
        loop_pass(loop, US_PER_MS);
    assert_int_equal(a.body.len, LIMIT_STREAM_WINDOW);
    assert_int_equal(bad_server_body_sent(peer), LIMIT_STREAM_WINDOW);
    h2_call_grant(a.call, 1000);    /* exactly what is granted, and no byte more */
    RIG_UNTIL(loop, a.wants == 2);
    for (int i = 0; i < 20; i++)
        loop_pass(loop, US_PER_MS);
    assert_int_equal(bad_server_body_sent(peer), LIMIT_STREAM_WINDOW + 1000);
    assert_int_equal(a.want_total, 300000);
    h2_call_grant(a.call, a.want_total - LIMIT_STREAM_WINDOW - 1000);
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_OK);
    assert_int_equal(a.wants, 2);
    assert_int_equal(a.body.len, 300000);
    assert_memory_equal(a.body.ptr, pattern, 300000);
    buf_fini(&a.body);
}

static void a_reply_of_unknown_length_asks_in_steps(void **state UNUSED)
{
    struct heard a = { 0 };
    get(&a, "/unknown/100000");
    RIG_UNTIL(loop, a.wants == 1);
    assert_int_equal(a.want_total, LIMIT_STREAM_WINDOW + LIMIT_WANT_STEP);
    h2_call_grant(a.call, LIMIT_WANT_STEP);
    RIG_UNTIL(loop, a.wants == 2);
    assert_int_equal(a.body.len, LIMIT_STREAM_WINDOW + LIMIT_WANT_STEP);
    h2_call_grant(a.call, LIMIT_WANT_STEP);
    finish(&a);
    assert_int_equal(a.body.len, 100000);
    buf_fini(&a.body);
}

static void a_reply_that_fits_exactly_asks_for_nothing(void **state UNUSED)
{
    struct heard a = { 0 };
    char path[32];
    snprintf(path, sizeof(path), "/size/%d", LIMIT_STREAM_WINDOW);
    get(&a, path);
    finish(&a);
    assert_int_equal(a.wants, 0);
    assert_int_equal(a.body.len, LIMIT_STREAM_WINDOW);
    buf_fini(&a.body);
}

/* The connection's window is consumed on arrival: many replies do not use it up. */
static void many_replies_do_not_stall(void **state UNUSED)
{
    for (int round = 0; round < 40; round++) {
        struct heard a = { 0 };
        get(&a, "/size/1000000");
        RIG_UNTIL(loop, a.wants == 1);
        h2_call_grant(a.call, 1 << 20);
        finish(&a);
        assert_int_equal(a.body.len, 1000000);
        buf_fini(&a.body);
    }
    assert_int_equal(bad_server_accepted(peer), 1);
}

/* ---- ends that are none ------------------------------------------------ */

static void refusals_were_not_sent(void **state UNUSED)
{
    struct heard a;
    expect_end(&a, "/reset/7", ERR_RESET, NOT_SENT);    /* REFUSED_STREAM */
    assert_int_equal(a.result.h2_code, NGHTTP2_REFUSED_STREAM);
    expect_end(&a, "/goaway", ERR_RESET, NOT_SENT);     /* above its last id */
    expect_end(&a, "/size/1", ERR_OK, ANSWERED);        /* on another connection */
    assert_int_equal(bad_server_accepted(peer), 2);
}

static void resets_may_have_been_applied(void **state UNUSED)
{
    struct heard a;
    expect_end(&a, "/reset/2", ERR_RESET, MAYBE_APPLIED);
    expect_end(&a, "/reset/11", ERR_THROTTLED, MAYBE_APPLIED);    /* ENHANCE_YOUR_CALM */
    assert_int_equal(bad_server_accepted(peer), 1);
}

static void a_cut_ends_all_calls(void **state UNUSED)
{
    struct heard a = { 0 }, b = { 0 };
    get(&a, "/half/100");
    get(&b, "/hang");
    RIG_UNTIL(loop, a.data > 0 && bad_server_requests(peer) == 2);
    bad_server_cut_all(peer);
    finish(&a);
    finish(&b);
    assert_int_equal(a.result.err.class, ERR_RESET);
    assert_int_equal(a.result.err.reach, MAYBE_APPLIED);
    assert_int_equal(a.result.status, 200);
    assert_int_equal(b.result.err.class, ERR_RESET);
    assert_int_equal(b.result.status, 0);
    buf_fini(&a.body);
}

static void a_deadline_holds(void **state UNUSED)
{
    struct heard a = { 0 };
    us_t due = clock_now() + 50 * US_PER_MS;
    start(&a, "/hang", (struct h2_request) { .deadline_us = due });
    finish(&a);
    us_t late = clock_now() - due;
    assert_true(late >= 0 && late < 2 * US_PER_S);
    assert_int_equal(a.result.err.class, ERR_TIMEOUT);
    assert_int_equal(a.result.err.reach, MAYBE_APPLIED);
    RIG_UNTIL(loop, bad_server_resets(peer) == 1);    /* the far side need not go on */
    expect_end(&a, "/size/1", ERR_OK, ANSWERED);   /* the connection is as good as before */
    assert_int_equal(bad_server_accepted(peer), 1);
}

static void deadlines_hold_in_any_order(void **state UNUSED)
{
    enum { CALLS = 399 };    /* more than the watches have room for at first */
    static struct heard calls[CALLS];
    static us_t due[CALLS];
    us_t begun = clock_now();
    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < CALLS; i++) {
        due[i] = begun + (us_t) (20 + i * 7 % 100) * US_PER_MS;
        start(&calls[i], "/hang", (struct h2_request) { .deadline_us = due[i] });
        if (i % 3 == 0)
            h2_call_cancel(calls[i].call);
    }
    for (size_t ended = 0; ended < CALLS / 3 * 2;) {
        loop_pass(loop, US_PER_S);
        ended = 0;
        for (size_t i = 0; i < CALLS; i++) {
            ended += (size_t) calls[i].dones;
            assert_true(calls[i].dones == (i % 3 != 0 && due[i] <= loop_now(loop)));
        }
        assert_true(clock_now() < begun + 10 * US_PER_S);
    }
}

static void a_reply_that_stops_is_given_up(void **state UNUSED)
{
    struct heard a = { 0 };
    start(&a, "/half/100", (struct h2_request) { .slow_us = 50 * US_PER_MS });
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_TIMEOUT);
    buf_fini(&a.body);
}

static void who_waits_for_a_grant_is_not_slow(void **state UNUSED)
{
    struct heard a = { 0 };
    start(&a, "/size/20000", (struct h2_request) { .slow_us = 20 * US_PER_MS });
    RIG_UNTIL(loop, a.wants == 1);
    us_t until = clock_now() + 100 * US_PER_MS;
    while (clock_now() < until)
        loop_pass(loop, 10 * US_PER_MS);
    assert_int_equal(a.dones, 0);
    h2_call_grant(a.call, 20000);
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_OK);
    buf_fini(&a.body);
}

static void a_flood_of_header_fields_is_cut(void **state UNUSED)
{
    struct heard a;
    expect_end(&a, "/flood", ERR_PROTOCOL, MAYBE_APPLIED);
    expect_end(&a, "/size/1", ERR_OK, ANSWERED);
}

static void broken_rules_end_the_connection(void **state UNUSED)
{
    struct heard a;
    expect_end(&a, "/nonsense", ERR_PROTOCOL, MAYBE_APPLIED);
    expect_end(&a, "/size/1", ERR_OK, ANSWERED);
    assert_int_equal(bad_server_accepted(peer), 2);
}

static void a_cancelled_call_is_silent(void **state UNUSED)
{
    struct heard a = { 0 }, b = { .cancel_on_data = true }, c = { 0 };
    get(&a, "/hang");
    h2_call_cancel(a.call);
    get(&b, "/half/30000");
    get(&c, "/hang");
    RIG_UNTIL(loop, b.call == NULL && bad_server_requests(peer) == 2);
    h2_call_cancel(c.call);
    RIG_UNTIL(loop, bad_server_resets(peer) == 2);
    assert_int_equal(a.dones + b.dones + c.dones, 0);
    assert_int_equal(b.data, 1);
    assert_int_equal(h2_pool_stats(pool).calls_open, 0);
    buf_fini(&b.body);
}

static void a_call_may_start_the_next(void **state UNUSED)
{
    struct heard a = { .restart_on_done = true };
    get(&a, "/size/1");
    RIG_UNTIL(loop, a.dones == 2);
    assert_int_equal(a.result.err.class, ERR_OK);
    buf_fini(&a.body);
}

/* ---- streams of requests ----------------------------------------------- */

static void a_stream_call_sends_piece_by_piece(void **state UNUSED)
{
    struct heard a = { 0 };
    start(&a, "/echo", (struct h2_request) { .method = "POST", .stream = true });
    h2_call_send(a.call, BYTES_LIT("one,"));
    RIG_UNTIL(loop, bad_server_requests(peer) == 1 && h2_call_unsent(a.call) == 0);
    h2_call_send(a.call, BYTES_LIT("two,"));
    h2_call_send(a.call, BYTES_LIT("three"));
    assert_int_equal(h2_call_unsent(a.call), 9);
    h2_call_send_end(a.call);
    finish(&a);
    assert_bytes_equal(buf_bytes(&a.body), "one,two,three");
    buf_fini(&a.body);
}

/* ---- pools ------------------------------------------------------------- */

static void calls_queue_beyond_the_streams(void **state)
{
    enum { CALLS = 100, STREAMS = 5, CONNECTIONS = 3 };
    static struct heard calls[CALLS];
    tear_down(state);
    open_pool(NULL, (struct bad_server_conf) { .streams_max = STREAMS }, CONNECTIONS, 100);
    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < CALLS; i++)
        get(&calls[i], "/size/10");
    for (size_t i = 0; i < CALLS; i++) {
        RIG_UNTIL(loop, calls[i].dones == 1);
        assert_int_equal(calls[i].result.err.class, ERR_OK);
        buf_fini(&calls[i].body);
    }
    assert_true(bad_server_streams_peak(peer) <= STREAMS);    /* what the far side said holds */
    assert_true(bad_server_accepted(peer) <= CONNECTIONS);
    assert_int_equal(h2_pool_stats(pool).calls_waiting, 0);
}

static void connections_stay_few(void **state)
{
    enum { CALLS = 200, STREAMS = 20 };
    static struct heard calls[CALLS];
    tear_down(state);
    open_pool(NULL, (struct bad_server_conf) { 0 }, 100, STREAMS);
    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < CALLS; i++)
        get(&calls[i], "/hang");
    RIG_UNTIL(loop, bad_server_requests(peer) == CALLS);
    assert_true(bad_server_streams_peak(peer) <= STREAMS);
    assert_true(bad_server_accepted(peer) <= CALLS / STREAMS + 2);
    assert_int_equal(h2_pool_stats(pool).calls_open, CALLS);
}

static void connects_are_paced(void **state)
{
    enum { CALLS = 40 };
    static struct heard calls[CALLS];
    tear_down(state);
    open_pool(NULL, (struct bad_server_conf) { 0 }, 100, 1);
    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < CALLS; i++)
        get(&calls[i], "/hang");
    RIG_UNTIL(loop, bad_server_requests(peer) >= LIMIT_CONNECTS);
    assert_true(bad_server_accepted(peer) <= LIMIT_CONNECTS + 2);
    RIG_UNTIL(loop, bad_server_accepted(peer) > LIMIT_CONNECTS + 1);    /* but they go on */
}

static void no_place_in_time_was_not_sent(void **state)
{
    struct heard a = { 0 }, b = { 0 };
    tear_down(state);
    open_pool(NULL, (struct bad_server_conf) { .streams_max = 1 }, 1, 100);
    get(&a, "/hang");
    RIG_UNTIL(loop, bad_server_requests(peer) == 1);
    start(&b, "/size/1", (struct h2_request) { .deadline_us = clock_now() + 30 * US_PER_MS });
    finish(&b);
    assert_int_equal(b.result.err.class, ERR_TIMEOUT);
    assert_int_equal(b.result.err.reach, NOT_SENT);
    assert_int_equal(bad_server_requests(peer), 1);
}

static void a_closed_port_ends_the_calls_that_wait(void **state UNUSED)
{
    struct heard a = { 0 }, b = { 0 };
    uint16_t port;
    close(rig_listen(&port));
    h2_pool_free(pool);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = port, .connections_max = 4, .streams_max = 100 };
    pool = h2_pool_make(loop, resolver, &conf);
    get(&a, "/");
    get(&b, "/");
    finish(&a);
    finish(&b);
    assert_int_equal(a.result.err.class, ERR_REFUSED_CONNECT);
    assert_int_equal(a.result.err.reach, NOT_SENT);
    assert_int_equal(b.result.err.class, ERR_REFUSED_CONNECT);
    assert_int_equal(h2_pool_stats(pool).connections_failed, 1);
}

static void a_silent_server_gets_no_request(void **state)
{
    struct heard a = { 0 };
    tear_down(state);
    struct bad_server_conf silent = { .silent = true, .handler = on_request };
    peer = bad_server_start(loop, &silent);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = bad_server_port(peer), .connections_max = 4,
                                 .streams_max = 100, .connect_timeout_us = 50 * US_PER_MS };
    pool = h2_pool_make(loop, resolver, &conf);
    get(&a, "/size/1");
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_REFUSED_CONNECT);
    assert_int_equal(a.result.err.reach, NOT_SENT);
}

static void a_connection_grows_old(void **state)
{
    tear_down(state);
    struct bad_server_conf peer_conf = { .handler = on_request };
    peer = bad_server_start(loop, &peer_conf);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = bad_server_port(peer), .connections_max = 1,
                                 .streams_max = 100, .life_max_us = 1 };
    pool = h2_pool_make(loop, resolver, &conf);
    struct heard old = { 0 }, a = { 0 };
    get(&old, "/hang");
    RIG_UNTIL(loop, bad_server_requests(peer) == 1);
    us_t until = clock_now() + 5 * US_PER_S;
    while (bad_server_accepted(peer) == 1 && clock_now() < until) {
        a = (struct heard) { 0 };
        get(&a, "/size/1");
        finish(&a);
        buf_fini(&a.body);
    }
    assert_int_equal(bad_server_accepted(peer), 2);
    assert_int_equal(old.dones, 0);    /* what runs on the old one runs on */
}

static void an_unanswered_ping_ends_the_connection(void **state)
{
    tear_down(state);
    struct bad_server_conf peer_conf = { .handler = on_request, .deaf_to_ping = true };
    peer = bad_server_start(loop, &peer_conf);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = bad_server_port(peer), .connections_max = 1,
                                 .streams_max = 100, .idle_ping_us = 10 * US_PER_MS, .ping_wait_us = 50 * US_PER_MS };
    pool = h2_pool_make(loop, resolver, &conf);
    struct heard a = { 0 };
    get(&a, "/hang");
    finish(&a);
    assert_int_equal(a.result.err.class, ERR_RESET);
    assert_int_equal(a.result.err.reach, MAYBE_APPLIED);
}

static void an_answered_ping_keeps_it(void **state)
{
    tear_down(state);
    struct bad_server_conf peer_conf = { .handler = on_request };
    peer = bad_server_start(loop, &peer_conf);
    struct h2_pool_conf conf = { .host = "127.0.0.1", .port = bad_server_port(peer), .connections_max = 1,
                                 .streams_max = 100, .idle_ping_us = 10 * US_PER_MS, .ping_wait_us = 100 * US_PER_MS };
    pool = h2_pool_make(loop, resolver, &conf);
    struct heard a = { 0 };
    get(&a, "/hang");
    us_t until = clock_now() + 400 * US_PER_MS;
    while (clock_now() < until)
        loop_pass(loop, 10 * US_PER_MS);
    assert_int_equal(a.dones, 0);
}

/* The libraries' own are not counted here. */
static void no_allocation_of_ours_in_steady_state(void **state UNUSED)
{
    enum { ROUNDS = 100, WARM = 20, AT_ONCE = 10 };
    static struct heard calls[AT_ONCE];
    uint64_t before = 0;
    memset(calls, 0, sizeof(calls));
    for (int round = 0; round < ROUNDS; round++) {
        if (round == WARM)
            before = mem_count() - bad_server_allocations(peer);
        for (size_t i = 0; i < AT_ONCE; i++) {
            calls[i].dones = 0;
            buf_clear(&calls[i].body);
            start(&calls[i], "/echo", (struct h2_request) { .method = "POST", .body = { bytes_of(pattern, 4000) },
                                                            .deadline_us = clock_now() + 9 * US_PER_S });
        }
        for (size_t i = 0; i < AT_ONCE; i++)
            finish(&calls[i]);
    }
#ifdef BUF_MOVES
    before = mem_count() - bad_server_allocations(peer);    /* there each reserve allocates */
#endif
    assert_int_equal(mem_count() - bad_server_allocations(peer), before);
    for (size_t i = 0; i < AT_ONCE; i++)
        buf_fini(&calls[i].body);
}

/* ---- TLS --------------------------------------------------------------- */

static struct certs certs;

static void start_tls(const char *name, const char *alt_names, int days, struct heard *a)
{
    struct err err;
    struct cert_files files = certs_leaf(&certs, name, alt_names, days);
    struct tls_context *ours = tls_client_make(certs.ca_file, &err);
    struct tls_context *theirs = tls_server_make(files.cert, files.key, &err);
    struct bad_server_conf peer_conf = { .tls = theirs, .handler = on_request };
    char at[64];
    h2_pool_free(pool);
    bad_server_free(peer);
    peer = bad_server_start(loop, &peer_conf);
    snprintf(at, sizeof(at), "127.0.0.1:%u", bad_server_port(peer));
    struct h2_pool_conf conf = { .host = "store.example", .port = 443, .connect_to = at, .tls = ours,
                                 .connections_max = 4, .streams_max = 100 };
    pool = h2_pool_make(loop, resolver, &conf);
    tls_context_free(ours);
    *a = (struct heard) { 0 };
    get(a, "/headers");
    finish(a);
    tls_context_free(theirs);
}

static void tls_is_spoken_with_the_right_host(void **state UNUSED)
{
    struct heard a;
    start_tls("right", "DNS:store.example", 2, &a);
    assert_int_equal(a.result.err.class, ERR_OK);
    assert_bytes_equal(buf_bytes(&a.body), ":method: GET\n:scheme: https\n:authority: store.example\n:path: /headers\n");
    buf_fini(&a.body);
}

static void tls_with_the_wrong_host_gets_no_request(void **state UNUSED)
{
    struct heard a;
    start_tls("wrong", "DNS:other.example", 2, &a);
    assert_int_equal(a.result.err.class, ERR_TLS);
    assert_int_equal(a.result.err.reach, NOT_SENT);
    assert_int_equal(bad_server_requests(peer), 0);
    start_tls("late", "DNS:store.example", -1, &a);
    assert_int_equal(a.result.err.class, ERR_TLS);
    assert_int_equal(bad_server_requests(peer), 0);
}

static int set_up_all(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    resolver = resolver_make(loop);
    certs_make(&certs);
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char) (i * 131 + 7);
    return 0;
}

static int tear_down_all(void **state UNUSED)
{
    certs_fini(&certs);
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_reply_comes_whole),
        TEST(trailers_come_after_the_body),
        TEST(a_body_in_parts_arrives_whole),
        TEST(headers_are_sent_as_given),
        TEST(a_forged_header_is_not_sent),
        TEST(a_large_reply_waits_for_its_grant),
        TEST(a_reply_of_unknown_length_asks_in_steps),
        TEST(a_reply_that_fits_exactly_asks_for_nothing),
        TEST(many_replies_do_not_stall),
        TEST(refusals_were_not_sent),
        TEST(resets_may_have_been_applied),
        TEST(a_cut_ends_all_calls),
        TEST(a_deadline_holds),
        TEST(deadlines_hold_in_any_order),
        TEST(a_reply_that_stops_is_given_up),
        TEST(who_waits_for_a_grant_is_not_slow),
        TEST(a_flood_of_header_fields_is_cut),
        TEST(broken_rules_end_the_connection),
        TEST(a_cancelled_call_is_silent),
        TEST(a_call_may_start_the_next),
        TEST(a_stream_call_sends_piece_by_piece),
        TEST(calls_queue_beyond_the_streams),
        TEST(connections_stay_few),
        TEST(connects_are_paced),
        TEST(no_place_in_time_was_not_sent),
        TEST(a_closed_port_ends_the_calls_that_wait),
        TEST(a_silent_server_gets_no_request),
        TEST(a_connection_grows_old),
        TEST(an_unanswered_ping_ends_the_connection),
        TEST(an_answered_ping_keeps_it),
        TEST(no_allocation_of_ours_in_steady_state),
        TEST(tls_is_spoken_with_the_right_host),
        TEST(tls_with_the_wrong_host_gets_no_request),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
