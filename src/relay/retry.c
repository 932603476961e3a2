/*
 * Whom a failure counts against, and when it is enough.
 *
 * A transient answer counts against the message only if the same target did the
 * same operation with success for at least three other messages while this
 * attempt was under way; else against the target. A quiet feed gives no
 * evidence: the message waits, leased, with an alarm.
 *
 * attempts_exhausted needs attempts_max counted attempts and give_up_after_us
 * since the first of them. fetch_timeout_us and ingest_timeout_us, which bound a
 * stage over all its attempts (time held for system faults not counted), cannot
 * shorten that: a site that configures 60 s must not bury its backlog in an
 * outage of two minutes. Beyond its bound a stage goes on at the slowest pace,
 * raises the alarm, and is given up as soon as the evidence allows.
 */
#include "relay/engine.h"

enum { EVIDENCE = 3, AGAIN_ROW = 3 };
static const us_t gone_span_us = 10 * US_PER_S;    /* read-after-notify lag: the tries of a 404 take this long */

bool relay_retry_evidence(const struct relay *r, const struct job *job)
{
    if (MUTANT(COUNT_ALL))
        return true;
    if (MUTANT(COUNT_NONE))
        return false;
    return r->target[job->target].successes[job->op] - job->successes_before >= EVIDENCE;
}

bool relay_retry_exhausted(const struct relay *r, const struct job *job)
{
    bool enough = job->counted >= r->policy->attempts_max;
    bool long_enough = job->counted > 0 && r->now_us - job->first_counted_us >= r->policy->give_up_after_us;
    if (MUTANT(OR_FOR_AND))
        return enough || long_enough;
    return enough && long_enough;
}

static bool stage_is_over_time(const struct relay *r, const struct job *job)
{
    us_t bound = job->stage == OP_FETCH ? r->policy->fetch_timeout_us : r->policy->ingest_timeout_us;
    us_t spent = r->now_us - job->stage_us - (r->hold_clock_us - job->stage_mark_us);
    return bound > 0 && spent > bound;
}

static us_t pace(struct relay *r, struct job *job, enum backoff_jitter jitter)
{
    return backoff_wait(&r->policy->backoff, job->row++, jitter, &r->rnd);
}

void relay_retry_transient(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    if (job->evidence) {
        if (job->counted++ == 0)
            job->first_counted_us = job->attempt_us;
        r->counters.attempts_counted++;
        relay_lane_stuck(r, job->lane);
        relay_job_progress(r, job);    /* towards its end: lease.max_hold may not begin the count anew */
    } else {
        relay_breaker_fault(r, job->target, answer);
    }
    if (relay_retry_exhausted(r, job)) {
        relay_bury(r, job, OUTCOME_DEAD, REASON_ATTEMPTS_EXHAUSTED);
        return;
    }
    bool over = stage_is_over_time(r, job);
    bool quiet = job->row >= r->policy->attempts_max && r->now_us - job->first_us >= r->policy->give_up_after_us;
    if ((over || quiet) && !job->noticed)
        relay_notice_job(r, job, NOTICE_QUIET_FEED, job->target, answer);
    us_t wait_us = over ? r->policy->backoff.max_us : pace(r, job, BACKOFF_FULL);
    relay_job_wait(r, job, MAX(wait_us, answer->wait_us));
}

void relay_retry_fault(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    relay_breaker_fault(r, job->target, answer);
    relay_job_hold(r, job, HOLD_TIMED, MAX(pace(r, job, BACKOFF_EQUAL), answer->wait_us));
}

void relay_retry_again(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    if (job->row >= AGAIN_ROW)
        relay_retry_fault(r, job, answer);
    else
        relay_job_wait(r, job, pace(r, job, BACKOFF_FULL));
}

void relay_retry_throttled(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    us_t asked_us = MIN(answer->wait_us, LIMIT_RETRY_AFTER_S * US_PER_S);
    relay_limit_throttled(r, job->target, answer);
    relay_job_hold(r, job, HOLD_TIMED, MAX(pace(r, job, BACKOFF_EQUAL), asked_us));
}

us_t relay_retry_gone_wait(const struct relay *r, uint32_t tries)
{
    us_t share = gone_span_us / MAX(r->policy->gone_tries * (r->policy->gone_tries - 1) / 2, 1u);
    return share * tries;
}
