#include "unit.h"

#include "h2_peer.h"
#include "rig.h"
#include "served.h"

#include "base/b64.h"
#include "base/limits.h"
#include "grpc/grpc_framing.h"
#include "grpc/grpc_server.h"
#include "grpc/timeout.h"
#include "net/gzip.h"

#include <string.h>

enum { MESSAGE_MAX = 1 << 20 };

static struct loop *loop;
static struct served served;
static struct h2_peer *peer;
static struct grpc_server *server;

/* What the handlers saw, and the stream they keep. */
static struct {
    struct grpc_stream *kept;
    unsigned messages, half_closes, gones, drained;
    struct buf last;
    bool end_in_message;
} seen;

#define UNTIL(condition) RIG_UNTIL(loop, condition)
#define SEEN(id)         h2_peer_seen(peer, id)

static void on_message(void *ctx UNUSED, struct bytes message)
{
    seen.messages++;
    buf_clear(&seen.last);
    buf_append(&seen.last, message);
    if (seen.end_in_message)
        grpc_stream_end(seen.kept, GRPC_NOT_FOUND, BYTES_LIT("100% gone\n\xc3\xa4"), BYTES_LIT("details!"));
}

static void on_half_close(void *ctx UNUSED)
{
    seen.half_closes++;
}

static void on_gone(void *ctx UNUSED)
{
    seen.gones++;
    seen.kept = NULL;
}

static void on_drained(void *ctx UNUSED)
{
    seen.drained++;
}

static const struct grpc_stream_events events = { on_message, on_half_close, on_gone, on_drained };

static void fn_stream(void *ctx UNUSED, struct grpc_stream *s)
{
    seen.kept = s;
    grpc_stream_watch(s, &events, NULL);
}

static void fn_echo(void *ctx UNUSED, struct grpc_stream *s, struct bytes request)
{
    grpc_stream_answer(s, request);
}

static void fn_later(void *ctx UNUSED, struct grpc_stream *s, struct bytes request UNUSED)
{
    seen.kept = s;
    grpc_stream_watch(s, &events, NULL);
}

static const struct grpc_method methods[] = {
    { .path = "/t.S/Echo", .fn_unary = fn_echo },
    { .path = "/t.S/Later", .fn_unary = fn_later },
    { .path = "/t.S/Stream", .streaming = true, .fn_stream = fn_stream },
};

static struct net_route route(struct served *s UNUSED, const struct net_request *r)
{
    struct net_route found = { 0 };
    grpc_server_route(server, r, &found);
    return found;
}

static const struct net_header plain[] = {
    { BYTES_LIT("te"), BYTES_LIT("trailers") },
    { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") },
    { BYTES_LIT("grpc-encoding"), BYTES_LIT("gzip") },
};

static void frame(struct buf *out, struct bytes message)
{
    char prefix[GRPC_PREFIX_LEN];
    grpc_framing_prefix((uint32_t) message.len, prefix);
    buf_append(out, bytes_of(prefix, sizeof(prefix)));
    buf_append(out, message);
}

static int32_t call(const char *path, struct bytes body, bool end)
{
    return h2_peer_request(peer, "POST", path, plain, ARRAY_LEN(plain), body, end);
}

static int32_t call_message(const char *path, const char *message, bool end)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    frame(&body, bytes_str(message));
    return call(path, buf_bytes(&body), end);
}

static bool has(int32_t id, const char *line)
{
    return strstr(buf_str(&SEEN(id)->headers), line) != NULL;
}

static void unary(void **state UNUSED)
{
    int32_t a = call_message("/t.S/Echo", "hello", true), b = call_message("/t.S/Echo", "", true);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed);
    assert_int_equal(SEEN(a)->status, 200);
    assert_memory_equal(SEEN(a)->body.ptr, "\0\0\0\0\x5hello", 10);
    assert_true(has(a, "content-type: application/grpc\n") && has(a, "grpc-status: 0\n"));
    assert_int_equal(SEEN(a)->heads, 2);
    assert_int_equal(SEEN(b)->body.len, GRPC_PREFIX_LEN);
}

