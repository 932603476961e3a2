/*
 * A delivery is a lease and the name that came with it: cheap, always taken.
 *
 *            +--------> QUEUED --+                       given back, lost: gone from any of the first three
 *   new -----+            ^      +--> JOINED --> SETTLED --> ACKING --> gone
 *            +-> BEHIND --+      |
 *            +-------------------+   (its name is being moved: coalesced)
 */
#include "relay/engine.h"
#include "base/mem.h"

static void place_lease(struct relay *r, relay_id lease, struct delivery *d)
{
    if (lease.slot >= r->by_lease_len) {
        CHECK(lease.slot < LIMIT_LEASE_SLOTS);
        uint32_t len = MAX(r->by_lease_len * 2, 256u);
        while (len <= lease.slot)
            len *= 2;
        r->by_lease = mem_grow(r->by_lease, len * sizeof(r->by_lease[0]));
        memset(r->by_lease + r->by_lease_len, 0, (len - r->by_lease_len) * sizeof(r->by_lease[0]));
        r->by_lease_len = len;
    }
    CHECK(r->by_lease[lease.slot].delivery == NULL);
    r->by_lease[lease.slot] = (struct lease_place) { lease.gen, d };
}

struct delivery *relay_delivery_make(struct relay *r, const struct relay_event *ev, struct group *g)
{
    relay_id id;
    struct delivery *d = slots_take(&r->delivery_slots, &id);
    if (d == NULL)
        return NULL;
    d->id = id;
    d->lease = ev->lease;
    d->state = DELIVERY_STATES;
    d->refused = ev->reason;
    d->name = relay_names_add(&r->names, ev->name);
    if (ev->name.len > LIMIT_NAME_LEN && ev->reason == REASON_NONE)
        d->refused = REASON_BAD_PATH;
    d->hash = relay_names_hash(ev->name, r->hash_seed);
    d->received_us = r->now_us;
    d->hold_mark_us = r->hold_clock_us;
    d->until_us = g->runner_leases ? US_NEVER : ev->until_us;
    d->group = g;
    list_push_back(&g->deliveries, &d->group_link);
    g->unsettled++;
    place_lease(r, ev->lease, d);
    return d;
}

struct delivery *relay_delivery_find(struct relay *r, relay_id lease)
{
    if (lease.slot >= r->by_lease_len || r->by_lease[lease.slot].gen != lease.gen)
        return NULL;
    return r->by_lease[lease.slot].delivery;
}

static bool may_move(enum delivery_state from, enum delivery_state to)
{
    switch (to) {
    case DELIVERY_BEHIND:
        return from == DELIVERY_STATES;
    case DELIVERY_QUEUED:
        return from == DELIVERY_STATES || from == DELIVERY_BEHIND;
    case DELIVERY_JOINED:
        return from == DELIVERY_STATES || from == DELIVERY_QUEUED;
    case DELIVERY_SETTLED:
        return from == DELIVERY_JOINED;
    case DELIVERY_ACKING:
        return from == DELIVERY_SETTLED;
    case DELIVERY_STATES:
        break;
    }
    return false;
}

void relay_delivery_move(struct relay *r, struct delivery *d, enum delivery_state to)
{
    CHECK(may_move(d->state, to));
    if (d->state != DELIVERY_STATES)
        list_remove(&r->deliveries[d->state], &d->link);
    list_push_back(&r->deliveries[to], &d->link);
    d->state = to;
    if (to == DELIVERY_SETTLED) {
        CHECK(d->group->unsettled > 0);
        d->group->unsettled--;
    }
}

void relay_delivery_join(struct relay *r, struct delivery *d, struct job *job)
{
    CHECK(job->state != JOB_SETTLED && !d->lost);
    if (d->lane != NULL)
        relay_lane_leave(r, d);
    relay_delivery_move(r, d, DELIVERY_JOINED);
    d->job = job;
    list_push_back(&job->joined, &d->job_link);
    job->live++;
}

void relay_delivery_leave(struct relay *r, struct delivery *d)
{
    struct job *job = d->job;
    if (job == NULL)
        return;
    list_remove(&job->joined, &d->job_link);
    d->job = NULL;
    if (!d->lost) {
        CHECK(job->live > 0);
        job->live--;
    }
    (void) r;
}

void relay_delivery_end(struct relay *r, struct delivery *d)
{
    struct group *g = d->group;
    relay_delivery_leave(r, d);
    if (d->lane != NULL)
        relay_lane_leave(r, d);
    if (d->state < DELIVERY_SETTLED) {
        g->unsettled--;
        if (g->runner_leases && !MUTANT(RUNNER_OK_ON_RELEASE))
            g->failed = true;
    }
    list_remove(&r->deliveries[d->state], &d->link);
    list_remove(&g->deliveries, &d->group_link);
    heap_remove(&r->lease_timers, &d->timer);
    relay_act_lease(r, ACT_FORGET, d);
    r->by_lease[d->lease.slot] = (struct lease_place) { 0 };
    relay_names_unref(&r->names, d->name);
    slots_give(&r->delivery_slots, d->id);
    relay_group_look(r, g);
}

void relay_delivery_release(struct relay *r, struct delivery *d, enum relay_reason why)
{
    CHECK(d->state == DELIVERY_QUEUED || d->state == DELIVERY_BEHIND);
    struct relay_action *a = relay_act_named(r, ACT_OUTCOME, d->name);
    a->lease = d->lease;
    a->group = d->group->id;
    a->outcome = OUTCOME_RELEASED;
    a->reason = why;
    a->stage = OP_FETCH;
    r->ledger.released++;
    if (d->lane != NULL)
        relay_lane_break(r, d->lane, d->state == DELIVERY_BEHIND ? d : NULL, why);
    if (!d->lost && !d->group->runner_leases && why != REASON_GROUP_ABANDONED)
        relay_act_lease(r, ACT_RELEASE, d);
    relay_delivery_end(r, d);
}
