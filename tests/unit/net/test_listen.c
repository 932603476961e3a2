#include "unit.h"

#include "rig.h"
#include "served.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;

static struct net_route route(void *ctx UNUSED, const struct net_request *r UNUSED)
{
    return (struct net_route) { 0 };
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof(a)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* True once the far side has closed. */
static bool is_over(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

static void serves_a_port(void **state UNUSED)
{
    struct err err;
    char reply[512] = "";
    struct net_listener *n = net_listen(loop, &(struct net_listen_conf) { .route = route }, &err);
    assert_non_null(n);
    assert_true(net_listener_port(n) != 0);
    int fd = connect_to(net_listener_port(n));
    assert_true(fd >= 0);
    assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    RIG_UNTIL(loop, recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT) > 0);
    assert_memory_equal(reply, "HTTP/1.1 404 ", 13);
    RIG_UNTIL(loop, is_over(fd));
    close(fd);
    net_listener_free(n);
}

static void says_why_it_cannot_listen(void **state UNUSED)
{
    struct err err;
    struct net_listener *n = net_listen(loop, &(struct net_listen_conf) { .route = route }, &err);
    assert_non_null(n);
    struct net_listen_conf taken = { .route = route, .port = net_listener_port(n) };
    assert_null(net_listen(loop, &taken, &err));
    assert_int_equal(err.class, ERR_CONFIG);
    assert_non_null(strstr(err.text, "port"));
    struct net_listen_conf foreign = { .route = route, .host = "192.0.2.1" };
    assert_null(net_listen(loop, &foreign, &err));
    assert_int_equal(err.class, ERR_CONFIG);
    net_listener_free(n);
}

static void bounds_connections(void **state UNUSED)
{
    struct err err;
    struct net_listen_conf conf = { .route = route, .connections_max = 2 };
    struct net_listener *n = net_listen(loop, &conf, &err);
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = connect_to(net_listener_port(n));
    RIG_UNTIL(loop, is_over(fds[2]));
    assert_int_equal(net_listener_connections(n), 2);
    assert_false(is_over(fds[0]));
    close(fds[0]);
    RIG_UNTIL(loop, net_listener_connections(n) == 1);
    fds[0] = connect_to(net_listener_port(n));
    RIG_UNTIL(loop, net_listener_connections(n) == 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    net_listener_free(n);
}

static void a_drained_port_is_closed(void **state UNUSED)
{
    struct err err;
    struct net_listener *n = net_listen(loop, &(struct net_listen_conf) { .route = route }, &err);
    uint16_t port = net_listener_port(n);
    int silent = connect_to(port);
    RIG_UNTIL(loop, net_listener_connections(n) == 1);
    net_listener_drain(n);
    assert_true(connect_to(port) < 0);
    RIG_UNTIL(loop, net_listener_connections(n) == 0);
    close(silent);
    net_listener_free(n);
}

static int setup(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    return loop == NULL;
}

static int teardown(void **state UNUSED)
{
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_a_port, setup, teardown),
        cmocka_unit_test_setup_teardown(says_why_it_cannot_listen, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(a_drained_port_is_closed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
