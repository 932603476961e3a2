/*
 * What the files of relay/ share: the tables and who may change what. Private to
 * the folder; drivers see ports.h, policy.h and stats.h alone.
 *
 *   delivery   BEHIND -> QUEUED -> JOINED -> SETTLED -> ACKING -> gone
 *   job        READY -> RUNNING -> WAITING | HELD -> READY ... -> SETTLED
 *
 * A state is a list. Only relay_delivery_move and relay_job_move change one.
 * Each job stands for exactly one delivery of the ledger (its founder's); the
 * other deliveries that join it were counted as coalesced when they came.
 */
#ifndef RELAY_ENGINE_H
#define RELAY_ENGINE_H

#include "base/heap.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/rand.h"
#include "relay/mutant.h"
#include "relay/policy.h"
#include "relay/stats.h"

/* ---- names: one copy for deliveries, job and actions, counted references (names.c) ---- */

enum { NAME_SIZES = 4 };

struct relay_name {
    struct slot_id id;
    uint32_t refs;
    uint16_t len;
    uint8_t size;
    char text[];
};

struct relay_names {
    struct slots size[NAME_SIZES];
};

void relay_names_init(struct relay_names *n);
void relay_names_fini(struct relay_names *n);
struct relay_name *relay_names_add(struct relay_names *n, struct bytes text);    /* refs 1; cut at LIMIT_NAME_LEN */
struct relay_name *relay_names_ref(struct relay_name *name);
void relay_names_unref(struct relay_names *n, struct relay_name *name);          /* NULL: no effect */
uint64_t relay_names_hash(struct bytes text, uint64_t seed);                     /* seeded: the names are others' */

/* ---- index: 64-bit key to objects; keys may repeat (index.c) ---- */

struct relay_index {
    struct relay_index_entry {
        uint64_t key;
        void *value;    /* NULL: free */
    } *entries;
    uint32_t cap, count;
};

void relay_index_fini(struct relay_index *ix);
void relay_index_put(struct relay_index *ix, uint64_t key, void *value);
void relay_index_drop(struct relay_index *ix, uint64_t key, const void *value);
/* The objects of a key, one after another: *cursor is UINT32_MAX first; NULL: no more. */
void *relay_index_next(const struct relay_index *ix, uint64_t key, uint32_t *cursor);

/* ---- the tables ---- */

enum delivery_state { DELIVERY_BEHIND, DELIVERY_QUEUED, DELIVERY_JOINED, DELIVERY_SETTLED, DELIVERY_ACKING,
                      DELIVERY_STATES };

struct delivery {
    relay_id id, lease;            /* id: ours; lease: the driver's */
    enum delivery_state state;
    enum relay_reason refused;
    bool lost;                     /* stays joined for a late acknowledgement, nothing else */
    uint32_t ack_tries;
    struct list_link link;         /* on deliveries[state] */
    struct list_link job_link;     /* JOINED: on job->joined */
    struct list_link group_link;
    struct list_link lane_link;    /* BEHIND: on lane->tail */
    struct heap_entry timer;       /* extension, loss; ACKING: next try */
    struct relay_name *name;
    uint64_t hash;
    struct job *job;
    struct group *group;
    struct lane *lane;             /* BEHIND, or QUEUED as its head */
    us_t received_us, until_us;
    us_t hold_mark_us;             /* the hold clock when it was received */
    us_t first_ack_us;
};

enum job_state { JOB_READY, JOB_RUNNING, JOB_WAITING, JOB_HELD, JOB_SETTLED, JOB_STATES };

enum job_hold {
    HOLD_TARGET,     /* until the target is taken up again */
    HOLD_TIMED,      /* a system fault seen by this job: until its timer */
    HOLD_ALONE,      /* it waits for a person, and is looked at again now and then: takes nobody's place */
    HOLD_STORM,      /* until `dead accept` */
    HOLD_SINK,       /* until there is a sink */
    HOLD_FOREIGN     /* until the restart with source_store_aliases */
};

