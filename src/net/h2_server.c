/*
 * HTTP/2, one connection (RFC 9113), over an nghttp2 session.
 *
 *   in:   nghttp2_session_mem_recv -> callbacks -> request.c; windows are given back as bytes are taken
 *   out:  begin/body/end submit; fill() asks nghttp2 for frames, which take their bytes straight from `out`
 *
 * Callbacks only note and submit; nghttp2_session_mem_send() runs in fill() alone.
 *
 * A client may cost us little: header bytes and fields, control frames and
 * resets a second are counted here, whatever nghttp2 counts itself.
 */
#include "net/serve.h"

#include "base/mem.h"

#include <nghttp2/nghttp2.h>

struct h2 {
    nghttp2_session *session;
    struct list drained;           /* requests whose `out` ran empty in this fill() */
    struct list lingers;           /* answered before their end, oldest first */
    us_t second_us;                /* the second in which these are counted: */
    uint32_t frames, resets;
    uint64_t out_before;           /* bytes sent when it began */
    bool goaway;
};

/* ---- counting ---------------------------------------------------------- */

static void end_session(struct serve_conn *c, uint32_t code)
{
    nghttp2_session_terminate_session(c->h2->session, code);
    serve_dirty(c);
}

static void count_control(struct serve_conn *c, uint8_t type)
{
    struct h2 *h = c->h2;
    us_t now = loop_now(c->listener->loop);
    if (now - h->second_us >= US_PER_S) {
        h->second_us = now;
        h->frames = h->resets = 0;
        h->out_before = conn_bytes_out(c->conn);
    }
    h->frames++;
    h->resets += type == NGHTTP2_RST_STREAM;
    /* Who reads much sends many WINDOW_UPDATEs. */
    uint64_t earned = (conn_bytes_out(c->conn) - h->out_before) / KIB(1);
    if (h->frames > LIMIT_FRAME_RATE + earned || h->resets > LIMIT_RESET_RATE)
        end_session(c, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- answered before its end --------------------------------------------- */

/*
 * RFC 9113, 8.1: then we may ask the peer, by RST_STREAM with NO_ERROR, to send
 * no more, and it must not throw the reply away. Peers do, when the reset comes
 * while they are busy sending (curl 7.88). So what still comes is read and dropped
 * for a while first; most peers read the reply meanwhile and end the stream themselves.
 */
static void stop_lingering(struct net_request *r)
{
    if (list_is_linked(&r->lingers))
        list_remove(&r->conn->h2->lingers, &r->lingers);
}

static void ask_to_stop(struct net_request *r)
{
    stop_lingering(r);
    nghttp2_submit_rst_stream(r->conn->h2->session, NGHTTP2_FLAG_NONE, r->stream_id, NGHTTP2_NO_ERROR);
    serve_dirty(r->conn);
}

static void ask_all_to_stop(struct serve_conn *c, us_t due_us)
{
    LIST_EACH (&c->h2->lingers, link, after) {
        struct net_request *r = CONTAINER_OF(link, struct net_request, lingers);
        if (r->linger_until_us <= due_us)
            ask_to_stop(r);
    }
}

static void linger(struct net_request *r)
{
    struct serve_conn *c = r->conn;
    c->owed -= r->owed;    /* it has left to its end */
    r->owed = false;
    if (r->route.kind == NET_STREAM || c->listener->draining) {    /* gRPC's clients expect no less */
        ask_to_stop(r);
        return;
    }
    r->linger_until_us = loop_now(c->listener->loop) + LIMIT_SERVER_LINGER_S * US_PER_S;
    list_push_back(&c->h2->lingers, &r->lingers);
    serve_watch(c);
}

/* ---- in ---------------------------------------------------------------- */

static struct net_request *request_on(nghttp2_session *s, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(s, stream_id);
}

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
    struct serve_conn *c = ctx;
    if (f->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct net_request *r = serve_request_take(c);
    r->stream_id = f->hd.stream_id;
    nghttp2_session_set_stream_user_data(s, f->hd.stream_id, r);
    return 0;
}

static struct bytes of_rcbuf(nghttp2_rcbuf *b)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(b);
    return bytes_of((const char *) v.base, v.len);
}

static void take_pseudo(struct net_request *r, struct bytes name, struct bytes value)
{
    if (bytes_eq_str(name, ":method")) {
        r->method = serve_request_keep(r, value);
    } else if (bytes_eq_str(name, ":path")) {
        size_t mark = bytes_find(value, 0, '?');
        r->path = serve_request_keep(r, bytes_sub(value, 0, mark));
        r->query = serve_request_keep(r, bytes_sub(value, mark + 1, value.len));
    } else if (bytes_eq_str(name, ":authority")) {
        r->authority = serve_request_keep(r, value);
    }
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, nghttp2_rcbuf *name_rc, nghttp2_rcbuf *value_rc,
                     uint8_t flags UNUSED, void *ctx)
{
    struct net_request *r = request_on(s, f->hd.stream_id);
    if (r == NULL)
        return 0;
    struct bytes name = of_rcbuf(name_rc), value = of_rcbuf(value_rc);
    r->head_bytes += name.len + value.len + 32;    /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
    if (r->head_bytes > 4 * (size_t) LIMIT_HEADER_BYTES)
        end_session(ctx, NGHTTP2_ENHANCE_YOUR_CALM);
    if (r->head_bytes > LIMIT_HEADER_BYTES || r->fields_count == LIMIT_HEADER_COUNT)
        r->bad = 431;
    if (r->bad != 0 || f->headers.cat != NGHTTP2_HCAT_REQUEST)    /* trailers are passed over */
        return 0;
    if (name.len > 0 && name.ptr[0] == ':') {
        take_pseudo(r, name, value);
        return 0;
    }
    struct bytes kept = serve_request_keep(r, name);    /* before the second may move it */
    serve_request_add_field(r, (struct net_header) { kept, { NULL, 0 } });
    kept = serve_request_keep(r, value);
    r->fields[r->fields_count - 1].value = kept;
    if (bytes_eq_str(name, "host") && r->authority.len == 0)
        r->authority = kept;
    return 0;
}

static void take_head(nghttp2_session *s, struct net_request *r)
{
    static const nghttp2_nv hundred = { (uint8_t *) ":status", (uint8_t *) "100", 7, 3, NGHTTP2_NV_FLAG_NONE };
    if (r->bad == 0 && (r->path.len == 0 || r->method.len == 0))    /* CONNECT has no path */
        r->bad = bytes_eq_str(r->method, "CONNECT") ? 501 : 400;
    if (r->path.len > 0 && r->path.ptr[0] != '/' && !bytes_eq_str(r->path, "*"))
        r->bad = 400;
    r->wants_continue = bytes_eq_nocase(net_request_header(r, "expect"), BYTES_LIT("100-continue"));
    serve_request_route(r);
    if (r->wants_continue && !r->begun && !r->conn->dead)
        nghttp2_submit_headers(s, NGHTTP2_FLAG_NONE, r->stream_id, NULL, &hundred, 1, NULL);
}

static int on_frame_recv(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
    struct serve_conn *c = ctx;
    switch (f->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
        struct net_request *r = request_on(s, f->hd.stream_id);
        if (r == NULL)
            break;
        if (f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST)
            take_head(s, r);
        if (f->hd.flags & NGHTTP2_FLAG_END_STREAM)
            serve_request_end(r);
        else if (f->hd.type == NGHTTP2_DATA && f->hd.length == 0)
            count_control(c, f->hd.type);
        break;
    }
    default:
        count_control(c, f->hd.type);
    }
    return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags UNUSED, int32_t stream_id, const uint8_t *data, size_t len,
                   void *ctx UNUSED)
{
    struct net_request *r = request_on(s, stream_id);
    if (r != NULL && list_is_linked(&r->lingers)) {
        r->linger_bytes += len;
        if (r->linger_bytes > LIMIT_SERVER_LINGER_BYTES)
            ask_to_stop(r);
    } else if (r != NULL) {
        serve_request_body(r, bytes_of((const char *) data, len));
    }
    nghttp2_session_consume(s, stream_id, len);
    return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t stream_id, uint32_t code UNUSED, void *ctx)
{
    struct serve_conn *c = ctx;
    struct net_request *r = request_on(s, stream_id);
    if (r == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(s, stream_id, NULL);
    if (list_is_linked(&r->drained))
        list_remove(&c->h2->drained, &r->drained);
    stop_lingering(r);
    serve_request_gone(r);
    serve_request_free(r);
    if (c->listener->draining && list_is_empty(&c->requests))
        c->finish = true;
    return 0;
}

static int on_invalid_frame(nghttp2_session *s UNUSED, const nghttp2_frame *f, int code UNUSED, void *ctx)
{
    count_control(ctx, f->hd.type);
    return 0;
}

static void h2_on_bytes(struct serve_conn *c, struct bytes data)
{
    ssize_t n = nghttp2_session_mem_recv(c->h2->session, (const uint8_t *) data.ptr, data.len);
    if (n < 0) {
        nghttp2_session_terminate_session(c->h2->session, NGHTTP2_PROTOCOL_ERROR);
        c->finish = true;
    }
    serve_dirty(c);
}

/* ---- out --------------------------------------------------------------- */

static nghttp2_nv nv_of(struct bytes name, struct bytes value)
{
    return (nghttp2_nv) { (uint8_t *) (uintptr_t) name.ptr, (uint8_t *) (uintptr_t) value.ptr, name.len, value.len,
                          NGHTTP2_NV_FLAG_NONE };
}

/* nghttp2 wants to know how much of the body the next DATA frame carries. */
static ssize_t read_body(nghttp2_session *s, int32_t stream_id, uint8_t *buf UNUSED, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *ctx UNUSED)
{
    struct net_request *r = source->ptr;
    size_t unsent = serve_request_unsent(r).len;
    if (unsent == 0 && r->broken)
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_INTERNAL_ERROR);
    if (unsent == 0 && (r->broken || !r->out_end)) {
        r->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t n = MIN(unsent, max);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == unsent && r->out_end && !r->broken) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (r->trailers_count > 0) {
            nghttp2_nv nv[LIMIT_REPLY_HEADERS];
            for (size_t i = 0; i < r->trailers_count; i++)
                nv[i] = nv_of(r->trailers[i].name, r->trailers[i].value);
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(s, stream_id, nv, r->trailers_count);
        }
    }
    return (ssize_t) n;
}

