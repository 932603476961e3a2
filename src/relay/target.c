/*
 * A target is held while its breaker is open, while it asked for a pause (429),
 * or while it waits for a token. Jobs that are ready for it are HELD until then.
 */
#include "relay/engine.h"

void relay_window_init(struct relay_window *w, uint32_t len)
{
    *w = (struct relay_window) { .len = MIN(MAX(len, 1u), (uint32_t) sizeof(w->bits) * 8) };
}

void relay_window_add(struct relay_window *w, bool set)
{
    uint64_t *word = &w->bits[w->pos / 64], bit = (uint64_t) 1 << (w->pos % 64);
    if (w->seen == w->len)
        w->set -= (*word & bit) != 0;
    else
        w->seen++;
    *word = set ? *word | bit : *word & ~bit;
    w->set += set;
    w->pos = (w->pos + 1) % w->len;
}

void relay_target_init(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    t->limit = MAX(1.0, (double) MIN(r->policy->limit_start, r->policy->limit_max[target]));
    t->ramp = true;
    t->refresh_us = US_NEVER;
    relay_window_init(&t->throttles, 100);
    relay_window_init(&t->faults, r->policy->breaker_window);
}

static void hold_all(struct relay *r, struct target *t)
{
    struct heap_entry *e;
    while ((e = heap_first(&t->ready)) != NULL)
        relay_job_hold(r, CONTAINER_OF(e, struct job, ready), HOLD_TARGET, 0);
}

static void free_all(struct relay *r, enum relay_target target)
{
    LIST_EACH(&r->jobs[JOB_HELD], link, after) {
        struct job *job = CONTAINER_OF(link, struct job, link);
        if (job->hold == HOLD_TARGET && job->held_for == target)
            relay_job_ready(r, job);
    }
}

void relay_target_follow(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    if (t->throttled_until_us > 0 && t->throttled_until_us <= r->now_us) {
        t->throttled_until_us = 0;
        relay_window_init(&t->throttles, t->throttles.len);
        relay_limit_restart(r, target, (double) r->policy->limit_start);
    }
    bool held = relay_target_is_held(r, target);
    if (held && t->ready.count > 0)
        hold_all(r, t);
    else if (!held && t->was_held)
        free_all(r, target);
    bool throttled = t->throttled_until_us > 0;
    if (throttled != t->stats.throttled)
        relay_notice(r, NOTICE_THROTTLED, target, throttled, NULL);
    t->stats.throttled = throttled;
    t->was_held = held;
}

us_t relay_target_due(const struct relay *r, enum relay_target target)
{
    const struct target *t = &r->target[target];
    us_t due = t->refreshing ? US_NEVER : t->refresh_us;
    if (t->open && !t->probing && !t->token_wait && !r->drain_over)
        due = MIN(due, t->probe_us);
    if (t->throttled_until_us > 0)
        due = MIN(due, t->throttled_until_us);
    if (t->rate_us > r->now_us && t->ready.count > 0)
        due = MIN(due, t->rate_us);
    return due;
}
