#include "net/serve.h"

#include "base/mem.h"
#include "net/tls_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ACCEPT_PER_PASS = 64,
    PAUSE_US = 200 * 1000    /* without free descriptors accept() would spin */
};

static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- what the protocols ask for ----------------------------------------- */

void serve_dirty(struct serve_conn *c)
{
    struct net_listener *n = c->listener;
    if (list_is_linked(&c->dirty))
        return;
    list_push_back(&n->dirty, &c->dirty);
    loop_task_post(n->loop, &n->wake);
}

void serve_kill(struct serve_conn *c)
{
    c->dead = true;
    serve_dirty(c);
}

/* RFC 9110, 5.6.7; remembered for the second. */
struct bytes serve_date(struct net_listener *n)
{
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                                      "Dec" };
    time_t now = (time_t) (loop_wall(n->loop) / US_PER_S);
    if (n->date_s != now) {
        struct tm tm;
        CHECK(gmtime_r(&now, &tm) != NULL);
        snprintf(n->date, sizeof(n->date), "%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        n->date_s = now;
    }
    return bytes_str(n->date);
}

static us_t deadline(const struct serve_conn *c)
{
    us_t at = US_NEVER;
    if (c->proto == NULL)
        at = c->moved_us + LIMIT_SERVER_WAIT_S * US_PER_S;    /* moved_us: when it came */
    else if (conn_unsent(c->conn) > 0)
        at = c->moved_us + LIMIT_SERVER_STALL_S * US_PER_S;
    us_t proto = c->proto != NULL ? c->proto->deadline(c) : US_NEVER;
    return MIN(at, proto);
}

void serve_watch(struct serve_conn *c)
{
    us_t at = deadline(c);
    us_t set = c->timer.entry.place != 0 ? c->timer.entry.at_us : US_NEVER;
    if (at < set)
        loop_timer_set(c->listener->loop, &c->timer, at);
}

/* Set early and seldom moved: when it fires it looks what is really due. */
static void on_timer(struct loop_timer *t)
{
    struct serve_conn *c = CONTAINER_OF(t, struct serve_conn, timer);
    us_t now = loop_now(c->listener->loop);
    if (c->dead || deadline(c) > now) {
        serve_watch(c);
        return;
    }
    if (c->proto != NULL && c->proto->deadline(c) <= now)
        c->proto->expire(c);
    else
        serve_kill(c);
    serve_dirty(c);
}

/* ---- a connection -------------------------------------------------------- */

static void take_apart(struct serve_conn *c)
{
    struct net_listener *n = c->listener;
    c->dead = true;
    LIST_EACH(&c->requests, link, after)
        serve_request_gone(serve_request_of_link(link));
    if (c->proto != NULL)
        c->proto->fini(c);
    for (struct list_link *link; (link = list_first(&c->requests)) != NULL;)
        serve_request_free(serve_request_of_link(link));
    if (list_is_linked(&c->dirty))
        list_remove(&n->dirty, &c->dirty);
    loop_timer_stop(n->loop, &c->timer);
    list_remove(&n->conns, &c->link);
    if (c->cut)
        conn_cut(c->conn);
    else
        conn_free(c->conn);
    buf_fini(&c->first);
    c->magic = 0;
    mem_free(c);
}

static void start_proto(struct serve_conn *c, bool h2)
{
    if (h2)
        h2_start(c);
    else
        h1_start(c);
    if (c->listener->draining)
        c->proto->drain(c);
}

/* True once the protocol is known; its first bytes are in c->first. */
static bool sniff(struct serve_conn *c)
{
    struct bytes first = buf_bytes(&c->first), preface = bytes_str(PREFACE);
    bool like = bytes_eq(bytes_sub(first, 0, preface.len), bytes_sub(preface, 0, first.len));
    if (like && first.len < preface.len)
        return false;
    start_proto(c, like);
    return true;
}

static void on_open(void *ctx, bool h2)
{
    struct serve_conn *c = ctx;
    c->open = true;
    if (h2)
        start_proto(c, true);
    serve_watch(c);
}