static int send_body(nghttp2_session *s UNUSED, nghttp2_frame *f, const uint8_t *head, size_t len,
                     nghttp2_data_source *source, void *ctx)
{
    struct serve_conn *c = ctx;
    struct net_request *r = source->ptr;
    if (conn_unsent(c->conn) >= LIMIT_SERVER_OUT)
        return NGHTTP2_ERR_WOULDBLOCK;
    CHECK(f->data.padlen == 0 && len <= serve_request_unsent(r).len);
    conn_send(c->conn, bytes_of((const char *) head, 9));
    conn_send(c->conn, bytes_sub(serve_request_unsent(r), 0, len));
    serve_request_sent(r, len);
    if (r->out.len == 0 && r->open && !list_is_linked(&r->drained))
        list_push_back(&c->h2->drained, &r->drained);
    return 0;
}

static int on_frame_send(nghttp2_session *s, const nghttp2_frame *f, void *ctx UNUSED)
{
    if (f->hd.type != NGHTTP2_DATA && f->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct net_request *r = request_on(s, f->hd.stream_id);
    if (r != NULL && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) && !r->ended)
        linger(r);
    return 0;
}

static struct bytes format_number(uint64_t n, char out[20])
{
    char *at = out + 20;
    do
        *--at = (char) ('0' + n % 10);
    while ((n /= 10) > 0);
    return bytes_of(at, (size_t) (out + 20 - at));
}

