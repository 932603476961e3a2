/* Publish: for the Pub/Sub dead-letter sink, `send` and tests. Never re-sends. */
#ifndef PUBSUB_PUBLISHER_H
#define PUBSUB_PUBLISHER_H

#include "pubsub/pubsub_call.h"

struct pubsub_attribute {
    struct bytes key, value;
};

struct pubsub_message {
    struct bytes data, ordering_key;
    const struct pubsub_attribute *attributes;
    size_t attributes_count;
};

struct publisher_reply {
    struct pubsub_answer answer;
    size_t ids_count;            /* as many as messages, when OK: fewer is BAD_REPLY */
    const struct bytes *ids;     /* until the callback returns */
    const struct err *err;
};

typedef void publisher_fn(void *ctx, const struct publisher_reply *reply);

/* Durable when answered OK. At most 1,000 messages and 10 MB: else REFUSED, NOT_SENT. Cancel:
 * pubsub_call_cancel(). */
struct pubsub_call *publisher_publish(const struct pubsub_endpoint *e, struct bytes topic,
                                      const struct pubsub_message *messages, size_t count, us_t timeout_us,
                                      publisher_fn *fn, void *ctx);

#endif
