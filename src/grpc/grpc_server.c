#include "grpc/grpc_server.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "grpc/grpc_framing.h"
#include "grpc/timeout.h"
#include "net/gzip.h"

#include <stdio.h>

enum { STREAM_MAGIC = 0x47535452 };

struct grpc_server {
    const struct grpc_method *methods;
    struct bytes *paths;
    size_t count, message_max;
    void *ctx;
};

struct grpc_stream {
    unsigned magic;
    struct grpc_server *server;
    struct net_request *request;    /* NULL: ended */
    const struct grpc_method *method;
    bool told;                      /* the handler knows of it: on_gone is owed if it ends otherwise */
    bool begun, half_closed, gzip;
    unsigned busy;                  /* callbacks on the stack: freed behind the last */
    us_t deadline_us;
    struct loop_timer timer;
    struct grpc_framing framing;
    struct buf unpacked;            /* a gzip message, undone */
    struct buf unary;               /* the one message of a unary method */
    unsigned messages;
    struct grpc_stream_events events;
    void *ctx;
};

/* ---- the table ---------------------------------------------------------- */

struct grpc_server *grpc_server_make(const struct grpc_method *methods, size_t count, size_t message_max,
                                     void *ctx)
{
    struct grpc_server *s = mem_alloc(sizeof(*s));
    *s = (struct grpc_server) { .methods = methods, .count = count, .message_max = message_max, .ctx = ctx };
    s->paths = mem_alloc_n(count, sizeof(*s->paths));
    for (size_t i = 0; i < count; i++)
        s->paths[i] = bytes_str(methods[i].path);
    return s;
}

void grpc_server_free(struct grpc_server *s)
{
    if (s == NULL)
        return;
    mem_free(s->paths);
    mem_free(s);
}

static const struct grpc_method *find_method(const struct grpc_server *s, struct bytes path)
{
    for (size_t i = 0; i < s->count; i++)
        if (bytes_eq(s->paths[i], path))
            return &s->methods[i];
    return NULL;
}

/* ---- the end of a stream ------------------------------------------------- */

static void release(struct grpc_stream *s)
{
    if (s->busy > 0 || s->request != NULL)
        return;
    grpc_framing_fini(&s->framing);
    buf_fini(&s->unpacked);
    buf_fini(&s->unary);
    s->magic = 0;
    mem_free(s);
}

/* No more events come; the last user on the stack frees it. */
static struct net_request *detach(struct grpc_stream *s)
{
    loop_timer_stop(net_request_loop(s->request), &s->timer);
    return TAKE(s->request);
}

