/* What nghttp2 tells of what the far side sent. */
#include "net/h2_client_internal.h"

#include "base/mem.h"

#include <stdio.h>

/* nghttp2 looks streams up in a hash table; a dozen header fields in a row are of one stream. */
static struct h2_call *call_of(struct h2_session *s, int32_t stream_id)
{
    if (s->recent != NULL && s->recent_id == stream_id)
        return s->recent;
    s->recent = nghttp2_session_get_stream_user_data(s->ng, stream_id);
    s->recent_id = stream_id;
    return s->recent;
}

/* ---- header blocks ---------------------------------------------------- */

void h2_session_forget_header(struct h2_session *s)
{
    for (size_t i = 0; i < s->fields_count * 2; i++)
        nghttp2_rcbuf_decref(s->refs[i]);
    s->fields_count = 0;
    s->header_bytes = 0;
}

static int on_begin_headers(nghttp2_session *ng UNUSED, const nghttp2_frame *frame UNUSED, void *user_data)
{
    h2_session_forget_header(user_data);
    return 0;
}

static struct bytes rcbuf_bytes(nghttp2_rcbuf *ref)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(ref);
    return bytes_of((const char *) v.base, v.len);
}

static int on_header(nghttp2_session *ng UNUSED, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags UNUSED, void *user_data)
{
    struct h2_session *s = user_data;
    enum { FIELD_OVERHEAD = 32 };    /* RFC 9113, 6.5.2 */
    struct bytes n = rcbuf_bytes(name), v = rcbuf_bytes(value);
    s->header_bytes += n.len + v.len + FIELD_OVERHEAD;
    struct h2_call *c = call_of(s, frame->hd.stream_id);
    if (c != NULL && s->fields_count < LIMIT_HEADER_COUNT && s->header_bytes <= LIMIT_HEADER_BYTES) {
        nghttp2_rcbuf_incref(name);
        nghttp2_rcbuf_incref(value);
        s->refs[s->fields_count * 2] = name;
        s->refs[s->fields_count * 2 + 1] = value;
        s->fields[s->fields_count++] = (struct net_header) { n, v };
        return 0;
    }
    if (c != NULL)
        h2_call_fail(c, ERR_PROTOCOL, "the answer has more header fields than are allowed", 0);
    if (s->header_bytes <= 4 * LIMIT_HEADER_BYTES)
        return 0;
    h2_session_fail(s, ERR_PROTOCOL, "the far side floods us with header fields");
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void final_headers(struct h2_session *s, struct h2_call *c, uint16_t status)
{
    struct net_headers h = { s->fields, s->fields_count };
    struct bytes length = net_headers_get(h, "content-length");
    if (length.ptr != NULL)
        bytes_to_u64(length, &c->length);
    c->status = status;
    c->began = true;
    if (c->events.on_headers != NULL)
        c->events.on_headers(c->ctx, status, h);
}

/* True if the call lives on. */
static bool headers_complete(struct h2_session *s, struct h2_call *c, const nghttp2_frame *frame)
{
    struct net_headers h = { s->fields, s->fields_count };
    uint32_t gen = c->gen;
    uint64_t status = 0;
    c->byte_us = loop_now(c->pool->loop);
    if (c->first_byte_us == 0)
        c->first_byte_us = c->byte_us;
    if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && c->began) {
        if (c->events.on_trailers != NULL)
            c->events.on_trailers(c->ctx, h);
    } else if (bytes_to_u64(net_headers_get(h, ":status"), &status) && status >= 200 && status <= 999) {
        final_headers(s, c, (uint16_t) status);
        bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        if (c->gen == gen && !ends && c->length != UINT64_MAX && c->length > c->window)
            h2_call_want(c);
    }    /* else 1xx: the final headers are still to come */
    return c->gen == gen;
}

/* ---- bodies ----------------------------------------------------------- */

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                   void *user_data)
{
    struct h2_session *s = user_data;
    nghttp2_session_consume_connection(ng, len);
    struct h2_call *c = call_of(s, stream_id);
    if (c == NULL)
        return 0;
    uint32_t gen = c->gen;
    c->received += len;
    c->byte_us = loop_now(c->pool->loop);
    if (c->automatic && c->held)
        c->unconsumed += len;
    else if (c->automatic)
        nghttp2_session_consume_stream(ng, stream_id, len);
    s->pool->in_callback++;
    if (c->events.on_data != NULL)
        c->events.on_data(c->ctx, bytes_of((const char *) data, len));
    if (c->gen == gen && !(flags & NGHTTP2_FLAG_END_STREAM))
        h2_call_want(c);
    s->pool->in_callback--;
    return 0;
}

