/*
 * Proof before a final verdict. Gone: the source store itself must answer, after
 * the 404; else it is the store that is missing. Refused: one look at the
 * destination, for a NACK or a 409 may be a copy that is already there.
 *
 * A store may also have been away when it refused and be back when it is asked
 * for proof: whole backlogs have waited for that moment. So it takes two rounds
 * of refusal and proof with no trouble between them:
 *
 *     404 -> list 200 -> 404 -> list 200 -> dead      (anything else: anew)
 */
#include "relay/engine.h"

void relay_prove_gone(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    job->refusal = *answer;
    if (MUTANT(GONE_WITHOUT_PROOF)) {
        relay_verdict_refusal(r, job, STAGE_SOURCE_REFUSAL);
        return;
    }
    relay_job_aim(r, job, OP_PROVE, AT_SOURCE);    /* it starts after the 404 was answered: newer than it */
    relay_job_ready(r, job);
}

void relay_prove_copy(struct relay *r, struct job *job, const struct relay_answer *answer)
{
    job->refusal = *answer;
    if (MUTANT(NACK_WITHOUT_PROOF) && answer->class == ERR_NACKED) {
        relay_verdict_refusal(r, job, STAGE_DEST_REFUSAL);
        return;
    }
    relay_job_aim(r, job, OP_PROVE, AT_DEST);
    relay_job_ready(r, job);
}

void relay_prove_passed(struct relay *r, struct job *job)
{
    job->row = 0;
    if (job->target == AT_SOURCE)
        relay_verdict_refusal(r, job, STAGE_SOURCE_REFUSAL);
    else
        relay_settle(r, job, OUTCOME_DELIVERED, REASON_NONE, !job->other_id);
}

/* The proof cannot be had now: later from the stage that it is about. */
void relay_prove_anew(struct relay *r, struct job *job)
{
    job->proofs = 0;
    job->gone_tries = 0;
    if (job->target == AT_SOURCE)
        relay_job_aim(r, job, OP_FETCH, AT_SOURCE);
    else
        relay_job_aim(r, job, OP_INGEST, AT_DEST);
}
