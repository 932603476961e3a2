/*
 * gRPC calls over net/h2_client.h (doc/PROTOCOL-HTTP2.md of gRPC): framing,
 * status, deadline. Messages are bytes here; codecs are the callers'.
 * Never re-sends. Callbacks run from the loop; after on_done or
 * grpc_call_cancel() the call is gone.
 */
#ifndef GRPC_GRPC_CLIENT_H
#define GRPC_GRPC_CLIENT_H

#include "grpc/grpc_status.h"
#include "net/h2_client.h"

struct grpc_call;

struct grpc_result {
    struct err err;             /* OK, or why: by grpc_code_class() if a status came, else the transport's.
                                   wait_us: RetryInfo. text holds method and code, never grpc-message */
    enum grpc_code code;
    struct bytes message;       /* grpc-message, decoded; lives until the callback returns; not for logs */
    struct bytes details;       /* grpc-status-details-bin, decoded (google.rpc.Status), or empty */
};

/* Copied. Each may be NULL but on_done. */
struct grpc_call_events {
    void (*on_headers)(void *ctx);                        /* initial metadata came: the stream is open */
    void (*on_message)(void *ctx, struct bytes message);  /* borrowed until it returns */
    void (*on_done)(void *ctx, const struct grpc_result *result);
};

struct grpc_call_conf {
    const char *method;                /* "/google.pubsub.v1.Subscriber/StreamingPull" */
    struct bytes token;                /* bearer; empty: none. Over cleartext the call is refused, not sent */
    struct bytes routing;              /* x-goog-request-params value, or empty */
    struct bytes quota_project;        /* x-goog-user-project, or empty */
    struct net_header metadata;        /* one more field (name in lower case), or empty; copied */
    us_t deadline_us;                  /* loop time; US_NEVER: none. Sent as grpc-timeout too */
    size_t message_max;                /* a larger one ends the call: RESOURCE_EXHAUSTED */
};

/* One request (copied), then half-close. OK only with exactly one reply message. */
struct grpc_call *grpc_call_unary(struct h2_pool *p, const struct grpc_call_conf *conf, struct bytes request,
                                  const struct grpc_call_events *events, void *ctx);
/* Both sides stream. */
struct grpc_call *grpc_call_stream(struct h2_pool *p, const struct grpc_call_conf *conf,
                                   const struct grpc_call_events *events, void *ctx);
void grpc_call_send(struct grpc_call *c, struct bytes message);    /* copied */
void grpc_call_send_end(struct grpc_call *c);
size_t grpc_call_unsent(const struct grpc_call *c);
/* While held the far side may send no more than LIMIT_AUTO_WINDOW; other calls go on. */
void grpc_call_hold(struct grpc_call *c, bool held);
void grpc_call_cancel(struct grpc_call *c);

#endif
