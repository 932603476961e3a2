#include "unit.h"

#include "certs.h"
#include "rig.h"

#include "net/http_cold.h"
#include "net/listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct certs certs;
static struct net_listener *clear, *tls;
static struct http_cold *cold;
static int requests;

/* ---- the far side ------------------------------------------------------ */

static void on_request(void *ctx UNUSED, struct net_request *r)
{
    static char large[5000];
    const struct net_header flavor = { BYTES_LIT("metadata-flavor"), BYTES_LIT("Google") };
    const struct net_header elsewhere = { BYTES_LIT("location"), BYTES_LIT("/echo") };
    struct bytes path = net_request_path(r);
    requests++;
    if (bytes_eq_str(path, "/echo"))
        net_reply(r, 200, &flavor, 1, net_request_body(r));
    else if (bytes_eq_str(path, "/header"))
        net_reply(r, 200, NULL, 0, net_request_header(r, "x-own"));
    else if (bytes_eq_str(path, "/elsewhere"))
        net_reply(r, 302, &elsewhere, 1, BYTES_LIT("go"));
    else if (bytes_eq_str(path, "/large"))
        net_reply(r, 200, NULL, 0, bytes_of(large, sizeof(large)));
    else if (bytes_eq_str(path, "/cut"))
        net_reply_cut_connection(r);
    else if (!bytes_eq_str(path, "/hang"))
        net_reply(r, 404, NULL, 0, BYTES_LIT("{}"));
}

static struct net_route route(void *ctx UNUSED, const struct net_request *r UNUSED)
{
    return (struct net_route) { .kind = NET_BUFFERED, .body_max = 100000, .fn = on_request };
}

/* ---- this side --------------------------------------------------------- */

struct heard {
    int dones;
    struct err err;
    uint16_t status;
    struct buf body;
    char flavor[16];
};

static void on_reply(void *ctx, const struct http_cold_reply *reply)
{
    struct heard *a = ctx;
    a->dones++;
    a->err = reply->err;
    a->status = reply->status;
    buf_append(&a->body, reply->body);
    snprintf(a->flavor, sizeof(a->flavor), "%.*s", BYTES_FMT(reply->metadata_flavor));
}

static const char *url_of(const struct net_listener *n, const char *path)
{
    static char url[128];
    snprintf(url, sizeof(url), "%s://localhost:%u%s", n == tls ? "https" : "http", net_listener_port(n), path);
    return url;
}

static struct http_cold_call *start(struct heard *a, const char *method, const char *url, struct http_cold_request req)
{
    req.method = method;
    req.url = url;
    req.reply_max = 4096;
    req.timeout_us = req.timeout_us > 0 ? req.timeout_us : 9 * US_PER_S;
    struct http_cold_call *c = http_cold_start(cold, &req, on_reply, a);
    assert_int_equal(a->dones, 0);    /* never inside the call */
    return c;
}

static struct heard *ask(const char *method, const char *url, struct http_cold_request req)
{
    static struct heard a;
    buf_fini(&a.body);
    a = (struct heard) { 0 };
    start(&a, method, url, req);
    RIG_UNTIL(loop, a.dones == 1);
    return &a;
}

