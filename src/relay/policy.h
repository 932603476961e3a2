/*
 * What the engine is told about how to behave: one immutable object, handed in
 * by relay_make and EV_POLICY. Units are in the names. relay_policy_default()
 * gives the documented defaults (docs/RELIABILITY.md).
 */
#ifndef RELAY_POLICY_H
#define RELAY_POLICY_H

#include "base/backoff.h"
#include "relay/ports.h"

struct relay_policy {
    /* retry */
    us_t attempt_timeout_us;     /* one attempt, first byte to last: 60 s */
    us_t fetch_timeout_us;       /* the fetch stage over all its attempts, see retry.c; 0: not bounded */
    us_t ingest_timeout_us;      /* the ingest stage; waiting for a system fault is not counted */
    uint32_t attempts_max;       /* counted attempts before attempts_exhausted: 8 */
    us_t give_up_after_us;       /* and this long since the first: 15 min */
    struct backoff backoff;      /* 250 ms x2, cap 32 s */
    uint32_t gone_tries;         /* 404s before proof: 3, over about 10 s */
    /* load */
    uint32_t deliveries_max;     /* leases held: 4,096 */
    uint32_t jobs_max;           /* messages being moved at once */
    uint32_t limit_start, limit_max[RELAY_TARGETS];
    double rate_per_s;           /* 0: no limit; attempts at the destination */
    uint64_t body_bytes_max;     /* 256 MiB of bodies */
    uint64_t message_bytes_max;  /* LIMIT_REPLY_BODY */
    /* leases */
    us_t extend_min_us, extend_max_us;    /* 10 s .. 600 s */
    us_t grace_us;                        /* extend this long before the end: 5 s */
    us_t max_hold_us;                     /* a lease without progress: 60 min */
    /* groups */
    uint32_t settled_max;
    us_t finalize_cap_us;
    /* breaker */
    uint32_t breaker_row, breaker_window;
    double breaker_share;
    us_t probe_every_us;
    us_t throttle_hold_us;       /* more than half of 100 answers 429 and no Retry-After: 30 s */
    /* storm guard */
    bool storm_on;
    uint32_t storm_window, storm_min;
    double storm_share;
    bool storm_held_at_start;    /* read from disk by the driver, */
    uint32_t storm_dead_at_start, storm_outcomes_at_start;    /* as relay_stats() showed them last */
    /* facts of the run */
    bool sink;                   /* a durable sink exists */
    bool tokens;                 /* attempts carry tokens (false: emulator) */
    bool exactly_once;           /* learnt from the stream */
    bool lanes;                  /* the subscription is ordered */
};

struct relay_policy relay_policy_default(void);

#endif
