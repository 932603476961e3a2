/*
 * What the engine can be asked, read-only: for the status page, the metrics and
 * the simulator, which compares it with its own count.
 */
#ifndef RELAY_STATS_H
#define RELAY_STATS_H

#include "relay/ports.h"

/* In deliveries. At every instant: received = delivered + dead + skipped + coalesced + released + in_flight. */
struct relay_ledger {
    uint64_t received, delivered, dead, skipped, coalesced, released;
    uint64_t in_flight;    /* counted from the tables, not by subtraction */
};

struct relay_target_stats {
    uint32_t limit, in_flight;       /* attempts: allowed at once, under way */
    uint32_t ready, held;            /* jobs: may start, wait for this target */
    bool breaker_open, throttled, token_wait;
    uint32_t token_gen;
    uint64_t attempts, successes, faults, throttles, probes, refreshes;
};

struct relay_stats {
    struct relay_ledger ledger;
    struct relay_target_stats target[RELAY_TARGETS];
    /* deliveries (leases) by state */
    uint32_t leases, behind, queued, joined, settled, acking;
    uint32_t parked;                 /* of those behind: behind a stuck head, and so without a place */
    /* jobs by state */
    uint32_t jobs, ready, running, waiting, held;
    uint64_t body_bytes;             /* reserved and held */
    uint32_t wants;                  /* replies that wait for a grant */
    uint32_t lanes, groups, flow;    /* flow: what ACT_FLOW last said, less the deliveries since */
    bool storm_held, draining;
    uint32_t storm_dead, storm_outcomes;    /* of the window: to be kept on disk for policy's *_at_start */
    bool notice[RELAY_NOTICES];
    us_t oldest_us;                  /* when the oldest message under way was received; US_NEVER: none */
    /* counters */
    uint64_t duplicates;             /* delivered, proved to be there already */
    uint64_t attempts_counted;       /* against a message */
    uint64_t extensions, leases_lost, acks_repeated, acks_invalid;
    uint64_t bodies_dropped;         /* under memory pressure, to be fetched again */
    uint64_t strays;                 /* events for ids, groups or leases that are not there any more */
};

void relay_stats(const struct relay *r, struct relay_stats *ret_stats);
struct relay_ledger relay_ledger(const struct relay *r);

#endif
