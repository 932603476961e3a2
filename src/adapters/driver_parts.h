/*
 * The driver's inside, shared by its files and by nobody else:
 *
 *      driver.c         tables, feeding, the task that takes actions
 *      source_pubsub.c  deliveries in; extensions, acknowledgements, releases out
 *      source_bundles.c deliveries that belong to groups: parked, taken, pushed
 *      do_attempt.c     fetch, ingest, proof, probe: an action becomes a call, its end an event
 *      do_bury.c        dead letters and skip records
 *      outcome.c        outcomes and notices become counters and log lines
 */
#ifndef ADAPTERS_DRIVER_PARTS_H
#define ADAPTERS_DRIVER_PARTS_H

#include "adapters/driver.h"
#include "base/limits.h"
#include "relay/stats.h"

/* One lease: what Pub/Sub wants to hear about again. Ids of usual length lie inside. */
enum { LEASE_ACK_ID_INLINE = 256, LEASE_MESSAGE_ID_MAX = 48 };

struct lease {
    uint16_t ack_id_len;
    uint8_t message_id_len;
    char message_id[LEASE_MESSAGE_ID_MAX];
    char ack_id[LEASE_ACK_ID_INLINE];
    char *ack_id_long;             /* owned; NULL: it is inside */
    us_t published_wall_us;        /* 0: not told */
    uint32_t mark;                 /* driver_push() */
    struct list_link by_age;       /* d->leases_by_age, oldest arrival first */
};

/* The attempt under way of the job in this slot, and what its outcome line tells of the others. */
struct attempt {
    struct driver *driver;
    relay_id job;
    enum relay_op op;
    enum relay_target target;
    struct store_call *call;       /* NULL: none (or a sink's) */
    struct store_body *body;       /* OP_FETCH: being filled; OP_INGEST, OP_PROVE: read */
    us_t started_us;
    bool open;                     /* an EV_DONE is owed */
    struct list_link late;         /* on d->late: it ended before it could be sent */
    struct relay_answer late_answer;
    uint64_t granted;              /* OP_FETCH: beyond the first window */
    uint16_t source_id_len;
    char source_id[LIMIT_MESSAGE_ID_LEN];
    /* of the job, kept from attempt to attempt */
    relay_id fetched;              /* the body that the engine has, until it drops it */
    us_t fetch_us, ingest_us;      /* duration of the successful ones */
    size_t message_bytes;
    char ack[3], nack_where[24];
    bool labels_differ;            /* of the copy that the last proof saw */
    struct buf other_id;           /* id under which the destination says it stored the message */
};

/* Actions taken at once; the engine's names in them live until the next take. */
enum { DRIVER_TAKE_MAX = 256 };

struct driver {
    struct driver_conf conf;
    struct relay_action actions[DRIVER_TAKE_MAX];    /* not on the stack: hardening would clear it each pass */
    struct relay *relay;
    struct relay_policy policy[2]; /* in turn: the engine reads one while the other is written */
    unsigned policies;
    struct loop_task task;
    struct loop_timer tick;
    struct auth_watcher auth_watcher;
    struct pull_stream *pull;
    struct ack_batch *acks;
    struct slots leases;
    struct list leases_by_age;
    struct list parked;            /* pulled, and not yet taken by a group: the engine does not know of them */
    struct loop_timer park_timer;
    struct loop_task park_task;
    bool stopping;                 /* what still comes is given back at once */
    uint32_t flow;                 /* ACT_FLOW, less what the engine was given since */
    struct attempt **attempts;     /* by job slot; made as slots appear, kept for reuse */
    uint32_t attempts_count;
    struct attempt probe[RELAY_TARGETS];
    struct list late;              /* attempts that ended while actions are taken: fed after those */
    struct driver_facts facts;
    uint64_t taken;                /* deliveries, for messages_max */
    bool stopped;                  /* that many were taken, and the stream knows */
    us_t notice_since_us[RELAY_TARGETS][RELAY_NOTICES];    /* 0: off */
    uint64_t extensions_seen, leases_lost_seen;    /* what was published already */
};

/* driver.c */
void driver_feed(struct driver *d, const struct relay_event *ev);
/* Takes actions until there is none left. */
void driver_act(struct driver *d);
struct attempt *driver_attempt(struct driver *d, relay_id job);

/* source_pubsub.c */
void driver_source_open(struct driver *d);
void driver_source_close(struct driver *d);
void driver_source_extend(struct driver *d, const struct relay_action *a);
void driver_source_ack(struct driver *d, const struct relay_action *a);
void driver_source_release(struct driver *d, const struct relay_action *a);
void driver_source_forget(struct driver *d, relay_id lease);
void driver_source_probe(struct driver *d);
/* NULL: there are LIMIT_OUTSTANDING, or an id that could not be sent back. */
struct lease *driver_lease_make(struct driver *d, const struct pubsub_delivery *p, relay_id *ret_id);
enum relay_reason driver_judge(const struct driver *d, const struct pubsub_delivery *p);
/* It came: facts, counters, log. */
void driver_tell_received(struct driver *d, const struct pubsub_delivery *p);
void driver_lease_give_back(struct driver *d, relay_id lease);    /* one that the engine never heard of */

/* source_bundles.c */
void driver_bundles_open(struct driver *d);
void driver_bundles_close(struct driver *d);
void driver_park(struct driver *d, const struct relay_event *delivery);
void driver_unpark_all(struct driver *d);    /* given back */
void driver_flow(struct driver *d, uint32_t count);
struct bytes driver_lease_message_id(const struct driver *d, relay_id lease);
uint32_t driver_lease_mark(const struct driver *d, relay_id lease);    /* 0: it has none, or is gone */
/* What of an announced name may be shown: the name of an HL7v2 message in some store. What is no such name may be
 * anything, a message too, and is "not-a-name": its notification's message_id finds it. */
struct bytes driver_shown_name(const struct driver *d, struct bytes announced);

/* do_attempt.c */
void driver_attempt_start(struct driver *d, const struct relay_action *a);
void driver_attempt_grant(struct driver *d, const struct relay_action *a);
void driver_attempt_cancel(struct attempt *at);
void driver_attempt_done(struct attempt *at, const struct relay_answer *answer);
/* The same once the actions at hand are done: their names would not outlive a feed. */
void driver_attempt_done_late(struct attempt *at, const struct relay_answer *answer);

/* do_bury.c */
void driver_bury(struct driver *d, struct attempt *at, const struct relay_action *a);
void driver_bury_probe(struct driver *d, struct attempt *at);

/* outcome.c */
void driver_outcome(struct driver *d, const struct relay_action *a);
void driver_notice(struct driver *d, const struct relay_action *a);
void driver_count_request(struct driver *d, const struct attempt *at, const struct relay_answer *answer);

#endif