struct job {
    relay_id id;
    uint64_t seq;                  /* age: less is older */
    enum job_state state;
    enum job_hold hold;
    struct list_link link;         /* on jobs[state] */
    struct heap_entry ready;       /* READY: in its target's heap, by age */
    struct heap_entry timer;       /* WAITING, HELD: when to go on */
    struct heap_entry memory;      /* RUNNING: waits for a grant. HELD, WAITING: its body may be dropped */
    struct relay_name *name;
    uint64_t hash;
    bool indexed;
    struct list joined;            /* deliveries */
    uint32_t live;                 /* of them, with a lease that is not lost */
    enum relay_reason lost_why;    /* why live became 0 */
    struct lane *lane;
    uint32_t group;                /* its founder's */
    us_t received_us;

    /* the stage */
    enum relay_op op, stage;       /* op: next or under way; stage: what a dead letter or outcome names */
    enum relay_target target;
    bool attempt_out;
    us_t attempt_us;               /* its start */
    uint64_t successes_before;     /* of others at this target and op, when it started */
    us_t stage_us, stage_mark_us;  /* since when, and the hold clock then */
    us_t progress_us, progress_mark_us;
    us_t held_us;                  /* HELD: since when, */
    enum relay_target held_for;    /* and for HOLD_TARGET: whom */
    struct relay_answer refusal;   /* what a proof is about */
    bool other_id;
    uint32_t proofs;               /* in a row, without any trouble between */
    bool evidence;                 /* the last attempt failed while it went well for others */

    /* memory */
    relay_id body;
    bool has_body, fetched;
    uint64_t reserved, want;

    /* failures */
    uint32_t attempts, counted, row, gone_tries, payload_tries, stale_tokens;
    us_t first_us, first_counted_us;
    enum relay_reason reason;
    enum relay_outcome buried_as;
    struct relay_answer answer;
    bool noticed;
    enum relay_notice notice;
    enum relay_target notice_target;
    bool storm_counted;
};

struct lane {
    relay_id id;
    uint64_t key;
    bool stuck;                    /* its head fails for reasons of its own: what stands behind takes no place */
    struct list tail;
};

struct group {
    relay_id slot;
    uint32_t id;
    bool runner_leases, permitted, full, done, failed, abandoning;
    bool always;                   /* group 0 */
    uint32_t unsettled;
    struct list deliveries;        /* all that are not gone */
    struct heap_entry cap;         /* ours, answered, not permitted: abandoned then */
};

/* The last `len` answers, as bits. */
struct relay_window {
    uint64_t bits[4];
    uint32_t len, pos, seen, set;
};

struct target {
    /* limit (limit.c) */
    double limit;
    bool ramp;                     /* doubling, until the first shrink */
    us_t shrunk_us;
    uint32_t in_flight;
    us_t rate_us;                  /* when the next attempt may start */
    struct heap ready;             /* jobs by age */
    uint64_t successes[RELAY_OPS];
    struct relay_window throttles;
    us_t throttled_until_us;
    /* breaker (breaker.c) */
    bool open;
    enum relay_notice notice;      /* OPEN: the one that was begun */
    bool unproven;                 /* unproven: closed by a probe, no success of real work yet */
    uint32_t row;
    struct relay_window faults;
    us_t cut_us;                   /* the last fault of a connection */
    us_t probe_us;
    bool probing;
    /* token (bearer.c) */
    uint32_t token_gen;
    bool token_wait, refreshing;
    bool token_fresh;              /* it came after a 401, */
    bool token_proven;             /* and something was answered to it that was no 401 */
    bool token_failed;             /* the notice is on */
    us_t refresh_us;               /* when to ask again; US_NEVER: no need */
    uint32_t refresh_row;

    bool was_held;
    struct relay_target_stats stats;
};

struct relay_storm {
    uint8_t *window;               /* a ring of outcomes: 1 = a dead letter of the guarded kinds */
    uint32_t len, pos, seen, dead, pending;
    bool held;
};

struct queued_action {
    struct relay_action action;
    struct relay_name *name;
};

struct lease_place {
    uint32_t gen;
    struct delivery *delivery;
};

struct relay {
    uint32_t magic;
    const struct relay_policy *policy;
    struct rnd rnd;
    uint64_t hash_seed, next_seq;
    us_t now_us;

