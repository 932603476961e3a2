#include "served.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/percent.h"

#include <sys/socket.h>

static const struct net_header plain = { BYTES_LIT("content-type"), BYTES_LIT("text/plain") };

static uint64_t number_of(struct net_request *r)
{
    uint64_t n = 0;
    CHECK(bytes_to_u64(net_request_query(r), &n));
    return n;
}

static void echo(void *ctx, struct net_request *r)
{
    ((struct served *) ctx)->requests++;
    net_reply(r, 200, &plain, 1, net_request_body(r));
}

static void fail(void *ctx, struct net_request *r)
{
    ((struct served *) ctx)->requests++;
    net_reply(r, (uint16_t) number_of(r), NULL, 0, bytes_of(NULL, 0));
}

static void size(void *ctx, struct net_request *r)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    ((struct served *) ctx)->requests++;
    size_t n = (size_t) number_of(r);
    buf_reserve(&out, n);
    for (size_t i = 0; i < n; i++)
        out.ptr[i] = (char) ('a' + i % 26);
    out.len = n;
    if (bytes_eq_str(net_request_path(r), "/gzip"))
        net_reply_may_gzip(r);
    net_reply(r, 200, &plain, 1, buf_bytes(&out));
}

static void header(void *ctx, struct net_request *r)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    ((struct served *) ctx)->requests++;
    CHECK(percent_decode(net_request_query(r), true, &value));
    struct net_header h = { BYTES_LIT("x-value"), buf_bytes(&value) };
    net_reply(r, 200, &h, 1, bytes_of(NULL, 0));
}

static void on_gone(void *ctx)
{
    ((struct served *) ctx)->gone++;
}

static void keep(void *ctx, struct net_request *r)
{
    static const struct net_request_events events = { .on_gone = on_gone };
    struct served *s = ctx;
    s->requests++;
    CHECK(s->kept_count < SERVED_KEPT);
    s->kept[s->kept_count++] = r;
    net_request_watch(r, &events, s);
}

static void reset(void *ctx, struct net_request *r)
{
    ((struct served *) ctx)->requests++;
    net_reply_reset(r);
}

static void half(void *ctx, struct net_request *r)
{
    ((struct served *) ctx)->requests++;
    net_reply_begin(r, 200, NULL, 0);
    net_reply_send(r, BYTES_LIT("half"));
    net_reply_reset(r);
}

static void cut(void *ctx, struct net_request *r)
{
    ((struct served *) ctx)->requests++;
    net_reply_cut_connection(r);
}

struct piece {
    struct served *served;
    struct net_request *r;
    uint64_t left;
};

static void piece_data(void *ctx, struct bytes data)
{
    net_reply_send(((struct piece *) ctx)->r, data);
}

static void piece_end(void *ctx)
{
    static const struct net_header trailers[] = { { BYTES_LIT("x-end"), BYTES_LIT("yes") } };
    struct piece *p = ctx;
    net_reply_end(p->r, trailers, 1);
    mem_free(p);
}

static void piece_gone(void *ctx)
{
    struct piece *p = ctx;
    p->served->gone++;
    mem_free(p);
}

static void flood_more(void *ctx)
{
    static char block[64 << 10];
    struct piece *p = ctx;
    size_t n = MIN((uint64_t) sizeof(block), p->left);
    p->left -= n;
    net_reply_send(p->r, bytes_of(block, n));
    p->served->unsent_max = MAX(p->served->unsent_max, net_reply_unsent(p->r));
    if (p->left == 0) {
        net_reply_end(p->r, NULL, 0);
        mem_free(p);
    }
}

static void stream(void *ctx, struct net_request *r)
{
    static const struct net_request_events pieces = { .on_gone = piece_gone, .on_data = piece_data, .on_end = piece_end };
    static const struct net_request_events flood = { .on_gone = piece_gone, .on_drained = flood_more };
    struct served *s = ctx;
    s->requests++;
    struct piece *p = mem_alloc(sizeof(*p));
    *p = (struct piece) { .served = s, .r = r };
    bool is_flood = bytes_eq_str(net_request_path(r), "/flood");
    net_request_watch(r, is_flood ? &flood : &pieces, p);
    net_reply_begin(r, 200, &plain, 1);
    if (is_flood) {
        p->left = number_of(r);
        flood_more(p);
    }
}

static struct net_route route(void *ctx, const struct net_request *r)
{
    static const struct {
        const char *path;
        struct net_route route;
    } rows[] = {
        { "/echo", { NET_BUFFERED, 16 << 20, echo, NULL } },  { "/fail", { NET_BUFFERED, 1000, fail, NULL } },
        { "/size", { NET_BUFFERED, 1000, size, NULL } },      { "/gzip", { NET_BUFFERED, 1000, size, NULL } },
        { "/kept", { NET_BUFFERED, 16 << 20, keep, NULL } },  { "/reset", { NET_BUFFERED, 1000, reset, NULL } },
        { "/header", { NET_BUFFERED, 1000, header, NULL } },
        { "/cut", { NET_BUFFERED, 1000, cut, NULL } },        { "/half", { NET_BUFFERED, 1000, half, NULL } },
        { "/small", { NET_BUFFERED, 1000, echo, NULL } },     { "/pieces", { NET_STREAM, 0, stream, NULL } },
        { "/flood", { NET_STREAM, 0, stream, NULL } },
    };
    struct served *s = ctx;
    if (s->grpc != NULL)
        return s->grpc(s, r);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_eq_str(net_request_path(r), rows[i].path)) {
            struct net_route found = rows[i].route;
            found.ctx = s;
            return found;
        }
    return (struct net_route) { 0 };
}

void served_start(struct served *s, struct loop *l, struct tls_context *tls, uint32_t streams_max)
{
    struct net_listen_conf conf = { .tls = tls, .streams_max = streams_max, .route = route, .ctx = s };
    s->loop = l;
    s->listener = net_listen_nowhere(l, &conf);
}

int served_connect(struct served *s)
{
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    net_listener_adopt(s->listener, pair[1]);
    return pair[0];
}

void served_stop(struct served *s)
{
    net_listener_free(s->listener);
    s->listener = NULL;
}
