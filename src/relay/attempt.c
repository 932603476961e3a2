/* Attempts: started oldest first within the target's limit; each answered by exactly one EV_DONE. */
#include "relay/engine.h"

static bool may_start(struct relay *r, struct job *job)
{
    if (r->storm.held && job->op != OP_BURY)
        return false;
    switch (job->op) {
    case OP_FETCH:
        return relay_fetch_may_start(r, job);
    case OP_INGEST:
        return relay_ingest_may_start(r, job);
    case OP_BURY:
        return relay_bury_may_start(r, job);
    default:
        return true;
    }
}

static void start(struct relay *r, struct job *job)
{
    struct target *t = &r->target[job->target];
    CHECK(job->live > 0 || MUTANT(ATTEMPT_ON_LOST_LEASE) || MUTANT(BURY_ON_LOST_LEASE));
    relay_job_move(r, job, JOB_RUNNING);
    job->attempt_out = true;
    job->attempt_us = r->now_us;
    job->successes_before = t->successes[job->op];
    if (job->op != OP_BURY && job->attempts++ == 0)
        job->first_us = r->now_us;
    t->in_flight++;
    t->stats.attempts++;
    struct relay_action *a = relay_act_named(r, ACT_ATTEMPT, job->name);
    a->job = job->id;
    a->op = job->op;
    a->stage = job->stage;
    a->target = job->target;
    a->token_gen = t->token_gen;
    a->until_us = r->now_us + r->policy->attempt_timeout_us;
    a->group = job->group;
    if (job->has_body) {
        a->body = job->body;
        a->body_bytes = job->reserved;
    }
    if (job->op == OP_BURY) {
        a->outcome = job->buried_as;
        a->reason = job->reason;
        a->attempts = job->attempts;
        a->count = job->counted;
        relay_job_tell_delivery(job, a);
        a->answer = job->answer;
    }
    if (job->op == OP_PROVE)
        a->answer = job->refusal;
}

void relay_attempt_pump(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    struct heap_entry *e;
    while ((e = heap_first(&t->ready)) != NULL && relay_limit_has_room(r, target)) {
        struct job *job = CONTAINER_OF(e, struct job, ready);
        if (may_start(r, job))
            start(r, job);
        else if (heap_first(&t->ready) == e)
            break;
    }
}

/* The target learns from the answer whatever becomes of the job. */
static void tell_target(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    struct target *t = &r->target[job->target];
    CHECK(t->in_flight > 0);
    t->in_flight--;
    if (answer->class == ERR_OK) {
        t->successes[job->op]++;
        t->stats.successes++;
    }
    if (answer->class == ERR_THROTTLED || (answer->class == ERR_TIMEOUT && answer->reach != NOT_SENT))
        relay_limit_shrink(r, job->target, job->attempt_us);
    if (answer->reach == ANSWERED && answer->class != ERR_UNAUTHENTICATED && answer->token_gen == t->token_gen)
        t->token_proven = true;
    if (answer->class != ERR_THROTTLED && answer->reach == ANSWERED)
        relay_limit_answered(r, job->target);
}

/* An answer that was under way still counts; nothing further is begun without a lease. */
static bool is_final(const struct job *job, const struct relay_event *ev)
{
    if (ev->answer.class == ERR_ALREADY_EXISTS)
        return job->op == OP_INGEST;
    if (ev->answer.class != ERR_OK)
        return false;
    return job->op == OP_BURY || (job->op == OP_INGEST && !ev->other_id) ||
           (job->op == OP_PROVE && job->target == AT_DEST);
}

void relay_attempt_done(struct relay *r, const struct relay_event *ev)
{
    if (ev->op == OP_PROBE) {
        relay_breaker_probed(r, ev);
        return;
    }
    struct job *job = slots_find(&r->job_slots, ev->job);
    if (job == NULL || !job->attempt_out || job->op != ev->op) {
        r->counters.strays++;
        if (!slot_id_is_none(ev->body))
            relay_act(r, ACT_DROP_BODY)->body = ev->body;
        return;
    }
    tell_target(r, job, &ev->answer);
    job->attempt_out = false;
    if (job->op == OP_FETCH)
        relay_fetch_done(r, job, ev);
    if (job->state == JOB_SETTLED) {    /* its outcome was told when the drain ended */
        relay_job_drop_body(r, job);
        relay_job_free(r, job);
        return;
    }
    if (job->op != OP_BURY && job->op != OP_PROVE)
        job->answer = ev->answer;
    bool lost = job->live == 0 && !MUTANT(ATTEMPT_ON_LOST_LEASE) && !MUTANT(BURY_ON_LOST_LEASE);
    if (lost && !is_final(job, ev)) {
        relay_settle(r, job, OUTCOME_RELEASED, job->lost_why, false);
        return;
    }
    relay_verdict(r, job, ev);
}