static void large_messages_cross_frames(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf body = { 0 }, big = { 0 };
    for (int i = 0; big.len < MESSAGE_MAX; i++)
        buf_append_char(&big, (char) (i * 31));
    frame(&body, buf_bytes(&big));
    int32_t a = call("/t.S/Echo", buf_bytes(&body), true);
    UNTIL(SEEN(a)->closed);
    assert_true(bytes_eq(buf_bytes(&SEEN(a)->body), buf_bytes(&body)));
    buf_append_char(&big, 'x');
    buf_clear(&body);
    frame(&body, buf_bytes(&big));
    int32_t b = call("/t.S/Echo", buf_bytes(&body), true);
    UNTIL(SEEN(b)->closed);
    assert_true(has(b, "grpc-status: 8\n"));
    assert_true(has(b, "grpc-message: Received message larger than max (1048577 vs. 1048576)\n"));
}

static void errors_come_in_one_head(void **state UNUSED)
{
    int32_t a = call_message("/t.S/Nothing", "x", true);
    int32_t b = call("/t.S/Echo", bytes_of(NULL, 0), true);
    int32_t c = call("/t.S/Echo", bytes_of("\0\0\0\0\1a\0\0\0\0\1b", 12), true);
    int32_t d = call("/t.S/Echo", bytes_of("\2\0\0\0\1a", 6), true);
    int32_t e = call("/t.S/Echo", bytes_of("\0\0\0\0\2a", 6), true);
    const int32_t ids[] = { a, b, c, d, e };
    const char *const status[] = { "12", "12", "12", "13", "13" };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        buf_printf(&line, "grpc-status: %s\n", status[i]);
        UNTIL(SEEN(ids[i])->closed);
        assert_int_equal(SEEN(ids[i])->status, 200);
        assert_int_equal(SEEN(ids[i])->heads, 1);
        assert_true(has(ids[i], buf_str(&line)));
        assert_false(has(ids[i], "content-length"));
    }
    assert_null(seen.kept);
}

