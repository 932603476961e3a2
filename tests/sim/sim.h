/*
 * The simulator: the real engine, one or several of it, on a false clock in a
 * world with seeded trouble. What the world holds is the truth; sim_check.c
 * compares after every step what the engines do and say with it.
 *
 *   sim_plan.c     what a seed means: messages, policy, faults
 *   sim_world.c    time, events, Pub/Sub
 *   sim_stores.c   what an attempt meets: source, destination, sink, faults
 *   sim_driver.c   feeds an engine and does what it asks
 *   sim_check.c    the invariants
 */
#ifndef SIM_H
#define SIM_H

#include "base/heap.h"
#include "base/rand.h"
#include "relay/mutant.h"
#include "relay/policy.h"
#include "relay/stats.h"

enum { SIM_RELAYS = 3, SIM_FAULTS = 24, SIM_LANES = 8, SIM_NAME_LEN = 40 };
#define SIM_NONE UINT32_MAX

enum sim_kind {
    KIND_GOOD, KIND_DUP_THERE, KIND_OTHER_ID, KIND_LATE,           /* end delivered */
    KIND_GONE, KIND_GONE_410, KIND_NACK, KIND_REJECT, KIND_BAD_PAYLOAD, KIND_TOO_LARGE, KIND_POISON_FETCH,
    KIND_POISON_INGEST, KIND_BAD_PATH, KIND_FOREIGN_STORE,         /* end dead */
    KIND_EMPTY,                                                    /* ends skipped */
    KIND_DIFFERENT, KIND_OTHER_ID_DIFFERENT, KIND_FOREIGN_PROJECT, /* are held for a person */
    KINDS
};

struct sim_message {
    enum sim_kind kind;
    uint64_t content;
    uint32_t bytes;
    us_t publish_us;
    uint32_t lane, lane_place;     /* lane 0: none */
    /* the truth */
    bool acked, in_dest, dead, skipped;
    uint64_t dest_content;
    uint32_t handed_out;           /* deliveries under way at the subscription */
    uint32_t last_delivery;
    us_t refused_us;               /* the last answer that a proof must be newer than */
};

struct sim_delivery {
    uint32_t message, relay, generation, group;
    us_t deadline_us;
    bool live;                     /* not acknowledged, given back or expired */
    bool excused;                  /* an extension of it was lost on purpose, or its relay slept */
};

enum sim_fault_kind { FAULT_TRANSIENT, FAULT_WORK_ONLY, FAULT_TIMEOUT, FAULT_TIMEOUT_APPLIED, FAULT_RESET, FAULT_THROTTLE,
                      FAULT_FORBIDDEN, FAULT_STORE_MISSING, FAULT_DNS, FAULT_NOT_API, FAULT_WRONG_NAME, FAULT_NOT_SENT,
                      FAULT_DISK, FAULT_PROOF_FORBIDDEN, FAULT_NOT_ACCEPTED, FAULT_KINDS };

struct sim_fault {
    enum sim_fault_kind kind;
    enum relay_target target;
    us_t from_us, to_us;
    double share;
    us_t wait_us;
};

enum sim_groups { GROUPS_NONE, GROUPS_OURS, GROUPS_RUNNER };

struct sim_plan {
    uint32_t messages, relays;
    us_t spread_us, calm_us;       /* published over; no trouble after */
    us_t latency_us, ack_deadline_us;
    bool exactly_once, reject_duplicates, tokens, lanes;
    enum sim_groups groups;
    double duplicate, ack_lost, extend_lost, wrong_ack;
    uint32_t crashes, drains, sleeps, revocations, cuts, faults;
    bool credentials_broken;       /* for a while every token is refused */
    struct sim_fault fault[SIM_FAULTS];
    struct relay_policy policy;
    bool has_poison;
    bool stuck_lane;               /* the last lane's messages wait for a person, all of them, and are many */
};

enum sim_event_kind { SIM_PUBLISH, SIM_HAND_OUT, SIM_EXPIRE, SIM_ARRIVE, SIM_FEED, SIM_ACK, SIM_EXTEND, SIM_TICK,
                      SIM_CRASH, SIM_RESTART, SIM_DRAIN, SIM_DRAINED, SIM_SLEEP, SIM_REVOKE, SIM_TOKEN, SIM_WANT,
                      SIM_DURABLE, SIM_GROUP_END, SIM_FILLER, SIM_CUT };

struct sim_event {
    struct heap_entry timer;
    struct sim_event *next_free;
    enum sim_event_kind kind;
    uint32_t relay, generation, index;
    uint32_t message;
    us_t until_us;
    uint64_t body_left;
    struct relay_action action;    /* ARRIVE: without its name */
    struct relay_event feed;
};

struct sim_lease {
    bool used, acked, released;
    uint32_t gen, delivery;
    us_t until_us;
    uint32_t next_free;
};

struct sim_body {
    bool used;
    uint32_t gen, bytes, next_free;
    uint64_t content;
};

struct sim_job {
    uint32_t gen;
    bool out, told, uses_body;
    enum relay_op op;
    us_t until_us;
    uint32_t message, granted, body;
    struct sim_event *wanting;
};

