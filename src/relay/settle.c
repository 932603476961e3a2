/*
 * Out: one outcome for each job, told once. Before it: the destination has the
 * bytes, or the dead letter is durable. After it: the leases that joined the job
 * are acknowledged (as soon as their group permits) or given back.
 */
#include "relay/engine.h"

static const us_t ack_give_up_us = 600 * US_PER_S;    /* as Google's clients do for exactly-once */

void relay_bury(struct relay *r, struct job *job, enum relay_outcome as, enum relay_reason why)
{
    job->buried_as = as;
    job->reason = why;
    relay_notice_job_clear(r, job);
    relay_job_aim(r, job, OP_BURY, AT_SINK);
    if (!r->policy->sink) {
        relay_notice_job(r, job, NOTICE_NO_SINK, AT_SINK, NULL);
        relay_job_hold(r, job, HOLD_SINK, 0);
        return;
    }
    relay_job_ready(r, job);
}

bool relay_bury_may_start(struct relay *r, struct job *job)
{
    if (job->buried_as == OUTCOME_DEAD && !job->storm_counted && relay_storm_guards(job->reason)) {
        if (!relay_storm_allows(r, job->reason)) {
            relay_job_hold(r, job, HOLD_STORM, 0);
            return false;
        }
        job->storm_counted = true;
        r->storm.pending++;
    }
    if (MUTANT(ACK_BEFORE_FSYNC)) {
        relay_settle(r, job, job->buried_as, job->reason, false);
        return false;
    }
    return true;
}

static void tell(struct relay *r, struct job *job, enum relay_outcome outcome, enum relay_reason why, bool dup)
{
    struct relay_action *a = relay_act_named(r, ACT_OUTCOME, job->name);
    a->job = job->id;
    a->group = job->group;
    a->outcome = outcome;
    a->reason = why;
    a->stage = job->stage;
    a->attempts = job->attempts;
    a->count = job->counted;
    relay_job_tell_delivery(job, a);
    a->body_bytes = job->has_body ? job->reserved : 0;
    a->answer = job->answer;
    a->dup = dup;
    struct relay_ledger *l = &r->ledger;
    uint64_t *const counter[] = { [OUTCOME_DELIVERED] = &l->delivered, [OUTCOME_DEAD] = &l->dead,
                                  [OUTCOME_SKIPPED] = &l->skipped, [OUTCOME_RELEASED] = &l->released };
    ++*counter[outcome];
    r->counters.duplicates += dup;
}

static void count_for_storm(struct relay *r, struct job *job, enum relay_outcome outcome)
{
    if (job->storm_counted) {
        r->storm.pending--;
        job->storm_counted = false;
    }
    if (outcome == OUTCOME_DELIVERED || outcome == OUTCOME_DEAD)
        relay_storm_outcome(r, outcome == OUTCOME_DEAD && relay_storm_guards(job->reason));
}

static void end_delivery(struct relay *r, struct delivery *d, bool settled)
{
    if (!settled) {
        if (!d->lost && !d->group->runner_leases)
            relay_act_lease(r, ACT_RELEASE, d);
        relay_delivery_end(r, d);
        return;
    }
    relay_lease_settled(r, d);
    relay_delivery_leave(r, d);
    relay_delivery_move(r, d, DELIVERY_SETTLED);
    if (d->group->runner_leases) {
        relay_delivery_end(r, d);
        return;
    }
    struct group *g = d->group;
    if (g->permitted || MUTANT(ACK_BEFORE_PERMIT))
        relay_settle_ack(r, d);
    relay_group_look(r, g);
}

void relay_settle(struct relay *r, struct job *job, enum relay_outcome outcome, enum relay_reason why, bool dup)
{
    struct lane *lane = job->lane;
    relay_notice_job_clear(r, job);
    tell(r, job, outcome, why, dup);
    count_for_storm(r, job, outcome);
    if (job->indexed) {
        relay_index_drop(&r->jobs_by_name, job->hash, job);
        job->indexed = false;
    }
    job->lane = NULL;
    relay_job_move(r, job, JOB_SETTLED);
    struct list_link *link;
    while ((link = list_first(&job->joined)) != NULL)
        end_delivery(r, CONTAINER_OF(link, struct delivery, job_link), outcome != OUTCOME_RELEASED);
    if (!job->attempt_out) {
        relay_job_drop_body(r, job);
        relay_job_free(r, job);
    }
    if (lane != NULL) {
        if (outcome == OUTCOME_RELEASED)
            relay_lane_break(r, lane, NULL, why);
        relay_lane_next(r, lane);
    }
}

void relay_settle_ack(struct relay *r, struct delivery *d)
{
    if (d->state != DELIVERY_ACKING) {
        relay_delivery_move(r, d, DELIVERY_ACKING);
        d->first_ack_us = r->now_us;
    }
    heap_remove(&r->lease_timers, &d->timer);    /* no extension of what is settled */
    relay_act_lease(r, ACT_ACK, d);
}

/* A delivery that is ACKING has waited for its next try. */
void relay_settle_due(struct relay *r, struct delivery *d)
{
    r->counters.acks_repeated++;
    relay_settle_ack(r, d);
}

void relay_settle_acked(struct relay *r, const struct relay_event *ev)
{
    struct delivery *d = relay_delivery_find(r, ev->lease);
    if (d == NULL || d->state != DELIVERY_ACKING || d->timer.place != 0) {
        r->counters.strays++;
        return;
    }
    if (ev->answer.class == ERR_OK) {
        relay_delivery_end(r, d);
        return;
    }
    if (ev->answer.class == ERR_LOST_LEASE || r->now_us - d->first_ack_us > ack_give_up_us) {
        r->counters.acks_invalid++;    /* it comes again, and the destination knows it */
        if (MUTANT(SECOND_OUTCOME))
            relay_act_named(r, ACT_OUTCOME, d->name)->outcome = OUTCOME_DELIVERED;
        relay_delivery_end(r, d);
        return;
    }
    if (ev->answer.class == ERR_UNAUTHENTICATED) {
        bool fault;
        relay_bearer_refused(r, AT_SUBSCRIPTION, ev->answer.token_gen, &fault);
    }
    us_t wait_us = backoff_wait(&r->policy->backoff, d->ack_tries++, BACKOFF_EQUAL, &r->rnd);
    heap_set(&r->lease_timers, &d->timer, r->now_us + MAX(wait_us, ev->answer.wait_us));
}
