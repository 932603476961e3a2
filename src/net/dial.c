#include "net/dial.h"

#include "base/limits.h"
#include "base/mem.h"
#include "net/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NEXT_AFTER_US = 250 * 1000 };    /* RFC 8305, 5: connection attempt delay */

struct attempt {
    struct loop_io io;    /* fd -1: not under way */
    struct dial *dial;
};

struct dial {
    struct loop *loop;
    struct resolver *resolver;
    dial_fn *fn;
    void *ctx;
    struct host_port target;
    struct proxy proxy;
    bool via_proxy;
    struct resolve_call resolve;
    struct resolve_answer answer;
    uint32_t tried, open;
    struct attempt attempts[RESOLVE_ADDRESSES];
    struct loop_timer next;        /* when the next address has its turn */
    struct loop_task task;         /* ends that are known at once are told later */
    struct loop_io tunnel;         /* the CONNECT exchange */
    struct buf reply;
    struct err err;                /* of the last address that failed */
};

static void attempt_close(struct dial *d, struct attempt *a)
{
    if (a->dial == NULL)
        return;
    loop_io_remove(d->loop, &a->io);
    if (a->io.fd >= 0)
        close(a->io.fd);
    a->dial = NULL;
    d->open--;
}

static void dial_free(struct dial *d)
{
    resolver_cancel(d->resolver, &d->resolve);
    for (size_t i = 0; i < ARRAY_LEN(d->attempts); i++)
        attempt_close(d, &d->attempts[i]);
    loop_timer_stop(d->loop, &d->next);
    loop_task_cancel(d->loop, &d->task);
    loop_io_remove(d->loop, &d->tunnel);
    if (d->tunnel.fd >= 0)
        close(d->tunnel.fd);
    proxy_fini(&d->proxy);
    buf_fini(&d->reply);
    mem_free(d);
}

static void finish(struct dial *d, int fd)
{
    dial_fn *fn = d->fn;
    void *ctx = d->ctx;
    struct err err = d->err;
    dial_free(d);
    fn(ctx, fd, fd >= 0 ? NULL : &err);
}

/* ---- CONNECT ---------------------------------------------------------- */

static const char *advice(uint16_t status)
{
    if (status == 407)
        return "it wants credentials: put user:password@ into the proxy's URL";
    if (status == 403 || status == 405)
        return "its rules do not allow this host and port: ask who runs it";
    return "look into the proxy's log";
}

static void refused(struct dial *d, const char *why)
{
    FAIL(&d->err, PROXY, "proxy %s:%u opened no tunnel to %s:%u: %s", d->proxy.at.host, d->proxy.at.port,
         d->target.host, d->target.port, why);
    finish(d, -1);
}

static void on_reply(struct dial *d)
{
    uint16_t status = 0;
    size_t len = 0;
    enum proxy_reply reply = proxy_read_reply(buf_bytes(&d->reply), &status, &len);
    if (reply == PROXY_MORE)
        return;
    if (reply == PROXY_BAD) {
        refused(d, "its answer is not HTTP/1.1; is this the port of an HTTP proxy?");
        return;
    }
    if (status / 100 != 2) {
        char why[160];
        snprintf(why, sizeof(why), "status %u; %s", status, advice(status));
        refused(d, why);
        return;
    }
    /* In TLS the client speaks first: these bytes come from nobody we asked for. */
    if (len < d->reply.len) {
        refused(d, "something spoke before it was spoken to; only TLS goes through a tunnel");
        return;
    }
    loop_io_remove(d->loop, &d->tunnel);
    int fd = d->tunnel.fd;
    d->tunnel.fd = -1;
    finish(d, fd);
}

static void on_tunnel(struct loop_io *io, unsigned ready UNUSED)
{
    struct dial *d = CONTAINER_OF(io, struct dial, tunnel);
    char *room = buf_reserve(&d->reply, KIB(4));
    ssize_t n = recv(io->fd, room, KIB(4), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        refused(d, "it closed the connection");
        return;
    }
    d->reply.len += (size_t) n;
    on_reply(d);
}

static void ask_proxy(struct dial *d, int fd)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    d->tunnel = (struct loop_io) { .fd = fd, .fn = on_tunnel };
    proxy_write_connect(&d->proxy, d->target.host, d->target.port, &request);
    /* A fresh socket takes a few hundred bytes at once, or it is broken. */
    if (send(fd, request.ptr, request.len, MSG_NOSIGNAL) != (ssize_t) request.len) {
        refused(d, "it closed the connection");
        return;
    }
    loop_io_add(d->loop, &d->tunnel, LOOP_READ);
}

