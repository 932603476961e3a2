/* The one place where a class becomes a deed. */
#include "relay/engine.h"

enum {
    ERR_ANY = ERR_CLASSES,
    REACH_NOT_SENT = NOT_SENT,
    REACH_MAYBE_APPLIED = MAYBE_APPLIED,
    REACH_ANSWERED = ANSWERED,
    REACH_ANY,
    NOTICE_NONE = RELAY_NOTICES
};

enum { PROOFS = 2 /* see prove.c */, STALE_TOKENS = 3 };
static const us_t alone_recheck_us = 5 * US_PER_MIN;

static const struct verdict_row table[] = {
#define VERDICT(stage, class, reach, deed, reason, notice, why)                                              \
    { STAGE_##stage, ERR_##class, REACH_##reach, DEED_##deed, REASON_##reason,                               \
      (enum relay_notice) NOTICE_##notice, why },
#include "relay/verdict.def"
#undef VERDICT
};

const struct verdict_row *relay_verdict_find(enum verdict_stage stage, uint16_t class, uint8_t reach)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct verdict_row *row = &table[i];
        if ((row->stage == stage || row->stage == STAGE_ANY) && (row->class == class || row->class == ERR_ANY) &&
            (row->reach == reach || row->reach == REACH_ANY))
            return row;
    }
    CHECK(false);
    return NULL;
}

static enum verdict_stage stage_of(const struct job *job)
{
    switch (job->op) {
    case OP_FETCH:
        return STAGE_FETCH;
    case OP_INGEST:
        return STAGE_INGEST;
    case OP_PROVE:
        return job->target == AT_SOURCE ? STAGE_GONE : STAGE_COPY;
    default:
        return STAGE_BURY;
    }
}

/* The breaker and the limit hear of every answer that shows the target at work. */
static bool target_works(enum relay_deed deed)
{
    return deed == DEED_PASS || deed == DEED_LOOK_AGAIN || deed == DEED_ONCE_MORE || deed == DEED_PROVE ||
           deed == DEED_REFUSAL || deed == DEED_COPY || deed == DEED_BURY || deed == DEED_ALONE;
}

static void pass(struct relay *r, struct job *job, const struct relay_event *ev)
{
    switch (job->op) {
    case OP_FETCH:
        relay_fetch_passed(r, job);
        return;
    case OP_INGEST:
        relay_ingest_passed(r, job, ev);
        return;
    case OP_PROVE:
        relay_prove_passed(r, job);
        return;
    default:
        relay_settle(r, job, job->buried_as, job->reason, false);
    }
}

static void look_again(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    if (answer->http == 410 || ++job->gone_tries >= r->policy->gone_tries)
        relay_prove_gone(r, job, answer);
    else
        relay_job_wait(r, job, relay_retry_gone_wait(r, job->gone_tries));
}

static void token_refused(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    bool fault = false;
    enum relay_target target = job->target;
    if (relay_bearer_refused(r, target, answer->token_gen, &fault)) {
        /* A straggler. Once is the rule; a driver that names other tokens than it sends must not spin. */
        fault = ++job->stale_tokens > STALE_TOKENS;
        if (!fault) {
            relay_job_ready(r, job);
            return;
        }
    }
    if (fault) {
        relay_retry_fault(r, job, answer);
    } else {
        relay_job_ready(r, job);    /* the target waits for its token: HELD */
    }
}

