#include "unit.h"

#include "certs.h"
#include "rig.h"

#include "base/mem.h"
#include "net/conn.h"

#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct certs certs;
static struct cert_files good, other, expired;

/* One end of a pair: what it heard. */
struct end {
    struct conn *conn;
    bool open, h2, drained, closed, free_on_read, pause_on_read;
    size_t got, echo_max;
    uint8_t sum;
    struct err err;
};

static void on_open(void *ctx, bool h2)
{
    struct end *e = ctx;
    e->open = true;
    e->h2 = h2;
}

static void on_read(void *ctx, struct bytes data)
{
    struct end *e = ctx;
    e->got += data.len;
    for (size_t i = 0; i < data.len; i++)
        e->sum = (uint8_t) (e->sum * 31 + (uint8_t) data.ptr[i]);
    if (e->pause_on_read)
        conn_want_read(e->conn, false);
    if (e->free_on_read) {
        conn_free(e->conn);
        e->conn = NULL;
    }
}

static void on_drained(void *ctx)
{
    ((struct end *) ctx)->drained = true;
}

static void on_closed(void *ctx, const struct err *err)
{
    struct end *e = ctx;
    e->closed = true;
    e->err = *err;
}

static const struct conn_events events = { on_open, on_read, on_drained, on_closed };
static struct end client, server;

static void start(struct tls_context *client_tls, struct tls_context *server_tls, const char *host)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    client = server = (struct end) { 0 };
    client.conn = conn_start_client(loop, pair[0], client_tls, host, &events, &client);
    server.conn = conn_start_server(loop, pair[1], server_tls, &events, &server);
    assert_false(client.open);    /* never inside the call */
}

static void stop(void)
{
    conn_free(client.conn);
    conn_free(server.conn);
}

static struct tls_context *client_context(void)
{
    struct err err;
    struct tls_context *t = tls_client_make(certs.ca_file, &err);
    assert_non_null(t);
    return t;
}

static struct tls_context *server_context(const struct cert_files *files)
{
    struct err err;
    struct tls_context *t = tls_server_make(files->cert, files->key, &err);
    assert_non_null(t);
    return t;
}

static void pass_bytes(bool tls)
{
    struct tls_context *c = tls ? client_context() : NULL, *s = tls ? server_context(&good) : NULL;
    start(c, s, "localhost");
    tls_context_free(c);    /* the connections hold what they need */
    tls_context_free(s);
    RIG_UNTIL(loop, client.open && server.open);
    assert_int_equal(client.h2, tls);
    conn_send(client.conn, BYTES_LIT("hel"));
    conn_send(server.conn, BYTES_LIT("interleaved"));
    conn_send(client.conn, BYTES_LIT("lo"));
    loop_pass(loop, 0);
    assert_int_equal(server.got, 0);    /* nothing leaves before the flush */
    conn_flush(client.conn);
    conn_flush(server.conn);
    RIG_UNTIL(loop, server.got == 5 && client.got == 11);
    assert_int_equal(conn_bytes_out(client.conn), 5);
    assert_int_equal(conn_bytes_in(server.conn), 5);
}

static void bytes_pass(void **state UNUSED)
{
    pass_bytes(false);
    conn_free(client.conn);
    client.conn = NULL;
    RIG_UNTIL(loop, server.closed);
    assert_int_equal(server.err.class, ERR_RESET);
    stop();
}

static void bytes_pass_in_tls(void **state UNUSED)
{
    pass_bytes(true);
    conn_free(server.conn);
    server.conn = NULL;
    RIG_UNTIL(loop, client.closed);
    assert_int_equal(client.err.class, ERR_RESET);
    assert_string_equal(client.err.text, "connection ended: closed by the far side");    /* close_notify came */
    stop();
}

/* More than the socket takes: told as clogged, then as drained, and nothing is lost. */
static void a_flood_is_held_back(bool tls)
{
    enum { PIECE = 100000, PIECES = 50 };
    pass_bytes(tls);
    static char piece[PIECE];
    for (size_t i = 0; i < PIECE; i++)
        piece[i] = (char) (i * 7);
    conn_want_read(server.conn, false);
    server.got = 0;
    server.sum = 0;
    uint8_t sum = 0;
    for (int i = 0; i < PIECES; i++) {
        conn_send(client.conn, bytes_of(piece, PIECE));
        for (size_t k = 0; k < PIECE; k++)
            sum = (uint8_t) (sum * 31 + (uint8_t) piece[k]);
    }
    conn_flush(client.conn);
    assert_true(conn_is_clogged(client.conn));
    for (int i = 0; i < 5; i++)
        loop_pass(loop, 0);
    assert_int_equal(server.got, 0);
    assert_false(client.drained);
    conn_want_read(server.conn, true);
    RIG_UNTIL(loop, server.got == (size_t) PIECE * PIECES && client.drained);
    assert_int_equal(server.sum, sum);
    assert_int_equal(conn_unsent(client.conn), 0);
    stop();
}

