#include "bad_server.h"

#include "rig.h"

#include "base/mem.h"
#include "net/conn.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct bad_server {
    struct loop *loop;
    struct bad_server_conf conf;
    struct loop_io listener;
    struct loop_hook hook;
    uint16_t port;
    uint32_t accepted, requests, resets, streams_peak;
    uint64_t body_sent, allocations;
    struct list conns;
    nghttp2_session_callbacks *callbacks;
};

struct bad_server_conn {
    struct bad_server *peer;
    struct list_link link;
    struct list streams;
    struct conn *conn;
    nghttp2_session *ng;
    bool dead;
};

static void stream_free(struct bad_server_stream *s)
{
    list_remove(&s->conn->streams, &s->link);
    buf_fini(&s->headers);
    buf_fini(&s->body);
    buf_fini(&s->out);
    mem_free(s);
}

static void conn_end(struct bad_server_conn *c)
{
    while (!list_is_empty(&c->streams))
        stream_free(CONTAINER_OF(list_first(&c->streams), struct bad_server_stream, link));
    list_remove(&c->peer->conns, &c->link);
    nghttp2_session_del(c->ng);
    conn_free(c->conn);
    mem_free(c);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct bad_server_conn *c = user_data;
    if (nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id) != NULL)
        return 0;
    struct bad_server_stream *s = mem_alloc(sizeof(*s));
    s->conn = c;
    s->id = frame->hd.stream_id;
    list_push_back(&c->streams, &s->link);
    c->peer->streams_peak = MAX(c->peer->streams_peak, (uint32_t) c->streams.count);
    nghttp2_session_set_stream_user_data(ng, s->id, s);
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags UNUSED, void *user_data UNUSED)
{
    struct bad_server_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    struct bytes n = bytes_of((const char *) name, name_len);
    if (bytes_eq_str(n, ":path"))
        snprintf(s->path, sizeof(s->path), "%.*s", (int) value_len, (const char *) value);
    if (bytes_eq_str(n, ":method"))
        snprintf(s->method, sizeof(s->method), "%.*s", (int) value_len, (const char *) value);
    buf_printf(&s->headers, "%.*s: %.*s\n", (int) name_len, (const char *) name, (int) value_len, (const char *) value);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags UNUSED, int32_t stream_id, const uint8_t *data, size_t len,
                   void *user_data)
{
    struct bad_server_conn *c = user_data;
    struct bad_server_stream *s = nghttp2_session_get_stream_user_data(ng, stream_id);
    buf_append(&s->body, bytes_of((const char *) data, len));
    if (c->peer->conf.on_data != NULL)
        c->peer->conf.on_data(c->peer->conf.ctx, s);
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct bad_server_conn *c = user_data;
    struct bad_server *p = c->peer;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        p->resets++;
    struct bad_server_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (s == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    s->ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS)
        p->requests++;
    bool due = p->conf.early ? frame->hd.type == NGHTTP2_HEADERS : s->ended;
    if (due)
        p->conf.handler(p->conf.ctx, s);
    else if (s->ended && p->conf.on_data != NULL)
        p->conf.on_data(p->conf.ctx, s);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t stream_id, uint32_t code UNUSED, void *user_data UNUSED)
{
    struct bad_server_stream *s = nghttp2_session_get_stream_user_data(ng, stream_id);
    if (s != NULL)
        stream_free(s);
    return 0;
}

static void on_open(void *ctx, bool h2 UNUSED)
{
    struct bad_server_conn *c = ctx;
    const nghttp2_settings_entry entry = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, c->peer->conf.streams_max };
    nghttp2_option *option;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_ping_ack(option, c->peer->conf.deaf_to_ping);
    CHECK(nghttp2_session_server_new2(&c->ng, c->peer->callbacks, c, option) == 0);
    nghttp2_option_del(option);
    nghttp2_submit_settings(c->ng, NGHTTP2_FLAG_NONE, &entry, c->peer->conf.streams_max > 0);
    nghttp2_session_set_local_window_size(c->ng, NGHTTP2_FLAG_NONE, 0, 16 << 20);
}

static void on_read(void *ctx, struct bytes data)
{
    struct bad_server_conn *c = ctx;
    uint64_t before = mem_count();
    if (!c->peer->conf.silent && nghttp2_session_mem_recv(c->ng, (const uint8_t *) data.ptr, data.len) < 0)
        c->dead = true;
    c->peer->allocations += mem_count() - before;
}

static void on_drained(void *ctx UNUSED)
{
}

static void on_closed(void *ctx, const struct err *err UNUSED)
{
    ((struct bad_server_conn *) ctx)->dead = true;
}

static const struct conn_events conn_events = { on_open, on_read, on_drained, on_closed };

static void on_accept(struct loop_io *io, unsigned ready UNUSED)
{
    struct bad_server *p = CONTAINER_OF(io, struct bad_server, listener);
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    p->accepted++;
    struct bad_server_conn *c = mem_alloc(sizeof(*c));
    c->peer = p;
    list_init(&c->streams);
    list_push_back(&p->conns, &c->link);
    c->conn = conn_start_server(p->loop, fd, p->conf.tls, &conn_events, c);
}

static void flush(struct bad_server_conn *c)
{
    if (c->ng == NULL || c->dead)
        return;
    while (!c->peer->conf.silent && !conn_is_clogged(c->conn)) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->ng, &data);
        if (n <= 0)
            break;
        conn_send(c->conn, bytes_of((const char *) data, (size_t) n));
    }
    conn_flush(c->conn);
}

