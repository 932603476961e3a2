#include "run/run_policy.h"

#include "base/limits.h"

struct relay_policy run_policy(const struct config *c, const struct run_facts *facts)
{
    struct relay_policy p = relay_policy_default();
    uint32_t concurrency = (uint32_t) c->flow_max_concurrency;
    p.attempt_timeout_us = c->attempt_timeout_us;
    p.fetch_timeout_us = c->fetch_timeout_us;
    p.ingest_timeout_us = c->ingest_timeout_us;
    p.attempts_max = c->attempts_max;
    p.give_up_after_us = c->give_up_after_us;
    p.backoff = (struct backoff) { c->backoff_initial_us, c->backoff_max_us, c->backoff_factor };
    p.deliveries_max = (uint32_t) c->flow_max_outstanding_messages;
    /* Both stages of `concurrency` messages, and as many again that wait between attempts. */
    p.jobs_max = MIN(p.deliveries_max, MAX(concurrency * 4, 64u));
    p.limit_max[AT_SOURCE] = p.limit_max[AT_DEST] = concurrency;
    p.limit_start = MIN(p.limit_start, concurrency);
    p.rate_per_s = c->flow_rate_limit;
    p.body_bytes_max = c->flow_max_body_bytes;
    p.message_bytes_max = LIMIT_REPLY_BODY;
    p.extend_min_us = c->lease_min_extension;
    p.extend_max_us = c->lease_max_extension;
    p.max_hold_us = c->lease_max_hold;
    p.storm_on = facts->storm_guard;
    p.storm_window = (uint32_t) c->dead_letter_storm_guard_window;
    p.storm_share = c->dead_letter_storm_guard_ratio;
    p.storm_min = (uint32_t) c->dead_letter_storm_guard_min;
    p.storm_held_at_start = facts->storm_held && facts->storm_guard;
    p.storm_dead_at_start = facts->storm_dead;
    p.storm_outcomes_at_start = facts->storm_outcomes;
    p.sink = facts->sink;
    p.tokens = facts->tokens;
    return p;
}