static void on_read(void *ctx, struct bytes data)
{
    struct serve_conn *c = ctx;
    CHECK_MAGIC(c, SERVE_MAGIC);
    if (c->dead)
        return;
    c->heard_us = loop_now(c->listener->loop);
    if (c->proto != NULL) {
        c->proto->on_bytes(c, data);
    } else {
        buf_append(&c->first, data);
        if (sniff(c)) {
            c->proto->on_bytes(c, buf_bytes(&c->first));
            buf_fini(&c->first);
        }
    }
    serve_watch(c);
}

static void on_drained(void *ctx)
{
    serve_dirty(ctx);
}

static void on_closed(void *ctx, const struct err *err UNUSED)
{
    serve_kill(ctx);
}

static const struct conn_events conn_events = {
    .on_open = on_open, .on_read = on_read, .on_drained = on_drained, .on_closed = on_closed,
};

/* Loopback, in whatever form, or a socket without addresses. */
static bool is_local_peer(int fd)
{
    static const unsigned char mapped[13] = { [10] = 0xff, [11] = 0xff, [12] = 127 };
    struct sockaddr_storage a = { 0 };
    socklen_t len = sizeof(a);
    if (getpeername(fd, (struct sockaddr *) &a, &len) != 0)
        return false;
    if (a.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *) &a)->sin_addr.s_addr) >> 24 == 127;
    if (a.ss_family != AF_INET6)
        return a.ss_family == AF_UNIX;
    const struct in6_addr *six = &((struct sockaddr_in6 *) &a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || memcmp(six, mapped, sizeof(mapped)) == 0;
}

void net_listener_adopt(struct net_listener *n, int fd)
{
    struct serve_conn *c = mem_alloc(sizeof(*c));
    c->magic = SERVE_MAGIC;
    c->listener = n;
    c->timer.fn = on_timer;
    c->local = is_local_peer(fd);
    c->heard_us = c->moved_us = c->sent_us = loop_now(n->loop);
    list_init(&c->requests);
    list_push_back(&n->conns, &c->link);
    c->conn = conn_start_server(n->loop, fd, n->tls, &conn_events, c);
    serve_watch(c);
}

/* ---- the end of a pass ---------------------------------------------------- */

/* Has the reader taken anything since the last look? */
static void note_progress(struct serve_conn *c)
{
    uint64_t taken = conn_bytes_out(c->conn) - conn_unsent(c->conn);
    if (taken != c->out_seen || conn_unsent(c->conn) == 0)
        c->moved_us = loop_now(c->listener->loop);
    c->out_seen = taken;
    if (conn_bytes_out(c->conn) != c->sent_seen)
        c->sent_us = loop_now(c->listener->loop);
    c->sent_seen = conn_bytes_out(c->conn);
}

static void settle(struct serve_conn *c)
{
    if (!c->dead && c->proto != NULL) {
        c->proto->fill(c);
        bool more = conn_unsent(c->conn) >= LIMIT_SERVER_OUT;
        conn_flush(c->conn);
        note_progress(c);
        if (more && !conn_is_clogged(c->conn))
            serve_dirty(c);    /* the other connections first */
        if (c->half && conn_unsent(c->conn) == 0)
            conn_send_end(c->conn);
        if (c->finish && conn_unsent(c->conn) == 0)
            c->dead = true;
    }
    if (c->dead)
        take_apart(c);
    else
        serve_watch(c);
}

static void on_hook(struct loop_hook *hook)
{
    struct net_listener *n = CONTAINER_OF(hook, struct net_listener, hook);
    /* What gets dirty meanwhile is for the next pass, which the wake brings at once. */
    for (size_t left = n->dirty.count; left > 0 && !list_is_empty(&n->dirty); left--) {
        struct list_link *link = list_pop_front(&n->dirty);
        settle(CONTAINER_OF(link, struct serve_conn, dirty));
    }
}

static void on_wake(struct loop_task *t UNUSED)
{
    /* Being posted is its work: the pass goes on to the hooks. */
}

/* ---- accepting ------------------------------------------------------------- */

static void on_pause_over(struct loop_timer *t)
{
    struct net_listener *n = CONTAINER_OF(t, struct net_listener, pause);
    if (n->io.added)
        loop_io_want(n->loop, &n->io, LOOP_READ);
}

