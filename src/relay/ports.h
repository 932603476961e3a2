/*
 * All that enters and leaves the engine.
 *
 * The engine decides everything and touches nothing: no socket, clock, file,
 * thread, log, or byte of a body. A driver (the network loop, a Beam bundle,
 * the simulator, a fuzzer) feeds events and takes actions until none is left.
 * Same events, same seed, same actions.
 *
 * Ids are slot + generation: an answer to a dead id is dropped and counted.
 * Names are copied by the engine when an event is fed; names in actions are
 * the engine's and live until the next relay_feed or relay_take.
 */
#ifndef RELAY_PORTS_H
#define RELAY_PORTS_H

#include "base/err.h"
#include "base/slots.h"

typedef struct slot_id relay_id;

/* Each has a concurrency limit, a breaker and a token of its own. */
enum relay_target { AT_SUBSCRIPTION, AT_SOURCE, AT_DEST, AT_SINK, RELAY_TARGETS };

enum relay_op {
    OP_FETCH,     /* source: GET the message, RAW_ONLY */
    OP_INGEST,    /* destination: POST the body that the fetch brought */
    OP_PROVE,     /* GONE at source: list one message of the store. NACK or 409 at destination: GET the copy */
    OP_PROBE,     /* any target whose breaker is open: the cheapest call that shows it is back */
    OP_BURY,      /* sink: write the dead letter or the skip record; answered only once durable */
    RELAY_OPS
};

enum relay_outcome {
#define OUTCOME(name, text) OUTCOME_##name,
#include "relay/outcome.def"
#undef OUTCOME
    RELAY_OUTCOMES
};

enum relay_reason {
#define REASON(name, code, storm, text) REASON_##name,
#include "relay/reason.def"
#undef REASON
    RELAY_REASONS
};

/* A client's whole account of one attempt; only verdict.c turns it into a deed. */
struct relay_answer {
    uint16_t class;        /* enum err_class */
    uint8_t reach;         /* enum reach */
    uint16_t http, grpc;
    uint32_t token_gen;    /* the token it was sent with */
    us_t wait_us;          /* Retry-After, RetryInfo; 0: none */
};

enum relay_event_kind {
    EV_DELIVERY,      /* lease, name, reason, lane, group, until_us. Always taken; a job is admitted later, by budget.
                         The lease id is the driver's, and in use until ACT_FORGET. until_us: US_NEVER with the
                         runner's leases. reason != NONE: the name was refused before any network call (bad_path,
                         foreign_store, decode_error: buried; foreign_project: held) or there is none
                         (empty_notification: buried as skipped). A refused name is cut at LIMIT_NAME_LEN */
    EV_LEASE,         /* lease, until_us; 0: lost, or its receipt refused (exactly-once) */
    EV_DONE,          /* job, op, answer; OP_FETCH: body, body_bytes. OP_BURY: only once durable. OP_PROBE: target.
                         OP_INGEST: other_id, when the reply's name is in the destination store under an id that is
                         not the source's (an OP_PROVE then reads that copy back).
                         OP_PROVE at destination: OK same bytes, DIFFERENT other bytes, NOT_FOUND no copy */
    EV_WANT,          /* job, body_bytes: this many more than LIMIT_STREAM_WINDOW and the grants so far; nothing more
                         is read until a grant. One at a time for a job */
    EV_ACKED,         /* lease, answer: OK confirmed; LOST_LEASE invalid; anything else: it is sent again later */
    EV_GROUP,         /* group opens: runner_leases, permit_now. Group 0 (direct run: ours, permitted) is always open */
    EV_GROUP_FULL,    /* group: its last delivery is in */
    EV_PERMIT,        /* group: finalized, settled leases may be acknowledged. Unknown group: dropped, counted */
    EV_ABANDON,       /* group: cancelled, failed, runner gone: no ack, no extension any more */
    EV_TOKEN,         /* target, answer; OK: answer.token_gen is the new one. Also unasked, before the old one ends */
    EV_POLICY,        /* policy: immutable, outlives the engine or the next EV_POLICY */
    EV_STORM_ACCEPT,  /* `dead accept`: the storm guard lets go */
    EV_DRAIN,         /* until_us: stop taking; finish or release by then */
    EV_TICK
};

