/*
 * Drain: nothing new is begun but what a message under way still needs; what
 * waits is given back at once. When the time is over, the rest is given back too,
 * attempts under way included (their answers are then of no account).
 */
#include "relay/engine.h"

static void release_all(struct relay *r, enum delivery_state state)
{
    struct list_link *link;
    while ((link = list_first(&r->deliveries[state])) != NULL)
        relay_delivery_release(r, CONTAINER_OF(link, struct delivery, link), REASON_DRAINING);
}

static void settle_all(struct relay *r, enum job_state state, bool fetches_only)
{
    LIST_EACH(&r->jobs[state], link, after) {
        struct job *job = CONTAINER_OF(link, struct job, link);
        if (!fetches_only || job->op == OP_FETCH)
            relay_settle(r, job, OUTCOME_RELEASED, REASON_DRAINING, false);
    }
}

static void end_all(struct relay *r, enum delivery_state state)
{
    struct list_link *link;
    while ((link = list_first(&r->deliveries[state])) != NULL)
        relay_delivery_end(r, CONTAINER_OF(link, struct delivery, link));
}

/* Done and not permitted: nobody will permit them any more, so they may come again, better soon than late. */
static void end_settled(struct relay *r)
{
    LIST_EACH(&r->deliveries[DELIVERY_SETTLED], link, after) {
        struct delivery *d = CONTAINER_OF(link, struct delivery, link);
        if (!d->lost && !d->group->runner_leases)
            relay_act_lease(r, ACT_RELEASE, d);
    }
    end_all(r, DELIVERY_SETTLED);
}

void relay_drain_begin(struct relay *r, us_t until_us)
{
    r->draining = true;
    r->drain_until_us = until_us;
    release_all(r, DELIVERY_QUEUED);
    release_all(r, DELIVERY_BEHIND);
    settle_all(r, JOB_READY, true);
    settle_all(r, JOB_WAITING, false);
    settle_all(r, JOB_HELD, false);
}

void relay_drain_end(struct relay *r)
{
    r->drain_over = true;
    settle_all(r, JOB_READY, false);
    settle_all(r, JOB_WAITING, false);
    settle_all(r, JOB_HELD, false);
    settle_all(r, JOB_RUNNING, false);
    end_settled(r);
    end_all(r, DELIVERY_ACKING);
}

bool relay_is_drained(const struct relay *r)
{
    return r->draining && r->delivery_slots.used == 0 && r->taken == r->put;
}
