/*
 * The storm guard: more than a share, and at least so many, of the last outcomes
 * dead for a reason that a wrong configuration makes, and the relay holds until a
 * person accepts. Dead letters under way count: no more than storm_min are ever
 * written before the hold.
 */
#include "relay/engine.h"
#include "base/mem.h"

bool relay_storm_guards(enum relay_reason why)
{
    static const bool guarded[] = {
#define REASON(name, code, storm, text) [REASON_##name] = storm,
#include "relay/reason.def"
#undef REASON
    };
    return guarded[why];
}

void relay_storm_outcome(struct relay *r, bool dead)
{
    struct relay_storm *s = &r->storm;
    if (s->seen == s->len)
        s->dead -= s->window[s->pos];
    else
        s->seen++;
    s->window[s->pos] = dead;
    s->dead += dead;
    s->pos = (s->pos + 1) % s->len;
}

void relay_storm_init(struct relay *r)
{
    const struct relay_policy *p = r->policy;
    r->storm.len = MAX(p->storm_window, 1u);
    r->storm.window = mem_alloc(r->storm.len);
    uint32_t outcomes = MIN(p->storm_outcomes_at_start, r->storm.len);
    for (uint32_t i = 0; i < outcomes; i++)
        relay_storm_outcome(r, outcomes - i <= p->storm_dead_at_start);
    if (p->storm_on && p->storm_held_at_start)
        relay_storm_hold(r);
}

void relay_storm_hold(struct relay *r)
{
    if (r->storm.held)
        return;
    r->storm.held = true;
    relay_notice(r, NOTICE_STORM_GUARD, AT_SINK, true, NULL);
}

bool relay_storm_allows(struct relay *r, enum relay_reason why)
{
    const struct relay_policy *p = r->policy;
    struct relay_storm *s = &r->storm;
    if (!p->storm_on || !relay_storm_guards(why))
        return true;
    uint32_t dead = s->dead + s->pending;
    if (dead >= p->storm_min && (double) dead > p->storm_share * (s->seen + s->pending))
        relay_storm_hold(r);
    return !s->held;
}

void relay_storm_accept(struct relay *r)
{
    struct relay_storm *s = &r->storm;
    memset(s->window, 0, s->len);
    s->seen = s->pos = s->dead = 0;
    if (!s->held)
        return;
    s->held = false;
    relay_notice(r, NOTICE_STORM_GUARD, AT_SINK, false, NULL);
    LIST_EACH(&r->jobs[JOB_HELD], link, after) {
        struct job *job = CONTAINER_OF(link, struct job, link);
        if (job->hold == HOLD_STORM)
            relay_job_ready(r, job);
    }
}
