/*
 * Pull, Acknowledge and ModifyAckDeadline as single calls, for commands that look
 * into a subscription (`dead`). The relay itself uses pull_stream.h and ack_batch.h.
 * Never re-sent. Cancel: pubsub_call_cancel().
 */
#ifndef PUBSUB_PULL_ONCE_H
#define PUBSUB_PULL_ONCE_H

#include "pubsub/pull_stream.h"

struct pull_once_reply {
    struct pubsub_answer answer;
    const struct err *err;
    const struct pubsub_delivery *at;    /* until the callback returns; none: nothing was there to give now */
    size_t count;
};

typedef void pull_once_fn(void *ctx, const struct pull_once_reply *reply);

/* At most max messages (1 to 1,000). The service may wait for the first, and may give fewer than there are. */
struct pubsub_call *pull_once(const struct pubsub_endpoint *e, struct bytes subscription, uint32_t max, us_t timeout_us,
                              pull_once_fn *fn, void *ctx);
/* The ids together stay below LIMIT_ACK_REQUEST_BYTES; the reply has no deliveries. */
struct pubsub_call *pull_once_acknowledge(const struct pubsub_endpoint *e, struct bytes subscription, const struct bytes *ack_ids,
                                          size_t count, us_t timeout_us, pull_once_fn *fn, void *ctx);
/* seconds: 0 gives the messages back at once. */
struct pubsub_call *pull_once_extend(const struct pubsub_endpoint *e, struct bytes subscription, uint32_t seconds,
                                     const struct bytes *ack_ids, size_t count, us_t timeout_us, pull_once_fn *fn, void *ctx);

#endif