static void on_hook(struct loop_hook *h)
{
    struct bad_server *p = CONTAINER_OF(h, struct bad_server, hook);
    uint64_t before = mem_count();
    LIST_EACH(&p->conns, link, after) {
        struct bad_server_conn *c = CONTAINER_OF(link, struct bad_server_conn, link);
        flush(c);
        if (c->dead)
            conn_end(c);
    }
    p->allocations += mem_count() - before;
}

struct bad_server *bad_server_start(struct loop *l, const struct bad_server_conf *conf)
{
    struct bad_server *p = mem_alloc(sizeof(*p));
    p->loop = l;
    p->conf = *conf;
    list_init(&p->conns);
    CHECK(nghttp2_session_callbacks_new(&p->callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(p->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(p->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(p->callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(p->callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(p->callbacks, on_stream_close);
    p->listener = (struct loop_io) { .fd = rig_listen(&p->port), .fn = on_accept };
    loop_io_add(l, &p->listener, LOOP_READ);
    p->hook.fn = on_hook;
    loop_hook_add(l, &p->hook);
    return p;
}

void bad_server_cut_all(struct bad_server *p)
{
    LIST_EACH(&p->conns, link, after)
        conn_end(CONTAINER_OF(link, struct bad_server_conn, link));
}

void bad_server_free(struct bad_server *p)
{
    bad_server_cut_all(p);
    loop_io_remove(p->loop, &p->listener);
    close(p->listener.fd);
    loop_hook_remove(p->loop, &p->hook);
    nghttp2_session_callbacks_del(p->callbacks);
    mem_free(p);
}

uint16_t bad_server_port(const struct bad_server *p)
{
    return p->port;
}

uint32_t bad_server_accepted(const struct bad_server *p)
{
    return p->accepted;
}

uint32_t bad_server_requests(const struct bad_server *p)
{
    return p->requests;
}

uint32_t bad_server_resets(const struct bad_server *p)
{
    return p->resets;
}

uint32_t bad_server_streams_peak(const struct bad_server *p)
{
    return p->streams_peak;
}

uint64_t bad_server_allocations(const struct bad_server *p)
{
    return p->allocations;
}

uint64_t bad_server_body_sent(const struct bad_server *p)
{
    return p->body_sent;
}

/* ---- replies ---------------------------------------------------------- */

static size_t fields(nghttp2_nv *nv, size_t n, const struct net_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nv[n++] = (nghttp2_nv) { (uint8_t *) (uintptr_t) headers[i].name.ptr,
                                 (uint8_t *) (uintptr_t) headers[i].value.ptr, headers[i].name.len,
                                 headers[i].value.len, NGHTTP2_NV_FLAG_NONE };
    return n;
}

static ssize_t read_out(nghttp2_session *ng, int32_t stream_id, uint8_t *buf, size_t length, uint32_t *flags,
                        nghttp2_data_source *source, void *user_data)
{
    struct bad_server_stream *s = source->ptr;
    struct bad_server_conn *c = user_data;
    size_t n = MIN(length, s->out.len - s->out_sent);
    if (n == 0 && !s->out_ended) {
        s->out_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0)
        memcpy(buf, s->out.ptr + s->out_sent, n);
    s->out_sent += n;
    c->peer->body_sent += n;
    if (s->out_ended && s->out_sent == s->out.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers_count > 0) {
            nghttp2_nv nv[8];
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(ng, stream_id, nv, fields(nv, 0, s->trailers, s->trailers_count));
        }
    }
    return (ssize_t) n;
}

enum { FIELDS_MAX = 400 };

void bad_server_begin(struct bad_server_stream *s, const char *status, const struct net_header *headers, size_t count,
                   bool ends)
{
    static nghttp2_nv nv[FIELDS_MAX];
    CHECK(count < FIELDS_MAX);
    const struct net_header first = { BYTES_LIT(":status"), bytes_str(status) };
    size_t n = fields(nv, fields(nv, 0, &first, 1), headers, count);
    nghttp2_data_provider body = { .source.ptr = s, .read_callback = read_out };
    CHECK(nghttp2_submit_response(s->conn->ng, s->id, nv, n, ends ? NULL : &body) == 0);
}

static void resume(struct bad_server_stream *s)
{
    if (s->out_deferred) {
        s->out_deferred = false;
        nghttp2_session_resume_data(s->conn->ng, s->id);
    }
}

void bad_server_send(struct bad_server_stream *s, struct bytes data)
{
    buf_append(&s->out, data);
    resume(s);
}

void bad_server_end(struct bad_server_stream *s, const struct net_header *trailers, size_t count)
{
    s->out_ended = true;
    s->trailers = trailers;
    s->trailers_count = count;
    resume(s);
}

void bad_server_reply(struct bad_server_stream *s, const char *status, struct bytes body)
{
    char length[32];
    snprintf(length, sizeof(length), "%zu", body.len);
    const struct net_header header = { BYTES_LIT("content-length"), bytes_str(length) };
    bad_server_begin(s, status, &header, 1, body.len == 0);
    bad_server_send(s, body);
    bad_server_end(s, NULL, 0);
}

void bad_server_reset(struct bad_server_stream *s, uint32_t code)
{
    nghttp2_submit_rst_stream(s->conn->ng, NGHTTP2_FLAG_NONE, s->id, code);
}

void bad_server_goaway(struct bad_server_stream *s, int32_t last_id, uint32_t code)
{
    nghttp2_submit_goaway(s->conn->ng, NGHTTP2_FLAG_NONE, last_id, code, NULL, 0);
}

void bad_server_raw(struct bad_server_stream *s, struct bytes bytes)
{
    conn_send(s->conn->conn, bytes);
}
