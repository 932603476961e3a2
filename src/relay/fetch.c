/* The first stage: GET the message from the source. */
#include "relay/engine.h"

/* Bodies that wait for the destination: beyond this no further fetch begins, so that a slow
 * destination pushes back on the source and, through it, on the subscription. */
static bool dest_keeps_up(const struct relay *r)
{
    const struct target *dest = &r->target[AT_DEST];
    return dest->ready.count <= MAX((uint32_t) dest->limit, r->policy->limit_start);
}

bool relay_fetch_may_start(struct relay *r, struct job *job)
{
    return !relay_target_is_held(r, AT_DEST) && dest_keeps_up(r) &&
           relay_budget_reserve(r, job, LIMIT_STREAM_WINDOW);
}

/* The body becomes the job's, and the reservation its true size. */
void relay_fetch_done(struct relay *r, struct job *job, const struct relay_event *ev)
{
    if (ev->answer.class == ERR_OK || (MUTANT(ACCEPT_WRONG_NAME) && ev->answer.class == ERR_WRONG_NAME)) {
        job->body = ev->body;
        job->has_body = true;
        relay_budget_correct(r, job, ev->body_bytes);
        return;
    }
    if (!slot_id_is_none(ev->body))
        relay_act(r, ACT_DROP_BODY)->body = ev->body;
    relay_budget_correct(r, job, 0);
}

void relay_fetch_passed(struct relay *r, struct job *job)
{
    if (!job->fetched) {    /* a second fetch, after its body was dropped, is no progress */
        job->fetched = true;
        job->row = 0;
        relay_job_progress(r, job);
    }
    relay_notice_job_clear(r, job);
    if (MUTANT(ACK_BEFORE_INGEST)) {
        relay_settle(r, job, OUTCOME_DELIVERED, REASON_NONE, false);
        return;
    }
    relay_job_aim(r, job, OP_INGEST, AT_DEST);
    relay_job_ready(r, job);
}
