#include "adapters/driver.h"

#include "adapters/driver_parts.h"
#include "base/mem.h"

void driver_feed(struct driver *d, const struct relay_event *ev)
{
    relay_feed(d->relay, ev, loop_now(d->conf.loop));
    loop_task_post(d->conf.loop, &d->task);
}

/* The table's entry for a job; a new job in the slot finds it clean. */
struct attempt *driver_attempt(struct driver *d, relay_id job)
{
    if (job.slot >= d->attempts_count) {
        uint32_t count = MAX(job.slot + 1, d->attempts_count * 2);
        d->attempts = mem_grow(d->attempts, count * sizeof(d->attempts[0]));
        for (uint32_t i = d->attempts_count; i < count; i++)
            d->attempts[i] = NULL;
        d->attempts_count = count;
    }
    struct attempt *at = d->attempts[job.slot];
    if (at == NULL)
        at = d->attempts[job.slot] = mem_alloc(sizeof(*at));
    if (!slot_id_eq(at->job, job)) {
        CHECK(!at->open);
        struct buf other_id = at->other_id;
        buf_clear(&other_id);
        *at = (struct attempt) { .driver = d, .job = job, .other_id = other_id };
    }
    return at;
}

static void drop_body(struct driver *d, relay_id body)
{
    struct store_body *b = store_body_find(d->conf.bodies, body);
    if (b != NULL)
        store_body_give(d->conf.bodies, b);
}

static void refresh(struct driver *d, const struct relay_action *a)
{
    CHECK(d->conf.auth != NULL);
    auth_refresh(d->conf.auth, a->token_gen);
}

static void act(struct driver *d, const struct relay_action *a)
{
    switch (a->kind) {
    case ACT_ATTEMPT:    driver_attempt_start(d, a); break;
    case ACT_GRANT:      driver_attempt_grant(d, a); break;
    case ACT_DROP_BODY:  drop_body(d, a->body); break;
    case ACT_OUTCOME:    driver_outcome(d, a); break;
    case ACT_EXTEND:     driver_source_extend(d, a); break;
    case ACT_ACK:        driver_source_ack(d, a); break;
    case ACT_RELEASE:    driver_source_release(d, a); break;
    case ACT_FORGET:     driver_source_forget(d, a->lease); break;
    case ACT_GROUP_DONE: d->conf.bundles->on_group_done(d->conf.bundles->ctx, a->group, a->failed); break;
    case ACT_REFRESH:    refresh(d, a); break;
    case ACT_FLOW:       driver_flow(d, a->count); break;
    case ACT_NOTICE:     driver_notice(d, a); break;
    }
}

void driver_act(struct driver *d)
{
    size_t count;
    if (d->facts.enough && !d->stopped)
        pull_stream_stop(d->pull);
    d->stopped = d->facts.enough;
    while ((count = relay_take(d->relay, d->actions, DRIVER_TAKE_MAX)) > 0) {
        for (size_t i = 0; i < count; i++)
            act(d, &d->actions[i]);
        for (struct list_link *link; (link = list_pop_front(&d->late)) != NULL;) {
            struct attempt *at = CONTAINER_OF(link, struct attempt, late);
            driver_attempt_done(at, &at->late_answer);
        }
    }
    us_t due = relay_due(d->relay);
    if (due == US_NEVER)
        loop_timer_stop(d->conf.loop, &d->tick);
    else
        loop_timer_set(d->conf.loop, &d->tick, due);
}

static void on_task(struct loop_task *t)
{
    driver_act(CONTAINER_OF(t, struct driver, task));
}

static void on_tick(struct loop_timer *t)
{
    struct driver *d = CONTAINER_OF(t, struct driver, tick);
    driver_feed(d, &(struct relay_event) { .kind = EV_TICK });
}

/* One token serves every target but the sink, which is a directory. */
static void on_token(struct auth_watcher *w, uint32_t gen, const struct err *err)
{
    struct driver *d = CONTAINER_OF(w, struct driver, auth_watcher);
    if (err->class == ERR_OK)
        LOG(d->conf.log, TOKEN_REFRESHED, LOG_INT("generation", gen));
    else
        LOG(d->conf.log, TOKEN_FAILED, LOG_ERR(err));
    static const enum relay_target targets[] = { AT_SUBSCRIPTION, AT_SOURCE, AT_DEST };
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        driver_feed(d, &(struct relay_event) {
            .kind = EV_TOKEN, .target = targets[i],
            .answer = { .class = err->class, .reach = ANSWERED, .http = err->http, .token_gen = gen,
                        .wait_us = err->wait_us },
        });
}

