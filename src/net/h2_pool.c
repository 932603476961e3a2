#include "net/h2_client_internal.h"

#include "base/mem.h"
#include "net/tls_internal.h"

#include <stdio.h>

/* ---- who goes where --------------------------------------------------- */

/* Fills the oldest connections first, so that the others run empty and can be closed. */
static void place_waiting(struct h2_pool *p)
{
    LIST_EACH(&p->sessions, link, after) {
        struct h2_session *s = CONTAINER_OF(link, struct h2_session, link);
        if (s->state != H2_OPEN || conn_is_clogged(s->conn))
            continue;
        for (uint32_t room = h2_session_room(s); room > 0 && !list_is_empty(&p->waiting); room--) {
            if (nghttp2_session_get_next_stream_id(s->ng) >= LIMIT_STREAM_IDS) {
                s->draining = true;
                break;
            }
            h2_call_submit(CONTAINER_OF(list_first(&p->waiting), struct h2_call, link), s);
        }
    }
}

/* Connects are paced: `burst` at once, then a few a second (GCRA). */
static bool may_connect(struct h2_pool *p)
{
    const us_t each = US_PER_S / LIMIT_CONNECTS_PER_S;
    us_t now = loop_now(p->loop);
    us_t earliest = p->connect_from_us - (LIMIT_CONNECTS - 1) * each;
    if (now < earliest) {
        loop_timer_set(p->loop, &p->again, earliest);
        return false;
    }
    p->connect_from_us = MAX(p->connect_from_us, now) + each;
    return true;
}

/* As many as the waiting calls fill, counting what is on its way and what is only clogged. */
static void connect_more(struct h2_pool *p)
{
    uint32_t each = MAX(p->peer_streams, 1u), live = 0;
    uint64_t coming = 0;
    LIST_EACH(&p->sessions, link, after) {
        struct h2_session *s = CONTAINER_OF(link, struct h2_session, link);
        live += !s->draining;
        coming += s->state != H2_OPEN ? each : h2_session_room(s);
    }
    for (; p->waiting.count > coming && live < p->connections_max && may_connect(p); live++, coming += each)
        h2_session_start(p);
}

static void on_hook(struct loop_hook *h)
{
    struct h2_pool *p = CONTAINER_OF(h, struct h2_pool, hook);
    if (!list_is_empty(&p->waiting)) {
        place_waiting(p);
        connect_more(p);
    }
    loop_task_cancel(p->loop, &p->task);    /* what was to be done in a pass to come is done below */
    for (size_t n = p->dirty.count; n > 0 && !list_is_empty(&p->dirty); n--)
        h2_session_flush(CONTAINER_OF(list_first(&p->dirty), struct h2_session, dirty_link));
    if (!list_is_empty(&p->refused))
        h2_pool_work(p);
}

void h2_pool_work(struct h2_pool *p)
{
    loop_task_post(p->loop, &p->task);
}

static void end_refused(struct h2_pool *p, const struct err *err)
{
    /* Only those who are here now: what their callbacks start has its own turn. */
    for (size_t n = p->refused.count; n > 0 && !list_is_empty(&p->refused); n--) {
        struct err one = *err;
        one.reach = NOT_SENT;
        h2_call_finish(CONTAINER_OF(list_first(&p->refused), struct h2_call, link), &one, 0);
    }
}

static void on_task(struct loop_task *t)
{
    struct h2_pool *p = CONTAINER_OF(t, struct h2_pool, task);
    struct err err = p->refusal;
    end_refused(p, &err);
}

static void on_again(struct loop_timer *t)
{
    h2_pool_work(CONTAINER_OF(t, struct h2_pool, again));    /* the hook does the rest */
}

void h2_pool_fail_waiting(struct h2_pool *p, const struct err *err)
{
    for (size_t n = p->waiting.count; n > 0 && !list_is_empty(&p->waiting); n--) {
        struct err one = *err;
        one.reach = NOT_SENT;
        h2_call_finish(CONTAINER_OF(list_first(&p->waiting), struct h2_call, link), &one, 0);
    }
}

/* ---- the pool --------------------------------------------------------- */

static void set_options(struct h2_pool *p)
{
    CHECK(nghttp2_session_callbacks_new(&p->callbacks) == 0);
    CHECK(nghttp2_option_new(&p->option) == 0);
    p->mem = h2_mem_make();
    h2_session_set_callbacks(p->callbacks);
    nghttp2_option_set_no_auto_window_update(p->option, 1);    /* windows open when we say so */
    nghttp2_option_set_peer_max_concurrent_streams(p->option, LIMIT_STREAMS);
    nghttp2_option_set_no_closed_streams(p->option, 1);
}