    struct slots delivery_slots, job_slots, lane_slots, group_slots;
    struct relay_names names;
    struct relay_index jobs_by_name, lanes_by_key, groups_by_id;
    struct lease_place *by_lease;
    uint32_t by_lease_len;

    struct list deliveries[DELIVERY_STATES];
    struct list jobs[JOB_STATES];
    struct heap lease_timers, job_timers, group_caps;

    struct target target[RELAY_TARGETS];

    uint64_t body_bytes;
    struct heap wants;             /* by age, oldest first */
    struct heap droppable;         /* by age, youngest first */
    struct job *exempt;            /* the one job that may go beyond the budget */

    struct relay_storm storm;
    us_t hold_clock_us;            /* how long the relay as a whole has been held, in all */
    bool holding;
    uint32_t flow_told;
    bool draining, drain_over;
    us_t drain_until_us;
    uint32_t alone;                /* jobs that wait for a person: the rest flows around them */
    uint32_t parked;               /* deliveries behind the stuck head of a lane: so it does around these */

    uint32_t ack_times[64];        /* receipt to settlement, by size; for the length of extensions */
    uint32_t ack_times_count;

    uint32_t notices[RELAY_TARGETS][RELAY_NOTICES];

    struct queued_action *actions; /* a ring: released .. taken .. put */
    uint32_t actions_cap;
    uint64_t released, taken, put;

    struct relay_ledger ledger;
    struct relay_stats counters;
};

/* ---- actions out (action.c) ---- */
struct relay_action *relay_act(struct relay *r, enum relay_action_kind kind);
/* The same, about a name, which lives until the action has been taken and read. */
struct relay_action *relay_act_named(struct relay *r, enum relay_action_kind kind, struct relay_name *name);
struct relay_action *relay_act_lease(struct relay *r, enum relay_action_kind kind, const struct delivery *d);
void relay_act_release_taken(struct relay *r);

/* ---- delivery.c ---- */
struct delivery *relay_delivery_make(struct relay *r, const struct relay_event *ev, struct group *g);
struct delivery *relay_delivery_find(struct relay *r, relay_id lease);
void relay_delivery_move(struct relay *r, struct delivery *d, enum delivery_state to);
void relay_delivery_join(struct relay *r, struct delivery *d, struct job *job);
/* Out of its job, if it is in one. */
void relay_delivery_leave(struct relay *r, struct delivery *d);
/* The lease is forgotten, the object gone. */
void relay_delivery_end(struct relay *r, struct delivery *d);
/* Given back without ever having become a job: tells the outcome. */
void relay_delivery_release(struct relay *r, struct delivery *d, enum relay_reason why);

/* ---- job.c ---- */
struct job *relay_job_find(struct relay *r, struct bytes name, uint64_t hash);
struct job *relay_job_make(struct relay *r, struct delivery *founder);
void relay_job_free(struct relay *r, struct job *job);
void relay_job_move(struct relay *r, struct job *job, enum job_state to);
void relay_job_aim(struct relay *r, struct job *job, enum relay_op op, enum relay_target target);
/* The lease that began the job, and since when: what a dead letter says of the notification. */
void relay_job_tell_delivery(const struct job *job, struct relay_action *a);
/* To its target's queue; HELD if the target is held. */
void relay_job_ready(struct relay *r, struct job *job);
void relay_job_wait(struct relay *r, struct job *job, us_t wait_us);
/* A system fault: wait_us 0 without a timer. */
void relay_job_hold(struct relay *r, struct job *job, enum job_hold hold, us_t wait_us);
void relay_job_wake(struct relay *r, struct job *job);
void relay_job_progress(struct relay *r, struct job *job);
/* How long it has not come on, times of a held relay not counted. */
us_t relay_job_idle(const struct relay *r, const struct job *job);
/* Its last live lease has gone. */
void relay_job_orphaned(struct relay *r, struct job *job, enum relay_reason why);
void relay_job_drop_body(struct relay *r, struct job *job);

