#include "h2_peer.h"

#include "base/mem.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

struct peer_stream {
    struct h2_seen seen;
    struct buf out;
    size_t out_at;
    bool out_end, deferred;
};

struct h2_peer {
    nghttp2_session *session;
    struct loop *loop;
    struct loop_hook hook;
    struct loop_task wake;    /* what was asked for between passes leaves with the next, without a wait */
    struct conn *conn;
    const char *host;
    struct peer_stream *streams[H2_PEER_STREAMS];    /* by (id - 1) / 2 */
    unsigned pongs;
    bool open, closed, goaway, no_updates;
    uint32_t goaway_code;
};

static struct peer_stream *stream_of(struct h2_peer *p, int32_t id)
{
    size_t at = (size_t) (id - 1) / 2;
    CHECK(id > 0 && at < H2_PEER_STREAMS);
    if (p->streams[at] == NULL)
        p->streams[at] = mem_alloc(sizeof(*p->streams[at]));
    return p->streams[at];
}

static int on_header(nghttp2_session *s UNUSED, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags UNUSED, void *ctx)
{
    struct h2_seen *seen = h2_peer_seen(ctx, f->hd.stream_id);
    struct bytes n = bytes_of((const char *) name, name_len), v = bytes_of((const char *) value, value_len);
    uint64_t status;
    if (bytes_eq_str(n, ":status") && bytes_to_u64(v, &status))
        seen->status = (int) status;
    else
        buf_printf(&seen->headers, "%.*s: %.*s\n", BYTES_FMT(n), BYTES_FMT(v));
    return 0;
}

static int on_frame(nghttp2_session *s UNUSED, const nghttp2_frame *f, void *ctx)
{
    struct h2_peer *p = ctx;
    if (f->hd.type == NGHTTP2_HEADERS)
        h2_peer_seen(p, f->hd.stream_id)->heads++;
    if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
        h2_peer_seen(p, f->hd.stream_id)->ended = true;
    if (f->hd.type == NGHTTP2_PING && (f->hd.flags & NGHTTP2_FLAG_ACK))
        p->pongs++;
    if (f->hd.type == NGHTTP2_GOAWAY) {
        p->goaway = true;
        p->goaway_code = f->goaway.error_code;
    }
    return 0;
}

static int on_chunk(nghttp2_session *s, uint8_t flags UNUSED, int32_t id, const uint8_t *data, size_t len, void *ctx)
{
    struct h2_peer *p = ctx;
    buf_append(&h2_peer_seen(p, id)->body, bytes_of((const char *) data, len));
    if (!p->no_updates)
        nghttp2_session_consume(s, id, len);
    return 0;
}

static int on_close(nghttp2_session *s UNUSED, int32_t id, uint32_t code, void *ctx)
{
    struct h2_seen *seen = h2_peer_seen(ctx, id);
    seen->closed = true;
    seen->code = code;
    return 0;
}

static ssize_t read_out(nghttp2_session *s UNUSED, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
                        nghttp2_data_source *source UNUSED, void *ctx)
{
    struct peer_stream *st = stream_of(ctx, id);
    size_t n = MIN(max, st->out.len - st->out_at);
    if (n == 0 && !st->out_end) {
        st->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0)
        memcpy(buf, st->out.ptr + st->out_at, n);
    st->out_at += n;
    if (st->out_end && st->out_at == st->out.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t) n;
}

static void on_hook(struct loop_hook *hook)
{
    struct h2_peer *p = CONTAINER_OF(hook, struct h2_peer, hook);
    const uint8_t *data;
    ssize_t n;
    if (!p->open || p->closed)
        return;
    while (conn_unsent(p->conn) < KIB(256) && (n = nghttp2_session_mem_send(p->session, &data)) > 0)
        conn_send(p->conn, bytes_of((const char *) data, (size_t) n));
    conn_flush(p->conn);
}

static void on_wake(struct loop_task *t UNUSED)
{
}

static void wake(struct h2_peer *p)
{
    loop_task_post(p->loop, &p->wake);
}

static void on_open(void *ctx, bool h2 UNUSED)
{
    ((struct h2_peer *) ctx)->open = true;
}

static void on_read(void *ctx, struct bytes data)
{
    struct h2_peer *p = ctx;
    nghttp2_session_mem_recv(p->session, (const uint8_t *) data.ptr, data.len);
}

static void on_nothing(void *ctx UNUSED)
{
}