static void set_address(struct h2_pool *p, const struct h2_pool_conf *conf)
{
    CHECK(strlen(conf->host) < sizeof(p->host));
    snprintf(p->host, sizeof(p->host), "%s", conf->host);
    memcpy(p->connect_to.host, p->host, sizeof(p->host));
    p->connect_to.port = conf->port;
    if (conf->connect_to != NULL && conf->connect_to[0] != 0)
        CHECK(host_port_parse(bytes_str(conf->connect_to), conf->port, &p->connect_to));
    if (conf->port == (conf->tls != NULL ? 443 : 80) && strchr(conf->host, ':') == NULL)
        buf_append_str(&p->authority, conf->host);
    else
        host_port_write(conf->host, conf->port, &p->authority);
    if (conf->proxy != NULL)
        buf_append_str(&p->proxy, conf->proxy);
}

struct h2_pool *h2_pool_make(struct loop *l, struct resolver *r, const struct h2_pool_conf *conf)
{
    CHECK(conf->connections_max > 0 && conf->streams_max > 0);
    struct h2_pool *p = mem_alloc(sizeof(*p));
    p->magic = H2_POOL_MAGIC;
    p->loop = l;
    p->resolver = r;
    p->tls = conf->tls != NULL ? tls_context_share(conf->tls) : NULL;
    p->connections_max = conf->connections_max;
    p->streams_max = conf->streams_max;
    p->peer_streams = MIN(conf->streams_max, (uint32_t) LIMIT_STREAMS);
    p->connect_timeout_us = conf->connect_timeout_us > 0 ? conf->connect_timeout_us : 10 * US_PER_S;
    p->idle_ping_us = conf->idle_ping_us;
    p->ping_wait_us = conf->ping_wait_us > 0 ? conf->ping_wait_us : (us_t) LIMIT_PING_WAIT_S * US_PER_S;
    p->life_max_us = conf->life_max_us;
    set_address(p, conf);
    set_options(p);
    list_init(&p->sessions);
    list_init(&p->dirty);
    list_init(&p->waiting);
    list_init(&p->refused);
    list_init(&p->spare);
    p->hook.fn = on_hook;
    p->task.fn = on_task;
    p->again.fn = on_again;
    h2_pool_watch_init(p);
    loop_hook_add(l, &p->hook);
    return p;
}

static void release_all(struct list *calls)
{
    while (!list_is_empty(calls))
        h2_call_release(CONTAINER_OF(list_first(calls), struct h2_call, link), NGHTTP2_CANCEL);
}

static void end_session(struct h2_session *s)
{
    release_all(&s->calls);
    if (s->ng != NULL && !s->over) {
        nghttp2_session_terminate_session(s->ng, NGHTTP2_NO_ERROR);
        const uint8_t *data;
        for (ssize_t n; !conn_is_clogged(s->conn) && (n = nghttp2_session_mem_send(s->ng, &data)) > 0;)
            conn_send(s->conn, bytes_of((const char *) data, (size_t) n));
    }
    h2_session_free(s);
}

void h2_pool_free(struct h2_pool *p)
{
    if (p == NULL)
        return;
    CHECK_MAGIC(p, H2_POOL_MAGIC);
    CHECK(p->in_callback == 0);
    release_all(&p->waiting);
    release_all(&p->refused);
    while (!list_is_empty(&p->sessions))
        end_session(CONTAINER_OF(list_first(&p->sessions), struct h2_session, link));
    for (struct list_link *link; (link = list_pop_front(&p->spare)) != NULL;) {
        struct h2_call *c = CONTAINER_OF(link, struct h2_call, link);
        buf_fini(&c->text);
        buf_fini(&c->out);
        mem_free(c);
    }
    loop_hook_remove(p->loop, &p->hook);
    loop_task_cancel(p->loop, &p->task);
    loop_timer_stop(p->loop, &p->again);
    h2_pool_watch_fini(p);
    nghttp2_session_callbacks_del(p->callbacks);
    nghttp2_option_del(p->option);
    h2_mem_free(p->mem);
    tls_context_free(p->tls);
    buf_fini(&p->proxy);
    buf_fini(&p->authority);
    p->magic = 0;
    mem_free(p);
}

bool h2_pool_is_encrypted(const struct h2_pool *p)
{
    return p->tls != NULL;
}

struct loop *h2_pool_loop(const struct h2_pool *p)
{
    return p->loop;
}

struct h2_pool_stats h2_pool_stats(const struct h2_pool *p)
{
    struct h2_pool_stats st = {
        .connections = (uint32_t) p->sessions.count,
        .calls_open = p->calls_open,
        .calls_waiting = (uint32_t) p->waiting.count,
        .connections_made = p->connections_made,
        .connections_failed = p->connections_failed,
        .bytes_in = p->bytes_in,
        .bytes_out = p->bytes_out,
    };
    LIST_EACH(&p->sessions, link, after) {
        struct h2_session *s = CONTAINER_OF(link, struct h2_session, link);
        st.bytes_in += s->conn != NULL ? conn_bytes_in(s->conn) : 0;
        st.bytes_out += s->conn != NULL ? conn_bytes_out(s->conn) : 0;
    }
    return st;
}
