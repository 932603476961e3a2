#include "net/h2_client_internal.h"

#include "base/mem.h"

#include <stdio.h>

static void call_move(struct h2_call *c, struct list *to)
{
    if (c->in != NULL)
        list_remove(c->in, &c->link);
    c->in = to;
    list_push_back(to, &c->link);
}

/* ---- start ------------------------------------------------------------ */

static struct h2_call *call_take(struct h2_pool *p)
{
    struct list_link *link = list_first(&p->spare);
    struct h2_call *c;
    if (link == NULL) {
        c = mem_alloc(sizeof(*c));
    } else {
        /* Its buffers and the count of its lives go on. */
        c = CONTAINER_OF(link, struct h2_call, link);
        list_remove(&p->spare, link);
        struct buf text = c->text, out = c->out;
        uint32_t gen = c->gen;
        memset(c, 0, offsetof(struct h2_call, headers));
        c->text = text;
        c->out = out;
        c->gen = gen;
    }
    c->magic = H2_CALL_MAGIC;
    c->pool = p;
    return c;
}

static struct bytes keep(struct h2_call *c, struct bytes b)
{
    size_t at = c->text.len;
    buf_append(&c->text, b);
    return bytes_of(c->text.ptr + at, b.len);
}

/* Copies what nghttp2 will point into, in one piece that does not move. */
static bool copy_request(struct h2_call *c, const struct h2_request *req)
{
    bool ok = net_header_value_ok(req->path);
    size_t len = strlen(req->method) + req->path.len;
    for (size_t i = 0; i < req->headers_count; i++) {
        len += req->headers[i].name.len + req->headers[i].value.len;
        ok = ok && net_header_value_ok(req->headers[i].value);
    }
    buf_clear(&c->text);
    buf_hold_still(&c->text, len + 1);
    c->method = keep(c, bytes_str(req->method));
    c->path = keep(c, req->path);
    for (size_t i = 0; i < req->headers_count; i++) {
        c->headers[i].name = keep(c, req->headers[i].name);
        c->headers[i].value = keep(c, req->headers[i].value);
    }
    c->headers_count = req->headers_count;
    return ok;
}

/* One watch for deadline and slowness: bytes that arrive do not move it, it is set again after a look. */
static us_t next_look(const struct h2_call *c)
{
    if (c->slow_us == 0)
        return c->deadline_us;
    us_t since = c->began && !c->asked ? c->byte_us : loop_now(c->pool->loop);
    return MIN(c->deadline_us, since + c->slow_us);
}

struct h2_call *h2_call_start(struct h2_pool *p, const struct h2_request *req,
                              const struct h2_call_events *events, void *ctx)
{
    CHECK_MAGIC(p, H2_POOL_MAGIC);
    CHECK(events->on_done != NULL && req->headers_count <= H2_REQUEST_HEADERS);
    struct h2_call *c = call_take(p);
    c->events = *events;
    c->ctx = ctx;
    c->stream = req->stream;
    c->automatic = req->first_window == 0;
    c->window = MAX(req->first_window, (uint32_t) LIMIT_STREAM_WINDOW);
    if (c->automatic && c->stream)
        c->window = LIMIT_AUTO_WINDOW;
    c->length = UINT64_MAX;
    c->deadline_us = req->deadline_us;
    c->slow_us = req->slow_us;
    for (size_t i = 0; i < H2_BODY_PARTS; i++) {
        c->body[i] = req->body[i];
        c->body_left += req->body[i].len;
    }
    buf_clear(&c->out);
    if (!copy_request(c, req)) {
        FAIL(&p->refusal, INTERNAL,
             "a header field or the path of a request to %s holds a control character; "
             "nothing was sent",
             p->host);
        call_move(c, &p->refused);
    } else {
        call_move(c, &p->waiting);
        h2_pool_watch(p, c, next_look(c));
    }
    h2_pool_work(p);
    return c;
}

