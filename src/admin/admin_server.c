#include "admin/admin_server.h"

#include "admin/rates.h"
#include "admin/admin_view.h"
#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "net/listen.h"
#include "obs/prom.h"

struct admin_server {
    struct loop *loop;
    struct admin_conf conf;
    struct net_listener *listener;
    struct loop_timer sample;
    struct rates_history rates;
    struct buf policy;    /* Content-Security-Policy, with the hash of the one style sheet */
    bool loopback;
};

static struct net_route route(void *ctx, const struct net_request *r);
static void serve(void *ctx, struct net_request *r);
static bool host_ok(const struct admin_server *s, const struct net_request *r);
static void sample(struct loop_timer *t);
static void gather(struct admin_server *s, struct admin_view *v);
static uint16_t page(struct admin_server *s, struct bytes path, struct bytes query, struct buf *out, const char **ret_type);
static void answer(const struct admin_server *s, struct net_request *r, uint16_t status, const char *type, struct bytes body);
static bool is_loopback(struct bytes host);

struct admin_server *admin_server_make(struct loop *l, const struct admin_conf *conf, struct err *err)
{
    struct admin_server *s = mem_alloc(sizeof(*s));
    s->loop = l;
    s->conf = *conf;
    s->loopback = conf->host == NULL || is_loopback(bytes_str(conf->host));
    const struct net_listen_conf listen = { .host = conf->host, .port = conf->port, .route = route, .ctx = s,
                                            .connections_max = LIMIT_ADMIN_CONNECTIONS, .streams_max = 8 };
    s->listener = conf->host != NULL ? net_listen(l, &listen, err) : net_listen_nowhere(l, &listen);
    if (s->listener == NULL) {
        mem_free(s);
        return NULL;
    }
    CLEANUP(buf_fini) struct buf hash = { 0 };
    struct sha256 sum = sha256_of(bytes_str(admin_view_style()));
    b64_encode(bytes_of((const char *) sum.octet, SHA256_LEN), &hash);
    buf_printf(&s->policy, "default-src 'none'; style-src 'sha256-%s'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", buf_str(&hash));
    s->sample.fn = sample;
    rates_sample(&s->rates, conf->metrics, loop_now(l));
    loop_timer_set(l, &s->sample, loop_now(l) + RATES_EVERY_S * US_PER_S);
    return s;
}

uint16_t admin_server_port(const struct admin_server *s)
{
    return net_listener_port(s->listener);
}

void admin_server_adopt(struct admin_server *s, int fd)
{
    net_listener_adopt(s->listener, fd);
}

void admin_server_free(struct admin_server *s)
{
    if (s == NULL)
        return;
    loop_timer_stop(s->loop, &s->sample);
    net_listener_free(s->listener);
    buf_fini(&s->policy);
    mem_free(s);
}

static void sample(struct loop_timer *t)
{
    struct admin_server *s = CONTAINER_OF(t, struct admin_server, sample);
    rates_sample(&s->rates, s->conf.metrics, loop_now(s->loop));
    loop_timer_set(s->loop, t, loop_now(s->loop) + RATES_EVERY_S * US_PER_S);
}

static struct net_route route(void *ctx, const struct net_request *r UNUSED)
{
    return (struct net_route) { NET_BUFFERED, 0, serve, ctx };
}

static void serve(void *ctx, struct net_request *r)
{
    struct admin_server *s = ctx;
    struct bytes method = net_request_method(r);
    const char *type = "text/plain; charset=utf-8";
    CLEANUP(buf_fini) struct buf body = { 0 };
    uint16_t status;
    if (!host_ok(s, r)) {
        status = 421;
        buf_append_str(&body, "this port answers for localhost and its address only\n");
    } else if (!bytes_eq_str(method, "GET") && !bytes_eq_str(method, "HEAD")) {
        status = 405;
        buf_append_str(&body, "read only: GET\n");
    } else {
        status = page(s, net_request_path(r), net_request_query(r), &body, &type);
    }
    answer(s, r, status, type, bytes_eq_str(method, "HEAD") ? BYTES_LIT("") : buf_bytes(&body));
}

