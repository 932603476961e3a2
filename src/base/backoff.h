/*
 * How long to wait before the next attempt: exponential, truncated, jittered.
 *
 * Full jitter (0 .. d) spreads a herd after 5xx and transport faults. Equal
 * jitter (d/2 .. d) is for throttling, where full jitter can collapse to
 * nothing and be throttled again.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include "base/rand.h"

struct backoff {
    us_t initial_us, max_us;
    double factor;    /* 2 unless the configuration says otherwise */
};

enum backoff_jitter { BACKOFF_FULL, BACKOFF_EQUAL };

/* attempt 0 is the wait after the first failure. */
us_t backoff_wait(const struct backoff *b, uint32_t attempt, enum backoff_jitter jitter,
                  struct rnd *r);

#endif