static void on_accept(struct loop_io *io, unsigned ready UNUSED)
{
    struct net_listener *n = CONTAINER_OF(io, struct net_listener, io);
    for (int i = 0; i < ACCEPT_PER_PASS; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && n->conns.count < n->connections_max) {
            net_listener_adopt(n, fd);
        } else if (fd >= 0) {
            close(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            loop_io_want(n->loop, io, 0);
            loop_timer_set(n->loop, &n->pause, loop_now(n->loop) + PAUSE_US);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static int open_socket(const struct net_listen_conf *conf, struct err *err)
{
    char service[8];
    const char *host = conf->host != NULL && *conf->host != '\0' ? conf->host : "127.0.0.1";
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found;
    snprintf(service, sizeof(service), "%u", conf->port);
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) {
        FAIL(err, CONFIG, "cannot listen on \"%s\": %s; give an address of this machine", host, gai_strerror(rc));
        return -1;
    }
    int fd = -1, on = 1, why = 0;
    for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
            bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
            why = errno;
            if (fd >= 0)
                close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        FAIL(err, CONFIG, "cannot listen on %s port %u: %s; choose another port, or 0 for any free one", host,
             conf->port, strerror(why));
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    CHECK(getsockname(fd, (struct sockaddr *) &a, &len) == 0);
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &a)->sin6_port
                                         : ((struct sockaddr_in *) &a)->sin_port);
}

/* ---- the port --------------------------------------------------------------- */

struct net_listener *net_listen_nowhere(struct loop *l, const struct net_listen_conf *conf)
{
    CHECK(conf->route != NULL);
    struct net_listener *n = mem_alloc(sizeof(*n));
    n->loop = l;
    n->io = (struct loop_io) { .fd = -1, .fn = on_accept };
    n->hook.fn = on_hook;
    n->wake.fn = on_wake;
    n->pause.fn = on_pause_over;
    n->tls = conf->tls != NULL ? tls_context_share(conf->tls) : NULL;
    n->connections_max = conf->connections_max != 0 ? conf->connections_max : LIMIT_CONNECTIONS;
    n->streams_max = conf->streams_max != 0 ? conf->streams_max : LIMIT_STREAMS;
    n->route = conf->route;
    n->answered = conf->answered;
    n->ctx = conf->ctx;
    n->date_s = -1;
    list_init(&n->conns);
    list_init(&n->dirty);
    list_init(&n->spare);
    loop_hook_add(l, &n->hook);
    return n;
}

struct net_listener *net_listen(struct loop *l, const struct net_listen_conf *conf, struct err *err)
{
    int fd = open_socket(conf, err);
    if (fd < 0)
        return NULL;
    struct net_listener *n = net_listen_nowhere(l, conf);
    n->io.fd = fd;
    n->port = port_of(fd);
    loop_io_add(l, &n->io, LOOP_READ);
    return n;
}

uint16_t net_listener_port(const struct net_listener *n)
{
    return n->port;
}

uint32_t net_listener_connections(const struct net_listener *n)
{
    return (uint32_t) n->conns.count;
}

static void stop_accepting(struct net_listener *n)
{
    loop_timer_stop(n->loop, &n->pause);
    loop_io_remove(n->loop, &n->io);
    if (n->io.fd >= 0)
        close(n->io.fd);
    n->io.fd = -1;
}

void net_listener_drain(struct net_listener *n)
{
    stop_accepting(n);
    n->draining = true;
    LIST_EACH(&n->conns, link, after) {
        struct serve_conn *c = CONTAINER_OF(link, struct serve_conn, link);
        if (c->proto == NULL)
            serve_kill(c);
        else
            c->proto->drain(c);
    }
}

void net_listener_free(struct net_listener *n)
{
    if (n == NULL)
        return;
    stop_accepting(n);
    for (struct list_link *link; (link = list_first(&n->conns)) != NULL;)
        take_apart(CONTAINER_OF(link, struct serve_conn, link));
    serve_request_free_spare(n);
    loop_hook_remove(n->loop, &n->hook);
    loop_task_cancel(n->loop, &n->wake);
    tls_context_free(n->tls);
    mem_free(n);
}
