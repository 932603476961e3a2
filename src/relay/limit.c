/*
 * How many attempts a target gets at once. First attempts and retries share it.
 *
 *   ramp     +1 a success, which doubles it in a round trip, until the first shrink
 *   later    + max(1, 2 %) a round trip, spread over its successes
 *   shrink   x 0.7 on 429 and time-outs, for attempts begun since the last shrink:
 *            at most once a round trip
 *   restart  after a hold: the ramp again, from little
 */
#include "relay/engine.h"

void relay_limit_restart(struct relay *r, enum relay_target target, double from)
{
    struct target *t = &r->target[target];
    t->limit = MAX(1.0, MIN(t->limit, from));
    t->ramp = true;
    t->shrunk_us = r->now_us;    /* answers to what was begun before the hold shrink it no further */
}

/* Only a limit that is being used has shown that it may grow. */
void relay_limit_grow(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    if ((double) (t->in_flight + 1) * 2 < t->limit)
        return;
    t->limit += t->ramp ? 1.0 : MAX(1.0 / t->limit, 0.02);
    t->limit = MIN(t->limit, (double) MAX(r->policy->limit_max[target], 1u));
}

void relay_limit_shrink(struct relay *r, enum relay_target target, us_t attempt_us)
{
    struct target *t = &r->target[target];
    if (attempt_us < t->shrunk_us)
        return;
    t->limit = MAX(1.0, t->limit * 0.7);
    t->ramp = false;
    t->shrunk_us = r->now_us + 1;
}

void relay_limit_throttled(struct relay *r, enum relay_target target, const struct relay_answer *answer)
{
    struct target *t = &r->target[target];
    t->stats.throttles++;
    relay_window_add(&t->throttles, true);
    if (t->throttles.set * 2 <= t->throttles.len)
        return;
    us_t hold_us = answer->wait_us > 0 ? MIN(answer->wait_us, LIMIT_RETRY_AFTER_S * US_PER_S)
                                       : r->policy->throttle_hold_us;
    t->throttled_until_us = MAX(t->throttled_until_us, r->now_us + hold_us);
}

void relay_limit_answered(struct relay *r, enum relay_target target)
{
    relay_window_add(&r->target[target].throttles, false);
}

bool relay_limit_has_room(const struct relay *r, enum relay_target target)
{
    const struct target *t = &r->target[target];
    return t->in_flight < (uint32_t) t->limit && !relay_target_is_held(r, target);
}
