/*
 * One StreamingPull stream that keeps itself open: the source of deliveries.
 *
 * Reconnecting is the one retry below relay/ (docs/ARCHITECTURE.md): at once
 * after a stream that lived 30 s, else after 100 ms .. 60 s, x4, with jitter.
 * Streams always end in an error by design; that is a state, not an error.
 * NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED, INVALID_ARGUMENT and
 * FAILED_PRECONDITION are faults of the system: on_state tells them; the owner
 * probes with pull_stream_open_now(), and by itself the stream is opened again
 * after 5 s .. 60 s.
 *
 * Not to be freed from within its own callbacks.
 *
 * Keepalive: protocol_version 1, an empty request every 30 s, the stream is
 * torn down when nothing came for 15 s after one.
 *
 * Flow: the server's limit on outstanding messages can be set at opening only.
 * So an allowance of 0 that lasts 1 s half-closes the stream (what is already
 * on its way is still delivered, for at most 5 s); it is opened again with the
 * allowance as its limit, and replaced by one with a larger limit when much of
 * the allowance would else lie idle (pull_flow.h). Messages of an ended stream
 * keep their leases: unary calls extend and acknowledge them.
 */
#ifndef PUBSUB_PULL_STREAM_H
#define PUBSUB_PULL_STREAM_H

#include "base/rand.h"
#include "pubsub/pubsub_call.h"

struct pull_stream;

/* Borrowed from the reply that brought it, until the callback returns. */
struct pubsub_delivery {
    struct bytes ack_id, data, ordering_key, message_id;
    int32_t attempt;            /* delivery_attempt; 0: the subscription has no dead-letter policy */
    us_t published_wall_us;     /* 0: not told */
};

enum pull_state {
    PULL_CLOSED,      /* not started, paused (no allowance), or stopped */
    PULL_OPENING,     /* first request sent; nothing heard yet */
    PULL_OPEN,        /* the server has answered */
    PULL_WAITING,     /* ended; opens again by itself */
    PULL_FAULT        /* ended with a system fault; opens again by itself, seldom */
};

struct pull_stream_events {
    /* One reply's worth of deliveries; until_us: loop time before which their leases cannot end. */
    void (*on_deliveries)(void *ctx, const struct pubsub_delivery *at, size_t count, us_t until_us);
    /* First, and on each change. */
    void (*on_properties)(void *ctx, bool exactly_once, bool ordered);
    /* Each change of state; why: set for PULL_WAITING and PULL_FAULT, else class OK. */
    void (*on_state)(void *ctx, enum pull_state state, const struct pubsub_answer *why,
                     const struct err *err);
};

struct pull_stream_conf {
    struct pubsub_endpoint endpoint;
    struct bytes subscription;      /* projects/p/subscriptions/s; copied */
    uint32_t lease_s;               /* stream_ack_deadline_seconds, 10..600: 60 */
    uint32_t outstanding_max;       /* deliveries we ever want at once */
    uint64_t outstanding_bytes;     /* and their bytes, as Pub/Sub counts; 0: LIMIT_PULL_BYTES */
    uint64_t seed;                  /* jitter and client_id */
};

struct pull_stream *pull_stream_make(const struct pull_stream_conf *conf,
                                     const struct pull_stream_events *events,
                                     void *ctx);
/* Cancels; no callback any more. */
void pull_stream_free(struct pull_stream *s);

/* The allowance (ACT_FLOW): how many more deliveries may come. Nothing is opened before the first. */
void pull_stream_flow(struct pull_stream *s, uint32_t allowance);
/*
 * A probe, or new credentials: opens now if it is not open, with a limit of 1 if there is no allowance. What came of
 * it is told by on_state: PULL_OPEN (again, if it is open already), PULL_WAITING or PULL_FAULT. Stopped: no effect.
 */
void pull_stream_open_now(struct pull_stream *s);
/* Drain: half-closes and opens no more; deliveries still on their way come. */
void pull_stream_stop(struct pull_stream *s);

enum pull_state pull_stream_state(const struct pull_stream *s);

struct pull_stream_stats {
    /* timeouts: torn down by the keepalive watchdog */
    uint64_t opened, ended, deliveries, replies, timeouts;
    us_t open_since_us;                                       /* 0: not open */
    uint32_t limit;                                           /* of the open stream */
};
struct pull_stream_stats pull_stream_stats(const struct pull_stream *s);

#endif