static void refuses_what_is_not_grpc(void **state UNUSED)
{
    static const struct net_header json[] = { { BYTES_LIT("content-type"), BYTES_LIT("application/grpc+json") } };
    static const struct net_header proto[] = { { BYTES_LIT("content-type"), BYTES_LIT("application/grpc+proto;v=1") } };
    static const struct net_header snappy[] = { { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") },
                                                { BYTES_LIT("grpc-encoding"), BYTES_LIT("snappy") } };
    struct bytes empty = BYTES_LIT("\0\0\0\0\0");
    int32_t a = h2_peer_request(peer, "POST", "/t.S/Echo", json, 1, empty, true);
    int32_t b = h2_peer_request(peer, "POST", "/t.S/Echo", proto, 1, empty, true);
    int32_t c = h2_peer_request(peer, "POST", "/t.S/Echo", snappy, 2, empty, true);
    int32_t d = h2_peer_request(peer, "GET", "/t.S/Echo", proto, 1, bytes_of(NULL, 0), true);
    UNTIL(SEEN(a)->closed && SEEN(b)->closed && SEEN(c)->closed && SEEN(d)->closed);
    assert_int_equal(SEEN(a)->status, 404);    /* for the next in the listener's route function */
    assert_true(has(b, "grpc-status: 0\n"));
    assert_true(has(c, "grpc-status: 12\n"));
    assert_int_equal(SEEN(d)->status, 405);
}

static void gzip_messages_are_undone_and_bounded(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf packed = { 0 }, body = { 0 }, zeros = { 0 };
    gzip_append(BYTES_LIT("hello gzip"), &packed);
    frame(&body, buf_bytes(&packed));
    body.ptr[0] = 1;
    int32_t a = call("/t.S/Echo", buf_bytes(&body), true);
    UNTIL(SEEN(a)->closed);
    assert_memory_equal(SEEN(a)->body.ptr + 5, "hello gzip", 10);
    buf_clear(&body);
    frame(&body, bytes_sub(buf_bytes(&packed), 0, packed.len - 2));
    body.ptr[0] = 1;
    int32_t b = call("/t.S/Echo", buf_bytes(&body), true);
    memset(buf_reserve(&zeros, MESSAGE_MAX + 1), 0, MESSAGE_MAX + 1);
    zeros.len = MESSAGE_MAX + 1;
    buf_clear(&packed);
    buf_clear(&body);
    gzip_append(buf_bytes(&zeros), &packed);
    frame(&body, buf_bytes(&packed));
    body.ptr[0] = 1;
    int32_t c = call("/t.S/Echo", buf_bytes(&body), true);
    int32_t d = h2_peer_request(peer, "POST", "/t.S/Echo", plain, 2, buf_bytes(&body), true);    /* flag, no encoding */
    UNTIL(SEEN(b)->closed && SEEN(c)->closed && SEEN(d)->closed);
    assert_true(has(b, "grpc-status: 13\n"));
    assert_true(has(c, "grpc-status: 8\n"));
    assert_true(has(d, "grpc-status: 13\n"));
}

static void streams(void **state UNUSED)
{
    int32_t a = call_message("/t.S/Stream", "one", false);
    UNTIL(seen.messages == 1);
    assert_bytes_equal(buf_bytes(&seen.last), "one");
    assert_bytes_equal(grpc_stream_metadata(seen.kept, "te"), "trailers");
    assert_true(grpc_stream_deadline(seen.kept) == US_NEVER);
    grpc_stream_accept(seen.kept);
    UNTIL(SEEN(a)->status == 200);
    grpc_stream_send(seen.kept, BYTES_LIT("r1"));
    grpc_stream_send(seen.kept, BYTES_LIT("r2"));
    assert_int_equal(grpc_stream_unsent(seen.kept), 14);
    UNTIL(SEEN(a)->body.len == 14 && seen.drained == 1);
    CLEANUP(buf_fini) struct buf three = { 0 };
    frame(&three, BYTES_LIT("two"));
    frame(&three, BYTES_LIT(""));
    frame(&three, BYTES_LIT("four"));
    for (size_t i = 0; i < three.len; i++) {
        h2_peer_data(peer, a, bytes_of(three.ptr + i, 1), i + 1 == three.len);
        loop_pass(loop, 0);
    }
    UNTIL(seen.half_closes == 1);
    assert_int_equal(seen.messages, 4);
    assert_bytes_equal(buf_bytes(&seen.last), "four");
    grpc_stream_end(seen.kept, GRPC_UNAVAILABLE, BYTES_LIT("bye"), bytes_of(NULL, 0));
    UNTIL(SEEN(a)->closed);
    assert_true(has(a, "grpc-status: 14\n") && has(a, "grpc-message: bye\n"));
    assert_int_equal(seen.gones, 0);
}

static void may_end_inside_a_message(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    seen.end_in_message = true;
    for (int i = 0; i < 5; i++)
        frame(&body, BYTES_LIT("m"));
    int32_t a = call("/t.S/Stream", buf_bytes(&body), false);
    UNTIL(SEEN(a)->closed);
    assert_int_equal(seen.messages, 1);
    assert_true(has(a, "grpc-status: 5\n"));
    assert_true(has(a, "grpc-message: 100%25 gone%0A%C3%A4\n"));
    assert_true(has(a, "grpc-status-details-bin: ZGV0YWlscyE\n"));
    assert_int_equal(SEEN(a)->code, 0);
    assert_int_equal(seen.gones, 0);
}

static void long_texts_are_cut(void **state UNUSED)
{
    static char long_text[100000];
    memset(long_text, 't', sizeof(long_text));
    int32_t a = call_message("/t.S/Later", "x", true);
    UNTIL(seen.kept != NULL);
    grpc_stream_end(seen.kept, GRPC_INTERNAL, bytes_of(long_text, sizeof(long_text)),
                    bytes_of(long_text, sizeof(long_text)));
    UNTIL(SEEN(a)->closed);
    assert_true(has(a, "grpc-status: 13\n"));
    assert_true(SEEN(a)->headers.len < LIMIT_GRPC_TEXT + 200);
}

static void a_client_that_leaves_is_told(void **state UNUSED)
{
    int32_t a = call_message("/t.S/Later", "x", true);
    UNTIL(seen.kept != NULL);
    h2_peer_reset(peer, a, 8);
    UNTIL(seen.gones == 1);
    call_message("/t.S/Stream", "x", false);
    UNTIL(seen.messages == 1);
    h2_peer_free(peer);
    peer = NULL;
    UNTIL(seen.gones == 2);
}

static void faults_on_command(void **state UNUSED)
{
    int32_t a = call_message("/t.S/Stream", "x", false);
    UNTIL(seen.messages == 1);
    grpc_stream_reset(seen.kept);
    UNTIL(SEEN(a)->closed);
    assert_true(SEEN(a)->code != 0 && SEEN(a)->status == 0);
    call_message("/t.S/Later", "x", true);
    call_message("/t.S/Stream", "x", false);
    UNTIL(seen.messages == 2);
    grpc_stream_cut_connection(seen.kept);
    UNTIL(h2_peer_is_closed(peer));
}

static void deadlines_are_kept(void **state UNUSED)
{
    static const struct net_header timed[] = {
        { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") }, { BYTES_LIT("grpc-timeout"), BYTES_LIT("20m") },
    };
    static const struct net_header wrong[] = {
        { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") }, { BYTES_LIT("grpc-timeout"), BYTES_LIT("20") },
    };
    struct bytes empty = BYTES_LIT("\0\0\0\0\0");
    int32_t a = h2_peer_request(peer, "POST", "/t.S/Later", timed, 2, empty, true);
    UNTIL(seen.kept != NULL);
    assert_true(grpc_stream_deadline(seen.kept) <= loop_now(loop) + 20000);
    UNTIL(SEEN(a)->closed);
    assert_true(has(a, "grpc-status: 4\n"));
    assert_int_equal(seen.gones, 1);
    int32_t b = h2_peer_request(peer, "POST", "/t.S/Stream", timed, 2, empty, false);
    UNTIL(seen.kept != NULL);
    grpc_stream_accept(seen.kept);
    UNTIL(SEEN(b)->closed);
    assert_true(has(b, "grpc-status: 4\n"));
    assert_int_equal(seen.gones, 2);
    int32_t c = h2_peer_request(peer, "POST", "/t.S/Echo", wrong, 2, empty, true);
    int32_t d = h2_peer_request(peer, "POST", "/t.S/Echo", timed, 2, bytes_of(NULL, 0), false);    /* no message comes */
    UNTIL(SEEN(c)->closed && SEEN(d)->closed);
    assert_true(has(c, "grpc-status: 13\n"));
    assert_true(has(d, "grpc-status: 4\n"));
}

static void timeouts_are_read(void **state UNUSED)
{
    static const struct {
        const char *text;
        us_t us;    /* -1: malformed */
    } rows[] = {
        { "1H", 3600 * US_PER_S }, { "2M", 120 * US_PER_S }, { "99999999S", 99999999 * US_PER_S }, { "100m", 100000 },
        { "7u", 7 }, { "1n", 1 }, { "1000n", 1 }, { "1001n", 2 }, { "0S", 0 },
        { "", -1 }, { "S", -1 }, { "1", -1 }, { "1s", -1 }, { "-1S", -1 }, { "123456789S", -1 }, { "1 S", -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        us_t us = -1;
        assert_int_equal(grpc_timeout_parse(bytes_str(rows[i].text), &us), rows[i].us >= 0);
        assert_true(us == rows[i].us);
    }
}

static void framing_gives_the_same_however_it_is_cut(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf in = { 0 }, want = { 0 };
    static const char *const messages[] = { "", "a", "bcdefgh", "", "ij" };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        frame(&in, bytes_str(messages[i]));
        buf_printf(&want, "%s|", messages[i]);
    }
    for (size_t step = 1; step <= in.len; step++) {
        CLEANUP(buf_fini) struct buf got = { 0 };
        CLEANUP(grpc_framing_fini) struct grpc_framing f = { .message_max = 7 };
        for (size_t at = 0; at < in.len; at += step) {
            struct bytes part = bytes_sub(buf_bytes(&in), at, step), message;
            bool compressed;
            while (grpc_framing_next(&f, &part, &compressed, &message) == GRPC_FRAMING_MESSAGE) {
                assert_false(compressed);
                buf_append(&got, message);
                buf_append_char(&got, '|');
            }
            assert_int_equal(part.len, 0);
        }
        assert_true(grpc_framing_is_whole(&f));
        assert_string_equal(buf_str(&got), buf_str(&want));
    }
}

static int setup(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    served = (struct served) { .grpc = route };
    served_start(&served, loop, NULL, 0);
    server = grpc_server_make(methods, ARRAY_LEN(methods), MESSAGE_MAX, NULL);
    peer = h2_peer_make(loop, served_connect(&served), &(struct h2_peer_conf) { 0 });
    memset(&seen, 0, sizeof(seen));
    return 0;
}

static int teardown(void **state UNUSED)
{
    h2_peer_free(peer);
    served_stop(&served);
    grpc_server_free(server);
    loop_free(loop);
    buf_fini(&seen.last);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unary),
        TEST(large_messages_cross_frames),
        TEST(errors_come_in_one_head),
        TEST(refuses_what_is_not_grpc),
        TEST(gzip_messages_are_undone_and_bounded),
        TEST(streams),
        TEST(may_end_inside_a_message),
        TEST(long_texts_are_cut),
        TEST(a_client_that_leaves_is_told),
        TEST(faults_on_command),
        TEST(deadlines_are_kept),
        cmocka_unit_test(timeouts_are_read),
        cmocka_unit_test(framing_gives_the_same_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