struct relay_policy;

struct relay_event {
    enum relay_event_kind kind;
    enum relay_target target;
    enum relay_op op;
    enum relay_reason reason;
    relay_id job, lease, body;
    uint32_t group;
    uint64_t lane, body_bytes;
    us_t until_us;
    bool runner_leases, permit_now, other_id;
    struct bytes name;
    struct relay_answer answer;
    const struct relay_policy *policy;
};

enum relay_action_kind {
    ACT_ATTEMPT,       /* job, op, target, name, body, token_gen, until_us (deadline of the attempt): exactly one EV_DONE answers.
                          OP_BURY: lease (the first that joined), outcome DEAD or SKIPPED, reason, attempts, first_us, last answer;
                          `stage` is the operation that failed (OP_FETCH or OP_INGEST; OP_BURY: refused before any).
                          OP_PROBE: job is none */
    ACT_GRANT,         /* job, body_bytes more may be read; 0: beyond message_bytes_max, end the attempt as TOO_LARGE */
    ACT_DROP_BODY,     /* body; never while an attempt uses it */
    ACT_OUTCOME,       /* job, outcome, reason, stage (as for OP_BURY), group, name, attempts, first_us, body_bytes,
                          answer, dup: the one place of counters, log line, Beam output. One for each EV_DELIVERY in
                          the end (the ledger). COALESCED: lease, and the job it joined. A delivery that never became a
                          job: lease, no job */
    ACT_EXTEND,        /* lease, until_us wanted */
    ACT_ACK,           /* lease */
    ACT_RELEASE,       /* lease: nack, deadline 0 */
    ACT_FORGET,        /* lease: the engine has let go of it; the driver's slot is free */
    ACT_GROUP_DONE,    /* group, failed: answer the bundle. failed when any lease of the runner was not settled */
    ACT_REFRESH,       /* target, token_gen: get a newer one; one at a time */
    ACT_FLOW,          /* count: deliveries that the source may still hand out from now on; each EV_DELIVERY uses one.
                          Said again before it is used up, and at once when it becomes 0 (hold, drain, full) */
    ACT_NOTICE         /* notice, target, on, answer (what began it, where an answer did): something an operator must know
                          (target held, storm guard, differs at destination ...) */
};

enum relay_notice {
#define NOTICE(name, text) NOTICE_##name,
#include "relay/notice.def"
#undef NOTICE
    RELAY_NOTICES
};

struct relay_action {
    enum relay_action_kind kind;
    enum relay_target target;
    enum relay_op op, stage;
    enum relay_outcome outcome;
    enum relay_reason reason;
    enum relay_notice notice;
    relay_id job, lease, body;
    uint32_t group, token_gen, attempts, count;
    bool failed, dup, on;        /* on: a notice begins (true) or ends (false) */
    uint64_t body_bytes;
    us_t until_us, first_us;
    struct bytes name;
    struct relay_answer answer;  /* the last one; with ACT_OUTCOME and OP_BURY */
};

struct relay;

struct relay *relay_make(const struct relay_policy *policy, uint64_t seed, us_t now_us);
void relay_free(struct relay *r);
void relay_feed(struct relay *r, const struct relay_event *ev, us_t now_us);
size_t relay_take(struct relay *r, struct relay_action *out, size_t max);
us_t relay_due(const struct relay *r);    /* feed EV_TICK no later than this; US_NEVER: no need */
bool relay_is_drained(const struct relay *r);    /* after EV_DRAIN: every lease is forgotten, every action taken */

#endif
