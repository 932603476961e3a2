#include "pubsub/pull_once.h"

#include "base/mem.h"
#include "pubsub/pubsub_codec.h"

struct asking {
    pull_once_fn *fn;
    void *ctx;
    bool deliveries;    /* the reply has some */
};

/* PullResponse has its messages where StreamingPullResponse has them: field 1. */
static bool read_deliveries(struct bytes message, struct pubsub_delivery **ret_at, size_t *ret_count)
{
    struct pubsub_codec_reply r;
    if (!pubsub_codec_reply(message, &r))
        return false;
    *ret_at = mem_alloc_n(r.deliveries + 1, sizeof(**ret_at));
    for (*ret_count = 0; pubsub_codec_delivery(&r, &(*ret_at)[*ret_count]);)
        ++*ret_count;
    return true;
}

static void done(void *room, const struct pubsub_reply *r)
{
    const struct asking *a = room;
    struct pull_once_reply reply = { .answer = r->answer, .err = r->err };
    struct pubsub_delivery *at = NULL;
    struct err err;
    if (r->answer.class == ERR_OK && a->deliveries && !read_deliveries(r->message, &at, &reply.count)) {
        reply.answer.class = ERR_BAD_REPLY;
        err_set(&err, ERR_BAD_REPLY, "Pull: the reply of Pub/Sub cannot be read");
        reply.err = &err;
    }
    reply.at = at;
    a->fn(a->ctx, &reply);
    mem_free(at);
}

static struct pubsub_call *start(const struct pubsub_endpoint *e, const char *method, struct bytes subscription,
                                 const struct buf *request, us_t timeout_us, const struct asking *a)
{
    CLEANUP(buf_fini) struct buf routing = { 0 };
    pubsub_call_routing("subscription", subscription, &routing);
    struct pubsub_call *call = pubsub_call_begin(e, &(struct pubsub_call_conf) {
        .method = method, .routing = buf_bytes(&routing), .request = buf_bytes(request), .timeout_us = timeout_us,
        .fn = done, .room = sizeof(*a),
    });
    *(struct asking *) pubsub_call_room(call) = *a;
    return call;
}

struct pubsub_call *pull_once(const struct pubsub_endpoint *e, struct bytes subscription, uint32_t max, us_t timeout_us,
                              pull_once_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    pubsub_codec_pull(subscription, max, &request);
    return start(e, "/google.pubsub.v1.Subscriber/Pull", subscription, &request, timeout_us, &(struct asking) { fn, ctx, true });
}

struct pubsub_call *pull_once_acknowledge(const struct pubsub_endpoint *e, struct bytes subscription, const struct bytes *ack_ids,
                                          size_t count, us_t timeout_us, pull_once_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    pubsub_codec_ack_head(subscription, &request);
    for (size_t i = 0; i < count; i++)
        pubsub_codec_ack_id(ack_ids[i], &request);
    return start(e, "/google.pubsub.v1.Subscriber/Acknowledge", subscription, &request, timeout_us, &(struct asking) { fn, ctx, false });
}

struct pubsub_call *pull_once_extend(const struct pubsub_endpoint *e, struct bytes subscription, uint32_t seconds,
                                     const struct bytes *ack_ids, size_t count, us_t timeout_us, pull_once_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    pubsub_codec_modack_head(subscription, seconds, &request);
    for (size_t i = 0; i < count; i++)
        pubsub_codec_modack_id(ack_ids[i], &request);
    return start(e, "/google.pubsub.v1.Subscriber/ModifyAckDeadline", subscription, &request, timeout_us, &(struct asking) { fn, ctx, false });
}