static void set_field(nghttp2_nv *nv, struct bytes name, struct bytes value)
{
    *nv = (nghttp2_nv) { (uint8_t *) (uintptr_t) name.ptr, (uint8_t *) (uintptr_t) value.ptr, name.len,
                       value.len, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
}

void h2_call_submit(struct h2_call *c, struct h2_session *s)
{
    nghttp2_nv nv[H2_REQUEST_HEADERS + 4];
    struct h2_pool *p = c->pool;
    size_t n = 0;
    set_field(&nv[n++], BYTES_LIT(":method"), c->method);
    set_field(&nv[n++], BYTES_LIT(":scheme"), p->tls != NULL ? BYTES_LIT("https") : BYTES_LIT("http"));
    set_field(&nv[n++], BYTES_LIT(":authority"), buf_bytes(&p->authority));
    set_field(&nv[n++], BYTES_LIT(":path"), c->path);
    for (size_t i = 0; i < c->headers_count; i++)
        set_field(&nv[n++], c->headers[i].name, c->headers[i].value);
    nghttp2_data_provider body = { .source.ptr = c, .read_callback = h2_call_read_body };
    bool has_body = c->stream || c->body_left > 0;
    c->upload_done = !has_body;
    c->stream_id = nghttp2_submit_request(s->ng, NULL, nv, n, has_body ? &body : NULL, c);
    CHECK(c->stream_id > 0);
    if (list_is_empty(&s->calls))
        h2_session_wake(s);
    c->session = s;
    call_move(c, &s->calls);
    p->calls_open++;
    h2_session_dirty(s);
}

/* ---- the body that we send -------------------------------------------- */

ssize_t h2_call_read_body(nghttp2_session *ng UNUSED, int32_t stream_id UNUSED, uint8_t *buf UNUSED,
                          size_t length, uint32_t *flags, nghttp2_data_source *source, void *user_data UNUSED)
{
    struct h2_call *c = source->ptr;
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    size_t left = c->stream ? c->out.len - c->out_sent : c->body_left;
    bool last = !c->stream || c->send_ended;
    if (left == 0 && !last) {
        c->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t n = MIN(left, length);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (last && n == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        c->upload_done = true;
    }
    return (ssize_t) n;
}

static void write_parts(struct h2_call *c, struct conn *conn, size_t length)
{
    c->body_left -= length;
    while (length > 0) {
        struct bytes rest = bytes_sub(c->body[c->part], c->part_sent, length);
        conn_send(conn, rest);
        c->part_sent += rest.len;
        length -= rest.len;
        if (c->part_sent == c->body[c->part].len) {
            c->part++;
            c->part_sent = 0;
        }
    }
}

static void write_out(struct h2_call *c, struct conn *conn, size_t length)
{
    conn_send(conn, bytes_of(c->out.ptr + c->out_sent, length));
    c->out_sent += length;
    if (c->out_sent == c->out.len) {
        buf_clear(&c->out);
        c->out_sent = 0;
    }
}

int h2_call_write_body(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
                    nghttp2_data_source *source UNUSED, void *user_data)
{
    struct h2_session *s = user_data;
    /* The frame may have been made before, and its call may have ended since. */
    struct h2_call *c = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (c == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (conn_unsent(s->conn) >= LIMIT_FLUSH) {
        s->blocked = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    enum { FRAME_HEAD = 9 };    /* RFC 9113, 4.1 */
    conn_send(s->conn, bytes_of((const char *) head, FRAME_HEAD));
    if (c->stream)
        write_out(c, s->conn, length);
    else
        write_parts(c, s->conn, length);
    return 0;
}

void h2_call_send(struct h2_call *c, struct bytes data)
{
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    CHECK(c->stream && !c->send_ended);
    if (c->out_sent > 0 && c->out_sent >= c->out.len / 2) {
        buf_drop_front(&c->out, c->out_sent);
        c->out_sent = 0;
    }
    buf_append(&c->out, data);
    if (c->deferred && data.len > 0) {
        c->deferred = false;
        CHECK(nghttp2_session_resume_data(c->session->ng, c->stream_id) == 0);
        h2_session_dirty(c->session);
    }
}

void h2_call_send_end(struct h2_call *c)
{
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    CHECK(c->stream && !c->send_ended);
    c->send_ended = true;
    if (c->deferred) {
        c->deferred = false;
        CHECK(nghttp2_session_resume_data(c->session->ng, c->stream_id) == 0);
        h2_session_dirty(c->session);
    }
}

size_t h2_call_unsent(const struct h2_call *c)
{
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    return c->out.len - c->out_sent;
}

/* ---- windows ---------------------------------------------------------- */

void h2_call_want(struct h2_call *c)
{
    if (c->automatic || c->asked || c->received >= c->length)
        return;
    bool too_small = c->length != UINT64_MAX && c->length > c->window && c->received == 0;
    if (!too_small && c->received < c->window)
        return;
    /* Known: what is missing of it. Unknown: the next step. */
    uint64_t total =
        c->length != UINT64_MAX && c->length > c->window ? c->length : c->window + LIMIT_WANT_STEP;
    c->asked = true;
    if (c->events.on_want != NULL)
        c->events.on_want(c->ctx, total);
}

void h2_call_grant(struct h2_call *c, uint64_t bytes_more)
{
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    c->window = MIN(c->window + bytes_more, (uint64_t) INT32_MAX);
    c->asked = false;
    c->byte_us = loop_now(c->pool->loop);    /* from here on the far side is to blame for slowness */
    if (c->session == NULL || c->automatic)
        return;
    /* What arrived is never consumed, so this size is the sum of all that was granted. */
    CHECK(nghttp2_session_set_local_window_size(c->session->ng, 0, c->stream_id, (int32_t) c->window) == 0);
    h2_session_dirty(c->session);
}

void h2_call_hold(struct h2_call *c, bool held)
{
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    c->held = held;
    if (held || c->unconsumed == 0 || c->session == NULL)
        return;
    nghttp2_session_consume_stream(c->session->ng, c->stream_id, c->unconsumed);
    c->unconsumed = 0;
    h2_session_dirty(c->session);
}

/* ---- the end ---------------------------------------------------------- */

enum reach h2_call_reach(const struct h2_call *c)
{
    return c->sent ? MAYBE_APPLIED : NOT_SENT;
}

static void leave_session(struct h2_call *c, uint32_t reset_code)
{
    struct h2_session *s = c->session;
    c->session = NULL;
    c->pool->calls_open--;
    if (list_is_empty(&s->calls))
        s->idle_from_us = loop_now(c->pool->loop);
    if (s->recent == c)
        s->recent = NULL;
    if (s->ng == NULL)
        return;
    nghttp2_session_set_stream_user_data(s->ng, c->stream_id, NULL);
    if (reset_code != UINT32_MAX)
        nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, c->stream_id, reset_code);
    h2_session_dirty(s);
}

void h2_call_release(struct h2_call *c, uint32_t reset_code)
{
    list_remove(c->in, &c->link);
    c->in = NULL;
    if (c->session != NULL)
        leave_session(c, reset_code);
    if (c->out.cap > LIMIT_WANT_STEP)
        buf_fini(&c->out);
    c->magic = 0;
    c->gen++;
    list_push_front(&c->pool->spare, &c->link);    /* the warmest first */
}

/* A stream that is half open, from either side, is closed with RST_STREAM. */
static uint32_t reset_code_for(const struct h2_call *c, const struct err *err, uint32_t h2_code)
{
    if (h2_code != UINT32_MAX && h2_code != 0)
        return UINT32_MAX;    /* the far side reset it */
    if (err == NULL)
        return c->upload_done ? UINT32_MAX : NGHTTP2_NO_ERROR;
    return NGHTTP2_CANCEL;
}

void h2_call_finish(struct h2_call *c, const struct err *err, uint32_t h2_code)
{
    struct h2_pool *p = c->pool;
    struct h2_call_events events = c->events;
    void *ctx = c->ctx;
    struct h2_result result = { .status = c->status, .h2_code = h2_code, .sent_us = c->sent_us,
                                .first_byte_us = c->first_byte_us };
    if (err != NULL)
        result.err = *err;
    else
        result.err.reach = ANSWERED;
    h2_call_release(c, reset_code_for(c, err, h2_code));
    p->in_callback++;
    events.on_done(ctx, &result);
    p->in_callback--;
}

void h2_call_fail(struct h2_call *c, enum err_class class, const char *text, uint32_t h2_code)
{
    struct err err;
    err_set(&err, class, "%s: %s", c->pool->host, text);
    err.reach = h2_code == NGHTTP2_REFUSED_STREAM ? NOT_SENT : (uint8_t) h2_call_reach(c);
    h2_call_finish(c, &err, h2_code);
}

void h2_call_cancel(struct h2_call *c)
{
    CHECK_MAGIC(c, H2_CALL_MAGIC);
    h2_call_release(c, NGHTTP2_CANCEL);
}

void h2_call_look(struct h2_call *c)
{
    us_t now = loop_now(c->pool->loop);
    bool is_slow = c->slow_us > 0 && c->began && !c->asked && now >= c->byte_us + c->slow_us;
    if (now >= c->deadline_us && c->session == NULL)
        h2_call_fail(c, ERR_TIMEOUT, "found no place on a connection in the time allowed for one attempt", 0);
    else if (now >= c->deadline_us)
        h2_call_fail(c, ERR_TIMEOUT, "no complete answer within the time allowed for one attempt", 0);
    else if (is_slow)
        h2_call_fail(c, ERR_TIMEOUT, "the answer stopped half-way", 0);
    else
        h2_pool_watch(c->pool, c, next_look(c));
}