/* ---- the way of a message ---- */
void relay_admit_delivery(struct relay *r, const struct relay_event *ev);
void relay_admit_pump(struct relay *r);
void relay_admit_flow(struct relay *r);
bool relay_fetch_may_start(struct relay *r, struct job *job);
void relay_fetch_done(struct relay *r, struct job *job, const struct relay_event *ev);
void relay_fetch_passed(struct relay *r, struct job *job);
bool relay_ingest_may_start(struct relay *r, struct job *job);
void relay_ingest_passed(struct relay *r, struct job *job, const struct relay_event *ev);
void relay_prove_gone(struct relay *r, struct job *job, const struct relay_answer *answer);
void relay_prove_copy(struct relay *r, struct job *job, const struct relay_answer *answer);
void relay_prove_passed(struct relay *r, struct job *job);
void relay_prove_anew(struct relay *r, struct job *job);
void relay_bury(struct relay *r, struct job *job, enum relay_outcome as, enum relay_reason why);
bool relay_bury_may_start(struct relay *r, struct job *job);
void relay_settle(struct relay *r, struct job *job, enum relay_outcome outcome, enum relay_reason why, bool dup);
void relay_settle_ack(struct relay *r, struct delivery *d);
void relay_settle_acked(struct relay *r, const struct relay_event *ev);
void relay_settle_due(struct relay *r, struct delivery *d);

/* The deeds and stages of verdict.def. */
enum relay_deed {
    DEED_PASS,         /* the stage is done */
    DEED_RETRY,        /* transient: evidence shows whom it counts against */
    DEED_AGAIN,        /* never sent, or given up by ourselves: counts against nobody */
    DEED_FAULT,        /* the target's fault: hold, let the breaker hear */
    DEED_THROTTLE,
    DEED_TOKEN,
    DEED_LOOK_AGAIN,   /* 404: some tries for read-after-notify lag, then the proof */
    DEED_ONCE_MORE,    /* fetched once more, then buried */
    DEED_PROVE,        /* look before judging */
    DEED_REFUSAL,      /* the proof found nothing: the refusal's own verdict */
    DEED_COPY,         /* delivered: the same bytes are there */
    DEED_ALONE,        /* this message alone waits, with a notice */
    DEED_BURY,
    DEEDS
};

enum verdict_stage { STAGE_ANY, STAGE_FETCH, STAGE_INGEST, STAGE_GONE, STAGE_COPY, STAGE_BURY,
                     STAGE_SOURCE_REFUSAL, STAGE_DEST_REFUSAL };

struct verdict_row {
    enum verdict_stage stage;
    uint16_t class, reach;
    enum relay_deed deed;
    enum relay_reason reason;
    enum relay_notice notice;    /* RELAY_NOTICES: none */
    const char *why;
};

const struct verdict_row *relay_verdict_find(enum verdict_stage stage, uint16_t class, uint8_t reach);

/* ---- attempts (attempt.c), what they mean (verdict.c), whom they count against (retry.c) ---- */
void relay_attempt_pump(struct relay *r, enum relay_target target);
void relay_attempt_done(struct relay *r, const struct relay_event *ev);
void relay_verdict(struct relay *r, struct job *job, const struct relay_event *ev);
void relay_verdict_refusal(struct relay *r, struct job *job, enum verdict_stage stage);
bool relay_retry_evidence(const struct relay *r, const struct job *job);
bool relay_retry_exhausted(const struct relay *r, const struct job *job);
void relay_retry_transient(struct relay *r, struct job *job, const struct relay_answer *answer);
void relay_retry_fault(struct relay *r, struct job *job, const struct relay_answer *answer);
void relay_retry_again(struct relay *r, struct job *job, const struct relay_answer *answer);
us_t relay_retry_gone_wait(const struct relay *r, uint32_t tries);
void relay_retry_throttled(struct relay *r, struct job *job, const struct relay_answer *answer);

