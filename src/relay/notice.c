/* A notice lasts as long as anything gives cause for it: the driver hears of its beginning and its end. */
#include "relay/engine.h"

void relay_notice(struct relay *r, enum relay_notice notice, enum relay_target target, bool on,
                  const struct relay_answer *answer)
{
    uint32_t *causes = &r->notices[target][notice];
    CHECK(on || *causes > 0);
    *causes += on ? 1 : -1u;
    if (*causes != (on ? 1u : 0u))
        return;
    struct relay_action *a = relay_act(r, ACT_NOTICE);
    a->notice = notice;
    a->target = target;
    a->on = on;
    if (answer != NULL)
        a->answer = *answer;
}

/* A job gives cause for one notice at a time, until it comes on or is settled. */
void relay_notice_job(struct relay *r, struct job *job, enum relay_notice notice, enum relay_target target,
                      const struct relay_answer *answer)
{
    if (job->noticed && job->notice == notice && job->notice_target == target)
        return;
    relay_notice_job_clear(r, job);
    job->noticed = true;
    job->notice = notice;
    job->notice_target = target;
    relay_notice(r, notice, target, true, answer);
}

void relay_notice_job_clear(struct relay *r, struct job *job)
{
    if (!job->noticed)
        return;
    job->noticed = false;
    relay_notice(r, job->notice, job->notice_target, false, NULL);
}
