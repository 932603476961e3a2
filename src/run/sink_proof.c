#include "run/sink_proof.h"

#include "base/mem.h"
#include "pubsub/topic_admin.h"

static const us_t ask_timeout_us = 10 * US_PER_S;
static const us_t ask_again_us = 1 * US_PER_S;

struct sink_proof {
    const struct assembly *a;
    sink_proof_fn *fn;
    void *ctx;
    struct pubsub_endpoint endpoint;
    struct pubsub_call *call;
    struct loop_timer again;
    void (*step)(struct sink_proof *p);    /* what is asked now */
    bool told;                             /* the log knows that the answer does not come */
};

static void ask_own_topic(struct sink_proof *p);
static void ask_keeper(struct sink_proof *p);
static void on_own_topic(void *ctx, const struct topic_admin_reply *reply);
static void on_keeper(void *ctx, const struct topic_admin_reply *reply);
static void on_list(void *ctx, const struct topic_admin_reply *reply);
static void on_again(struct loop_timer *t);
static bool is_passing(struct sink_proof *p, const struct topic_admin_reply *reply);

struct sink_proof *sink_proof_start(const struct assembly *a, sink_proof_fn *fn, void *ctx)
{
    if (a->conf->sink != CONF_SINK_TOPIC)
        return NULL;
    struct sink_proof *p = mem_alloc(sizeof(*p));
    *p = (struct sink_proof) { .a = a, .fn = fn, .ctx = ctx, .endpoint = { a->loop, a->pubsub_pool, a->auth },
                               .again.fn = on_again };
    ask_own_topic(p);
    return p;
}

void sink_proof_free(struct sink_proof *p)
{
    if (p == NULL)
        return;
    if (p->call != NULL)
        pubsub_call_cancel(p->call);
    loop_timer_stop(p->a->loop, &p->again);
    mem_free(p);
}

/* May we not look at our own subscription, or is it not there, then the pull stream says so; here it is no proof. */
static void ask_own_topic(struct sink_proof *p)
{
    p->step = ask_own_topic;
    p->call = topic_admin_get_subscription(&p->endpoint, bytes_str(p->a->conf->pubsub_subscription), ask_timeout_us, on_own_topic, p);
}

static void on_own_topic(void *ctx, const struct topic_admin_reply *reply)
{
    struct sink_proof *p = ctx;
    struct err err;
    p->call = NULL;
    if (is_passing(p, reply))
        return;
    if (reply->answer.class == ERR_OK && bytes_eq_str(reply->subscription.topic, p->a->conf->dead_letter_topic)) {
        err_set(&err, ERR_CONFIG, "dead_letter.topic %s is the topic that pubsub_subscription reads: dead letters would come back "
                "as notifications, without end; make a topic of its own", p->a->conf->dead_letter_topic);
        p->fn(p->ctx, &err);
        return;
    }
    ask_keeper(p);
}

static void ask_keeper(struct sink_proof *p)
{
    const struct config *c = p->a->conf;
    p->step = ask_keeper;
    if (c->dead_letter_subscription[0] != '\0')
        p->call = topic_admin_get_subscription(&p->endpoint, bytes_str(c->dead_letter_subscription), ask_timeout_us, on_keeper, p);
    else
        p->call = topic_admin_list_subscriptions(&p->endpoint, bytes_str(c->dead_letter_topic), BYTES_LIT(""), ask_timeout_us, on_list, p);
}

static void on_keeper(void *ctx, const struct topic_admin_reply *reply)
{
    struct sink_proof *p = ctx;
    const struct config *c = p->a->conf;
    struct err err = { 0 };
    p->call = NULL;
    if (is_passing(p, reply))
        return;
    if (reply->answer.class != ERR_OK)
        err_set(&err, ERR_CONFIG, "dead_letter.subscription %s cannot be looked at: %s", c->dead_letter_subscription, reply->err->text);
    else if (!bytes_eq_str(reply->subscription.topic, c->dead_letter_topic))
        err_set(&err, ERR_CONFIG, "dead_letter.subscription %s is not a subscription of dead_letter.topic %s", c->dead_letter_subscription,
                c->dead_letter_topic);
    else if (reply->subscription.detached)
        err_set(&err, ERR_CONFIG, "dead_letter.subscription %s is detached: it keeps nothing", c->dead_letter_subscription);
    p->fn(p->ctx, &err);
}

static void on_list(void *ctx, const struct topic_admin_reply *reply)
{
    struct sink_proof *p = ctx;
    const char *topic = p->a->conf->dead_letter_topic;
    struct err err = { 0 };
    p->call = NULL;
    if (is_passing(p, reply))
        return;
    if (reply->answer.class == ERR_FORBIDDEN)
        err_set(&err, ERR_CONFIG, "the subscriptions of dead_letter.topic %s may not be listed: name one in dead_letter.subscription, or "
                "grant pubsub.topics.get", topic);
    else if (reply->answer.class != ERR_OK)
        err_set(&err, ERR_CONFIG, "dead_letter.topic %s cannot be looked at: %s", topic, reply->err->text);
    else if (reply->names_count == 0)
        err_set(&err, ERR_CONFIG, "dead_letter.topic %s has no subscription: what is published there is forgotten at once; make one", topic);
    p->fn(p->ctx, &err);
}

/* What a second may mend is asked again; what the service said is its word. */
static bool is_passing(struct sink_proof *p, const struct topic_admin_reply *reply)
{
    switch (reply->answer.class) {
    case ERR_OK:
    case ERR_FORBIDDEN:
    case ERR_NOT_FOUND:
    case ERR_REFUSED:
    case ERR_PRECONDITION:
    case ERR_UNIMPLEMENTED:
        return false;
    default:
        break;
    }
    if (!p->told)
        LOG(p->a->log, SINK_UNPROVED, LOG_ERR(reply->err));
    p->told = true;
    loop_timer_set(p->a->loop, &p->again, loop_now(p->a->loop) + ask_again_us);
    return true;
}

static void on_again(struct loop_timer *t)
{
    struct sink_proof *p = CONTAINER_OF(t, struct sink_proof, again);
    p->step(p);
}
