#include "relay/engine.h"

/* In flight is counted from the tables: what is queued, and one for each job without an outcome. */
struct relay_ledger relay_ledger(const struct relay *r)
{
    struct relay_ledger l = r->ledger;
    l.in_flight = r->deliveries[DELIVERY_BEHIND].count + r->deliveries[DELIVERY_QUEUED].count +
                  r->job_slots.used - r->jobs[JOB_SETTLED].count;
    return l;
}

static us_t received(const struct list *l)
{
    const struct list_link *link = list_first(l);
    return link != NULL ? CONTAINER_OF(link, const struct delivery, link)->received_us : US_NEVER;
}

static void targets(const struct relay *r, struct relay_stats *s)
{
    for (int i = 0; i < RELAY_TARGETS; i++) {
        const struct target *t = &r->target[i];
        struct relay_target_stats *out = &s->target[i];
        *out = t->stats;
        out->limit = (uint32_t) t->limit;
        out->in_flight = t->in_flight;
        out->ready = t->ready.count;
        out->breaker_open = t->open;
        out->token_wait = t->token_wait;
        out->token_gen = t->token_gen;
        for (int n = 0; n < RELAY_NOTICES; n++)
            s->notice[n] |= r->notices[i][n] > 0;
    }
}

void relay_stats(const struct relay *r, struct relay_stats *ret_stats)
{
    struct relay_stats *s = ret_stats;
    *s = r->counters;
    s->ledger = relay_ledger(r);
    targets(r, s);
    s->leases = r->delivery_slots.used;
    s->behind = (uint32_t) r->deliveries[DELIVERY_BEHIND].count;
    s->queued = (uint32_t) r->deliveries[DELIVERY_QUEUED].count;
    s->joined = (uint32_t) r->deliveries[DELIVERY_JOINED].count;
    s->settled = (uint32_t) r->deliveries[DELIVERY_SETTLED].count;
    s->acking = (uint32_t) r->deliveries[DELIVERY_ACKING].count;
    s->jobs = r->job_slots.used;
    s->ready = (uint32_t) r->jobs[JOB_READY].count;
    s->running = (uint32_t) r->jobs[JOB_RUNNING].count;
    s->waiting = (uint32_t) r->jobs[JOB_WAITING].count;
    s->held = (uint32_t) r->jobs[JOB_HELD].count;
    s->body_bytes = r->body_bytes;
    s->wants = r->wants.count;
    s->lanes = r->lane_slots.used;
    s->parked = r->parked;
    s->groups = r->group_slots.used;
    s->flow = r->flow_told;
    s->storm_held = r->storm.held;
    s->storm_dead = r->storm.dead;
    s->storm_outcomes = r->storm.seen;
    s->draining = r->draining;
    s->oldest_us = MIN(received(&r->deliveries[DELIVERY_QUEUED]), received(&r->deliveries[DELIVERY_JOINED]));
}
