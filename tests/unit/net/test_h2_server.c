#include "unit.h"

#include "certs.h"
#include "h2_peer.h"
#include "rig.h"
#include "served.h"

#include "base/limits.h"
#include "net/gzip.h"

static struct loop *loop;
static struct served served;
static struct h2_peer *peer;

#define UNTIL(condition) RIG_UNTIL(loop, condition)
#define SEEN(id)         h2_peer_seen(peer, id)

static void connect_peer(const struct h2_peer_conf *conf)
{
    peer = h2_peer_make(loop, served_connect(&served), conf);
}

static int32_t get(const char *path)
{
    return h2_peer_request(peer, "GET", path, NULL, 0, bytes_of(NULL, 0), true);
}

static int32_t post(const char *path, struct bytes body)
{
    return h2_peer_request(peer, "POST", path, NULL, 0, body, true);
}

static bool has(int32_t id, const char *line)
{
    return strstr(buf_str(&SEEN(id)->headers), line) != NULL;
}

static void passes(int n)
{
    for (int i = 0; i < n; i++)
        loop_pass(loop, 0);
}

static void answers(void **state UNUSED)
{
    int32_t a = get("/size?5"), b = post("/echo", BYTES_LIT("hello")), c = get("/nowhere"), d = get("/fail?204");
    int32_t e = h2_peer_request(peer, "HEAD", "/size?77", NULL, 0, bytes_of(NULL, 0), true);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed && SEEN(c)->closed && SEEN(d)->closed && SEEN(e)->closed);
    assert_bytes_equal(buf_bytes(&SEEN(a)->body), "abcde");
    assert_true(has(a, "content-length: 5\n") && has(a, "date: ") && has(a, "content-type: text/plain\n"));
    assert_bytes_equal(buf_bytes(&SEEN(b)->body), "hello");
    assert_int_equal(SEEN(c)->status, 404);
    assert_int_equal(SEEN(d)->status, 204);
    assert_false(has(d, "content-length"));
    assert_true(has(e, "content-length: 77\n") && SEEN(e)->body.len == 0);
}

static void more_streams_than_allowed_take_turns(void **state UNUSED)
{
    enum { N = 1000 };
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = get("/size?100");
    for (int i = 0; i < N; i++) {
        UNTIL(SEEN(ids[i])->closed);
        assert_int_equal(SEEN(ids[i])->status, 200);
        assert_int_equal(SEEN(ids[i])->body.len, 100);
    }
    assert_int_equal(served.requests, N);
}

static void large_bodies_go_both_ways(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    char *p = buf_reserve(&body, 10 << 20);
    for (size_t i = 0; i < 10 << 20; i++)
        p[i] = (char) (i * 7 + i / 251);
    body.len = 10 << 20;
    int32_t a = post("/echo", buf_bytes(&body)), b = post("/echo", buf_bytes(&body));
    UNTIL(SEEN(a)->closed && SEEN(b)->closed);
    assert_true(bytes_eq(buf_bytes(&SEEN(a)->body), buf_bytes(&body)));
    assert_true(bytes_eq(buf_bytes(&SEEN(b)->body), buf_bytes(&body)));
}

static void bounds_bodies(void **state UNUSED)
{
    char big[3000] = { 0 };
    static const struct net_header length[] = { { BYTES_LIT("content-length"), BYTES_LIT("3000") } };
    int32_t a = post("/small", bytes_of(big, sizeof(big)));
    int32_t b = h2_peer_request(peer, "POST", "/small", length, 1, bytes_of(NULL, 0), false);
    int32_t c = h2_peer_request(peer, "POST", "/small", NULL, 0, bytes_of(big, 1001), false);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed && SEEN(c)->closed);
    int32_t ids[] = { a, b, c };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(SEEN(ids[i])->status, 413);
        assert_int_equal(SEEN(ids[i])->code, 0);    /* NO_ERROR: send no more, the answer stands */
    }
    assert_int_equal(served.requests, 0);
    int32_t d = get("/size?1");
    UNTIL(SEEN(d)->closed);
    assert_int_equal(SEEN(d)->status, 200);
}