struct sim_group {
    uint32_t id;                   /* 0: none open */
    uint32_t count, size;
};

struct sim_relay {
    struct relay *r;
    struct relay_policy policy;
    bool draining;
    uint32_t generation;
    us_t asleep_until_us, tick_us;
    struct sim_lease *leases;
    uint32_t leases_len, lease_free;
    struct sim_body *bodies;
    uint32_t bodies_len, body_free;
    struct sim_job *jobs;
    uint32_t jobs_len;
    uint64_t body_bytes;
    uint32_t flow;
    struct sim_group group;
    uint32_t next_group;
    /* its own count */
    uint64_t received, outcomes[RELAY_OUTCOMES];
    uint32_t in_flight[RELAY_TARGETS], token_gen[RELAY_TARGETS];
    bool refreshing[RELAY_TARGETS], refresh_due[RELAY_TARGETS];
    bool probing[RELAY_TARGETS];
    us_t probed_us[RELAY_TARGETS];
    uint64_t storm_dead;
    bool storm_held;
};

struct sim {
    uint64_t seed;
    bool verbose;
    struct rnd rnd;
    us_t now_us;
    struct sim_plan plan;
    struct heap events;
    struct sim_event *event_free, **event_blocks;
    uint32_t event_blocks_count;

    struct sim_message *messages;
    uint32_t messages_len, messages_cap;
    struct sim_delivery *deliveries;
    uint32_t deliveries_len, deliveries_cap;
    uint32_t *lane_members[SIM_LANES];    /* messages of a lane, in order */
    uint32_t lane_len[SIM_LANES], lane_next[SIM_LANES];
    uint32_t open;                 /* messages that have not ended yet */
    bool *group_permitted;         /* by group id */
    uint32_t groups_len;

    struct sim_relay relay[SIM_RELAYS];
    uint32_t newest_token, oldest_good_token;
    us_t broken_from_us, broken_to_us;

    uint64_t steps, hash, deliveries_made, bury_count;
    bool failed;
    char failure[200];
};

/* hl7sim.c */
struct sim_result {
    bool failed;
    char failure[200];
    uint64_t hash, steps, messages;
    us_t took_us;
};
struct sim_result sim_run(uint64_t seed, bool verbose);

/* sim_load.c: measured, not seeded: requests a message at an error rate (I9), recovery after an outage. */
bool sim_load(double share);
bool sim_outage(void);
void sim_run_events(struct sim *s);
void sim_finish(struct sim *s);

/* sim_plan.c */
void sim_plan_make(struct sim *s);
/* One relay, default policy, messages spread evenly, one fault at source and destination. */
void sim_plan_plain(struct sim *s, uint32_t messages, us_t spread_us, struct sim_fault fault);
uint32_t sim_plan_message(struct sim *s, enum sim_kind kind, us_t at_us);
const char *sim_kind_name(enum sim_kind kind);

/* sim_world.c */
struct sim_event *sim_event_new(struct sim *s, enum sim_event_kind kind, us_t at_us);
void sim_event_free(struct sim *s, struct sim_event *e);
void sim_world_step(struct sim *s, struct sim_event *e);
void sim_hand_out_later(struct sim *s, uint32_t message, us_t at_us);
void sim_give_back(struct sim *s, uint32_t delivery, us_t again_us);
void sim_message_ended(struct sim *s, uint32_t message);
bool sim_calm(const struct sim *s);
us_t sim_latency(struct sim *s);

/* sim_stores.c */
void sim_arrive(struct sim *s, struct sim_event *e);
void sim_durable(struct sim *s, struct sim_event *e);
void sim_body_step(struct sim *s, struct sim_event *e);
void sim_cut(struct sim *s, uint32_t relay, enum relay_target target);

/* sim_driver.c */
void sim_relay_start(struct sim *s, uint32_t index);
void sim_relay_stop(struct sim *s, uint32_t index);
void sim_feed(struct sim *s, uint32_t relay, struct relay_event ev);
bool sim_is_current(const struct sim *s, const struct sim_event *e);
void sim_deliver(struct sim *s, uint32_t relay, uint32_t message);
relay_id sim_body_make(struct sim *s, struct sim_relay *sr, uint64_t content, uint32_t bytes);
void sim_group_close(struct sim *s, uint32_t relay);

/* sim_check.c: all of them note the first violation and end the run. */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sim_check_step(struct sim *s, struct sim_relay *sr);
void sim_check_ack(struct sim *s, struct sim_relay *sr, const struct sim_lease *lease);
void sim_check_attempt(struct sim *s, struct sim_relay *sr, const struct relay_action *a, uint32_t message);
void sim_check_outcome(struct sim *s, struct sim_relay *sr, const struct relay_action *a, uint32_t message);
void sim_check_stored(struct sim *s, uint32_t message, uint64_t content);
void sim_check_expiry(struct sim *s, const struct sim_delivery *d);
bool sim_has_ended(const struct sim_message *m);
bool sim_is_held_kind(enum sim_kind kind);

#endif