static void h2_begin(struct net_request *r, uint16_t status, const struct net_header *headers, size_t count,
                     size_t body_len)
{
    struct serve_conn *c = r->conn;
    nghttp2_nv nv[LIMIT_REPLY_HEADERS + 3];
    size_t n = 0;
    char status_text[20], length_text[20];
    nv[n++] = nv_of(BYTES_LIT(":status"), format_number(status, status_text));
    for (size_t i = 0; i < count; i++)
        nv[n++] = nv_of(headers[i].name, headers[i].value);
    nv[n++] = nv_of(BYTES_LIT("date"), serve_date(c->listener));
    bool no_body = status == 204 || status == 304;
    if (body_len != NO_LENGTH && !no_body)
        nv[n++] = nv_of(BYTES_LIT("content-length"), format_number(body_len, length_text));
    if (no_body || (body_len == NO_LENGTH && r->out_end))
        r->is_head = true;
    nghttp2_data_provider body = { .source.ptr = r, .read_callback = read_body };
    bool only_head = r->is_head || body_len == 0;
    int rc = nghttp2_submit_response(c->h2->session, r->stream_id, nv, n, only_head ? NULL : &body);
    CHECK(rc != NGHTTP2_ERR_NOMEM && rc != NGHTTP2_ERR_INVALID_ARGUMENT);
    serve_dirty(c);
}

static void resume(struct net_request *r)
{
    if (r->deferred) {
        r->deferred = false;
        nghttp2_session_resume_data(r->conn->h2->session, r->stream_id);
    }
    serve_dirty(r->conn);
}

static void h2_body(struct net_request *r, struct bytes data)
{
    if (r->is_head)
        return;
    buf_append(&r->out, data);
    resume(r);
}