static void what_comes_after_the_reply_is_read_and_dropped(void **state UNUSED)
{
    static char much[64 << 10];
    char big[1001] = { 0 };
    int32_t a = h2_peer_request(peer, "POST", "/small", NULL, 0, bytes_of(big, sizeof(big)), false);
    int32_t b = h2_peer_request(peer, "POST", "/small", NULL, 0, bytes_of(big, sizeof(big)), false);
    UNTIL(SEEN(a)->ended && SEEN(b)->ended);
    assert_int_equal(SEEN(a)->status, 413);
    assert_false(SEEN(a)->closed);    /* no reset yet, which a peer that is busy sending may take for a failure */
    for (size_t i = 0; i < (3 << 20) / sizeof(much); i++)    /* more than a window */
        h2_peer_data(peer, a, bytes_of(much, sizeof(much)), false);
    h2_peer_data(peer, a, BYTES_LIT("x"), true);
    UNTIL(SEEN(a)->closed);
    assert_int_equal(SEEN(a)->code, 0);
    assert_false(SEEN(b)->closed);
    for (size_t sent = 0; sent <= LIMIT_SERVER_LINGER_BYTES; sent += sizeof(much))    /* it never ends */
        h2_peer_data(peer, b, bytes_of(much, sizeof(much)), false);
    UNTIL(SEEN(b)->closed);
    assert_int_equal(SEEN(b)->code, 0);    /* NO_ERROR: send no more, the answer stands */
    int32_t c = get("/size?1");
    UNTIL(SEEN(c)->closed);
    assert_int_equal(SEEN(c)->status, 200);
}

static void gzip_bodies_are_undone_and_bounded(void **state UNUSED)
{
    static const struct net_header gzip[] = { { BYTES_LIT("content-encoding"), BYTES_LIT("gzip") } };
    CLEANUP(buf_fini) struct buf packed = { 0 }, bomb = { 0 }, zeros = { 0 };
    gzip_append(BYTES_LIT("hello "), &packed);
    gzip_append(BYTES_LIT("gzip"), &packed);    /* a second member */
    memset(buf_reserve(&zeros, 17 << 20), 0, 17 << 20);
    zeros.len = 17 << 20;
    gzip_append(buf_bytes(&zeros), &bomb);
    int32_t a = h2_peer_request(peer, "POST", "/echo", gzip, 1, buf_bytes(&packed), true);
    int32_t b = h2_peer_request(peer, "POST", "/echo", gzip, 1, bytes_sub(buf_bytes(&packed), 0, 10), true);
    int32_t c = h2_peer_request(peer, "POST", "/echo", gzip, 1, BYTES_LIT("no gzip at all"), true);
    int32_t d = h2_peer_request(peer, "POST", "/echo", gzip, 1, buf_bytes(&bomb), true);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed && SEEN(c)->closed && SEEN(d)->closed);
    assert_bytes_equal(buf_bytes(&SEEN(a)->body), "hello gzip");
    assert_int_equal(SEEN(b)->status, 400);
    assert_int_equal(SEEN(c)->status, 400);
    assert_int_equal(SEEN(d)->status, 413);
}

static void bounds_headers(void **state UNUSED)
{
    struct net_header many[LIMIT_HEADER_COUNT + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct net_header) { BYTES_LIT("x-a"), BYTES_LIT("b") };
    int32_t a = h2_peer_request(peer, "GET", "/size?1", many, ARRAY_LEN(many) - 1, bytes_of(NULL, 0), true);
    int32_t b = h2_peer_request(peer, "GET", "/size?1", many, ARRAY_LEN(many), bytes_of(NULL, 0), true);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed);
    assert_int_equal(SEEN(a)->status, 200);
    assert_int_equal(SEEN(b)->status, 431);
}

static void a_header_flood_ends_the_connection_or_the_stream(void **state UNUSED)
{
    static char value[20000];
    struct net_header large[3];
    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        large[i] = (struct net_header) { BYTES_LIT("x-large"), bytes_of(value, sizeof(value)) };
    int32_t a = h2_peer_request(peer, "GET", "/size?1", large, ARRAY_LEN(large), bytes_of(NULL, 0), true);
    UNTIL(SEEN(a)->closed || h2_peer_is_closed(peer));
    assert_int_equal(SEEN(a)->status, 200);    /* 60,096 of 65,536 */
    for (int i = 0; i < 20 && !h2_peer_is_closed(peer); i++) {
        struct net_header huge[100];
        for (size_t k = 0; k < ARRAY_LEN(huge); k++)
            huge[k] = large[0];    /* indexed after the first: small on the wire, 2 MB when read */
        int32_t b = h2_peer_request(peer, "GET", "/size?1", huge, 3 + (size_t) i, bytes_of(NULL, 0), true);
        UNTIL(SEEN(b)->closed || h2_peer_is_closed(peer));
        assert_true(i == 0 || SEEN(b)->status != 200);
    }
}