static void on_closed(void *ctx, const struct err *err UNUSED)
{
    ((struct h2_peer *) ctx)->closed = true;
}

static const struct conn_events events = { on_open, on_read, on_nothing, on_closed };

struct h2_peer *h2_peer_make(struct loop *l, int fd, const struct h2_peer_conf *conf)
{
    struct h2_peer *p = mem_alloc(sizeof(*p));
    nghttp2_session_callbacks *on;
    nghttp2_option *option;
    CHECK(nghttp2_session_callbacks_new(&on) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_header_callback(on, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1);    /* it may send what is wrong */
    CHECK(nghttp2_session_client_new2(&p->session, on, p, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(on);
    nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, conf->window };
    CHECK(nghttp2_submit_settings(p->session, 0, &window, conf->window != 0) == 0);
    p->loop = l;
    p->hook.fn = on_hook;
    p->wake.fn = on_wake;
    p->no_updates = conf->no_updates;
    loop_hook_add(l, &p->hook);
    p->conn = conn_start_client(l, fd, conf->tls, conf->host, &events, p);
    return p;
}

void h2_peer_free(struct h2_peer *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < H2_PEER_STREAMS; i++)
        if (p->streams[i] != NULL) {
            buf_fini(&p->streams[i]->seen.headers);
            buf_fini(&p->streams[i]->seen.body);
            buf_fini(&p->streams[i]->out);
            mem_free(p->streams[i]);
        }
    nghttp2_session_del(p->session);
    loop_hook_remove(p->loop, &p->hook);
    loop_task_cancel(p->loop, &p->wake);
    conn_free(p->conn);
    mem_free(p);
}

static nghttp2_nv nv_of(struct bytes name, struct bytes value)
{
    return (nghttp2_nv) { (uint8_t *) (uintptr_t) name.ptr, (uint8_t *) (uintptr_t) value.ptr, name.len, value.len, 0 };
}

int32_t h2_peer_request(struct h2_peer *p, const char *method, const char *path, const struct net_header *headers,
                        size_t count, struct bytes body, bool end)
{
    nghttp2_nv *nv = mem_alloc_n(count + 4, sizeof(*nv));
    nv[0] = nv_of(BYTES_LIT(":method"), bytes_str(method));
    nv[1] = nv_of(BYTES_LIT(":scheme"), BYTES_LIT("http"));
    nv[2] = nv_of(BYTES_LIT(":authority"), BYTES_LIT("localhost"));
    nv[3] = nv_of(BYTES_LIT(":path"), bytes_str(path));
    for (size_t i = 0; i < count; i++)
        nv[4 + i] = nv_of(headers[i].name, headers[i].value);
    nghttp2_data_provider data = { .read_callback = read_out };
    bool bare = end && body.len == 0;
    int32_t id = nghttp2_submit_request(p->session, NULL, nv, count + 4, bare ? NULL : &data, NULL);
    mem_free(nv);
    CHECK(id > 0);
    struct peer_stream *st = stream_of(p, id);
    buf_append(&st->out, body);
    st->out_end = end;
    wake(p);
    return id;
}

void h2_peer_data(struct h2_peer *p, int32_t id, struct bytes data, bool end)
{
    struct peer_stream *st = stream_of(p, id);
    buf_append(&st->out, data);
    st->out_end = end;
    if (st->deferred)
        nghttp2_session_resume_data(p->session, id);
    st->deferred = false;
    wake(p);
}

void h2_peer_reset(struct h2_peer *p, int32_t id, uint32_t code)
{
    nghttp2_submit_rst_stream(p->session, 0, id, code);
    wake(p);
}

void h2_peer_ping(struct h2_peer *p)
{
    nghttp2_submit_ping(p->session, 0, NULL);
    wake(p);
}

void h2_peer_raw(struct h2_peer *p, struct bytes frame)
{
    conn_send(p->conn, frame);
    wake(p);
}

void h2_peer_hold(struct h2_peer *p, bool held)
{
    conn_want_read(p->conn, !held);
}

struct h2_seen *h2_peer_seen(struct h2_peer *p, int32_t id)
{
    return &stream_of(p, id)->seen;
}

bool h2_peer_is_closed(const struct h2_peer *p)
{
    return p->closed;
}

unsigned h2_peer_pongs(const struct h2_peer *p)
{
    return p->pongs;
}

bool h2_peer_goaway(const struct h2_peer *p, uint32_t *ret_code)
{
    *ret_code = p->goaway_code;
    return p->goaway;
}
