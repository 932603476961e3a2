#include "run/retention.h"

#include "base/mem.h"
#include "pubsub/topic_admin.h"

static const us_t ask_every_us = 60 * US_PER_MIN;
static const us_t ask_timeout_us = 30 * US_PER_S;

struct retention {
    const struct assembly *a;
    struct pubsub_endpoint endpoint;
    struct pubsub_call *call;
    struct loop_timer again;
};

static void ask(struct loop_timer *t);

static void on_answer(void *ctx, const struct topic_admin_reply *reply)
{
    struct retention *r = ctx;
    r->call = NULL;
    if (reply->answer.class == ERR_OK)
        METRIC_SET(r->a->metrics, RETENTION, 0, 0, reply->subscription.retention_us);
    loop_timer_set(r->a->loop, &r->again, loop_now(r->a->loop) + ask_every_us);
}

static void ask(struct loop_timer *t)
{
    struct retention *r = CONTAINER_OF(t, struct retention, again);
    r->call = topic_admin_get_subscription(&r->endpoint, bytes_str(r->a->conf->pubsub_subscription), ask_timeout_us, on_answer, r);
}

struct retention *retention_watch(const struct assembly *a)
{
    struct retention *r = mem_alloc(sizeof(*r));
    *r = (struct retention) { .a = a, .endpoint = { a->loop, a->pubsub_pool, a->auth }, .again.fn = ask };
    ask(&r->again);
    return r;
}

void retention_free(struct retention *r)
{
    if (r == NULL)
        return;
    if (r->call != NULL)
        pubsub_call_cancel(r->call);
    loop_timer_stop(r->a->loop, &r->again);
    mem_free(r);
}