/* Paused after each piece: what was received and not yet told comes later, all of it, in order. */
static void a_pause_between_pieces_loses_nothing(bool tls)
{
    enum { PIECE = 777777 };
    pass_bytes(tls);
    static char piece[PIECE];
    uint8_t sum = 0;
    for (size_t i = 0; i < PIECE; i++) {
        piece[i] = (char) (i * 13 + i / 1000);
        sum = (uint8_t) (sum * 31 + (uint8_t) piece[i]);
    }
    server.got = 0;
    server.sum = 0;
    server.pause_on_read = true;
    conn_send(client.conn, bytes_of(piece, PIECE));
    conn_flush(client.conn);
    while (server.got < PIECE) {
        size_t before = server.got;
        RIG_UNTIL(loop, server.got > before);
        size_t after = server.got;
        loop_pass(loop, 0);
        assert_int_equal(server.got, after);
        conn_want_read(server.conn, true);
    }
    assert_int_equal(server.got, PIECE);
    assert_int_equal(server.sum, sum);
    stop();
}

static void a_pause_loses_nothing(void **state UNUSED)
{
    a_pause_between_pieces_loses_nothing(false);
    a_pause_between_pieces_loses_nothing(true);
}

static void a_flood_is_held_back_clear(void **state UNUSED)
{
    a_flood_is_held_back(false);
}

static void a_flood_is_held_back_tls(void **state UNUSED)
{
    a_flood_is_held_back(true);
}

static void it_may_be_freed_while_it_tells(void **state UNUSED)
{
    pass_bytes(true);
    server.free_on_read = true;
    conn_send(client.conn, BYTES_LIT("last words"));
    conn_flush(client.conn);
    RIG_UNTIL(loop, server.conn == NULL && client.closed);
    stop();
}

static void expect_refusal(const struct cert_files *files, const char *host, const char *why)
{
    struct tls_context *c = client_context(), *s = server_context(files);
    start(c, s, host);
    RIG_UNTIL(loop, client.closed);
    assert_false(client.open);
    assert_int_equal(client.err.class, ERR_TLS);
    assert_non_null(strstr(client.err.text, why));
    stop();
    tls_context_free(c);
    tls_context_free(s);
}

static void a_wrong_host_is_refused(void **state UNUSED)
{
    expect_refusal(&other, "localhost", "certificate: hostname mismatch");
    expect_refusal(&good, "127.0.0.2", "certificate: IP address mismatch");
    expect_refusal(&good, "", "no host name to check");
}

static void an_expired_certificate_is_refused(void **state UNUSED)
{
    expect_refusal(&expired, "localhost", "certificate has expired");
}

static void an_address_in_the_certificate_is_accepted(void **state UNUSED)
{
    struct tls_context *c = client_context(), *s = server_context(&good);
    start(c, s, "127.0.0.1");
    RIG_UNTIL(loop, client.open && server.open);
    stop();
    tls_context_free(c);
    tls_context_free(s);
}

static void an_unknown_authority_is_refused(void **state UNUSED)
{
    struct certs stranger;
    certs_make(&stranger);
    struct cert_files files = certs_leaf(&stranger, "stranger", "DNS:localhost", 2);
    expect_refusal(&files, "localhost", "certificate:");
    certs_fini(&stranger);
}

static void what_is_no_tls_is_refused(void **state UNUSED)
{
    struct tls_context *c = client_context();
    start(c, NULL, "localhost");
    RIG_UNTIL(loop, server.open);
    conn_send(server.conn, BYTES_LIT("HTTP/1.1 400 Bad Request\r\n\r\n"));
    conn_flush(server.conn);
    RIG_UNTIL(loop, client.closed);
    assert_int_equal(client.err.class, ERR_TLS);
    stop();
    tls_context_free(c);
}

static void files_that_are_no_pem_are_told(void **state UNUSED)
{
    struct err err;
    assert_null(tls_client_make(good.key, &err));
    assert_int_equal(err.class, ERR_CONFIG);
    assert_non_null(strstr(err.text, good.key));
    assert_null(tls_server_make("/nowhere/cert.pem", good.key, &err));
    assert_int_equal(err.class, ERR_CONFIG);
    assert_null(tls_server_make(good.cert, other.key, &err));    /* not its key */
    assert_int_equal(err.class, ERR_CONFIG);
}

static int set_up(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    certs_make(&certs);
    good = certs_leaf(&certs, "good", "DNS:localhost,IP:127.0.0.1", 2);
    other = certs_leaf(&certs, "other", "DNS:elsewhere.example", 2);
    expired = certs_leaf(&certs, "expired", "DNS:localhost", -1);
    return loop == NULL;
}

static int tear_down(void **state UNUSED)
{
    certs_fini(&certs);
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass),
        cmocka_unit_test(bytes_pass_in_tls),
        cmocka_unit_test(a_pause_loses_nothing),
        cmocka_unit_test(a_flood_is_held_back_clear),
        cmocka_unit_test(a_flood_is_held_back_tls),
        cmocka_unit_test(it_may_be_freed_while_it_tells),
        cmocka_unit_test(a_wrong_host_is_refused),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(an_address_in_the_certificate_is_accepted),
        cmocka_unit_test(an_unknown_authority_is_refused),
        cmocka_unit_test(what_is_no_tls_is_refused),
        cmocka_unit_test(files_that_are_no_pem_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
