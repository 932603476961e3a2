/* One connection of a pool: from dialing to its end. */
#include "net/h2_client_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

static bool is_connecting(const struct h2_session *s)
{
    return s->state != H2_OPEN;
}

static us_t now_of(const struct h2_session *s)
{
    return loop_now(s->pool->loop);
}

/* ---- the end ---------------------------------------------------------- */

void h2_session_free(struct h2_session *s)
{
    struct h2_pool *p = s->pool;
    list_remove(&p->sessions, &s->link);
    if (list_is_linked(&s->dirty_link))
        list_remove(&p->dirty, &s->dirty_link);
    loop_timer_stop(p->loop, &s->timer);
    dial_cancel(s->dial);
    h2_session_forget_header(s);
    nghttp2_session_del(s->ng);
    if (s->conn != NULL) {
        p->bytes_in += conn_bytes_in(s->conn);
        p->bytes_out += conn_bytes_out(s->conn);
        conn_free(s->conn);
    }
    mem_free(s);
}

static bool others_may_serve(struct h2_pool *p)
{
    LIST_EACH(&p->sessions, link, after) {
        if (!CONTAINER_OF(link, struct h2_session, link)->draining)
            return true;
    }
    return false;
}

/* Not from within nghttp2. The session is gone after. */
static void session_end(struct h2_session *s, const struct err *why)
{
    struct h2_pool *p = s->pool;
    struct err err = *why;
    bool connecting = is_connecting(s);
    h2_session_forget_header(s);
    nghttp2_session_del(s->ng);
    s->ng = NULL;
    s->draining = true;
    for (struct list_link *link; (link = list_first(&s->calls)) != NULL;) {
        struct h2_call *c = CONTAINER_OF(link, struct h2_call, link);
        struct err one = err;
        one.reach = (uint8_t) h2_call_reach(c);
        h2_call_finish(c, &one, 0);
    }
    h2_session_free(s);
    if (connecting) {
        p->connections_failed++;
        if (!others_may_serve(p))
            h2_pool_fail_waiting(p, &err);
    }
    h2_pool_work(p);
}

bool h2_session_fail(struct h2_session *s, enum err_class class, const char *text)
{
    if (!s->over)
        err_set(&s->err, class, "%s: %s", s->pool->host, text);
    s->over = true;
    h2_pool_work(s->pool);
    return false;
}

static bool end_if_over(struct h2_session *s)
{
    if (!s->over)
        return false;
    struct err err = s->err;
    session_end(s, &err);
    return true;
}

/* ---- writing ---------------------------------------------------------- */

void h2_session_dirty(struct h2_session *s)
{
    if (!list_is_linked(&s->dirty_link))
        list_push_back(&s->pool->dirty, &s->dirty_link);
    h2_pool_work(s->pool);
}

/* Gathers up to one write; false: nghttp2 has no more for now. */
static bool gather(struct h2_session *s)
{
    s->blocked = false;
    while (conn_unsent(s->conn) < LIMIT_FLUSH) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(s->ng, &data);
        if (n < 0)
            return h2_session_fail(s, ERR_INTERNAL, nghttp2_strerror((int) n));
        if (n == 0)
            return s->blocked;
        conn_send(s->conn, bytes_of((const char *) data, (size_t) n));
    }
    return true;
}

/* Nothing to say and nothing to hear any more: GOAWAY was exchanged, or a rule was broken. */
static bool is_finished(const struct h2_session *s)
{
    bool idle = list_is_empty(&s->calls);
    return (!nghttp2_session_want_read(s->ng) && !nghttp2_session_want_write(s->ng)) || (s->draining && idle);
}

void h2_session_flush(struct h2_session *s)
{
    if (list_is_linked(&s->dirty_link))
        list_remove(&s->pool->dirty, &s->dirty_link);
    if (s->ng == NULL || end_if_over(s))
        return;
    bool more = true;
    while (more && !conn_is_clogged(s->conn) && !s->over) {
        more = gather(s);
        conn_flush(s->conn);
    }
    if (end_if_over(s))
        return;
    if (is_finished(s)) {
        if (s->err.class == ERR_OK)
            FAIL(&s->err, RESET, "%s: the far side closed the connection", s->pool->host);
        s->over = true;
        end_if_over(s);
    }
}

/* ---- liveness --------------------------------------------------------- */

/* Sets the timer for what comes next, or does what is due. */
static void look_after(struct h2_session *s)
{
    struct h2_pool *p = s->pool;
    us_t now = now_of(s), next = US_NEVER;
    bool idle = list_is_empty(&s->calls);
    if (!idle)
        s->idle_from_us = now;
    if (p->life_max_us > 0 && !s->draining) {
        s->draining = now >= s->opened_us + p->life_max_us;
        next = MIN(next, s->opened_us + p->life_max_us);
    }
    if (idle && (s->draining || now >= s->idle_from_us + (us_t) LIMIT_IDLE_S * US_PER_S)) {
        s->draining = true;
        nghttp2_session_terminate_session(s->ng, NGHTTP2_NO_ERROR);
        h2_session_dirty(s);    /* whose flush ends it */
        return;
    }
    if (s->ping_us > 0 && now >= s->ping_us + p->ping_wait_us) {
        h2_session_fail(s, ERR_RESET,
                        "no sign of life: a PING was not answered in time; the connection is given up");
        end_if_over(s);
        return;
    }
    if (p->idle_ping_us > 0 && !idle) {
        if (s->ping_us == 0 && now >= s->read_us + p->idle_ping_us) {
            nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
            s->ping_us = now;
            h2_session_dirty(s);
        }
        next = MIN(next, s->ping_us > 0 ? s->ping_us + p->ping_wait_us : s->read_us + p->idle_ping_us);
    }
    next = MIN(next, s->idle_from_us + (us_t) LIMIT_IDLE_S * US_PER_S);
    loop_timer_set(p->loop, &s->timer, MAX(next, now + US_PER_MS));
}

