#include "cloud/pubsub.h"

#include "cloud/proto_wire.h"

enum { MESSAGES_MAX = 1000, WAIT_MAX_S = 90 };

/* A Pull that waits for its first message. */
struct pull {
    struct cloud_consumer consumer;
    struct cloud_unary *call;
    struct loop_timer timer;      /* an empty answer, a second before the client gives up */
    struct loop_task at_once;     /* return_immediately: after the pump has had its turn */
};

static void finish(struct pull *pull, enum grpc_code code, const char *why)
{
    struct cloud_unary *u = pull->call;
    loop_timer_stop(u->cloud->loop, &pull->timer);
    loop_task_cancel(u->cloud->loop, &pull->at_once);
    if (code == GRPC_OK)
        cloud_unary_ok(u, buf_bytes(&pull->consumer.out));
    else
        cloud_unary_fail(u, code, "%s", why);
    cloud_consumer_remove(&pull->consumer);
    mem_free(pull);
}

static void pull_flush(struct cloud_consumer *c)
{
    finish(CONTAINER_OF(c, struct pull, consumer), GRPC_OK, "");
}

static void pull_end(struct cloud_consumer *c, enum grpc_code code, const char *why)
{
    finish(CONTAINER_OF(c, struct pull, consumer), code, why);
}

static void pull_late(struct loop_timer *t)
{
    finish(CONTAINER_OF(t, struct pull, timer), GRPC_OK, "");
}

static void pull_at_once(struct loop_task *t)
{
    finish(CONTAINER_OF(t, struct pull, at_once), GRPC_OK, "");
}

static void pull_gone(struct cloud_unary *u)
{
    finish(u->owner, GRPC_CANCELLED, "The client has gone.");
}

/* PullRequest{ subscription = 1; return_immediately = 2; max_messages = 3 } */
void cloud_sub_pull(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    if (s == NULL)
        return;
    int64_t max = (int32_t) cloud_wire_find_uint(request, 3);
    if (max <= 0) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("max_messages"), "No max_messages specified");
        return;
    }
    const char *closed = cloud_sub_closed(s);
    if (closed != NULL) {
        cloud_unary_fail_about(u, GRPC_FAILED_PRECONDITION, bytes_str(s->name), "%s", closed);
        return;
    }
    struct loop *l = u->cloud->loop;
    struct pull *pull = mem_alloc(sizeof(*pull));
    pull->call = u;
    pull->consumer = (struct cloud_consumer) {
        .lease_us = s->conf.ack_deadline_us, .out_max = (uint32_t) MIN(max, MESSAGES_MAX), .once = true,
        .flush = pull_flush, .end = pull_end
    };
    pull->timer.fn = pull_late;
    pull->at_once.fn = pull_at_once;
    u->owner = pull;
    u->on_gone = pull_gone;
    cloud_consumer_add(&pull->consumer, s);
    us_t latest = loop_now(l) + WAIT_MAX_S * US_PER_S;
    us_t before_deadline = u->deadline_us == US_NEVER ? US_NEVER : u->deadline_us - US_PER_S;
    loop_timer_set(l, &pull->timer, MIN(latest, before_deadline));
    if (cloud_wire_find_uint(request, 2) != 0)
        loop_task_post(l, &pull->at_once);
}