/* ---- targets ---- */
void relay_window_init(struct relay_window *w, uint32_t len);
void relay_window_add(struct relay_window *w, bool set);
void relay_target_init(struct relay *r, enum relay_target target);
void relay_limit_restart(struct relay *r, enum relay_target target, double from);
void relay_limit_grow(struct relay *r, enum relay_target target);
void relay_limit_shrink(struct relay *r, enum relay_target target, us_t attempt_us);
void relay_limit_throttled(struct relay *r, enum relay_target target, const struct relay_answer *answer);
void relay_limit_answered(struct relay *r, enum relay_target target);
bool relay_limit_has_room(const struct relay *r, enum relay_target target);
void relay_breaker_success(struct relay *r, enum relay_target target);
void relay_breaker_fault(struct relay *r, enum relay_target target, const struct relay_answer *answer);
void relay_breaker_probed(struct relay *r, const struct relay_event *ev);
void relay_breaker_due(struct relay *r, enum relay_target target);
void relay_bearer_start(struct relay *r);
/* True: uncounted, start again at once. */
bool relay_bearer_refused(struct relay *r, enum relay_target target, uint32_t token_gen, bool *ret_fault);
void relay_bearer_token(struct relay *r, const struct relay_event *ev);
void relay_bearer_due(struct relay *r, enum relay_target target);
static inline bool relay_target_is_held(const struct relay *r, enum relay_target target)
{
    const struct target *t = &r->target[target];
    return t->open || t->token_wait || t->throttled_until_us > 0;
}
/* Ends what is over, moves jobs into and out of HELD when the target became held or was taken up again. */
void relay_target_follow(struct relay *r, enum relay_target target);
us_t relay_target_due(const struct relay *r, enum relay_target target);

/* ---- bounds ---- */
bool relay_budget_reserve(struct relay *r, struct job *job, uint64_t bytes);
void relay_budget_correct(struct relay *r, struct job *job, uint64_t bytes);
void relay_budget_want(struct relay *r, struct job *job, uint64_t bytes);
void relay_budget_pump(struct relay *r);
void relay_budget_fit(struct relay *r);
bool relay_storm_guards(enum relay_reason why);
bool relay_storm_allows(struct relay *r, enum relay_reason why);
void relay_storm_init(struct relay *r);
void relay_storm_outcome(struct relay *r, bool dead);
void relay_storm_hold(struct relay *r);
void relay_storm_accept(struct relay *r);
bool relay_hold_is_on(const struct relay *r);    /* source, dest, sink or storm guard: counts in the hold clock */
void relay_drain_begin(struct relay *r, us_t until_us);
void relay_drain_end(struct relay *r);

/* ---- leases, groups, lanes ---- */
void relay_lease_watch(struct relay *r, struct delivery *d);
void relay_lease_event(struct relay *r, const struct relay_event *ev);
void relay_lease_due(struct relay *r, struct delivery *d);
void relay_lease_lose(struct relay *r, struct delivery *d);
void relay_lease_settled(struct relay *r, const struct delivery *d);
us_t relay_lease_extension(const struct relay *r, us_t age_us);
struct group *relay_group_find(struct relay *r, uint32_t id);
void relay_group_open(struct relay *r, const struct relay_event *ev);
void relay_group_full(struct relay *r, uint32_t id);
void relay_group_permit(struct relay *r, uint32_t id);
void relay_group_abandon(struct relay *r, struct group *g);
void relay_group_look(struct relay *r, struct group *g);
/* True: the delivery is the head. False: it waits BEHIND. */
bool relay_lane_enter(struct relay *r, struct delivery *d, uint64_t key);
void relay_lane_next(struct relay *r, struct lane *lane);
/* Given back: what stands behind `after` (NULL: the whole tail). */
void relay_lane_break(struct relay *r, struct lane *lane, const struct delivery *after, enum relay_reason why);
void relay_lane_leave(struct relay *r, struct delivery *d);
/* The head, a job, is in trouble of its own; until it has gone. */
void relay_lane_stuck(struct relay *r, struct lane *lane);

/* ---- what an operator must know (notice.c) ---- */
void relay_notice(struct relay *r, enum relay_notice notice, enum relay_target target, bool on,
                  const struct relay_answer *answer);    /* answer: what began it; NULL: nothing of the kind */
void relay_notice_job(struct relay *r, struct job *job, enum relay_notice notice, enum relay_target target,
                      const struct relay_answer *answer);
void relay_notice_job_clear(struct relay *r, struct job *job);

#endif
