/* The second stage: POST the same bytes to the destination. */
#include "relay/engine.h"

/* The configured rate; what was not used in the last 50 ms may be made up for. */
bool relay_ingest_may_start(struct relay *r, struct job *job)
{
    (void) job;
    struct target *t = &r->target[AT_DEST];
    double rate = r->policy->rate_per_s;
    if (rate <= 0)
        return true;
    if (t->rate_us > r->now_us)
        return false;
    t->rate_us = MAX(t->rate_us, r->now_us - 50 * US_PER_MS) + (us_t) ((double) US_PER_S / rate);
    return true;
}

void relay_ingest_passed(struct relay *r, struct job *job, const struct relay_event *ev)
{
    job->row = 0;
    if (ev->other_id && !MUTANT(OTHER_ID_ACCEPTED)) {
        job->other_id = true;
        relay_prove_copy(r, job, &ev->answer);
        return;
    }
    relay_settle(r, job, OUTCOME_DELIVERED, REASON_NONE, false);
}
