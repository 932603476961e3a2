#include "grpc/grpc_client.h"

#include "base/b64.h"
#include "base/mem.h"
#include "grpc/grpc_framing.h"
#include "grpc/retry_info.h"
#include "net/percent.h"

#include <stdio.h>

enum { GRPC_CALL_MAGIC = 0x47525043, METHOD_LEN = 128 };

struct grpc_call {
    unsigned magic;
    struct h2_pool *pool;
    struct h2_call *h2;            /* NULL: refused, or over */
    struct grpc_call_events events;
    void *ctx;
    char method[METHOD_LEN];
    bool unary;
    struct buf request;            /* unary: prefix and message, sent from here */

    struct grpc_framing framing;
    size_t messages;
    uint16_t http;
    bool is_grpc, has_status;      /* the reply says that it is gRPC; its status came */
    enum grpc_code code;
    struct buf message, details;

    uint32_t busy;                 /* callbacks that are running */
    bool gone;                     /* to be freed when they return */
    struct loop_task refusal;
    struct err err;
};

static void call_free(struct grpc_call *c)
{
    if (c->busy > 0) {
        c->gone = true;
        return;
    }
    loop_task_cancel(h2_pool_loop(c->pool), &c->refusal);
    grpc_framing_fini(&c->framing);
    buf_fini(&c->request);
    buf_fini(&c->message);
    buf_fini(&c->details);
    c->magic = 0;
    mem_free(c);
}

static void enter(struct grpc_call *c)
{
    c->busy++;
}

/* False: the call is gone. */
static bool leave(struct grpc_call *c)
{
    c->busy--;
    if (!c->gone)
        return true;
    call_free(c);
    return false;
}

/* ---- the end ---------------------------------------------------------- */

static void finish(struct grpc_call *c, const struct err *err, enum grpc_code code)
{
    struct grpc_result result = { .err = *err, .code = code, .message = buf_bytes(&c->message),
                                  .details = buf_bytes(&c->details) };
    result.err.grpc = (uint16_t) code;
    result.err.http = c->http;
    c->h2 = NULL;
    enter(c);
    c->gone = true;
    c->events.on_done(c->ctx, &result);
    leave(c);
}

/* The far side sent what we cannot take: we end the call ourselves. */
static void give_up(struct grpc_call *c, enum err_class class, enum grpc_code code, const char *why)
{
    struct err err;
    err_set(&err, class, "%s: %s", c->method, why);
    err.reach = MAYBE_APPLIED;
    h2_call_cancel(c->h2);
    finish(c, &err, code);
}