static void strange_heads_are_refused(void **state UNUSED)
{
    static const struct net_header wrong_length[] = { { BYTES_LIT("content-length"), BYTES_LIT("x") } };
    static const struct net_header hop[] = { { BYTES_LIT("transfer-encoding"), BYTES_LIT("chunked") } };
    int32_t ids[] = {
        get("nowhere"),
        get(""),
        h2_peer_request(peer, "GET", "/size?1", wrong_length, 1, bytes_of(NULL, 0), true),
        h2_peer_request(peer, "GET", "/size?1", hop, 1, bytes_of(NULL, 0), true),
    };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        UNTIL(SEEN(ids[i])->closed);
        assert_true(SEEN(ids[i])->status == 400 || SEEN(ids[i])->code != 0);
    }
    assert_int_equal(served.requests, 0);
}

static void an_expected_continue_comes(void **state UNUSED)
{
    static const struct net_header expect[] = { { BYTES_LIT("expect"), BYTES_LIT("100-continue") } };
    int32_t a = h2_peer_request(peer, "POST", "/echo", expect, 1, bytes_of(NULL, 0), false);
    UNTIL(SEEN(a)->status == 100);
    h2_peer_data(peer, a, BYTES_LIT("now"), true);
    UNTIL(SEEN(a)->closed);
    assert_int_equal(SEEN(a)->status, 200);
    assert_bytes_equal(buf_bytes(&SEEN(a)->body), "now");
}

static void streams_both_ways_with_trailers(void **state UNUSED)
{
    int32_t a = h2_peer_request(peer, "POST", "/pieces", NULL, 0, BYTES_LIT("one"), false);
    UNTIL(SEEN(a)->body.len == 3);
    assert_false(SEEN(a)->ended);
    h2_peer_data(peer, a, BYTES_LIT("two"), false);
    UNTIL(SEEN(a)->body.len == 6);
    h2_peer_data(peer, a, bytes_of(NULL, 0), true);
    UNTIL(SEEN(a)->closed);
    assert_bytes_equal(buf_bytes(&SEEN(a)->body), "onetwo");
    assert_true(has(a, "x-end: yes\n"));
    assert_int_equal(SEEN(a)->heads, 2);
    assert_int_equal(served.gone, 0);
}

static void a_slow_reader_holds_its_own_reply_back(void **state UNUSED)
{
    served.unsent_max = 0;
    int32_t a = get("/flood?20000000"), b = get("/size?50000");
    h2_peer_hold(peer, true);
    passes(200);
    h2_peer_hold(peer, false);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed);
    assert_int_equal(SEEN(a)->body.len, 20000000);
    assert_int_equal(SEEN(b)->body.len, 50000);
    assert_true(served.unsent_max <= KIB(64));
}

static void a_stream_without_window_holds_up_no_other(void **state UNUSED)
{
    h2_peer_free(peer);
    connect_peer(&(struct h2_peer_conf) { .window = 1000, .no_updates = true });
    served.unsent_max = 0;
    int32_t a = get("/flood?5000000"), b = get("/size?5000"), c = get("/size?900");
    UNTIL(SEEN(c)->closed);
    passes(100);
    assert_int_equal(SEEN(a)->body.len, 1000);
    assert_int_equal(SEEN(b)->body.len, 1000);
    assert_true(served.unsent_max <= KIB(64));
    h2_peer_reset(peer, a, 8);
    UNTIL(served.gone == 1);    /* the flood's handler is told, the answered one is not */
    h2_peer_reset(peer, b, 8);
    passes(20);
    assert_int_equal(served.gone, 1);
}