static uint16_t page(struct admin_server *s, struct bytes path, struct bytes query, struct buf *out, const char **ret_type)
{
    struct admin_view *v = mem_alloc(sizeof(*v));
    uint16_t status = 200;
    gather(s, v);
    if (bytes_eq_str(path, "/")) {
        *ret_type = "text/html; charset=utf-8";
        admin_view_html(v, out);
    } else if (bytes_eq_str(path, "/metrics") && s->conf.prometheus) {
        *ret_type = "text/plain; version=0.0.4; charset=utf-8";
        prom_render(s->conf.metrics, v->snapshot.version, v->snapshot.commit, out);
    } else if (bytes_eq_str(path, "/status.json")) {
        *ret_type = "application/json";
        admin_view_json(v, out);
    } else if (bytes_eq_str(path, "/livez")) {
        status = admin_view_live(v) ? 200 : 503;
        buf_append_str(out, status == 200 ? "ok\n" : "the engine has not moved for ten seconds\n");
    } else if (bytes_eq_str(path, "/readyz")) {
        status = admin_view_ready(v) ? 200 : 503;
        admin_view_ready_text(v, bytes_starts(query, BYTES_LIT("verbose")), out);
    } else if (bytes_eq_str(path, "/startupz")) {
        status = v->snapshot.started ? 200 : 503;
        buf_append_str(out, status == 200 ? "ok\n" : "not started yet\n");
    } else {
        status = 404;
        buf_append_str(out, "there are: / /metrics /livez /readyz?verbose /startupz /status.json\n");
    }
    mem_free(v);
    return status;
}

static void gather(struct admin_server *s, struct admin_view *v)
{
    v->metrics = s->conf.metrics;
    v->now_us = loop_now(s->loop);
    v->wall_us = loop_wall(s->loop);
    rates_read(&s->rates, &v->rates);
    v->last_count = log_last(s->conf.log, v->last);
    s->conf.snapshot(s->conf.ctx, &v->snapshot);
}

static void answer(const struct admin_server *s, struct net_request *r, uint16_t status, const char *type, struct bytes body)
{
    const struct net_header headers[] = {
        { BYTES_LIT("content-type"), bytes_str(type) },
        { BYTES_LIT("cache-control"), BYTES_LIT("no-store") },
        { BYTES_LIT("content-security-policy"), buf_bytes(&s->policy) },
        { BYTES_LIT("x-content-type-options"), BYTES_LIT("nosniff") },
        { BYTES_LIT("referrer-policy"), BYTES_LIT("no-referrer") },
        { BYTES_LIT("allow"), BYTES_LIT("GET, HEAD") },
    };
    net_reply(r, status, headers, status == 405 ? ARRAY_LEN(headers) : ARRAY_LEN(headers) - 1, body);
}

/* Bound to loopback: a page of another site must not read us through a name that it has pointed here. */
static bool host_ok(const struct admin_server *s, const struct net_request *r)
{
    struct bytes host = net_request_authority(r);
    if (!s->loopback)
        return true;
    if (host.len == 0)
        return false;
    if (host.ptr[0] == '[')
        host = bytes_sub(host, 1, bytes_find(host, 0, ']') - 1);
    else
        host = bytes_cut(&host, ':');
    return is_loopback(host);
}

static bool is_loopback(struct bytes host)
{
    struct bytes rest = host;
    if (bytes_eq_nocase(host, BYTES_LIT("localhost")) || bytes_eq_str(host, "::1"))
        return true;
    uint64_t part;
    for (unsigned i = 0; i < 4; i++)
        if (!bytes_to_u64(bytes_cut(&rest, '.'), &part) || part > 255 || (i == 0 && part != 127))
            return false;
    return rest.len == 0;
}