/* PROTOCOL-HTTP2.md, "Errors": what an HTTP/2 error code stands for when there is no status. */
static enum grpc_code code_from_transport(const struct h2_result *result)
{
    enum { H2_REFUSED = 7, H2_CANCEL = 8, H2_CALM = 11, H2_SECURITY = 12 };
    if (result->err.class == ERR_TIMEOUT)
        return GRPC_DEADLINE_EXCEEDED;
    switch (result->h2_code) {
    case 0:
    case H2_REFUSED:
        return GRPC_UNAVAILABLE;
    case H2_CANCEL:
        return GRPC_CANCELLED;
    case H2_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case H2_SECURITY:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

/* No grpc-status: something in between answered. */
static void finish_without_status(struct grpc_call *c)
{
    struct err err;
    enum grpc_code code = grpc_code_from_http(c->http);
    enum err_class class = grpc_code_class(code);
    bool is_ours = c->http == 401 || c->http == 403 || c->http == 429 || c->http >= 500;
    if (c->http == 200 && c->is_grpc)
        err_set(&err, ERR_PROTOCOL, "%s: the answer ended without a gRPC status", c->method);
    else
        err_set(&err, is_ours ? class : ERR_NOT_API,
                "%s: HTTP status %u and no gRPC status: the answer is not the "
                "service's own; look at proxies in between",
                c->method, c->http);
    err.reach = ANSWERED;
    finish(c, &err, code);
}

static void finish_with_status(struct grpc_call *c)
{
    struct err err = { .reach = ANSWERED };
    bool whole = grpc_framing_is_whole(&c->framing) && (!c->unary || c->messages == 1);
    enum grpc_code code = c->code;
    if (code == GRPC_OK && !whole) {
        err_set(&err, ERR_PROTOCOL, "%s: OK, but %s", c->method,
                c->unary && c->messages == 0 ? "without the reply" : "the reply is cut or there are several");
        code = GRPC_INTERNAL;
    } else if (code != GRPC_OK) {
        err_set(&err, grpc_code_class(code), "%s: %s", c->method, grpc_code_name(code));
        err.wait_us = grpc_retry_delay(buf_bytes(&c->details));
    }
    err.reach = ANSWERED;
    finish(c, &err, code);
}

static void on_h2_done(void *ctx, const struct h2_result *result)
{
    struct grpc_call *c = ctx;
    if (result->err.class != ERR_OK) {
        struct err err = result->err;
        err_wrap(&err, "%s", c->method);
        finish(c, &err, code_from_transport(result));
    } else if (c->has_status) {
        finish_with_status(c);
    } else {
        finish_without_status(c);
    }
}

/* ---- the reply -------------------------------------------------------- */

static void read_status(struct grpc_call *c, struct net_headers h)
{
    struct bytes status = net_headers_get(h, "grpc-status");
    uint64_t code;
    if (status.ptr == NULL)
        return;
    c->has_status = true;
    c->code = bytes_to_u64(status, &code) && code < GRPC_CODES ? (enum grpc_code) code : GRPC_UNKNOWN;
    struct bytes message = net_headers_get(h, "grpc-message");
    buf_clear(&c->message);
    if (!percent_decode(message, false, &c->message))    /* as it came, rather than nothing */
        buf_append(&c->message, message);
    buf_clear(&c->details);
    if (!b64_decode(net_headers_get(h, "grpc-status-details-bin"), &c->details))
        buf_clear(&c->details);
}

static void on_headers(void *ctx, uint16_t status, struct net_headers h)
{
    struct grpc_call *c = ctx;
    c->http = status;
    c->is_grpc = bytes_starts(net_headers_get(h, "content-type"), BYTES_LIT("application/grpc"));
    if (c->is_grpc)
        read_status(c, h);    /* here only when there is nothing else: "trailers only" */
    if (status != 200 || !c->is_grpc || c->has_status || c->events.on_headers == NULL)
        return;
    enter(c);
    c->events.on_headers(c->ctx);
    leave(c);
}

static void on_trailers(void *ctx, struct net_headers h)
{
    struct grpc_call *c = ctx;
    if (c->is_grpc)
        read_status(c, h);
}

/* False: the call is over. */
static bool take_message(struct grpc_call *c, struct bytes message, bool compressed)
{
    if (compressed) {
        give_up(c, ERR_PROTOCOL, GRPC_INTERNAL,
                "the far side sent a compressed message that nobody asked for");
        return false;
    }
    if (c->unary && c->messages == 1) {
        give_up(c, ERR_PROTOCOL, GRPC_INTERNAL, "a second reply to one request");
        return false;
    }
    c->messages++;
    if (c->events.on_message == NULL)
        return true;
    c->events.on_message(c->ctx, message);
    return !c->gone;
}

static void read_messages(struct grpc_call *c, struct bytes data)
{
    for (;;) {
        bool compressed = false;
        struct bytes message;
        switch (grpc_framing_next(&c->framing, &data, &compressed, &message)) {
        case GRPC_FRAMING_MORE:
            return;
        case GRPC_FRAMING_MESSAGE:
            if (!take_message(c, message, compressed))
                return;
            break;
        case GRPC_FRAMING_BAD:
            give_up(c, ERR_PROTOCOL, GRPC_INTERNAL, "the far side broke the rules of gRPC framing");
            return;
        case GRPC_FRAMING_TOO_LARGE:
            give_up(c, ERR_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED,
                    "a message is larger than the limit for this method");
            return;
        }
    }
}

static void on_data(void *ctx, struct bytes data)
{
    struct grpc_call *c = ctx;
    if (c->http != 200 || !c->is_grpc)    /* the page of a proxy: its status will do */
        return;
    enter(c);
    read_messages(c, data);
    leave(c);
}

static const struct h2_call_events h2_events = {
    .on_headers = on_headers, .on_data = on_data, .on_trailers = on_trailers, .on_done = on_h2_done,
};

/* ---- the request ------------------------------------------------------ */

/* At most eight digits and a unit. Whole seconds where they will do: HPACK then sends one byte for it. */
static void write_timeout(us_t left_us, char *out, size_t len)
{
    us_t ms = MAX((left_us + US_PER_MS - 1) / US_PER_MS, (us_t) 1);
    if (ms >= 10000)
        snprintf(out, len, "%uS", (unsigned) MIN((ms + 999) / 1000, (us_t) 99999999));
    else
        snprintf(out, len, "%um", (unsigned) ms);
}

static size_t write_headers(const struct grpc_call *c, const struct grpc_call_conf *conf,
                            struct net_header *h, struct buf *authorization, char timeout[16])
{
    size_t n = 0;
    h[n++] = (struct net_header) { BYTES_LIT("te"), BYTES_LIT("trailers") };
    h[n++] = (struct net_header) { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") };
    h[n++] = (struct net_header) { BYTES_LIT("user-agent"), BYTES_LIT("hl7relay/" HL7RELAY_VERSION) };
    if (conf->token.len > 0) {
        buf_append_str(authorization, "Bearer ");
        buf_append(authorization, conf->token);
        h[n++] = (struct net_header) { BYTES_LIT("authorization"), buf_bytes(authorization) };
    }
    if (conf->routing.len > 0)
        h[n++] = (struct net_header) { BYTES_LIT("x-goog-request-params"), conf->routing };
    if (conf->quota_project.len > 0)
        h[n++] = (struct net_header) { BYTES_LIT("x-goog-user-project"), conf->quota_project };
    if (conf->metadata.name.len > 0)
        h[n++] = conf->metadata;
    if (conf->deadline_us != US_NEVER) {
        write_timeout(conf->deadline_us - loop_now(h2_pool_loop(c->pool)), timeout, 16);
        h[n++] = (struct net_header) { BYTES_LIT("grpc-timeout"), bytes_str(timeout) };
    }
    return n;
}

static void on_refusal(struct loop_task *t)
{
    struct grpc_call *c = CONTAINER_OF(t, struct grpc_call, refusal);
    finish(c, &c->err, GRPC_UNAUTHENTICATED);
}

static struct grpc_call *start(struct h2_pool *p, const struct grpc_call_conf *conf, bool unary,
                               struct bytes request, const struct grpc_call_events *events, void *ctx)
{
    CHECK(events->on_done != NULL && conf->message_max > 0);
    struct grpc_call *c = mem_alloc(sizeof(*c));
    *c = (struct grpc_call) { .magic = GRPC_CALL_MAGIC,
                            .pool = p,
                            .events = *events,
                            .ctx = ctx,
                            .unary = unary,
                            .refusal.fn = on_refusal,
                            .framing.message_max = conf->message_max };
    snprintf(c->method, sizeof(c->method), "%s", conf->method);
    if (conf->token.len > 0 && !h2_pool_is_encrypted(p)) {
        FAIL(&c->err, CONFIG,
             "%s: credentials are never sent in the clear; use https, or an endpoint without "
             "credentials",
             c->method);
        loop_task_post(h2_pool_loop(p), &c->refusal);
        return c;
    }
    char timeout[16];
    struct net_header headers[H2_REQUEST_HEADERS];
    CLEANUP(buf_fini) struct buf authorization = { 0 };
    struct h2_request req = { .method = "POST",
                             .path = bytes_str(conf->method),
                             .headers = headers,
                             .stream = !unary,
                             .deadline_us = conf->deadline_us };
    req.headers_count = write_headers(c, conf, headers, &authorization, timeout);
    if (unary) {
        char prefix[GRPC_PREFIX_LEN];
        grpc_framing_prefix((uint32_t) request.len, prefix);
        buf_append(&c->request, bytes_of(prefix, sizeof(prefix)));
        buf_append(&c->request, request);
        req.body[0] = buf_bytes(&c->request);
    }
    c->h2 = h2_call_start(p, &req, &h2_events, c);
    return c;
}

struct grpc_call *grpc_call_unary(struct h2_pool *p, const struct grpc_call_conf *conf, struct bytes request,
                                  const struct grpc_call_events *events, void *ctx)
{
    return start(p, conf, true, request, events, ctx);
}

struct grpc_call *grpc_call_stream(struct h2_pool *p, const struct grpc_call_conf *conf,
                                   const struct grpc_call_events *events, void *ctx)
{
    return start(p, conf, false, (struct bytes) { 0 }, events, ctx);
}

void grpc_call_send(struct grpc_call *c, struct bytes message)
{
    CHECK_MAGIC(c, GRPC_CALL_MAGIC);
    CHECK(!c->unary && message.len <= UINT32_MAX);
    if (c->h2 == NULL)
        return;
    char prefix[GRPC_PREFIX_LEN];
    grpc_framing_prefix((uint32_t) message.len, prefix);
    h2_call_send(c->h2, bytes_of(prefix, sizeof(prefix)));
    h2_call_send(c->h2, message);
}

void grpc_call_send_end(struct grpc_call *c)
{
    CHECK_MAGIC(c, GRPC_CALL_MAGIC);
    if (c->h2 != NULL)
        h2_call_send_end(c->h2);
}

size_t grpc_call_unsent(const struct grpc_call *c)
{
    CHECK_MAGIC(c, GRPC_CALL_MAGIC);
    return c->h2 != NULL ? h2_call_unsent(c->h2) : 0;
}

void grpc_call_hold(struct grpc_call *c, bool held)
{
    CHECK_MAGIC(c, GRPC_CALL_MAGIC);
    if (c->h2 != NULL)
        h2_call_hold(c->h2, held);
}

void grpc_call_cancel(struct grpc_call *c)
{
    CHECK_MAGIC(c, GRPC_CALL_MAGIC);
    if (c->h2 != NULL)
        h2_call_cancel(c->h2);
    c->h2 = NULL;
    call_free(c);
}
