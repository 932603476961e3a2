#include "base/backoff.h"

us_t backoff_wait(const struct backoff *b, uint32_t attempt, enum backoff_jitter jitter,
                  struct rnd *r)
{
    double wait = (double) b->initial_us;
    for (uint32_t i = 0; i < attempt && wait < (double) b->max_us; i++)
        wait *= b->factor;
    wait = MIN(wait, (double) b->max_us);
    double share = rnd_unit(r);
    if (jitter == BACKOFF_EQUAL)
        share = 0.5 + share / 2;
    return (us_t) (wait * share);
}
