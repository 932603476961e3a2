#include "unit.h"

#include "rig.h"

#include "net/dial.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

static struct loop *loop;
static struct resolver *resolver;

struct outcome {
    bool done;
    int fd;
    struct err err;
};

static void on_dial(void *ctx, int fd, const struct err *err)
{
    struct outcome *o = ctx;
    assert_false(o->done);
    o->done = true;
    o->fd = fd;
    if (err != NULL)
        o->err = *err;
}

static struct outcome dial(const char *host, uint16_t port, const char *proxy)
{
    struct outcome o = { .fd = -1 };
    struct dial_conf conf = { .host = host, .port = port, .proxy = proxy };
    dial_start(loop, resolver, &conf, on_dial, &o);
    assert_false(o.done);    /* never inside the call */
    RIG_UNTIL(loop, o.done);
    return o;
}

static void a_port_that_listens_is_reached(void **state UNUSED)
{
    uint16_t port;
    int listener = rig_listen(&port);
    struct outcome o = dial("127.0.0.1", port, NULL);
    assert_true(o.fd >= 0);
    close(o.fd);
    o = dial("localhost", port, "");    /* by way of the resolver, ::1 refused or not */
    assert_true(o.fd >= 0);
    close(o.fd);
    close(listener);
}

static void a_port_that_is_closed_is_refused(void **state UNUSED)
{
    uint16_t port;
    close(rig_listen(&port));
    struct outcome o = dial("127.0.0.1", port, NULL);
    assert_int_equal(o.fd, -1);
    assert_int_equal(o.err.class, ERR_REFUSED_CONNECT);
    assert_non_null(strstr(o.err.text, "127.0.0.1"));
}

static void a_name_that_is_none_is_told(void **state UNUSED)
{
    struct outcome o = dial("no such host", 1, NULL);    /* never asked of a server: not a host name */
    assert_int_equal(o.err.class, ERR_DNS);
    o = dial("127.0.0.1", 1, "ftp://x");
    assert_int_equal(o.err.class, ERR_CONFIG);
}

static void a_cancelled_dial_is_silent(void **state UNUSED)
{
    uint16_t port;
    int listener = rig_listen(&port);
    struct outcome o = { .fd = -1 };
    struct dial_conf conf = { .host = "127.0.0.1", .port = port };
    for (int passes = 0; passes < 3; passes++) {
        struct dial *d = dial_start(loop, resolver, &conf, on_dial, &o);
        for (int i = 0; i < passes && !o.done; i++)
            loop_pass(loop, 0);
        if (!o.done)
            dial_cancel(d);
        else
            close(o.fd);
        o.done = false;
        loop_pass(loop, 0);
        assert_false(o.done);
    }
    close(listener);
}

/* A proxy of one connection: answers with fixed bytes once the request's end is there. */
static struct loop_io proxy_listener, proxy_conn;
static const char *proxy_answer;
static char proxy_heard[512];
static size_t proxy_heard_len;

static void on_proxy_read(struct loop_io *io, unsigned ready UNUSED)
{
    ssize_t n = read(io->fd, proxy_heard + proxy_heard_len, sizeof(proxy_heard) - proxy_heard_len - 1);
    if (n <= 0) {
        loop_io_remove(loop, io);
        return;
    }
    proxy_heard_len += (size_t) n;
    proxy_heard[proxy_heard_len] = 0;
    if (strstr(proxy_heard, "\r\n\r\n") == NULL)
        return;
    if (proxy_answer[0] != 0)
        assert_int_equal(write(io->fd, proxy_answer, strlen(proxy_answer)), (ssize_t) strlen(proxy_answer));
    else
        loop_io_remove(loop, io);
    if (proxy_answer[0] == 0)
        close(io->fd);
}

static void on_proxy_accept(struct loop_io *io, unsigned ready UNUSED)
{
    proxy_conn = (struct loop_io) { .fd = accept(io->fd, NULL, NULL), .fn = on_proxy_read };
    assert_true(proxy_conn.fd >= 0);
    loop_io_add(loop, &proxy_conn, LOOP_READ);
}

static struct outcome dial_through(const char *answer)
{
    uint16_t port;
    proxy_answer = answer;
    proxy_heard_len = 0;
    proxy_listener = (struct loop_io) { .fd = rig_listen(&port), .fn = on_proxy_accept };
    loop_io_add(loop, &proxy_listener, LOOP_READ);
    char url[64];
    snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%u", port);
    struct outcome o = dial("store.example", 443, url);
    assert_non_null(strstr(proxy_heard, "CONNECT store.example:443 HTTP/1.1\r\n"));
    assert_non_null(strstr(proxy_heard, "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
    if (o.fd >= 0)
        close(o.fd);
    loop_io_remove(loop, &proxy_listener);
    close(proxy_listener.fd);
    if (answer[0] != 0) {
        loop_io_remove(loop, &proxy_conn);
        close(proxy_conn.fd);
    }
    return o;
}

static void a_tunnel_is_opened(void **state UNUSED)
{
    struct outcome o = dial_through("HTTP/1.1 200 Connection established\r\n\r\n");
    assert_true(o.fd >= 0);
}

static void a_refused_tunnel_says_why(void **state UNUSED)
{
    struct outcome o = dial_through("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(o.err.class, ERR_PROXY);
    assert_non_null(strstr(o.err.text, "407"));
    assert_null(strstr(o.err.text, "secret"));
    o = dial_through("SSH-2.0-nonsense\r\n");
    assert_int_equal(o.err.class, ERR_PROXY);
    o = dial_through("");
    assert_int_equal(o.err.class, ERR_PROXY);
    o = dial_through("HTTP/1.1 200 OK\r\n\r\nand a body that nobody asked for");
    assert_int_equal(o.err.class, ERR_PROXY);
}

static int set_up(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    resolver = resolver_make(loop);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_that_listens_is_reached),
        cmocka_unit_test(a_port_that_is_closed_is_refused),
        cmocka_unit_test(a_name_that_is_none_is_told),
        cmocka_unit_test(a_cancelled_dial_is_silent),
        cmocka_unit_test(a_tunnel_is_opened),
        cmocka_unit_test(a_refused_tunnel_says_why),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
