#include "relay/policy.h"

#include "base/limits.h"

struct relay_policy relay_policy_default(void)
{
    return (struct relay_policy) {
        .attempt_timeout_us = 60 * US_PER_S,
        .attempts_max = 8,
        .give_up_after_us = 15 * US_PER_MIN,
        .backoff = { .initial_us = 250 * US_PER_MS, .max_us = 32 * US_PER_S, .factor = 2 },
        .gone_tries = 3,
        .deliveries_max = 4096,
        .jobs_max = 16384,
        .limit_start = 64,
        .limit_max = { 1, 8192, 8192, 256 },
        .body_bytes_max = 256 << 20,
        .message_bytes_max = LIMIT_REPLY_BODY,
        .extend_min_us = 10 * US_PER_S,
        .extend_max_us = 600 * US_PER_S,
        .grace_us = 5 * US_PER_S,
        .max_hold_us = 60 * US_PER_MIN,
        .settled_max = 100000,
        .finalize_cap_us = 10 * US_PER_MIN,
        .breaker_row = 20,
        .breaker_window = 200,
        .breaker_share = 0.5,
        .probe_every_us = US_PER_S,
        .throttle_hold_us = 30 * US_PER_S,
        .storm_on = true,
        .storm_window = 1000,
        .storm_min = 20,
        .storm_share = 0.01,
    };
}