/* One block: the array, and behind it what it points to. */
static struct net_header *copy_headers(const struct net_header *headers, size_t count)
{
    size_t len = count * sizeof(*headers);
    for (size_t i = 0; i < count; i++)
        len += headers[i].name.len + headers[i].value.len;
    struct net_header *copy = mem_alloc(len);
    char *at = (char *) (copy + count);
    for (size_t i = 0; i < count; i++) {
        struct bytes name = headers[i].name, value = headers[i].value;
        copy[i] = (struct net_header) { { at, name.len }, { at + name.len, value.len } };
        memcpy(at, name.ptr, name.len);
        if (value.len > 0)
            memcpy(at + name.len, value.ptr, value.len);
        at += name.len + value.len;
    }
    return copy;
}

static void h2_end(struct net_request *r, const struct net_header *trailers, size_t count)
{
    CHECK(count <= LIMIT_REPLY_HEADERS);
    if (count > 0 && !r->is_head) {
        r->trailers = copy_headers(trailers, count);
        r->trailers_count = count;
    }
    resume(r);
}

static void h2_reset(struct net_request *r)
{
    if (r->begun && !r->is_head) {
        resume(r);    /* read_body() comes to it behind the last byte */
        return;
    }
    nghttp2_submit_rst_stream(r->conn->h2->session, NGHTTP2_FLAG_NONE, r->stream_id, NGHTTP2_INTERNAL_ERROR);
    serve_dirty(r->conn);
}

static void h2_fill(struct serve_conn *c)
{
    struct h2 *h = c->h2;
    while (!c->dead && conn_unsent(c->conn) < LIMIT_SERVER_OUT) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h->session, &data);
        if (n < 0)
            serve_kill(c);
        if (n <= 0)
            break;
        conn_send(c->conn, bytes_of((const char *) data, (size_t) n));
    }
    if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
        c->finish = true;
    for (struct list_link *link; (link = list_pop_front(&h->drained)) != NULL;) {
        struct net_request *r = CONTAINER_OF(link, struct net_request, drained);
        if (r->open && r->out.len == 0 && !c->dead && r->events.on_drained != NULL)
            r->events.on_drained(r->ctx);
    }
}

/* ---- time, beginning and end -------------------------------------------- */

static void h2_drain(struct serve_conn *c)
{
    struct h2 *h = c->h2;
    if (!h->goaway)
        nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
    h->goaway = true;
    ask_all_to_stop(c, US_NEVER);
    if (list_is_empty(&c->requests))
        c->finish = true;
    serve_dirty(c);
}

static us_t h2_deadline(const struct serve_conn *c)
{
    if (!list_is_empty(&c->h2->lingers))
        return CONTAINER_OF(list_first(&c->h2->lingers), struct net_request, lingers)->linger_until_us;
    if (list_is_empty(&c->requests))
        return c->heard_us + LIMIT_SERVER_IDLE_S * US_PER_S;
    /* A client that gives no window holds replies in our memory. Open streams may wait as long as they like. */
    return c->owed > 0 ? MAX(c->sent_us, c->heard_us) + LIMIT_SERVER_STALL_S * US_PER_S : US_NEVER;
}

static void h2_expire(struct serve_conn *c)
{
    if (!list_is_empty(&c->h2->lingers))
        ask_all_to_stop(c, loop_now(c->listener->loop));
    else if (list_is_empty(&c->requests))
        h2_drain(c);
    else
        serve_kill(c);
}

static void h2_fini(struct serve_conn *c)
{
    nghttp2_session_del(c->h2->session);
    mem_free(TAKE(c->h2));
}

const struct serve_proto h2_proto = {
    .on_bytes = h2_on_bytes,
    .fill = h2_fill,
    .drain = h2_drain,
    .deadline = h2_deadline,
    .expire = h2_expire,
    .fini = h2_fini,
    .begin = h2_begin,
    .body = h2_body,
    .end = h2_end,
    .reset = h2_reset,
};

static void make_session(struct serve_conn *c)
{
    nghttp2_session_callbacks *on;
    nghttp2_option *option;
    CHECK(nghttp2_session_callbacks_new(&on) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(on, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(on, on_invalid_frame);
    nghttp2_session_callbacks_set_send_data_callback(on, send_body);
    nghttp2_session_callbacks_set_on_frame_send_callback(on, on_frame_send);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    CHECK(nghttp2_session_server_new2(&c->h2->session, on, c, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(on);
}

void h2_start(struct serve_conn *c)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, c->listener->streams_max },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_SERVER_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_BYTES },
    };
    c->h2 = mem_alloc(sizeof(*c->h2));
    list_init(&c->h2->drained);
    list_init(&c->h2->lingers);
    c->proto = &h2_proto;
    make_session(c);
    nghttp2_session *s = c->h2->session;
    CHECK(nghttp2_submit_settings(s, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0);
    CHECK(nghttp2_session_set_local_window_size(s, NGHTTP2_FLAG_NONE, 0, LIMIT_CONNECTION_WINDOW) == 0);
    serve_dirty(c);
}
