/*
 * What happens to a message, in order:
 *
 *   EV_DELIVERY --> admit --> fetch --> ingest --> settle --> acknowledge
 *                     ^         |          |          |
 *                   budget    verdict, retry, prove   +--> dead letter (durable), then acknowledge
 *
 * One event: time passes (what is due happens first, so that no lease is used
 * beyond its end), the event is taken in, then everything that may start does.
 */
#include "relay/engine.h"
#include "base/mem.h"

enum { RELAY_MAGIC = 0x52454c59, GROUPS_MAX = 100000 };

static bool holds(const struct relay *r)
{
    return r->storm.held || relay_target_is_held(r, AT_SOURCE) || relay_target_is_held(r, AT_DEST);
}

bool relay_hold_is_on(const struct relay *r)
{
    return holds(r);
}

static void start_ready(struct relay *r, enum relay_target target)
{
    if (r->target[target].ready.count > 0)
        relay_attempt_pump(r, target);
}

static void pump(struct relay *r)
{
    for (int t = 0; t < RELAY_TARGETS; t++) {
        if (relay_target_is_held(r, (enum relay_target) t) || r->target[t].was_held)
            relay_target_follow(r, (enum relay_target) t);
    }
    if (r->wants.count > 0)
        relay_budget_pump(r);
    start_ready(r, AT_SINK);
    start_ready(r, AT_DEST);
    start_ready(r, AT_SOURCE);
    relay_admit_pump(r);
    start_ready(r, AT_SINK);    /* names refused on admission */
    relay_admit_flow(r);
    r->holding = holds(r);
}

struct relay *relay_make(const struct relay_policy *policy, uint64_t seed, us_t now_us)
{
    struct relay *r = mem_alloc(sizeof(*r));
    r->magic = RELAY_MAGIC;
    r->policy = policy;
    r->now_us = now_us;
    rnd_seed(&r->rnd, seed);
    r->hash_seed = rnd_u64(&r->rnd);
    slots_init(&r->delivery_slots, sizeof(struct delivery), LIMIT_OUTSTANDING);
    slots_init(&r->job_slots, sizeof(struct job), LIMIT_OUTSTANDING);
    slots_init(&r->lane_slots, sizeof(struct lane), LIMIT_OUTSTANDING + 1);
    slots_init(&r->group_slots, sizeof(struct group), GROUPS_MAX);
    relay_names_init(&r->names);
    for (int i = 0; i < DELIVERY_STATES; i++)
        list_init(&r->deliveries[i]);
    for (int i = 0; i < JOB_STATES; i++)
        list_init(&r->jobs[i]);
    for (int t = 0; t < RELAY_TARGETS; t++)
        relay_target_init(r, (enum relay_target) t);
    relay_storm_init(r);
    const struct relay_event direct = { .kind = EV_GROUP, .group = 0, .permit_now = true };
    relay_group_open(r, &direct);
    relay_bearer_start(r);
    pump(r);
    return r;
}

void relay_free(struct relay *r)
{
    if (r == NULL)
        return;
    CHECK_MAGIC(r, RELAY_MAGIC);
    slots_fini(&r->delivery_slots);
    slots_fini(&r->job_slots);
    slots_fini(&r->lane_slots);
    slots_fini(&r->group_slots);
    relay_names_fini(&r->names);
    relay_index_fini(&r->jobs_by_name);
    relay_index_fini(&r->lanes_by_key);
    relay_index_fini(&r->groups_by_id);
    heap_fini(&r->lease_timers);
    heap_fini(&r->job_timers);
    heap_fini(&r->group_caps);
    heap_fini(&r->wants);
    heap_fini(&r->droppable);
    for (int t = 0; t < RELAY_TARGETS; t++)
        heap_fini(&r->target[t].ready);
    mem_free(r->by_lease);
    mem_free(r->storm.window);
    mem_free(r->actions);
    r->magic = 0;
    mem_free(r);
}

static struct heap_entry *pop_due(struct relay *r, struct heap *h)
{
    if (heap_due(h) > r->now_us)
        return NULL;
    struct heap_entry *e = heap_first(h);
    heap_remove(h, e);
    return e;
}