static void apply(struct relay *r, struct job *job, const struct verdict_row *row, const struct relay_event *ev)
{
    const struct relay_answer *answer = &ev->answer;
    switch (row->deed) {
    case DEED_PASS:
        pass(r, job, ev);
        return;
    case DEED_RETRY:
        if (MUTANT(DROP_ON_TIMEOUT) && answer->class == ERR_TIMEOUT && job->op == OP_INGEST)
            relay_settle(r, job, OUTCOME_DELIVERED, REASON_NONE, false);
        else
            relay_retry_transient(r, job, answer);
        return;
    case DEED_AGAIN:
        relay_retry_again(r, job, answer);
        return;
    case DEED_FAULT:
        if (MUTANT(BURY_FORBIDDEN) && answer->class == ERR_FORBIDDEN && job->op != OP_BURY)
            relay_bury(r, job, OUTCOME_DEAD, REASON_DEST_REJECTED);
        else
            relay_retry_fault(r, job, answer);
        return;
    case DEED_THROTTLE:
        relay_retry_throttled(r, job, answer);
        return;
    case DEED_TOKEN:
        token_refused(r, job, answer);
        return;
    case DEED_LOOK_AGAIN:
        look_again(r, job, answer);
        return;
    case DEED_ONCE_MORE:
        if (++job->payload_tries > 1)
            relay_bury(r, job, OUTCOME_DEAD, row->reason);
        else
            relay_job_wait(r, job, backoff_wait(&r->policy->backoff, 1, BACKOFF_EQUAL, &r->rnd));
        return;
    case DEED_PROVE:
        if (job->target == AT_SOURCE)
            relay_prove_gone(r, job, answer);
        else
            relay_prove_copy(r, job, answer);
        return;
    case DEED_REFUSAL:
        relay_verdict_refusal(r, job, STAGE_DEST_REFUSAL);
        return;
    case DEED_COPY:
        relay_settle(r, job, OUTCOME_DELIVERED, REASON_NONE, true);
        return;
    case DEED_ALONE:
        if (MUTANT(DIFFERENT_DELIVERED) && row->notice == NOTICE_DIFFERENT)
            relay_settle(r, job, OUTCOME_DELIVERED, REASON_NONE, true);
        else
            relay_job_hold(r, job, HOLD_ALONE, alone_recheck_us);
        return;
    case DEED_BURY:
        relay_bury(r, job, OUTCOME_DEAD, row->reason);
        return;
    case DEEDS:
        break;
    }
    CHECK(false);
}

void relay_verdict(struct relay *r, struct job *job, const struct relay_event *ev)
{
    uint16_t class = ev->answer.class;
    if (MUTANT(ACCEPT_WRONG_NAME) && class == ERR_WRONG_NAME)
        class = ERR_OK;
    const struct verdict_row *row = relay_verdict_find(stage_of(job), class, ev->answer.reach);
    if (target_works(row->deed)) {
        relay_breaker_success(r, job->target);
        relay_limit_grow(r, job->target);
    }
    if (row->notice != (enum relay_notice) NOTICE_NONE)
        relay_notice_job(r, job, row->notice, job->target, &ev->answer);
    if (row->deed != DEED_REFUSAL)    /* a refusal that stands was shown by the ingest, not by the proof */
        job->evidence = relay_retry_evidence(r, job);
    if (job->op == OP_PROVE && row->deed != DEED_PASS && row->deed != DEED_REFUSAL)
        relay_prove_anew(r, job);
    apply(r, job, row, ev);
}

void relay_verdict_refusal(struct relay *r, struct job *job, enum verdict_stage stage)
{
    const struct verdict_row *row = relay_verdict_find(stage, job->refusal.class, job->refusal.reach);
    bool at_source = stage == STAGE_SOURCE_REFUSAL;
    if (row->deed == DEED_BURY && ++job->proofs < PROOFS) {
        relay_job_aim(r, job, at_source ? OP_FETCH : OP_INGEST, at_source ? AT_SOURCE : AT_DEST);
        relay_job_ready(r, job);
        return;
    }
    if (row->deed == DEED_BURY) {
        job->answer = job->refusal;    /* the dead letter tells of the refusal, not of the proof */
        bool removed = row->reason == REASON_SOURCE_NOT_FOUND && job->refusal.http == 410;
        relay_bury(r, job, OUTCOME_DEAD, removed ? REASON_SOURCE_GONE : row->reason);
        return;
    }
    job->other_id = false;
    relay_prove_anew(r, job);
    relay_retry_transient(r, job, &job->refusal);
}
