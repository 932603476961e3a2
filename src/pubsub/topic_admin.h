/*
 * Topics and subscriptions: proofs at start (does the dead-letter topic have a
 * subscription?) and what `send` and `demo` make. One call each, never re-sent.
 */
#ifndef PUBSUB_TOPIC_ADMIN_H
#define PUBSUB_TOPIC_ADMIN_H

#include "pubsub/pubsub_call.h"

struct topic_admin_subscription {
    struct bytes name, topic, dead_letter_topic;
    uint32_t ack_deadline_s, dead_letter_attempts;
    us_t retention_us;
    bool exactly_once, ordered, detached, retain_acked;
};

struct topic_admin_reply {
    struct pubsub_answer answer;
    const struct err *err;
    /* ListTopicSubscriptions */
    const struct bytes *names;
    size_t names_count;
    struct bytes next_page_token;
    /* GetSubscription, CreateSubscription */
    struct topic_admin_subscription subscription;
};

typedef void topic_admin_fn(void *ctx, const struct topic_admin_reply *reply);

/* All: cancel with pubsub_call_cancel(). */
struct pubsub_call *topic_admin_list_subscriptions(const struct pubsub_endpoint *e, struct bytes topic,
                                                   struct bytes page_token, us_t timeout_us,
                                                   topic_admin_fn *fn, void *ctx);
struct pubsub_call *topic_admin_get_subscription(const struct pubsub_endpoint *e, struct bytes name,
                                                 us_t timeout_us, topic_admin_fn *fn, void *ctx);
struct pubsub_call *topic_admin_create_topic(const struct pubsub_endpoint *e, struct bytes name,
                                             us_t timeout_us,
                                             topic_admin_fn *fn, void *ctx);
/* Of sub: name, topic, ack_deadline_s, exactly_once, ordered, dead_letter_*. */
struct pubsub_call *topic_admin_create_subscription(const struct pubsub_endpoint *e,
                                                    const struct topic_admin_subscription *sub,
                                                    us_t timeout_us, topic_admin_fn *fn, void *ctx);

#endif