/* ---- frames ----------------------------------------------------------- */

static void settings_complete(struct h2_session *s, const nghttp2_frame *frame)
{
    if (frame->hd.flags & NGHTTP2_FLAG_ACK)
        return;
    uint32_t streams = nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    s->cap = MIN(streams, s->pool->streams_max);
    s->pool->peer_streams = s->cap;
    if (s->state == H2_GREETING)
        h2_session_greeted(s);
}

static void stream_frame_complete(struct h2_session *s, struct h2_call *c, const nghttp2_frame *frame)
{
    s->pool->in_callback++;
    bool lives = frame->hd.type != NGHTTP2_HEADERS || headers_complete(s, c, frame);
    if (lives && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        /* HEADERS, trailers, WINDOW_UPDATE: what an answer brings with it is no flood. */
        s->flood_frames -= MIN(s->flood_frames, 4u);
        loop_count_answers(s->pool->loop, 1);
        h2_call_finish(c, NULL, 0);
    }
    s->pool->in_callback--;
}

static int on_frame(nghttp2_session *ng UNUSED, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *s = user_data;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
        struct h2_call *c = call_of(s, frame->hd.stream_id);
        if (c != NULL)
            stream_frame_complete(s, c, frame);
        if (frame->hd.type == NGHTTP2_HEADERS)
            h2_session_forget_header(s);
        break;
    }
    case NGHTTP2_SETTINGS:
        settings_complete(s, frame);
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            s->ping_us = 0;
        break;
    case NGHTTP2_GOAWAY:    /* streams above its last id are closed by nghttp2, as refused */
        s->draining = true;
        h2_pool_work(s->pool);
        break;
    default:
        break;
    }
    return 0;
}

static int on_begin_frame(nghttp2_session *ng UNUSED, const nghttp2_frame_hd *hd, void *user_data)
{
    struct h2_session *s = user_data;
    if (hd->type == NGHTTP2_DATA && hd->length > 0)
        return 0;
    us_t now = loop_now(s->pool->loop);
    if (now >= s->flood_from_us + US_PER_S) {
        s->flood_from_us = now;
        s->flood_frames = 0;
    }
    if (++s->flood_frames <= LIMIT_FRAME_RATE)
        return 0;
    h2_session_fail(s, ERR_PROTOCOL, "the far side floods us with control frames");
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *s = user_data;
    /* nghttp2 says farewell to who breaks a rule; the connection ends with this flush. */
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        s->err.class == ERR_OK)
        FAIL(&s->err, PROTOCOL, "%s: the far side broke the rules of HTTP/2 (%s)", s->pool->host,
             nghttp2_http2_strerror(frame->goaway.error_code));
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct h2_call *c = call_of(s, frame->hd.stream_id);
    if (c == NULL)
        return 0;
    c->sent = true;
    c->sent_us = loop_now(c->pool->loop);
    if (c->window > LIMIT_STREAM_WINDOW)    /* only now there is a stream that could have a window */
        nghttp2_session_set_local_window_size(ng, NGHTTP2_FLAG_NONE, c->stream_id, (int32_t) c->window);
    return 0;
}

static int on_stream_close(nghttp2_session *ng UNUSED, int32_t stream_id, uint32_t code, void *user_data)
{
    struct h2_session *s = user_data;
    struct h2_call *c = call_of(s, stream_id);
    if (c == NULL)
        return 0;
    char text[128];
    snprintf(text, sizeof(text), "the far side ended the request early (%s)", nghttp2_http2_strerror(code));
    enum err_class class = code == NGHTTP2_ENHANCE_YOUR_CALM ? ERR_THROTTLED
                         : code == NGHTTP2_HTTP_1_1_REQUIRED ? ERR_PROTOCOL
                                                             : ERR_RESET;
    /* No code without a reset: then it was closed as a whole, and there is nothing to reset. */
    h2_call_fail(c, class, text, code != 0 ? code : NGHTTP2_INTERNAL_ERROR);
    return 0;
}

void h2_session_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_call_write_body);
}