static void replies_come_whole(void **state UNUSED)
{
    struct heard *a = ask("POST", url_of(clear, "/echo"), (struct http_cold_request) { .body = BYTES_LIT("a=b&c=d") });
    assert_int_equal(a->err.class, ERR_OK);
    assert_int_equal(a->err.reach, ANSWERED);
    assert_int_equal(a->status, 200);
    assert_bytes_equal(buf_bytes(&a->body), "a=b&c=d");
    assert_string_equal(a->flavor, "Google");
    const char *const headers[] = { "X-Own: mine", NULL };
    a = ask("GET", url_of(clear, "/header"), (struct http_cold_request) { .headers = headers });
    assert_bytes_equal(buf_bytes(&a->body), "mine");
    a = ask("GET", url_of(clear, "/nothing"), (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_OK);
    assert_int_equal(a->status, 404);
}

static void redirects_are_not_followed(void **state UNUSED)
{
    requests = 0;
    struct heard *a = ask("GET", url_of(clear, "/elsewhere"), (struct http_cold_request) { 0 });
    assert_int_equal(a->status, 302);
    assert_int_equal(requests, 1);
}

static void size_and_time_are_bounded(void **state UNUSED)
{
    struct heard *a = ask("GET", url_of(clear, "/large"), (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_TOO_LARGE);
    assert_int_equal(a->err.reach, MAYBE_APPLIED);
    a = ask("GET", url_of(clear, "/hang"), (struct http_cold_request) { .timeout_us = 60 * US_PER_MS });
    assert_int_equal(a->err.class, ERR_TIMEOUT);
    assert_int_equal(a->err.reach, MAYBE_APPLIED);
}

static void certificates_are_checked(void **state UNUSED)
{
    struct heard *a = ask("GET", url_of(tls, "/echo"), (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_OK);
    struct http_cold *ours = cold;
    struct http_cold_conf conf = { .ca_file = "", .proxy = "" };    /* the system's authorities: not the test's */
    cold = http_cold_make(loop, &conf);
    requests = 0;
    a = ask("GET", url_of(tls, "/echo"), (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_TLS);
    assert_int_equal(a->err.reach, NOT_SENT);
    assert_int_equal(requests, 0);
    http_cold_free(cold);
    cold = ours;
}

static void what_goes_wrong_is_told(void **state UNUSED)
{
    uint16_t port;
    char url[64];
    close(rig_listen(&port));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/secret", port);
    struct heard *a = ask("GET", url, (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_REFUSED_CONNECT);
    assert_int_equal(a->err.reach, NOT_SENT);
    assert_null(strstr(a->err.text, "secret"));
    a = ask("GET", url_of(clear, "/cut"), (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_RESET);
    assert_int_equal(a->err.reach, MAYBE_APPLIED);
    a = ask("GET", "gopher://localhost/", (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_CONFIG);
    a = ask("GET", "http://", (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_CONFIG);
    const char *const forged[] = { "X-Own: a\r\nX-Forged: b", NULL };
    requests = 0;
    a = ask("GET", url_of(clear, "/header"), (struct http_cold_request) { .headers = forged });
    assert_int_equal(a->err.class, ERR_INTERNAL);
    assert_int_equal(requests, 0);
}

static void a_cancelled_call_is_silent(void **state UNUSED)
{
    struct heard a = { 0 };
    requests = 0;
    struct http_cold_call *c = start(&a, "GET", url_of(clear, "/hang"), (struct http_cold_request) { 0 });
    RIG_UNTIL(loop, requests == 1);
    http_cold_cancel(c);
    c = start(&a, "GET", "gopher://x/", (struct http_cold_request) { 0 });
    http_cold_cancel(c);
    ask("GET", url_of(clear, "/echo"), (struct http_cold_request) { 0 });    /* the thread goes on */
    assert_int_equal(a.dones, 0);
}

static void open_calls_do_not_hold_up_the_end(void **state UNUSED)
{
    struct heard a = { 0 };
    struct http_cold *ours = cold;
    struct http_cold_conf conf = { .ca_file = certs.ca_file };
    cold = http_cold_make(loop, &conf);
    requests = 0;
    start(&a, "GET", url_of(clear, "/hang"), (struct http_cold_request) { 0 });
    RIG_UNTIL(loop, requests == 1);
    start(&a, "GET", url_of(clear, "/echo"), (struct http_cold_request) { 0 });
    start(&a, "GET", "gopher://x/", (struct http_cold_request) { 0 });
    http_cold_free(cold);
    loop_pass(loop, 0);
    assert_int_equal(a.dones, 0);
    cold = ours;
}

/* ---- a proxy that refuses ---------------------------------------------- */

static int proxied;

static void on_proxy(struct loop_io *io, unsigned ready UNUSED)
{
    static const char refusal[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    char heard[512] = "";
    int fd = accept(io->fd, NULL, NULL);
    assert_true(fd >= 0);
    assert_true(recv(fd, heard, sizeof(heard) - 1, 0) > 0);
    assert_non_null(strstr(heard, "CONNECT store.example:443 "));
    assert_int_equal(send(fd, refusal, sizeof(refusal) - 1, MSG_NOSIGNAL), sizeof(refusal) - 1);
    close(fd);
    proxied++;
}

static void a_proxy_is_used_where_it_holds(void **state UNUSED)
{
    uint16_t port;
    char proxy[64];
    struct loop_io io = { .fd = rig_listen(&port), .fn = on_proxy };
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", port);
    loop_io_add(loop, &io, LOOP_READ);
    struct http_cold *ours = cold;
    struct http_cold_conf conf = { .ca_file = certs.ca_file, .proxy = proxy };
    cold = http_cold_make(loop, &conf);
    struct heard *a = ask("GET", "https://store.example/", (struct http_cold_request) { 0 });
    assert_int_equal(a->err.class, ERR_PROXY);
    assert_int_equal(a->err.reach, NOT_SENT);
    a = ask("GET", url_of(clear, "/echo"), (struct http_cold_request) { 0 });    /* loopback: directly */
    assert_int_equal(a->err.class, ERR_OK);
    assert_int_equal(proxied, 1);
    http_cold_free(cold);
    cold = ours;
    loop_io_remove(loop, &io);
    close(io.fd);
}

static int set_up(void **state UNUSED)
{
    struct err err;
    unsetenv("HTTPS_PROXY");
    unsetenv("https_proxy");
    loop = loop_make(&err);
    certs_make(&certs);
    struct cert_files files = certs_leaf(&certs, "good", "DNS:localhost", 2);
    struct tls_context *context = tls_server_make(files.cert, files.key, &err);
    struct net_listen_conf listen = { .host = "127.0.0.1", .route = route };
    clear = net_listen(loop, &listen, &err);
    listen.tls = context;
    tls = net_listen(loop, &listen, &err);
    tls_context_free(context);
    struct http_cold_conf conf = { .ca_file = certs.ca_file, .proxy = "" };
    cold = http_cold_make(loop, &conf);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    http_cold_free(cold);
    net_listener_free(clear);
    net_listener_free(tls);
    loop_pass(loop, 0);
    loop_free(loop);
    certs_fini(&certs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_come_whole),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(size_and_time_are_bounded),
        cmocka_unit_test(certificates_are_checked),
        cmocka_unit_test(what_goes_wrong_is_told),
        cmocka_unit_test(a_cancelled_call_is_silent),
        cmocka_unit_test(open_calls_do_not_hold_up_the_end),
        cmocka_unit_test(a_proxy_is_used_where_it_holds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
