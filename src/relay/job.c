/*
 * A job is one message being moved.
 *
 *   made --> READY --> RUNNING --+--> READY (next stage)      SETTLED: its outcome is told; only when an
 *              ^  ^              +--> WAITING (backoff)       attempt is still under way (drain) does the
 *              |  +--- timer ----+--> HELD (system fault)     slot live on, until its EV_DONE
 *              +------ timer, target taken up again
 *
 * After relay_job_ready, _wait, _hold, relay_bury or relay_settle the caller may
 * not touch the job: it may be gone.
 */
#include "relay/engine.h"

struct job *relay_job_find(struct relay *r, struct bytes name, uint64_t hash)
{
    uint32_t cursor = UINT32_MAX;
    struct job *job;
    while ((job = relay_index_next(&r->jobs_by_name, hash, &cursor)) != NULL) {
        if (bytes_eq(bytes_of(job->name->text, job->name->len), name))
            return job;
    }
    return NULL;
}

struct job *relay_job_make(struct relay *r, struct delivery *founder)
{
    relay_id id;
    struct job *job = slots_take(&r->job_slots, &id);
    CHECK(job != NULL);
    job->id = id;
    job->seq = ++r->next_seq;
    job->state = JOB_STATES;
    job->name = relay_names_ref(founder->name);
    job->hash = founder->hash;
    job->group = founder->group->id;
    job->received_us = founder->received_us;
    list_init(&job->joined);
    job->lane = founder->lane;      /* the head's place passes from the delivery to the job */
    founder->lane = NULL;
    relay_delivery_join(r, founder, job);
    /* A refused name may be cut or empty: it says nothing about identity. */
    job->indexed = founder->refused == REASON_NONE;
    if (job->indexed)
        relay_index_put(&r->jobs_by_name, job->hash, job);
    relay_job_aim(r, job, OP_FETCH, AT_SOURCE);
    relay_job_progress(r, job);
    return job;
}

void relay_job_free(struct relay *r, struct job *job)
{
    CHECK(list_is_empty(&job->joined) && !job->attempt_out && !job->has_body && !job->indexed);
    if (job->state != JOB_STATES)
        list_remove(&r->jobs[job->state], &job->link);
    relay_names_unref(&r->names, job->name);
    slots_give(&r->job_slots, job->id);
}

static bool may_move(enum job_state from, enum job_state to)
{
    switch (to) {
    case JOB_READY:
    case JOB_WAITING:
        return from != JOB_SETTLED && from != to;
    case JOB_HELD:
    case JOB_SETTLED:
        return from != JOB_SETTLED;
    case JOB_RUNNING:
        return from == JOB_READY;
    case JOB_STATES:
        break;
    }
    return false;
}

static bool waits_for_a_person(enum job_hold hold)
{
    return hold == HOLD_ALONE || hold == HOLD_FOREIGN;
}

static void leave_state(struct relay *r, struct job *job)
{
    if (job->state == JOB_STATES)
        return;
    list_remove(&r->jobs[job->state], &job->link);
    heap_remove(&r->job_timers, &job->timer);
    if (job->state == JOB_READY)
        heap_remove(&r->target[job->target].ready, &job->ready);
    if (job->state == JOB_RUNNING)
        heap_remove(&r->wants, &job->memory);
    if (job->state == JOB_HELD || job->state == JOB_WAITING)
        heap_remove(&r->droppable, &job->memory);
    if (job->state == JOB_HELD) {
        r->alone -= waits_for_a_person(job->hold);
        if (job->hold == HOLD_TARGET) {
            r->target[job->held_for].stats.held--;
        } else {
            relay_job_progress(r, job);    /* a system fault's time counts for no bound */
            job->stage_us += r->now_us - job->held_us;
        }
    }
}

void relay_job_move(struct relay *r, struct job *job, enum job_state to)
{
    CHECK(may_move(job->state, to));
    leave_state(r, job);
    list_push_back(&r->jobs[to], &job->link);
    job->state = to;
}

