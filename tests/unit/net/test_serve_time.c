/* What the server does with time and with too much: it is made to believe that both have come. */
#include "unit.h"

#include "h2_peer.h"
#include "rig.h"
#include "served.h"

#include "net/serve.h"

#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct served served;
static int fd;
static char heard[1024];
static size_t heard_len;

static struct serve_conn *connection(void)
{
    return CONTAINER_OF(list_first(&served.listener->conns), struct serve_conn, link);
}

static void settle(void)
{
    for (int i = 0; i < 10; i++)
        loop_pass(loop, 0);
}

/* As if nothing had happened on the connection for so long. */
static void pass_time(us_t seconds)
{
    settle();    /* what is under way would count as life */
    struct serve_conn *c = connection();
    c->heard_us -= seconds * US_PER_S;
    c->moved_us -= seconds * US_PER_S;
    c->sent_us -= seconds * US_PER_S;
    serve_watch(c);
    settle();
}

static void say(const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    settle();
}

static bool listen_until_over(void)
{
    ssize_t n;
    loop_pass(loop, 0);
    while ((n = recv(fd, heard + heard_len, sizeof(heard) - 1 - heard_len, MSG_DONTWAIT)) > 0)
        heard_len += (size_t) n;
    return n == 0;
}

static void a_silent_connection_ends(void **state UNUSED)
{
    loop_pass(loop, 0);
    pass_time(LIMIT_SERVER_WAIT_S - 5);
    assert_int_equal(net_listener_connections(served.listener), 1);
    pass_time(5);
    assert_int_equal(net_listener_connections(served.listener), 0);
}

static void an_idle_connection_ends(void **state UNUSED)
{
    say("GET /size?1 HTTP/1.1\r\nHost: h\r\n\r\n");
    pass_time(LIMIT_SERVER_WAIT_S + 5);
    assert_int_equal(net_listener_connections(served.listener), 1);
    pass_time(LIMIT_SERVER_IDLE_S);
    assert_int_equal(net_listener_connections(served.listener), 0);
}

static void a_body_that_does_not_come_is_408(void **state UNUSED)
{
    say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    pass_time(LIMIT_SERVER_WAIT_S);
    RIG_UNTIL(loop, listen_until_over());
    assert_non_null(strstr(heard, "HTTP/1.1 408 "));
    assert_int_equal(served.requests, 0);
}

static void a_handler_may_take_its_time(void **state UNUSED)
{
    say("GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    pass_time(100000);
    assert_int_equal(net_listener_connections(served.listener), 1);
    assert_int_equal(served.gone, 0);
}

static void a_reader_that_stopped_is_cut(void **state UNUSED)
{
    say("GET /flood?100000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(conn_is_clogged(connection()->conn));
    pass_time(LIMIT_SERVER_STALL_S);
    assert_int_equal(net_listener_connections(served.listener), 0);
    assert_int_equal(served.gone, 1);
}

static void too_much_in_all_is_503(void **state UNUSED)
{
    loop_pass(loop, 0);
    served.listener->held += LIMIT_SERVER_BODIES - 500;
    say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    listen_until_over();
    assert_non_null(strstr(heard, "HTTP/1.1 200 "));
    char body[600] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n";
    size_t head = strlen(body);
    memset(body + head, 'x', 500);
    say(body);
    listen_until_over();
    assert_non_null(strstr(heard, "HTTP/1.1 503 "));
    assert_int_equal(served.listener->held, LIMIT_SERVER_BODIES - 500);
    served.listener->held = 0;
}

static struct h2_peer *start_h2(const struct h2_peer_conf *conf)
{
    struct h2_peer *p = h2_peer_make(loop, fd, conf);
    fd = -1;
    return p;
}

static void an_idle_http2_connection_is_told_to_go(void **state UNUSED)
{
    uint32_t code = 99;
    struct h2_peer *p = start_h2(&(struct h2_peer_conf) { 0 });
    int32_t a = h2_peer_request(p, "GET", "/size?1", NULL, 0, bytes_of(NULL, 0), true);
    RIG_UNTIL(loop, h2_peer_seen(p, a)->closed);
    pass_time(LIMIT_SERVER_IDLE_S);
    RIG_UNTIL(loop, h2_peer_is_closed(p));
    assert_true(h2_peer_goaway(p, &code));
    assert_int_equal(code, 0);
    h2_peer_free(p);
}

static void open_streams_may_wait_replies_may_not(void **state UNUSED)
{
    struct h2_peer *p = start_h2(&(struct h2_peer_conf) { .window = 10, .no_updates = true });
    h2_peer_request(p, "GET", "/kept", NULL, 0, bytes_of(NULL, 0), true);
    RIG_UNTIL(loop, served.kept_count == 1);
    pass_time(100000);
    assert_int_equal(net_listener_connections(served.listener), 1);
    int32_t b = h2_peer_request(p, "GET", "/size?1000", NULL, 0, bytes_of(NULL, 0), true);
    RIG_UNTIL(loop, h2_peer_seen(p, b)->body.len == 10);
    pass_time(LIMIT_SERVER_STALL_S - 5);
    assert_int_equal(net_listener_connections(served.listener), 1);
    pass_time(5);
    assert_int_equal(net_listener_connections(served.listener), 0);
    assert_int_equal(served.gone, 1);
    h2_peer_free(p);
}

static int setup(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    served = (struct served) { 0 };
    served_start(&served, loop, NULL, 0);
    fd = served_connect(&served);
    heard_len = 0;
    memset(heard, 0, sizeof(heard));
    return 0;
}

static void who_sends_on_after_the_reply_is_told_to_stop(void **state UNUSED)
{
    static char big[2000];
    struct h2_peer *p = start_h2(&(struct h2_peer_conf) { 0 });
    int32_t a = h2_peer_request(p, "POST", "/small", NULL, 0, bytes_of(big, sizeof(big)), false);
    RIG_UNTIL(loop, h2_peer_seen(p, a)->ended);
    settle();
    assert_false(h2_peer_seen(p, a)->closed);
    struct serve_conn *c = connection();
    serve_request_of_link(list_first(&c->requests))->linger_until_us -= LIMIT_SERVER_LINGER_S * US_PER_S;
    loop_timer_set(loop, &c->timer, loop_now(loop));
    RIG_UNTIL(loop, h2_peer_seen(p, a)->closed);
    assert_int_equal(h2_peer_seen(p, a)->code, 0);
    a = h2_peer_request(p, "GET", "/size?1", NULL, 0, bytes_of(NULL, 0), true);
    RIG_UNTIL(loop, h2_peer_seen(p, a)->closed);    /* the connection is as good as before */
    h2_peer_free(p);
}

static int teardown(void **state UNUSED)
{
    if (fd >= 0)
        close(fd);
    served_stop(&served);
    loop_free(loop);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_silent_connection_ends),
        TEST(an_idle_connection_ends),
        TEST(a_body_that_does_not_come_is_408),
        TEST(a_handler_may_take_its_time),
        TEST(a_reader_that_stopped_is_cut),
        TEST(too_much_in_all_is_503),
        TEST(an_idle_http2_connection_is_told_to_go),
        TEST(open_streams_may_wait_replies_may_not),
        TEST(who_sends_on_after_the_reply_is_told_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
