/* The whole way: pool, proxy, CONNECT, TLS inside the tunnel, HTTP/2. */
#include "unit.h"

#include "bad_server.h"
#include "certs.h"
#include "rig.h"

#include "loop/resolve.h"
#include "net/h2_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;

/* ---- a proxy of one tunnel --------------------------------------------- */

static uint16_t target_port;
static struct loop_io listener, near, far;
static bool is_open;
static char heard[512];
static size_t tunnelled;

/* Blocking writes: the pieces of these tests fit into a socket. */
static void pump(struct loop_io *from, struct loop_io *to)
{
    char bytes[65536];
    ssize_t n = recv(from->fd, bytes, sizeof(bytes), 0);
    if (n <= 0) {
        loop_io_remove(loop, &near);
        loop_io_remove(loop, &far);
        return;
    }
    tunnelled += (size_t) n;
    assert_int_equal(send(to->fd, bytes, (size_t) n, MSG_NOSIGNAL), n);
}

static void on_far(struct loop_io *io, unsigned ready UNUSED)
{
    pump(io, &near);
}

static void open_tunnel(void)
{
    static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(target_port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    far = (struct loop_io) { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .fn = on_far };
    assert_int_equal(connect(far.fd, (struct sockaddr *) &at, sizeof(at)), 0);
    loop_io_add(loop, &far, LOOP_READ);
    assert_int_equal(send(near.fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL), sizeof(ok) - 1);
    is_open = true;
}

static void on_near(struct loop_io *io, unsigned ready UNUSED)
{
    if (is_open) {
        pump(io, &far);
        return;
    }
    size_t len = strlen(heard);
    ssize_t n = recv(io->fd, heard + len, sizeof(heard) - len - 1, 0);
    assert_true(n > 0);
    if (strstr(heard, "\r\n\r\n") != NULL)
        open_tunnel();
}

static void on_accept(struct loop_io *io, unsigned ready UNUSED)
{
    near = (struct loop_io) { .fd = accept(io->fd, NULL, NULL), .fn = on_near };
    assert_true(near.fd >= 0);
    loop_io_add(loop, &near, LOOP_READ);
}

/* ---- the test ---------------------------------------------------------- */

static void on_request(void *ctx UNUSED, struct bad_server_stream *s)
{
    bad_server_reply(s, "200", buf_bytes(&s->headers));
}

struct answer {
    bool done;
    struct h2_result result;
    struct buf body;
};

static void on_data(void *ctx, struct bytes data)
{
    buf_append(&((struct answer *) ctx)->body, data);
}

static void on_done(void *ctx, const struct h2_result *result)
{
    struct answer *a = ctx;
    a->done = true;
    a->result = *result;
}

static void a_request_goes_through_a_tunnel(void **state UNUSED)
{
    static const struct h2_call_events events = { .on_data = on_data, .on_done = on_done };
    struct certs certs;
    struct err err;
    uint16_t port;
    char proxy[64];
    certs_make(&certs);
    struct cert_files files = certs_leaf(&certs, "store", "DNS:store.example", 2);
    struct tls_context *theirs = tls_server_make(files.cert, files.key, &err);
    struct tls_context *ours = tls_client_make(certs.ca_file, &err);
    struct bad_server_conf server_conf = { .tls = theirs, .handler = on_request };
    struct bad_server *server = bad_server_start(loop, &server_conf);
    target_port = bad_server_port(server);
    listener = (struct loop_io) { .fd = rig_listen(&port), .fn = on_accept };
    loop_io_add(loop, &listener, LOOP_READ);
    snprintf(proxy, sizeof(proxy), "http://me:secret@127.0.0.1:%u", port);
    struct resolver *resolver = resolver_make(loop);
    struct h2_pool_conf conf = { .host = "store.example", .port = 443, .proxy = proxy, .tls = ours,
                                 .connections_max = 1, .streams_max = 10 };
    struct h2_pool *pool = h2_pool_make(loop, resolver, &conf);
    struct answer a = { 0 };
    struct h2_request req = { .method = "GET", .path = BYTES_LIT("/secret-path"), .deadline_us = US_NEVER,
                              .first_window = 16384 };
    h2_call_start(pool, &req, &events, &a);
    RIG_UNTIL(loop, a.done);
    assert_int_equal(a.result.err.class, ERR_OK);
    assert_non_null(strstr(buf_str(&a.body), ":authority: store.example\n"));
    assert_non_null(strstr(heard, "CONNECT store.example:443 HTTP/1.1\r\n"));
    assert_null(strstr(heard, "secret-path"));    /* a proxy sees host names and nothing else */
    assert_true(tunnelled > 1000);
    h2_pool_free(pool);
    bad_server_free(server);
    loop_io_remove(loop, &listener);
    loop_io_remove(loop, &near);
    loop_io_remove(loop, &far);
    close(listener.fd);
    close(near.fd);
    close(far.fd);
    resolver_free(resolver);
    tls_context_free(ours);
    tls_context_free(theirs);
    buf_fini(&a.body);
    certs_fini(&certs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_through_a_tunnel),
    };
    struct err err;
    loop = loop_make(&err);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_free(loop);
    return failed;
}
