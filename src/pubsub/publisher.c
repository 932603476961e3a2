#include "pubsub/publisher.h"

#include "base/limits.h"
#include "pubsub/pubsub_codec.h"

struct publishing {
    publisher_fn *fn;
    void *ctx;
    size_t count;
};

static void done(void *room, const struct pubsub_reply *r)
{
    struct publishing *p = room;
    struct publisher_reply reply = { .answer = r->answer, .err = r->err };
    struct pubsub_cold *cold = NULL;
    struct bytes next;
    struct err err = *r->err;
    if (r->answer.class == ERR_OK) {
        cold = pubsub_cold_names(r->message, &reply.ids, &reply.ids_count, &next);
        if (cold == NULL || reply.ids_count != p->count) {
            reply.answer.class = ERR_BAD_REPLY;
            reply.ids_count = 0;
            err_set(&err, ERR_BAD_REPLY, "Publish: not as many message ids as messages");
            reply.err = &err;
        }
    }
    p->fn(p->ctx, &reply);
    pubsub_cold_free(cold);
}

struct pubsub_call *publisher_publish(const struct pubsub_endpoint *e, struct bytes topic,
                                      const struct pubsub_message *messages, size_t count, us_t timeout_us,
                                      publisher_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, routing = { 0 };
    struct pubsub_call_conf conf = {
        .method = "/google.pubsub.v1.Publisher/Publish", .timeout_us = timeout_us, .fn = done,
        .room = sizeof(struct publishing),
    };
    struct pubsub_call *call;
    if (count == 0 || count > LIMIT_PUBLISH_MESSAGES) {
        call = pubsub_call_refuse(e, &conf, ERR_REFUSED, "Publish takes 1 to 1,000 messages");
    } else {
        pubsub_codec_publish(topic, messages, count, &request);
        pubsub_call_routing("topic", topic, &routing);
        conf.request = buf_bytes(&request);
        conf.routing = buf_bytes(&routing);
        call = request.len > LIMIT_PUBLISH_BYTES
                   ? pubsub_call_refuse(e, &conf, ERR_REFUSED, "Publish takes 10 MB in one request")
                   : pubsub_call_begin(e, &conf);
    }
    *(struct publishing *) pubsub_call_room(call) = (struct publishing) { fn, ctx, count };
    return call;
}