struct driver *driver_make(const struct driver_conf *conf)
{
    struct driver *d = mem_alloc(sizeof(*d));
    d->conf = *conf;
    us_t now = loop_now(conf->loop);
    d->policy[0] = *conf->policy;
    d->relay = relay_make(&d->policy[0], conf->seed, now);
    d->task.fn = on_task;
    d->tick.fn = on_tick;
    d->facts.last_activity_us = now;
    slots_init(&d->leases, sizeof(struct lease), LIMIT_OUTSTANDING);
    list_init(&d->leases_by_age);
    list_init(&d->late);
    driver_bundles_open(d);
    for (int t = 0; t < RELAY_TARGETS; t++)
        d->probe[t] = (struct attempt) {
            .driver = d, .op = OP_PROBE, .target = (enum relay_target) t,
        };
    driver_source_open(d);
    if (conf->auth != NULL) {
        d->auth_watcher.fn = on_token;
        auth_watch(conf->auth, &d->auth_watcher);
    }
    loop_task_post(conf->loop, &d->task);
    return d;
}

/* In a fast exit the engine still has bodies: they go with it. */
static void attempt_free(struct attempt *at)
{
    if (at == NULL)
        return;
    driver_attempt_cancel(at);
    drop_body(at->driver, at->fetched);
    buf_fini(&at->other_id);
}

void driver_free(struct driver *d)
{
    if (d == NULL)
        return;
    if (d->conf.auth != NULL)
        auth_unwatch(d->conf.auth, &d->auth_watcher);
    for (int t = 0; t < RELAY_TARGETS; t++)
        attempt_free(&d->probe[t]);
    for (uint32_t i = 0; i < d->attempts_count; i++) {
        attempt_free(d->attempts[i]);
        mem_free(d->attempts[i]);
    }
    mem_free(d->attempts);
    driver_bundles_close(d);
    driver_source_close(d);
    slots_fini(&d->leases);
    loop_task_cancel(d->conf.loop, &d->task);
    loop_timer_stop(d->conf.loop, &d->tick);
    relay_free(d->relay);
    mem_free(d);
}

void driver_drain(struct driver *d, us_t until_us)
{
    driver_feed(d, &(struct relay_event) { .kind = EV_DRAIN, .until_us = until_us });
    if (d->pull == NULL)
        return;
    pull_stream_stop(d->pull);
    driver_unpark_all(d);
}

bool driver_is_drained(const struct driver *d)
{
    return relay_is_drained(d->relay) && (d->acks == NULL || ack_batch_open(d->acks) == 0);
}

void driver_flush(struct driver *d)
{
    driver_act(d);
    if (d->acks != NULL)
        ack_batch_flush(d->acks);
}

void driver_set_policy(struct driver *d, const struct relay_policy *policy)
{
    struct relay_policy *next = &d->policy[++d->policies % 2];
    *next = *policy;
    next->exactly_once = d->facts.exactly_once;
    next->lanes = d->facts.ordered;
    driver_feed(d, &(struct relay_event) { .kind = EV_POLICY, .policy = next });
}

void driver_accept_storm(struct driver *d)
{
    driver_feed(d, &(struct relay_event) { .kind = EV_STORM_ACCEPT });
}

void driver_facts(const struct driver *d, struct driver_facts *ret_facts)
{
    *ret_facts = d->facts;
    ret_facts->pull = d->pull != NULL ? pull_stream_state(d->pull) : PULL_CLOSED;
    ret_facts->acks_open = d->acks != NULL ? ack_batch_open(d->acks) : 0;
    struct list_link *oldest = list_first(&d->leases_by_age);
    us_t published = oldest != NULL ? CONTAINER_OF(oldest, struct lease, by_age)->published_wall_us : 0;
    ret_facts->oldest_published_wall_us = published != 0 ? published : US_NEVER;
}

const struct relay *driver_relay(const struct driver *d)
{
    return d->relay;
}
