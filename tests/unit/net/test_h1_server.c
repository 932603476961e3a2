#include "unit.h"

#include "certs.h"
#include "rig.h"
#include "served.h"

#include "base/mem.h"
#include "net/gzip.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct served served;

/* A client that is nothing but a socket. */
struct client {
    int fd;
    SSL *ssl;
    struct buf out, in;
    size_t out_at;
    bool over;    /* the server closed */
};

static void client_start(struct client *c)
{
    *c = (struct client) { .fd = served_connect(&served) };
}

static void client_stop(struct client *c)
{
    SSL_free(c->ssl);
    if (c->fd >= 0)
        close(c->fd);
    buf_fini(&c->out);
    buf_fini(&c->in);
}

static ssize_t put(struct client *c)
{
    if (c->ssl == NULL)
        return send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
    int n = SSL_write(c->ssl, c->out.ptr + c->out_at, (int) (c->out.len - c->out_at));
    return n > 0 ? n : -1;
}

static ssize_t get(struct client *c, char *into, size_t len)
{
    if (c->ssl == NULL)
        return recv(c->fd, into, len, 0);
    int n = SSL_read(c->ssl, into, (int) len);
    if (n <= 0)
        errno = SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? EAGAIN : 0;
    return n > 0 ? n : errno == EAGAIN ? -1 : 0;
}

/* One turn: what can be written and read without waiting, and a pass of the server. */
static void turn(struct client *c)
{
    if (c->out.len > 0) {
        ssize_t n = put(c);
        if (n > 0)
            c->out_at += (size_t) n;
        else if (c->ssl == NULL && errno != EAGAIN)
            c->out_at = c->out.len;    /* the server closed: what is left goes nowhere */
        if (c->out_at == c->out.len) {
            buf_clear(&c->out);
            c->out_at = 0;
        }
    }
    loop_pass(loop, 0);
    for (;;) {
        ssize_t n = get(c, buf_reserve(&c->in, KIB(64)), KIB(64));
        if (n <= 0) {
            c->over |= n == 0 || errno != EAGAIN;
            break;
        }
        c->in.len += (size_t) n;
        c->in.ptr[c->in.len] = '\0';
    }
}

#define UNTIL(c, condition)                               \
    do {                                                  \
        us_t end_ = clock_now() + 10 * US_PER_S;          \
        while (!(condition)) {                            \
            CHECK(clock_now() < end_);                    \
            turn(c);                                      \
        }                                                 \
    } while (0)

static void say(struct client *c, const char *text)
{
    buf_append_str(&c->out, text);
}

static bool heard(struct client *c, const char *text)
{
    return strstr(buf_str(&c->in), text) != NULL;
}

static unsigned count_of(struct client *c, const char *text)
{
    unsigned n = 0;
    const char *at = buf_str(&c->in), *end = at + c->in.len;
    for (; (at = memmem(at, (size_t) (end - at), text, strlen(text))) != NULL; at++)
        n++;
    return n;
}

/* What the server says to `text`, sent in pieces of `step`, up to the close. */
static void exchange(const char *text, size_t len, size_t step, struct buf *ret)
{
    struct client c;
    client_start(&c);
    for (size_t at = 0; at < len; at += step) {
        buf_append(&c.out, bytes_sub(bytes_of(text, len), at, step));
        UNTIL(&c, c.out.len == 0);
    }
    UNTIL(&c, c.over);
    buf_append(ret, buf_bytes(&c.in));
    client_stop(&c);
}

