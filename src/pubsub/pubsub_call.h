/*
 * What every Pub/Sub call of ours needs, and how its end is told.
 */
#ifndef PUBSUB_PUBSUB_CALL_H
#define PUBSUB_PUBSUB_CALL_H

#include "auth/token.h"
#include "grpc/grpc_client.h"

/* Borrowed parts, all of which outlive their users. Embedded by value in each user's conf. */
struct pubsub_endpoint {
    struct loop *loop;
    struct h2_pool *pool;
    struct auth_source *auth;      /* NULL: no token (emulator). Read anew for each call */
};

/* The account of one call or one id; the same fields as the engine's answer. */
struct pubsub_answer {
    uint16_t class;        /* enum err_class */
    uint8_t reach;         /* enum reach */
    uint16_t http, grpc;
    uint32_t token_gen;    /* the token it was sent with; 0: none */
    us_t wait_us;          /* RetryInfo, capped; 0: none */
};

/*
 * One unary call. No token to be had: answered UNAUTHENTICATED, NOT_SENT,
 * token_gen that of the ended one. The reply is the message's bytes, until fn
 * returns; empty unless class OK. details: google.rpc.Status or empty.
 */
struct pubsub_call;

struct pubsub_reply {
    struct pubsub_answer answer;
    struct bytes message, details;
    us_t sent_us;              /* loop time at which it was begun: the far side acted no earlier */
    const struct err *err;     /* for people; never NULL */
};

typedef void pubsub_call_fn(void *ctx, const struct pubsub_reply *reply);

struct pubsub_call_conf {
    const char *method;        /* "/google.pubsub.v1.Subscriber/Acknowledge" */
    struct bytes routing;      /* "subscription=projects%2F..." or empty */
    struct bytes request;
    us_t timeout_us;
    pubsub_call_fn *fn;
    void *ctx;
    size_t room;               /* not 0: that many zeroed bytes live as long as the call, and are fn's ctx */
};

struct pubsub_call *pubsub_call_start(const struct pubsub_endpoint *e, const char *method, struct bytes routing,
                                      struct bytes request, us_t timeout_us, pubsub_call_fn *fn, void *ctx);
struct pubsub_call *pubsub_call_begin(const struct pubsub_endpoint *e, const struct pubsub_call_conf *conf);
void pubsub_call_cancel(struct pubsub_call *c);    /* fn will not be called */
void *pubsub_call_room(struct pubsub_call *c);
/* Instead of a call: answered later with this error, NOT_SENT. */
struct pubsub_call *pubsub_call_refuse(const struct pubsub_endpoint *e, const struct pubsub_call_conf *conf,
                                       enum err_class class, const char *text);

/* What a call, or a stream, is sent with; false: a token is needed and there is none that is good. */
bool pubsub_call_token(const struct pubsub_endpoint *e, struct bytes *ret_bearer, uint32_t *ret_gen);
/* The account of a gRPC result. */
struct pubsub_answer pubsub_call_answer(const struct grpc_result *result, uint32_t token_gen);

/* "subscription=" and the name percent-encoded, for x-goog-request-params (AIP-4222). */
void pubsub_call_routing(const char *key, struct bytes name, struct buf *out);

#endif