void relay_job_tell_delivery(const struct job *job, struct relay_action *a)
{
    const struct list_link *first = list_first(&job->joined);
    a->first_us = job->first_us;
    if (first == NULL)
        return;
    const struct delivery *d = CONTAINER_OF(first, struct delivery, job_link);
    a->lease = d->lease;
    if (a->first_us == 0)    /* refused before any attempt */
        a->first_us = d->received_us;
}

void relay_job_aim(struct relay *r, struct job *job, enum relay_op op, enum relay_target target)
{
    CHECK(job->state != JOB_READY && !job->attempt_out);
    if ((op == OP_FETCH || op == OP_INGEST) && (job->stage != op || job->stage_us == 0)) {
        job->stage = op;
        job->stage_us = r->now_us;
        job->stage_mark_us = r->hold_clock_us;
    }
    job->op = op;
    job->target = target;
}

void relay_job_ready(struct relay *r, struct job *job)
{
    if (relay_target_is_held(r, job->target)) {
        relay_job_hold(r, job, HOLD_TARGET, 0);
        return;
    }
    relay_job_move(r, job, JOB_READY);
    heap_set(&r->target[job->target].ready, &job->ready, (us_t) job->seq);
}

void relay_job_wait(struct relay *r, struct job *job, us_t wait_us)
{
    if (r->draining) {
        relay_settle(r, job, OUTCOME_RELEASED, REASON_DRAINING, false);
        return;
    }
    relay_job_move(r, job, JOB_WAITING);
    if (!MUTANT(FORGET_RETRY) || job->row != 2)
        heap_set(&r->job_timers, &job->timer, r->now_us + wait_us);
    if (job->has_body)
        heap_set(&r->droppable, &job->memory, -(us_t) job->seq);
}

void relay_job_hold(struct relay *r, struct job *job, enum job_hold hold, us_t wait_us)
{
    if (r->draining) {
        relay_settle(r, job, OUTCOME_RELEASED, REASON_DRAINING, false);
        return;
    }
    relay_job_move(r, job, JOB_HELD);
    job->hold = hold;
    job->held_us = r->now_us;
    job->held_for = job->target;
    if (hold == HOLD_TARGET)
        r->target[job->target].stats.held++;
    r->alone += waits_for_a_person(hold);
    if (waits_for_a_person(hold))
        relay_lane_stuck(r, job->lane);
    if (hold == HOLD_TIMED || hold == HOLD_ALONE)
        heap_set(&r->job_timers, &job->timer, r->now_us + wait_us);
    if (job->has_body)
        heap_set(&r->droppable, &job->memory, -(us_t) job->seq);
}

void relay_job_wake(struct relay *r, struct job *job)
{
    if (job->op == OP_BURY && job->hold == HOLD_SINK && job->state == JOB_HELD)
        relay_bury(r, job, job->buried_as, job->reason);
    else
        relay_job_ready(r, job);
}

void relay_job_progress(struct relay *r, struct job *job)
{
    job->progress_us = r->now_us;
    job->progress_mark_us = r->hold_clock_us;
}

us_t relay_job_idle(const struct relay *r, const struct job *job)
{
    if (job->state == JOB_HELD)
        return 0;
    return r->now_us - job->progress_us - (r->hold_clock_us - job->progress_mark_us);
}

void relay_job_orphaned(struct relay *r, struct job *job, enum relay_reason why)
{
    CHECK(job->live == 0);
    job->lost_why = why;
    if (job->lane != NULL)
        relay_lane_break(r, job->lane, NULL, why);
    if (MUTANT(BURY_ON_LOST_LEASE) && !job->attempt_out && job->attempts > 0 && job->state != JOB_READY) {
        relay_bury(r, job, OUTCOME_DEAD, REASON_ATTEMPTS_EXHAUSTED);
        return;
    }
    if (MUTANT(ATTEMPT_ON_LOST_LEASE))
        return;
    if (!job->attempt_out)
        relay_settle(r, job, OUTCOME_RELEASED, why, false);
}

void relay_job_drop_body(struct relay *r, struct job *job)
{
    CHECK(!job->attempt_out);
    heap_remove(&r->droppable, &job->memory);
    if (job->has_body) {
        relay_act(r, ACT_DROP_BODY)->body = job->body;
        job->has_body = false;
        job->body = (relay_id) { 0 };
    }
    relay_budget_correct(r, job, 0);
}