static void resets_at_every_stage(void **state UNUSED)
{
    int32_t a = h2_peer_request(peer, "POST", "/echo", NULL, 0, BYTES_LIT("begun"), false);
    passes(10);
    h2_peer_reset(peer, a, 8);    /* while its body comes: no handler yet */
    int32_t b = get("/kept");
    UNTIL(served.kept_count == 1);
    h2_peer_reset(peer, b, 8);    /* while the handler works */
    UNTIL(served.gone == 1);
    int32_t c = h2_peer_request(peer, "POST", "/pieces", NULL, 0, BYTES_LIT("some"), false);
    UNTIL(SEEN(c)->body.len == 4);
    h2_peer_reset(peer, c, 8);    /* between pieces */
    UNTIL(served.gone == 2);
    int32_t d = get("/kept");
    UNTIL(served.kept_count == 2);
    h2_peer_reset(peer, d, 8);
    net_reply(served.kept[1], 200, NULL, 0, BYTES_LIT("too late"));    /* before the reset is read */
    passes(20);
    assert_int_equal(served.gone, 2);
    int32_t e = get("/size?10");
    UNTIL(SEEN(e)->closed);
    assert_int_equal(SEEN(e)->status, 200);
    assert_int_equal(served.requests, 4);
}

static void a_cut_connection_tells_all(void **state UNUSED)
{
    for (int i = 0; i < 50; i++)
        get("/kept");
    UNTIL(served.kept_count == 50);
    net_reply(served.kept[7], 200, NULL, 0, bytes_of(NULL, 0));
    h2_peer_free(peer);
    peer = NULL;
    UNTIL(net_listener_connections(served.listener) == 0);
    assert_int_equal(served.gone, 49);
}

static void faults_on_command(void **state UNUSED)
{
    int32_t a = get("/reset"), b = get("/half"), c = get("/size?3");
    UNTIL(SEEN(a)->closed && SEEN(b)->closed && SEEN(c)->closed);
    assert_true(SEEN(a)->code != 0 && SEEN(a)->status == 0);
    assert_true(SEEN(b)->code != 0 && !SEEN(b)->ended);
    assert_bytes_equal(buf_bytes(&SEEN(b)->body), "half");
    assert_int_equal(SEEN(c)->status, 200);
    int32_t d = get("/kept");
    get("/cut");
    UNTIL(h2_peer_is_closed(peer));
    assert_int_equal(SEEN(d)->status, 0);
    assert_int_equal(served.gone, 1);
}

static void pings_are_answered_and_borne(void **state UNUSED)
{
    for (int i = 0; i < 500; i++)
        h2_peer_ping(peer);
    UNTIL(h2_peer_pongs(peer) == 500);
    uint32_t code;
    assert_false(h2_peer_goaway(peer, &code));
}