/* A connection that was idle may have died unseen: its first call is sent with a PING beside it. */
void h2_session_wake(struct h2_session *s)
{
    us_t due = s->read_us + s->pool->idle_ping_us;
    if (s->pool->idle_ping_us > 0 && due < s->timer.entry.at_us)
        loop_timer_set(s->pool->loop, &s->timer, due);
}

static void on_timer(struct loop_timer *t)
{
    struct h2_session *s = CONTAINER_OF(t, struct h2_session, timer);
    if (s->state == H2_OPEN) {
        look_after(s);
        return;
    }
    h2_session_fail(s, ERR_REFUSED_CONNECT,
                    s->state == H2_DIALING ? "could not be reached in time; check the network and "
                                             "the firewall"
                                           : "did not finish its TLS and HTTP/2 greeting in time");
    end_if_over(s);
}

uint32_t h2_session_room(const struct h2_session *s)
{
    if (s->draining || s->over)
        return 0;
    uint32_t open = (uint32_t) s->calls.count;
    return s->cap > open ? s->cap - open : 0;
}

void h2_session_greeted(struct h2_session *s)
{
    s->state = H2_OPEN;
    s->opened_us = s->read_us = s->idle_from_us = now_of(s);
    s->pool->connections_made++;
    /* Soon, and then when it says itself; a connection that waits for its first call is idle. */
    loop_timer_set(s->pool->loop, &s->timer, now_of(s) + US_PER_S);
    h2_pool_work(s->pool);
}

/* ---- from dialing to the first SETTINGS -------------------------------- */

static void on_open(void *ctx, bool h2)
{
    struct h2_session *s = ctx;
    struct h2_pool *p = s->pool;
    if (p->tls != NULL && !h2) {
        h2_session_fail(s, ERR_PROTOCOL,
                        "does not speak HTTP/2 (ALPN); is a proxy in between that breaks TLS open?");
        end_if_over(s);
        return;
    }
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_BYTES },
        /* RFC 9218, 2.1: we use none, and nghttp2 keeps no tree of streams whose branches are all over memory. */
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };
    s->state = H2_GREETING;
    CHECK(nghttp2_session_client_new3(&s->ng, p->callbacks, s, p->option, h2_mem_functions(p->mem)) == 0);
    CHECK(nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0);
    CHECK(nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, LIMIT_CONNECTION_WINDOW) == 0);
    h2_session_dirty(s);
}

static void on_read(void *ctx, struct bytes data)
{
    struct h2_session *s = ctx;
    if (s->ng == NULL)
        return;
    s->read_us = now_of(s);
    s->ping_us = 0;
    s->pool->in_callback++;
    ssize_t n = nghttp2_session_mem_recv(s->ng, (const uint8_t *) data.ptr, data.len);
    s->pool->in_callback--;
    if (n < 0)
        h2_session_fail(s, s->err.class == ERR_OK ? ERR_PROTOCOL : (enum err_class) s->err.class,
                     "the far side broke the rules of HTTP/2");
    if (!end_if_over(s))
        h2_session_dirty(s);
}

static void on_drained(void *ctx)
{
    h2_session_dirty(ctx);
}

static void on_closed(void *ctx, const struct err *err)
{
    struct h2_session *s = ctx;
    struct err told = s->over ? s->err : *err;
    if (!s->over)
        err_wrap(&told, "%s", s->pool->host);
    session_end(s, &told);
}

static const struct conn_events conn_events = { on_open, on_read, on_drained, on_closed };

static void on_dialed(void *ctx, int fd, const struct err *err)
{
    struct h2_session *s = ctx;
    s->dial = NULL;
    if (fd < 0) {
        session_end(s, err);
        return;
    }
    s->state = H2_SHAKING;
    s->conn = conn_start_client(s->pool->loop, fd, s->pool->tls, s->pool->host, &conn_events, s);
}

void h2_session_start(struct h2_pool *p)
{
    struct h2_session *s = mem_alloc(sizeof(*s));
    s->pool = p;
    s->timer.fn = on_timer;
    list_init(&s->calls);
    list_push_back(&p->sessions, &s->link);
    struct dial_conf conf = {
        .host = p->connect_to.host, .port = p->connect_to.port, .proxy = buf_str(&p->proxy) };
    s->dial = dial_start(p->loop, p->resolver, &conf, on_dialed, s);
    loop_timer_set(p->loop, &s->timer, loop_now(p->loop) + p->connect_timeout_us);
}