/* ---- TCP -------------------------------------------------------------- */

static const struct host_port *first_hop(const struct dial *d)
{
    return d->via_proxy ? &d->proxy.at : &d->target;
}

static void note_failure(struct dial *d, int error)
{
    const struct host_port *at = first_hop(d);
    FAIL(&d->err, REFUSED_CONNECT,
         "%s%s:%u could not be reached: %s; check the name, the port and the firewall",
         d->via_proxy ? "proxy " : "", at->host, at->port, strerror(error));
}

static void connected(struct dial *d, struct attempt *winner)
{
    int fd = winner->io.fd;
    loop_io_remove(d->loop, &winner->io);
    winner->io.fd = -1;
    for (size_t i = 0; i < ARRAY_LEN(d->attempts); i++)
        attempt_close(d, &d->attempts[i]);
    loop_timer_stop(d->loop, &d->next);
    if (d->via_proxy)
        ask_proxy(d, fd);
    else
        finish(d, fd);
}

static void try_next(struct dial *d);

static void on_connect(struct loop_io *io, unsigned ready UNUSED)
{
    struct attempt *a = CONTAINER_OF(io, struct attempt, io);
    struct dial *d = a->dial;
    int error = 0;
    socklen_t len = sizeof(error);
    CHECK(getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
    if (error == 0) {
        connected(d, a);
        return;
    }
    note_failure(d, error);
    attempt_close(d, a);
    try_next(d);
}

/* False: failed at once. */
static bool begin(struct dial *d, uint32_t i)
{
    const struct sockaddr *address = (const struct sockaddr *) (const void *) &d->answer.address[i];
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        note_failure(d, errno);
        return false;
    }
    if (connect(fd, address, d->answer.address_len[i]) != 0 && errno != EINPROGRESS) {
        note_failure(d, errno);
        close(fd);
        return false;
    }
    struct attempt *a = &d->attempts[i];
    *a = (struct attempt) { .io = { .fd = fd, .fn = on_connect }, .dial = d };
    d->open++;
    loop_io_add(d->loop, &a->io, LOOP_WRITE);    /* told also when connect() was done at once */
    return true;
}

/* Ends the dial when no address is left; its caller must not touch it after. */
static void try_next(struct dial *d)
{
    while (d->tried < d->answer.count) {
        if (!begin(d, d->tried++))
            continue;
        if (d->tried < d->answer.count)
            loop_timer_set(d->loop, &d->next, loop_now(d->loop) + NEXT_AFTER_US);
        return;
    }
    if (d->open == 0)
        finish(d, -1);
}

static void on_next(struct loop_timer *t)
{
    try_next(CONTAINER_OF(t, struct dial, next));
}

static void on_resolved(struct resolve_call *c, const struct resolve_answer *a)
{
    struct dial *d = CONTAINER_OF(c, struct dial, resolve);
    if (!a->ok) {
        d->err = a->err;
        finish(d, -1);
        return;
    }
    d->answer = *a;
    try_next(d);
}

static void on_task(struct loop_task *t)
{
    finish(CONTAINER_OF(t, struct dial, task), -1);
}

struct dial *dial_start(struct loop *l, struct resolver *r, const struct dial_conf *conf, dial_fn *fn,
                        void *ctx)
{
    struct dial *d = mem_alloc(sizeof(*d));
    d->loop = l;
    d->resolver = r;
    d->fn = fn;
    d->ctx = ctx;
    d->resolve.fn = on_resolved;
    d->next.fn = on_next;
    d->task.fn = on_task;
    d->tunnel.fd = -1;
    d->target.port = conf->port;
    d->via_proxy = conf->proxy != NULL && conf->proxy[0] != 0;
    snprintf(d->target.host, sizeof(d->target.host), "%s", conf->host);
    if (d->via_proxy && !proxy_parse(conf->proxy, &d->proxy, &d->err)) {
        loop_task_post(l, &d->task);
        return d;
    }
    resolver_ask(r, &d->resolve, first_hop(d)->host, first_hop(d)->port);
    return d;
}

void dial_cancel(struct dial *d)
{
    if (d != NULL)
        dial_free(d);
}