/* The reply without its date, which moves on. */
static void without_dates(struct buf *b)
{
    for (char *at = b->ptr; (at = strstr(at, "date: ")) != NULL;) {
        size_t from = (size_t) (at - b->ptr), len = strlen("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        memmove(at, at + len, b->len - from - len + 1);
        b->len -= len;
    }
}

static void answers_and_keeps_alive(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    say(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    UNTIL(&c, heard(&c, "hello"));
    assert_true(heard(&c, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: "));
    assert_true(heard(&c, "GMT\r\ncontent-length: 5\r\n\r\nhello"));
    buf_clear(&c.in);
    say(&c, "\r\nHEAD /size?12 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, heard(&c, "\r\n\r\n"));
    assert_true(heard(&c, "content-length: 12\r\n"));
    assert_false(heard(&c, "abc"));
    buf_clear(&c.in);
    say(&c, "GET /fail?204 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, heard(&c, "\r\n\r\n"));
    assert_false(heard(&c, "content-length"));
    say(&c, "GET /size?3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    UNTIL(&c, c.over);
    assert_true(heard(&c, "connection: close\r\n"));
    client_stop(&c);
}

static void every_split_gives_the_same_replies(void **state UNUSED)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n1;a=b\r\n!\r\n0\r\nT: u\r\n\r\n"
        "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"    /* its reply is cut as its body was */
        "abcd"
        "GET /size?2 HTTP/1.1\r\nHost: h\r\n\r\n"
        "BAD\r\n\r\n";
    CLEANUP(buf_fini) struct buf first = { 0 };
    for (size_t step = sizeof(text) - 1; step > 0; step--) {
        CLEANUP(buf_fini) struct buf out = { 0 };
        exchange(text, sizeof(text) - 1, step, &out);
        without_dates(&out);
        char *chunks = strstr(out.ptr, "chunked\r\n");
        assert_non_null(chunks);
        char *rest = strstr(chunks, "0\r\n\r\n");
        assert_non_null(rest);
        memmove(chunks, rest, strlen(rest) + 1);
        out.len = strlen(out.ptr);
        if (first.len == 0)
            buf_append(&first, buf_bytes(&out));
        assert_string_equal(buf_str(&out), buf_str(&first));
    }
    assert_non_null(strstr(buf_str(&first), "400 Bad Request"));
    assert_non_null(strstr(buf_str(&first), "xyz!"));
}

static void pipelined_requests_are_answered_in_order(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    served.kept_count = 0;
    say(&c, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\nGET /size?7 HTTP/1.1\r\nHost: h\r\n\r\n"
            "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, served.kept_count == 1);
    turn(&c);
    assert_int_equal(c.in.len, 0);
    net_reply(served.kept[0], 200, NULL, 0, BYTES_LIT("FIRST"));
    UNTIL(&c, served.kept_count == 2);
    net_reply(served.kept[1], 200, NULL, 0, BYTES_LIT("THIRD"));
    UNTIL(&c, heard(&c, "THIRD"));
    assert_true(strstr(c.in.ptr, "FIRST") < strstr(c.in.ptr, "abcdefg"));
    assert_true(strstr(c.in.ptr, "abcdefg") < strstr(c.in.ptr, "THIRD"));
    client_stop(&c);
}

static void a_flood_of_pipelined_requests_waits_in_the_socket(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    served.kept_count = 0;
    say(&c, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 50000; i++)
        say(&c, "GET /size?1 HTTP/1.1\r\nHost: h\r\n\r\n");
    say(&c, "GET /size?1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 200; i++)
        turn(&c);
    assert_true(c.out_at < c.out.len / 2);
    net_reply(served.kept[0], 200, NULL, 0, bytes_of(NULL, 0));
    UNTIL(&c, c.over);
    assert_int_equal(count_of(&c, "HTTP/1.1 200 OK"), 50002);
    client_stop(&c);
}

static void asks_for_the_body_when_expected_to(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    say(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    UNTIL(&c, heard(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    say(&c, "abc");
    UNTIL(&c, heard(&c, "abc"));
    assert_int_equal(count_of(&c, "100 Continue"), 1);
    buf_clear(&c.in);
    say(&c, "POST /small HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3000\r\n\r\n");
    UNTIL(&c, heard(&c, "\r\n\r\n"));
    assert_true(heard(&c, "HTTP/1.1 413 "));
    assert_false(heard(&c, "100 Continue"));
    client_stop(&c);
}

static void large_bodies_go_both_ways(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    buf_printf(&c.out, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 10 << 20);
    size_t head = c.out.len;
    char *body = buf_reserve(&c.out, 10 << 20);
    for (size_t i = 0; i < 10 << 20; i++)
        body[i] = (char) (i * 7 + i / 251);
    c.out.len += 10 << 20;
    CLEANUP(buf_fini) struct buf sent = { 0 };
    buf_append(&sent, bytes_sub(buf_bytes(&c.out), head, 10 << 20));
    UNTIL(&c, c.in.len >= 10 << 20 && strstr(c.in.ptr, "\r\n\r\n") + 4 + (10 << 20) == c.in.ptr + c.in.len);
    assert_memory_equal(strstr(c.in.ptr, "\r\n\r\n") + 4, sent.ptr, sent.len);
    client_stop(&c);
}

static void bounds_bodies(void **state UNUSED)
{
    static const char *const rows[] = {
        "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n",
        "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n",
    };
    CLEANUP(buf_fini) struct buf filler = { 0 };
    for (int i = 0; i < 1001; i++)
        buf_append_char(&filler, 'x');
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c;
        client_start(&c);
        say(&c, rows[i]);
        say(&c, buf_str(&filler));
        UNTIL(&c, heard(&c, "HTTP/1.1 413 "));
        assert_true(heard(&c, "connection: close\r\n"));
        client_stop(&c);
    }
}

static void gzip_bodies_are_undone_and_bounded(void **state UNUSED)
{
    struct client c;
    CLEANUP(buf_fini) struct buf packed = { 0 }, zeros = { 0 };
    client_start(&c);
    gzip_append(BYTES_LIT("hello gzip"), &packed);
    buf_printf(&c.out, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len);
    buf_append(&c.out, buf_bytes(&packed));
    UNTIL(&c, heard(&c, "hello gzip"));
    buf_clear(&c.in);
    /* cut short */
    buf_printf(&c.out, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len - 3);
    buf_append(&c.out, bytes_sub(buf_bytes(&packed), 0, packed.len - 3));
    UNTIL(&c, heard(&c, "HTTP/1.1 400 "));
    buf_clear(&c.in);
    say(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx");
    UNTIL(&c, heard(&c, "HTTP/1.1 415 "));
    client_stop(&c);
    /* 17 MB in 17 KB */
    client_start(&c);
    buf_clear(&packed);
    memset(buf_reserve(&zeros, 17 << 20), 0, 17 << 20);
    zeros.len = 17 << 20;
    gzip_append(buf_bytes(&zeros), &packed);
    buf_printf(&c.out, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len);
    buf_append(&c.out, buf_bytes(&packed));
    UNTIL(&c, heard(&c, "HTTP/1.1 413 "));
    client_stop(&c);
}

static void replies_are_packed_when_asked_for(void **state UNUSED)
{
    static const struct {
        const char *accept, *path;
        bool packed;
    } rows[] = {
        { "gzip", "/gzip?5000", true },         { "br, GZIP;q=0.5", "/gzip?5000", true },
        { "gzip;q=0", "/gzip?5000", false },    { "gzip;q=0.000, br", "/gzip?5000", false },
        { "gzip", "/size?5000", false },        { "gzip", "/gzip?1000", false },
        { "identity", "/gzip?5000", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c;
        client_start(&c);
        buf_printf(&c.out, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept-Encoding: %s\r\n\r\n", rows[i].path,
                   rows[i].accept);
        UNTIL(&c, c.over);
        assert_int_equal(heard(&c, "content-encoding: gzip\r\n"), rows[i].packed);
        assert_int_equal(c.in.len < 1000, rows[i].packed);
        client_stop(&c);
    }
}

static void streams_in_chunks_and_to_the_close(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    say(&c, "POST /pieces HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    UNTIL(&c, heard(&c, "5\r\nhello\r\n"));
    say(&c, "1\r\n!\r\n0\r\n\r\n");
    UNTIL(&c, heard(&c, "1\r\n!\r\n0\r\n\r\n"));
    client_stop(&c);
    client_start(&c);
    say(&c, "POST /pieces HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
    UNTIL(&c, c.over);
    assert_true(heard(&c, "\r\n\r\nhello"));
    assert_false(heard(&c, "chunked"));
    client_stop(&c);
}

static void a_slow_reader_holds_its_own_reply_back(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    served.unsent_max = 0;
    say(&c, "GET /flood?20000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    UNTIL(&c, c.over);
    assert_true(served.unsent_max < KIB(70));
    assert_true(c.in.len > 20000000);
    client_stop(&c);
}

static void a_peer_that_leaves_is_told(void **state UNUSED)
{
    struct client c;
    for (int how = 0; how < 3; how++) {
        client_start(&c);
        served.kept_count = served.gone = 0;
        say(&c, how == 2 ? "POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"
                         : "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
        UNTIL(&c, served.kept_count == 1 || heard(&c, "abc"));
        if (how == 0) {
            shutdown(c.fd, SHUT_WR);
        } else {
            close(c.fd);
            c.fd = -1;
        }
        RIG_UNTIL(loop, served.gone == 1 && net_listener_connections(served.listener) == 0);
        client_stop(&c);
    }
}

static void faults_cut_the_connection(void **state UNUSED)
{
    static const char *const paths[] = { "/reset", "/cut" };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct client c;
        client_start(&c);
        buf_printf(&c.out, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", paths[i]);
        UNTIL(&c, c.over);
        assert_int_equal(c.in.len, 0);
        client_stop(&c);
    }
}

static void a_reply_may_be_broken_off(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    say(&c, "GET /half HTTP/1.1\r\nHost: h\r\n\r\nGET /size?1 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, c.over);
    assert_true(heard(&c, "\r\n\r\n4\r\nhalf\r\n"));
    assert_false(heard(&c, "0\r\n\r\n"));
    assert_int_equal(count_of(&c, "HTTP/1.1"), 1);
    client_stop(&c);
}

static void refuses_what_is_not_http(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    say(&c, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");    /* nearly the preface of HTTP/2 */
    UNTIL(&c, heard(&c, "HTTP/1.1 "));
    client_stop(&c);
    client_start(&c);
    say(&c, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 20000; i++)
        say(&c, "a: b\r\n");
    UNTIL(&c, heard(&c, "HTTP/1.1 431 "));
    client_stop(&c);
}

static void a_value_cannot_become_a_field(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    say(&c, "GET /header?a%0D%0Aset-cookie:+b%0A HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, heard(&c, "\r\n\r\n"));
    assert_true(heard(&c, "\r\nx-value: a  set-cookie: b \r\n"));
    client_stop(&c);
}

static void drains(void **state UNUSED)
{
    struct client idle, busy;
    client_start(&idle);
    client_start(&busy);
    served.kept_count = 0;
    say(&idle, "GET /size?1 HTTP/1.1\r\nHost: h\r\n\r\n");
    say(&busy, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&idle, heard(&idle, "200 OK"));
    UNTIL(&busy, served.kept_count == 1);
    net_listener_drain(served.listener);
    UNTIL(&idle, idle.over);
    assert_int_equal(net_listener_connections(served.listener), 1);
    net_reply(served.kept[0], 200, NULL, 0, BYTES_LIT("last"));
    UNTIL(&busy, busy.over);
    assert_true(heard(&busy, "connection: close\r\n") && heard(&busy, "last"));
    assert_int_equal(net_listener_connections(served.listener), 0);
    client_stop(&idle);
    client_stop(&busy);
}

static void freeing_the_port_tells_open_requests(void **state UNUSED)
{
    struct client c;
    client_start(&c);
    served.kept_count = served.gone = 0;
    say(&c, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, served.kept_count == 1);
    served_stop(&served);
    assert_int_equal(served.gone, 1);
    client_stop(&c);
}

static void speaks_tls(void **state UNUSED)
{
    struct certs certs;
    struct err err;
    certs_make(&certs);
    struct cert_files leaf = certs_leaf(&certs, "localhost", "DNS:localhost", 1);
    struct tls_context *tls = tls_server_make(leaf.cert, leaf.key, &err);
    assert_non_null(tls);
    served_stop(&served);
    served_start(&served, loop, tls, 0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct client c;
    client_start(&c);
    c.ssl = SSL_new(ctx);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_mode(c.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_connect_state(c.ssl);
    assert_int_equal(SSL_set_alpn_protos(c.ssl, (const uint8_t *) "\x08http/1.1", 9), 0);
    UNTIL(&c, SSL_do_handshake(c.ssl) == 1);
    say(&c, "GET /size?100000 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&c, c.in.len > 100000);
    say(&c, "GET /size?3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    UNTIL(&c, c.over);
    assert_true(heard(&c, "\r\n\r\nabc"));
    client_stop(&c);
    SSL_CTX_free(ctx);
    tls_context_free(tls);
    certs_fini(&certs);
}

static int setup(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    served = (struct served) { 0 };
    served_start(&served, loop, NULL, 0);
    return loop == NULL;
}

static int teardown(void **state UNUSED)
{
    served_stop(&served);
    loop_free(loop);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_and_keeps_alive),
        TEST(every_split_gives_the_same_replies),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_flood_of_pipelined_requests_waits_in_the_socket),
        TEST(asks_for_the_body_when_expected_to),
        TEST(large_bodies_go_both_ways),
        TEST(bounds_bodies),
        TEST(gzip_bodies_are_undone_and_bounded),
        TEST(replies_are_packed_when_asked_for),
        TEST(streams_in_chunks_and_to_the_close),
        TEST(a_slow_reader_holds_its_own_reply_back),
        TEST(a_peer_that_leaves_is_told),
        TEST(faults_cut_the_connection),
        TEST(a_reply_may_be_broken_off),
        TEST(refuses_what_is_not_http),
        TEST(a_value_cannot_become_a_field),
        TEST(drains),
        TEST(freeing_the_port_tells_open_requests),
        TEST(speaks_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
