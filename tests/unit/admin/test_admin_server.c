#include "unit.h"

#include "admin/admin_server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *l;
static struct metrics *metrics;
static struct admin_server *server;
static bool ready = true, prometheus = true;

static void snapshot(void *ctx UNUSED, struct admin_snapshot *ret)
{
    *ret = (struct admin_snapshot) { .version = "1", .commit = "c", .instance = "i", .runner = "direct", .config_path = "c.json",
                                     .config_sha256 = "0", .source = "s", .dest = "d", .subscription = "u", .started = ready,
                                     .tick_us = loop_now(l), .token_left_us = -1, .disk_free = -1 };
}

static int start(void **state UNUSED)
{
    struct err err;
    l = loop_make(&err);
    metrics = metrics_make();
    server = admin_server_make(l, &(struct admin_conf) { .prometheus = prometheus, .metrics = metrics, .snapshot = snapshot }, &err);
    return server == NULL;
}

static int stop(void **state UNUSED)
{
    admin_server_free(server);
    metrics_free(metrics);
    loop_free(l);
    return 0;
}

/* One request, the whole answer until the server closes. */
static void ask(const char *method, const char *path, const char *host, struct buf *out)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    admin_server_adopt(server, pair[1]);
    CLEANUP(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, host);
    assert_int_equal(write(pair[0], text.ptr, text.len), text.len);
    for (;;) {
        ssize_t n = read(pair[0], buf_reserve(out, 4096), 4096);
        if (n == 0)
            break;
        if (n > 0)
            out->len += (size_t) n;
        else
            loop_pass(l, 5 * US_PER_S);
    }
    buf_append_char(out, '\0');
    out->len--;
    close(pair[0]);
}

static void expect(const char *method, const char *path, const char *host, const char *status, const char *holds)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    ask(method, path, host, &text);
    if (strncmp(buf_str(&text) + strlen("HTTP/1.1 "), status, 3) != 0 || strstr(buf_str(&text), holds) == NULL)
        fail_msg("%s %s (%s): wanted %s with \"%s\", got: %s", method, path, host, status, holds, buf_str(&text));
}

static void pages(void **state UNUSED)
{
    expect("GET", "/", "localhost:9464", "200", "<!doctype html>");
    expect("GET", "/metrics", "127.0.0.1:9464", "200", "hl7relay_ledger_balanced");
    expect("GET", "/status.json", "[::1]:9464", "200", "\"verdict\":\"OK\"");
    expect("GET", "/livez", "127.0.0.1", "200", "ok\n");
    expect("GET", "/readyz?verbose", "127.0.0.1", "200", "ok\n");
    expect("GET", "/startupz", "127.0.0.1", "200", "ok\n");
    expect("GET", "/none", "127.0.0.1", "404", "there are: /");
    ready = false;
    expect("GET", "/readyz?verbose", "127.0.0.1", "503", "[-] started\nnot ready\n");
    expect("GET", "/startupz", "127.0.0.1", "503", "not started yet");
    expect("GET", "/livez", "127.0.0.1", "200", "ok");
    ready = true;
}

static void read_only_and_for_this_host(void **state UNUSED)
{
    expect("POST", "/", "127.0.0.1", "405", "read only");
    expect("DELETE", "/metrics", "127.0.0.1", "405", "read only");
    expect("GET", "/", "evil.example", "421", "localhost");
    expect("GET", "/", "127.0.0.1.evil.example", "421", "localhost");
    expect("GET", "/", "localhost.evil.example:9464", "421", "localhost");
}

static void headers(void **state UNUSED)
{
    expect("GET", "/", "127.0.0.1", "200", "default-src 'none'; style-src 'sha256-");
    expect("GET", "/", "127.0.0.1", "200", "nosniff");
    expect("GET", "/metrics", "127.0.0.1", "200", "text/plain; version=0.0.4");
    CLEANUP(buf_fini) struct buf text = { 0 };
    ask("HEAD", "/", "127.0.0.1", &text);
    assert_null(strstr(buf_str(&text), "<!doctype"));
}

static void metrics_may_be_off(void **state UNUSED)
{
    expect("GET", "/metrics", "127.0.0.1", "404", "there are");
}

static int start_without_metrics(void **state)
{
    prometheus = false;
    int failed = start(state);
    prometheus = true;
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages, start, stop),
        cmocka_unit_test_setup_teardown(read_only_and_for_this_host, start, stop),
        cmocka_unit_test_setup_teardown(headers, start, stop),
        cmocka_unit_test_setup_teardown(metrics_may_be_off, start_without_metrics, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