static void floods_of_frames_are_cut(void **state UNUSED)
{
    static const char ping[] = "\0\0\x8\x6\0\0\0\0\0" "12345678";
    static const char settings[] = "\0\0\0\x4\0\0\0\0\0";
    static const char empty_data[] = "\0\0\0\0\0\0\0\0\x1";
    const struct bytes rows[] = { { ping, 17 }, { settings, 9 }, { empty_data, 9 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t open = h2_peer_request(peer, "POST", "/echo", NULL, 0, bytes_of(NULL, 0), false);
        passes(10);
        for (int n = 0; n < LIMIT_FRAME_RATE + 10; n++)
            h2_peer_raw(peer, rows[i]);
        UNTIL(h2_peer_is_closed(peer));
        assert_int_equal(SEEN(open)->status, 0);
        h2_peer_free(peer);
        connect_peer(&(struct h2_peer_conf) { 0 });
    }
}

static void an_endless_head_is_cut(void **state UNUSED)
{
    passes(10);
    h2_peer_raw(peer, BYTES_LIT("\0\0\x1\x1\0\0\0\0\x1\x82"));    /* HEADERS, not the last: ":method: GET" */
    for (int i = 0; i < 20000; i++)
        h2_peer_raw(peer, BYTES_LIT("\0\0\x7\x9\0\0\0\0\x1\0\x3" "abc\x1" "d"));    /* CONTINUATION: "abc: d" */
    UNTIL(h2_peer_is_closed(peer));
    assert_int_equal(served.requests, 0);
}

static void floods_of_resets_are_cut(void **state UNUSED)
{
    for (int n = 0; n < LIMIT_RESET_RATE + 200 && !h2_peer_is_closed(peer); n++) {
        int32_t id = get("/kept");
        loop_pass(loop, 0);
        h2_peer_reset(peer, id, 8);
        loop_pass(loop, 0);
        served.kept_count = 0;
    }
    UNTIL(h2_peer_is_closed(peer));
    UNTIL(net_listener_connections(served.listener) == 0);
}

static void what_is_no_http2_ends_the_connection(void **state UNUSED)
{
    passes(10);
    h2_peer_raw(peer, BYTES_LIT("\xff\xff\xff\x1\0\0\0\0\x1"));    /* a frame of 16 MB */
    UNTIL(h2_peer_is_closed(peer));
    uint32_t code;
    assert_true(h2_peer_goaway(peer, &code));
    assert_true(code != 0);
}

static void drains(void **state UNUSED)
{
    int32_t a = get("/kept");
    UNTIL(served.kept_count == 1);
    net_listener_drain(served.listener);
    uint32_t code = 99;
    UNTIL(h2_peer_goaway(peer, &code));
    assert_int_equal(code, 0);
    net_reply(served.kept[0], 200, NULL, 0, BYTES_LIT("last"));
    UNTIL(h2_peer_is_closed(peer));
    assert_bytes_equal(buf_bytes(&SEEN(a)->body), "last");
    assert_true(SEEN(a)->ended);
    assert_int_equal(net_listener_connections(served.listener), 0);
}

static void an_idle_connection_ends_when_drained(void **state UNUSED)
{
    int32_t a = get("/size?1");
    UNTIL(SEEN(a)->closed);
    net_listener_drain(served.listener);
    UNTIL(h2_peer_is_closed(peer));
}

static void spare_requests_begin_clean(void **state UNUSED)
{
    static const struct net_header gzip[] = { { BYTES_LIT("content-encoding"), BYTES_LIT("gzip") } };
    int32_t a = h2_peer_request(peer, "POST", "/echo", gzip, 1, BYTES_LIT("rubbish"), true);
    UNTIL(SEEN(a)->closed);
    int32_t b = post("/echo", BYTES_LIT("clean"));
    UNTIL(SEEN(b)->closed);
    assert_int_equal(SEEN(b)->status, 200);
    assert_bytes_equal(buf_bytes(&SEEN(b)->body), "clean");
}

static void speaks_tls(void **state UNUSED)
{
    struct certs certs;
    struct err err;
    certs_make(&certs);
    struct cert_files leaf = certs_leaf(&certs, "localhost", "DNS:localhost", 1);
    struct tls_context *tls = tls_server_make(leaf.cert, leaf.key, &err);
    struct tls_context *client = tls_client_make(certs.ca_file, &err);
    assert_true(tls != NULL && client != NULL);
    h2_peer_free(peer);
    served_stop(&served);
    served_start(&served, loop, tls, 0);
    connect_peer(&(struct h2_peer_conf) { .tls = client, .host = "localhost" });
    UNTIL(net_listener_connections(served.listener) == 1);
    passes(50);
    int32_t ids[200];
    for (int i = 0; i < 200; i++)
        ids[i] = get("/size?20000");
    for (int i = 0; i < 200; i++) {
        UNTIL(SEEN(ids[i])->closed);
        assert_int_equal(SEEN(ids[i])->body.len, 20000);
    }
    tls_context_free(tls);
    tls_context_free(client);
    certs_fini(&certs);
}

static int setup(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    served = (struct served) { 0 };
    served_start(&served, loop, NULL, 0);
    connect_peer(&(struct h2_peer_conf) { 0 });
    return 0;
}

static int teardown(void **state UNUSED)
{
    h2_peer_free(peer);
    served_stop(&served);
    loop_free(loop);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers),
        TEST(more_streams_than_allowed_take_turns),
        TEST(large_bodies_go_both_ways),
        TEST(bounds_bodies),
        TEST(what_comes_after_the_reply_is_read_and_dropped),
        TEST(gzip_bodies_are_undone_and_bounded),
        TEST(bounds_headers),
        TEST(a_header_flood_ends_the_connection_or_the_stream),
        TEST(strange_heads_are_refused),
        TEST(an_expected_continue_comes),
        TEST(streams_both_ways_with_trailers),
        TEST(a_slow_reader_holds_its_own_reply_back),
        TEST(a_stream_without_window_holds_up_no_other),
        TEST(resets_at_every_stage),
        TEST(a_cut_connection_tells_all),
        TEST(faults_on_command),
        TEST(pings_are_answered_and_borne),
        TEST(floods_of_frames_are_cut),
        TEST(an_endless_head_is_cut),
        TEST(floods_of_resets_are_cut),
        TEST(what_is_no_http2_ends_the_connection),
        TEST(drains),
        TEST(an_idle_connection_ends_when_drained),
        TEST(spare_requests_begin_clean),
        TEST(speaks_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