static void run_due(struct relay *r)
{
    struct heap_entry *e;
    while ((e = pop_due(r, &r->lease_timers)) != NULL)
        relay_lease_due(r, CONTAINER_OF(e, struct delivery, timer));
    while ((e = pop_due(r, &r->group_caps)) != NULL)
        relay_group_abandon(r, CONTAINER_OF(e, struct group, cap));
    for (int t = 0; t < RELAY_TARGETS; t++) {
        if (relay_target_due(r, (enum relay_target) t) > r->now_us)
            continue;
        relay_breaker_due(r, (enum relay_target) t);
        relay_bearer_due(r, (enum relay_target) t);
    }
    while ((e = pop_due(r, &r->job_timers)) != NULL)
        relay_job_wake(r, CONTAINER_OF(e, struct job, timer));
    if (r->draining && !r->drain_over && r->now_us >= r->drain_until_us)
        relay_drain_end(r);
}

static void want(struct relay *r, const struct relay_event *ev)
{
    struct job *job = slots_find(&r->job_slots, ev->job);
    if (job == NULL || !job->attempt_out || job->op != OP_FETCH || job->memory.place != 0 ||
        job->state != JOB_RUNNING) {
        r->counters.strays++;
        return;
    }
    relay_budget_want(r, job, ev->body_bytes);
}

static void take_policy(struct relay *r, const struct relay_policy *policy)
{
    r->policy = policy;
    for (int t = 0; t < RELAY_TARGETS; t++)
        r->target[t].limit = MAX(1.0, MIN(r->target[t].limit, (double) policy->limit_max[t]));
    relay_budget_fit(r);
    relay_bearer_start(r);
    if (!policy->storm_on)
        relay_storm_accept(r);
    if (!policy->sink)
        return;
    LIST_EACH(&r->jobs[JOB_HELD], link, after) {
        struct job *job = CONTAINER_OF(link, struct job, link);
        if (job->hold == HOLD_SINK)
            relay_job_wake(r, job);
    }
}

static void abandon(struct relay *r, uint32_t id)
{
    struct group *g = relay_group_find(r, id);
    if (g == NULL)
        r->counters.strays++;
    else
        relay_group_abandon(r, g);
}

static void take_in(struct relay *r, const struct relay_event *ev)
{
    switch (ev->kind) {
    case EV_DELIVERY:
        relay_admit_delivery(r, ev);
        return;
    case EV_LEASE:
        relay_lease_event(r, ev);
        return;
    case EV_DONE:
        relay_attempt_done(r, ev);
        return;
    case EV_WANT:
        want(r, ev);
        return;
    case EV_ACKED:
        relay_settle_acked(r, ev);
        return;
    case EV_GROUP:
        relay_group_open(r, ev);
        return;
    case EV_GROUP_FULL:
        relay_group_full(r, ev->group);
        return;
    case EV_PERMIT:
        relay_group_permit(r, ev->group);
        return;
    case EV_ABANDON:
        abandon(r, ev->group);
        return;
    case EV_TOKEN:
        relay_bearer_token(r, ev);
        return;
    case EV_POLICY:
        take_policy(r, ev->policy);
        return;
    case EV_STORM_ACCEPT:
        relay_storm_accept(r);
        return;
    case EV_DRAIN:
        if (!r->draining)
            relay_drain_begin(r, ev->until_us);
        else if (ev->until_us < r->drain_until_us)
            r->drain_until_us = ev->until_us;
        return;
    case EV_TICK:
        return;
    }
}

void relay_feed(struct relay *r, const struct relay_event *ev, us_t now_us)
{
    CHECK_MAGIC(r, RELAY_MAGIC);
    relay_act_release_taken(r);
    now_us = MAX(now_us, r->now_us);
    if (r->holding)
        r->hold_clock_us += now_us - r->now_us;
    r->now_us = now_us;
    run_due(r);
    take_in(r, ev);
    pump(r);
}

us_t relay_due(const struct relay *r)
{
    us_t due = MIN(heap_due(&r->lease_timers), heap_due(&r->job_timers));
    due = MIN(due, heap_due(&r->group_caps));
    for (int t = 0; t < RELAY_TARGETS; t++)
        due = MIN(due, relay_target_due(r, (enum relay_target) t));
    if (r->draining && !r->drain_over)
        due = MIN(due, r->drain_until_us);
    return due;
}