/* PROTOCOL-HTTP2.md: printable ASCII but '%' stays as it is. */
static void encode_message(struct bytes text, struct buf *out)
{
    text = bytes_sub(text, 0, LIMIT_GRPC_TEXT);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        if (c >= 0x20 && c <= 0x7e && c != '%')
            buf_append_char(out, (char) c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static const struct net_header content_type = { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") };

static void finish(struct grpc_stream *s, enum grpc_code code, struct bytes message, struct bytes details)
{
    char number[8];
    CLEANUP(buf_fini) struct buf text = { 0 }, coded = { 0 };
    struct net_header h[4] = { content_type };
    size_t n = 1;
    snprintf(number, sizeof(number), "%d", (int) code);
    h[n++] = (struct net_header) { BYTES_LIT("grpc-status"), bytes_str(number) };
    if (message.len > 0) {
        encode_message(message, &text);
        h[n++] = (struct net_header) { BYTES_LIT("grpc-message"), buf_bytes(&text) };
    }
    if (details.len > 0 && details.len <= LIMIT_GRPC_DETAILS) {
        b64_encode(details, &coded);
        while (coded.len > 0 && coded.ptr[coded.len - 1] == '=')
            coded.len--;
        h[n++] = (struct net_header) { BYTES_LIT("grpc-status-details-bin"), buf_bytes(&coded) };
    }
    struct net_request *r = detach(s);
    if (s->begun)
        net_reply_end(r, h + 1, n - 1);
    else
        net_reply_head(r, 200, h, n);
}

/* Ended by us, not by the handler. */
static void fail(struct grpc_stream *s, enum grpc_code code, const char *text)
{
    finish(s, code, bytes_str(text), bytes_of(NULL, 0));
    if (s->told && s->events.on_gone != NULL)
        s->events.on_gone(s->ctx);
}

/* ---- messages in ---------------------------------------------------------- */

static void take_message(struct grpc_stream *s, struct bytes message)
{
    s->messages++;
    if (s->method->streaming) {
        if (s->events.on_message != NULL)
            s->events.on_message(s->ctx, message);
    } else if (s->messages > 1) {
        fail(s, GRPC_UNIMPLEMENTED, "the method takes one request message, and more came");
    } else {
        buf_append(&s->unary, message);
    }
}

static bool unpack(struct grpc_stream *s, struct bytes *message)
{
    if (!s->gzip) {
        fail(s, GRPC_INTERNAL, "a message is marked compressed, and grpc-encoding names no compression");
        return false;
    }
    buf_clear(&s->unpacked);
    struct gunzip *g = gunzip_make();
    enum gunzip_result result = gunzip_feed(g, *message, s->server->message_max, &s->unpacked);
    bool whole = result == GUNZIP_OK && gunzip_is_whole(g) && message->len > 0;
    gunzip_free(g);
    if (result == GUNZIP_TOO_LARGE)
        fail(s, GRPC_RESOURCE_EXHAUSTED, "a message is larger than the server takes once it is unpacked");
    else if (!whole)
        fail(s, GRPC_INTERNAL, "a message is marked gzip and cannot be unpacked");
    *message = buf_bytes(&s->unpacked);
    return whole;
}

static void refuse_large(struct grpc_stream *s, size_t len)
{
    char text[96];
    snprintf(text, sizeof(text), "Received message larger than max (%zu vs. %zu)", len, s->server->message_max);
    fail(s, GRPC_RESOURCE_EXHAUSTED, text);
}

static void on_data(void *ctx, struct bytes data)
{
    struct grpc_stream *s = ctx;
    CHECK_MAGIC(s, STREAM_MAGIC);
    s->busy++;
    while (s->request != NULL) {
        bool compressed;
        struct bytes message;
        enum grpc_framing_result result = grpc_framing_next(&s->framing, &data, &compressed, &message);
        if (result == GRPC_FRAMING_MORE)
            break;
        if (result == GRPC_FRAMING_BAD)
            fail(s, GRPC_INTERNAL, "the flag before a message is neither 0 nor 1");
        else if (result == GRPC_FRAMING_TOO_LARGE)
            refuse_large(s, message.len);
        else if (!compressed || unpack(s, &message))
            take_message(s, message);
    }
    if (s->request != NULL && !net_request_hold(s->request, s->framing.part.len + s->unary.len))
        fail(s, GRPC_RESOURCE_EXHAUSTED, "the server holds too many request bytes at this moment");
    s->busy--;
    release(s);
}

static void on_end(void *ctx)
{
    struct grpc_stream *s = ctx;
    CHECK_MAGIC(s, STREAM_MAGIC);
    s->busy++;
    s->half_closed = true;
    if (!grpc_framing_is_whole(&s->framing)) {
        fail(s, GRPC_INTERNAL, "the request ended within a message");
    } else if (s->method->streaming) {
        if (s->events.on_half_close != NULL)
            s->events.on_half_close(s->ctx);
    } else if (s->messages == 0) {
        fail(s, GRPC_UNIMPLEMENTED, "the method takes one request message, and none came");
    } else {
        s->told = true;
        s->method->fn_unary(s->server->ctx, s, buf_bytes(&s->unary));
    }
    s->busy--;
    release(s);
}

static void on_gone(void *ctx)
{
    struct grpc_stream *s = ctx;
    CHECK_MAGIC(s, STREAM_MAGIC);
    detach(s);
    if (s->told && s->events.on_gone != NULL)
        s->events.on_gone(s->ctx);
    release(s);
}

static void on_drained(void *ctx)
{
    struct grpc_stream *s = ctx;
    s->busy++;
    if (s->events.on_drained != NULL)
        s->events.on_drained(s->ctx);
    s->busy--;
    release(s);
}

static void on_deadline(struct loop_timer *t)
{
    struct grpc_stream *s = CONTAINER_OF(t, struct grpc_stream, timer);
    s->busy++;
    fail(s, GRPC_DEADLINE_EXCEEDED, "Deadline exceeded");
    s->busy--;
    release(s);
}

/* ---- a call begins --------------------------------------------------------- */

/* NULL, or why the call cannot be taken. */
static const char *read_head(struct grpc_stream *s, enum grpc_code *ret_code)
{
    struct net_request *r = s->request;
    us_t now = loop_now(net_request_loop(r)), timeout;
    struct bytes limit = net_request_header(r, "grpc-timeout");
    if (limit.len > 0) {
        *ret_code = GRPC_INTERNAL;
        if (!grpc_timeout_parse(limit, &timeout))
            return "malformed grpc-timeout";
        s->deadline_us = now + timeout;
        loop_timer_set(net_request_loop(r), &s->timer, s->deadline_us);
    }
    *ret_code = GRPC_UNIMPLEMENTED;
    struct bytes coding = net_request_header(r, "grpc-encoding");
    s->gzip = bytes_eq_str(coding, "gzip");
    if (coding.len > 0 && !s->gzip && !bytes_eq_str(coding, "identity"))
        return "of grpc-encoding only identity and gzip are known";
    s->method = find_method(s->server, net_request_path(r));
    return s->method != NULL ? NULL : "unknown service or method";
}

static void start(void *ctx, struct net_request *r)
{
    static const struct net_request_events events = {
        .on_gone = on_gone, .on_data = on_data, .on_end = on_end, .on_drained = on_drained,
    };
    struct grpc_server *server = ctx;
    if (!net_request_is_h2(r) || !bytes_eq_str(net_request_method(r), "POST")) {
        net_reply(r, net_request_is_h2(r) ? 405 : 505, NULL, 0, BYTES_LIT("gRPC is POST over HTTP/2.\n"));
        return;
    }
    struct grpc_stream *s = mem_alloc(sizeof(*s));
    s->magic = STREAM_MAGIC;
    s->server = server;
    s->request = r;
    s->deadline_us = US_NEVER;
    s->timer.fn = on_deadline;
    s->framing.message_max = server->message_max;
    enum grpc_code code;
    const char *why = read_head(s, &code);
    s->busy++;
    if (why != NULL) {
        fail(s, code, why);
    } else {
        net_request_watch(r, &events, s);
        if (s->method->streaming) {
            s->told = true;
            s->method->fn_stream(server->ctx, s);
        }
    }
    s->busy--;
    release(s);
}

bool grpc_server_route(struct grpc_server *s, const struct net_request *r, struct net_route *ret_route)
{
    static const struct bytes grpc = BYTES_LIT("application/grpc");
    struct bytes type = net_request_header(r, "content-type");
    if (!bytes_eq_nocase(bytes_sub(type, 0, grpc.len), grpc))
        return false;
    struct bytes rest = bytes_sub(type, grpc.len, type.len);
    if (rest.len > 0 && rest.ptr[0] != ';' && !bytes_eq_nocase(bytes_cut(&rest, ';'), BYTES_LIT("+proto")))
        return false;
    *ret_route = (struct net_route) { .kind = NET_STREAM, .fn = start, .ctx = s };
    return true;
}

/* ---- what the handler calls ------------------------------------------------- */

void grpc_stream_watch(struct grpc_stream *s, const struct grpc_stream_events *events, void *ctx)
{
    CHECK_MAGIC(s, STREAM_MAGIC);
    s->events = *events;
    s->ctx = ctx;
}

us_t grpc_stream_deadline(const struct grpc_stream *s)
{
    return s->deadline_us;
}

struct bytes grpc_stream_metadata(const struct grpc_stream *s, const char *name)
{
    return net_request_header(s->request, name);
}

void grpc_stream_accept(struct grpc_stream *s)
{
    CHECK_MAGIC(s, STREAM_MAGIC);
    CHECK(s->request != NULL);
    if (!s->begun)
        net_reply_begin(s->request, 200, &content_type, 1);
    s->begun = true;
}

void grpc_stream_send(struct grpc_stream *s, struct bytes message)
{
    char prefix[GRPC_PREFIX_LEN];
    grpc_stream_accept(s);
    CHECK(message.len <= UINT32_MAX);
    grpc_framing_prefix((uint32_t) message.len, prefix);
    net_reply_send(s->request, bytes_of(prefix, sizeof(prefix)));
    net_reply_send(s->request, message);
}

size_t grpc_stream_unsent(const struct grpc_stream *s)
{
    return net_reply_unsent(s->request);
}

void grpc_stream_end(struct grpc_stream *s, enum grpc_code code, struct bytes message, struct bytes details)
{
    CHECK_MAGIC(s, STREAM_MAGIC);
    CHECK(s->request != NULL);
    finish(s, code, message, details);
    release(s);
}

void grpc_stream_answer(struct grpc_stream *s, struct bytes message)
{
    grpc_stream_send(s, message);
    grpc_stream_end(s, GRPC_OK, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

void grpc_stream_reset(struct grpc_stream *s)
{
    CHECK_MAGIC(s, STREAM_MAGIC);
    CHECK(s->request != NULL);
    net_reply_reset(detach(s));
    release(s);
}

void grpc_stream_cut_connection(struct grpc_stream *s)
{
    CHECK_MAGIC(s, STREAM_MAGIC);
    CHECK(s->request != NULL);
    net_reply_cut_connection(detach(s));
    release(s);
}
