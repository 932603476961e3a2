/*
 * In: every delivery is taken at once; a job is made of it when its turn and the
 * room for it have come. What cannot be taken is given back at once.
 */
#include "relay/engine.h"

enum { SINK_PENDING_MAX = 1000 };    /* dead letters that wait for a sink before nothing more is pulled */
/* Deliveries behind stuck heads that take no place: at most so many times deliveries_max, for each costs memory. */
enum { PARKED_TIMES = 15 };

static void give_back(struct relay *r, const struct relay_event *ev, enum relay_reason why, bool nack)
{
    struct relay_name *name = relay_names_add(&r->names, ev->name);
    struct relay_action *a = relay_act_named(r, ACT_OUTCOME, name);
    a->lease = ev->lease;
    a->group = ev->group;
    a->outcome = OUTCOME_RELEASED;
    a->reason = why;
    relay_names_unref(&r->names, name);
    r->ledger.released++;
    if (nack)
        relay_act(r, ACT_RELEASE)->lease = ev->lease;
    relay_act(r, ACT_FORGET)->lease = ev->lease;
}

static void tell_coalesced(struct relay *r, const struct delivery *d)
{
    struct relay_action *a = relay_act_named(r, ACT_OUTCOME, d->name);
    a->lease = d->lease;
    a->group = d->group->id;
    a->job = d->job->id;
    a->outcome = OUTCOME_COALESCED;
    r->ledger.coalesced += MUTANT(LEDGER_OFF_BY_ONE) ? 2 : 1;
}

void relay_admit_delivery(struct relay *r, const struct relay_event *ev)
{
    r->ledger.received++;
    if (r->flow_told > 0)
        r->flow_told--;
    struct group *g = relay_group_find(r, ev->group);
    if (g == NULL || g->full) {
        give_back(r, ev, REASON_GROUP_ABANDONED, false);
        return;
    }
    struct delivery *d = r->draining ? NULL : relay_delivery_make(r, ev, g);
    if (d == NULL) {
        g->failed |= g->runner_leases;
        give_back(r, ev, r->draining ? REASON_DRAINING : REASON_NO_ROOM, !g->runner_leases);
        return;
    }
    struct job *job = d->refused == REASON_NONE ? relay_job_find(r, ev->name, d->hash) : NULL;
    if (job != NULL) {
        relay_delivery_join(r, d, job);
        tell_coalesced(r, d);
    } else if (ev->lane != 0 && !relay_lane_enter(r, d, ev->lane)) {
        relay_delivery_move(r, d, DELIVERY_BEHIND);
    } else {
        relay_delivery_move(r, d, DELIVERY_QUEUED);
    }
    relay_lease_watch(r, d);
}

static bool may_admit(const struct relay *r, const struct delivery *d)
{
    const struct target *source = &r->target[AT_SOURCE];
    if (r->job_slots.used - r->alone >= r->policy->jobs_max || r->storm.held)
        return false;
    if (d->refused != REASON_NONE)
        return true;
    if (relay_target_is_held(r, AT_SOURCE) || relay_target_is_held(r, AT_DEST))
        return false;
    return source->in_flight + source->ready.count < (uint32_t) source->limit;
}

static void admit(struct relay *r, struct delivery *d)
{
    enum relay_reason refused = d->refused;
    struct bytes name = bytes_of(d->name->text, d->name->len);
    struct job *job = refused == REASON_NONE ? relay_job_find(r, name, d->hash) : NULL;
    if (job != NULL) {
        relay_delivery_join(r, d, job);
        tell_coalesced(r, d);
        return;
    }
    job = relay_job_make(r, d);
    if (refused == REASON_NONE) {
        relay_job_ready(r, job);
        return;
    }
    job->stage = OP_BURY;    /* refused before any attempt */
    if (refused == REASON_FOREIGN_PROJECT) {
        job->reason = refused;
        relay_notice_job(r, job, NOTICE_FOREIGN_PROJECT, AT_SOURCE, NULL);
        relay_job_hold(r, job, HOLD_FOREIGN, 0);
        return;
    }
    relay_bury(r, job, refused == REASON_EMPTY_NOTIFICATION ? OUTCOME_SKIPPED : OUTCOME_DEAD, refused);
}

void relay_admit_pump(struct relay *r)
{
    struct list_link *link;
    while ((link = list_first(&r->deliveries[DELIVERY_QUEUED])) != NULL) {
        struct delivery *d = CONTAINER_OF(link, struct delivery, link);
        if (!may_admit(r, d))
            break;
        admit(r, d);
        relay_attempt_pump(r, AT_SOURCE);
        /* A fetch that may not start (memory, back-pressure) shows that no other may. */
        if (r->target[AT_SOURCE].ready.count > 0)
            break;
    }
}

static uint32_t flow_wanted(const struct relay *r)
{
    const struct target *sink = &r->target[AT_SINK];
    if (r->draining || relay_hold_is_on(r))
        return 0;
    if (sink->ready.count + sink->stats.held > SINK_PENDING_MAX)
        return 0;
    if (r->deliveries[DELIVERY_SETTLED].count > r->policy->settled_max)
        return 0;
    uint64_t free_of_charge = r->alone + MIN((uint64_t) r->parked, (uint64_t) r->policy->deliveries_max * PARKED_TIMES);
    if (MUTANT(STUCK_LANE_TAKES_ALL))
        free_of_charge = r->alone;
    uint32_t leases = r->delivery_slots.used - (uint32_t) MIN(free_of_charge, r->delivery_slots.used);
    uint32_t room = r->policy->deliveries_max > leases ? r->policy->deliveries_max - leases : 0;
    return MIN(room, LIMIT_OUTSTANDING - r->delivery_slots.used);
}

void relay_admit_flow(struct relay *r)
{
    uint32_t wanted = flow_wanted(r);
    uint32_t step = MAX(r->policy->deliveries_max / 16, 1u);
    bool stop = wanted == 0 && r->flow_told > 0;
    bool more = wanted >= step && r->flow_told < wanted / 2 + 1 && r->flow_told < wanted;
    if (!stop && !more && r->flow_told <= wanted)
        return;
    r->flow_told = wanted;
    relay_act(r, ACT_FLOW)->count = wanted;
}
