#include "pubsub/topic_admin.h"

#include "pubsub/pubsub_codec.h"

struct asking {
    topic_admin_fn *fn;
    void *ctx;
    bool names, subscription;    /* what the reply is */
};

static void done(void *room, const struct pubsub_reply *r)
{
    struct asking *a = room;
    struct topic_admin_reply reply = { .answer = r->answer, .err = r->err };
    struct pubsub_cold *cold = NULL;
    struct err err = *r->err;
    if (r->answer.class == ERR_OK && (a->names || a->subscription)) {
        cold = a->names ? pubsub_cold_names(r->message, &reply.names, &reply.names_count, &reply.next_page_token)
                        : pubsub_cold_subscription(r->message, &reply.subscription);
        if (cold == NULL) {
            reply.answer.class = ERR_BAD_REPLY;
            err_set(&err, ERR_BAD_REPLY, "the reply of Pub/Sub cannot be read");
            reply.err = &err;
        }
    }
    a->fn(a->ctx, &reply);
    pubsub_cold_free(cold);
}

static struct pubsub_call *start(const struct pubsub_endpoint *e, const char *method, const char *key,
                                 struct bytes name, const struct buf *request, us_t timeout_us,
                                 const struct asking *a)
{
    CLEANUP(buf_fini) struct buf routing = { 0 };
    pubsub_call_routing(key, name, &routing);
    struct pubsub_call_conf conf = {
        .method = method, .routing = buf_bytes(&routing), .request = buf_bytes(request), .timeout_us = timeout_us,
        .fn = done, .room = sizeof(*a),
    };
    struct pubsub_call *call = pubsub_call_begin(e, &conf);
    *(struct asking *) pubsub_call_room(call) = *a;
    return call;
}

struct pubsub_call *topic_admin_list_subscriptions(const struct pubsub_endpoint *e, struct bytes topic,
                                                   struct bytes page_token, us_t timeout_us, topic_admin_fn *fn,
                                                   void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct asking a = { fn, ctx, true, false };
    pubsub_codec_list(topic, 100, page_token, &request);
    return start(e, "/google.pubsub.v1.Publisher/ListTopicSubscriptions", "topic", topic, &request, timeout_us, &a);
}

struct pubsub_call *topic_admin_get_subscription(const struct pubsub_endpoint *e, struct bytes name,
                                                 us_t timeout_us, topic_admin_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct asking a = { fn, ctx, false, true };
    pubsub_codec_name(name, &request);
    return start(e, "/google.pubsub.v1.Subscriber/GetSubscription", "subscription", name, &request, timeout_us, &a);
}

struct pubsub_call *topic_admin_create_topic(const struct pubsub_endpoint *e, struct bytes name, us_t timeout_us,
                                             topic_admin_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct asking a = { fn, ctx, false, false };
    pubsub_codec_name(name, &request);
    return start(e, "/google.pubsub.v1.Publisher/CreateTopic", "name", name, &request, timeout_us, &a);
}

struct pubsub_call *topic_admin_create_subscription(const struct pubsub_endpoint *e,
                                                    const struct topic_admin_subscription *sub,
                                                    us_t timeout_us, topic_admin_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct asking a = { fn, ctx, false, true };
    pubsub_codec_subscription(sub, &request);
    return start(e, "/google.pubsub.v1.Subscriber/CreateSubscription", "name", sub->name, &request, timeout_us, &a);
}
