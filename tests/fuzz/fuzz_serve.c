/*
 * A whole port: any bytes on a connection are answered or end it; every handler
 * that was called is answered or told, and nothing is left when the peer is gone.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "net/listen.h"

#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static int open_requests;

static void on_gone(void *ctx UNUSED)
{
    open_requests--;
}

static void on_data(void *ctx, struct bytes data)
{
    net_reply_send(ctx, data);
}

static void on_end(void *ctx)
{
    static const struct net_header trailer = { BYTES_LIT("x"), BYTES_LIT("y") };
    open_requests--;
    net_reply_end(ctx, &trailer, 1);
}

/* By the path's length: answered at once, never, in pieces, reset, cut, broken off. */
static void handle(void *ctx UNUSED, struct net_request *r)
{
    static const struct net_request_events kept = { .on_gone = on_gone };
    static const struct net_request_events pieces = { .on_gone = on_gone, .on_data = on_data, .on_end = on_end };
    switch (net_request_path(r).len % 8) {
    case 2:
        open_requests++;
        net_request_watch(r, &kept, NULL);
        break;
    case 3:
        open_requests++;
        net_request_watch(r, &pieces, r);
        net_reply_begin(r, 200, NULL, 0);
        break;
    case 4:
        net_reply_reset(r);
        break;
    case 5:
        net_reply_cut_connection(r);
        break;
    case 6:
        net_reply_begin(r, 200, NULL, 0);
        net_reply_send(r, BYTES_LIT("half"));
        net_reply_reset(r);
        break;
    default:
        net_reply_may_gzip(r);
        net_reply(r, 200, NULL, 0, net_request_body(r));
    }
}

static struct net_route route(void *ctx UNUSED, const struct net_request *r)
{
    struct bytes path = net_request_path(r);
    (void) net_request_header(r, "x");
    return (struct net_route) { path.len % 8 == 3 ? NET_STREAM : NET_BUFFERED, 4096, path.len > 20 ? NULL : handle, NULL };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct net_listen_conf conf = { .route = route };
    int pair[2];
    char sink[4096];
    if (len > KIB(64))
        return 0;
    if (loop == NULL)
        CHECK((loop = loop_make(NULL)) != NULL);
    struct net_listener *n = net_listen_nowhere(loop, &conf);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    net_listener_adopt(n, pair[1]);
    size_t half = len / 2;    /* in two pieces: the second may find the connection gone */
    (void) !send(pair[0], data, half, MSG_NOSIGNAL);
    for (int i = 0; i < 3; i++)
        loop_pass(loop, 0);
    (void) !send(pair[0], data + half, len - half, MSG_NOSIGNAL);
    for (int i = 0; i < 4; i++) {
        loop_pass(loop, 0);
        while (recv(pair[0], sink, sizeof(sink), 0) > 0)
            ;
    }
    close(pair[0]);
    for (int i = 0; i < 3; i++)
        loop_pass(loop, 0);
    CHECK(net_listener_connections(n) == 0 && open_requests == 0);
    net_listener_free(n);
    return 0;
}
