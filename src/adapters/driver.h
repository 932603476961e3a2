/*
 * The driver: the one place where the engine meets the world.
 *
 *      callbacks of clients --> relay_feed      (at once: the engine only notes)
 *      one task a pass      --> relay_take      (until empty), each action started
 *
 * What an attempt needs while it is under way (its call, its body, its times)
 * lies here, in a table by the job's slot; what the engine knows of a message
 * is its name and ids. No decision is taken here.
 *
 * In the direct run a delivery goes to the engine as it comes (group 0). With
 * conf.bundles it belongs to a group: the caller opens one for each bundle of
 * its runner and either pushes elements into it (the runner's leases), or takes
 * what the pull stream brought (our leases). See source_bundles.c.
 */
#ifndef ADAPTERS_DRIVER_H
#define ADAPTERS_DRIVER_H

#include "adapters/sink.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "pubsub/ack_batch.h"
#include "pubsub/pull_stream.h"
#include "relay/policy.h"
#include "store/store_client.h"

struct driver;

/* Called from the loop, never inside a driver_ call. No driver_ call may be made within on_outcome. */
struct driver_bundles {
    us_t park_us;                         /* a pulled message that nobody takes is given back after this */
    void (*on_parked)(void *ctx);         /* messages wait for driver_take() */
    /* mark: what the delivery was given; 0 for those of driver_take(). a->group: its founder's. */
    void (*on_outcome)(void *ctx, const struct relay_action *a, uint32_t mark);
    /* Every delivery of the group has its outcome. failed: the runner must not take it as done. */
    void (*on_group_done)(void *ctx, uint32_t group, bool failed);
    void *ctx;
};

struct driver_conf {
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    const struct relay_policy *policy;    /* copied */
    uint64_t seed;
    const struct store_names *source_names, *dest_names;
    struct store_client *source, *dest;
    struct store_bodies *bodies;
    struct auth_source *auth;             /* NULL: no tokens (local cloud) */
    struct sink *sink;                    /* NULL: none; message faults hold */
    struct pubsub_endpoint pubsub;
    struct bytes subscription;            /* empty: nothing is pulled */
    const struct driver_bundles *bundles; /* NULL: the direct run */
    uint32_t outstanding_max;
    uint64_t outstanding_bytes;
    uint64_t messages_max;                /* deliveries to take; then the stream is stopped. 0: no end */
    bool copy_labels;
    bool log_content;                     /* log.log_message_content */
    /* The storm guard began or ended to hold: to be kept on disk. */
    void (*on_storm)(void *ctx, bool held);
    void *ctx;
};

/* Everything in conf is borrowed and outlives the driver. Deliveries come from the next pass on. */
struct driver *driver_make(const struct driver_conf *conf);
/* At once, whatever is under way: leases end by themselves and are redelivered. */
void driver_free(struct driver *d);

/* No new deliveries; what is under way is finished, or given back at until_us. */
void driver_drain(struct driver *d, us_t until_us);
/* After driver_drain: nothing is held and every acknowledgement is answered. */
bool driver_is_drained(const struct driver *d);
/* The last thing before a fast exit: acknowledgements that are due leave now. */
void driver_flush(struct driver *d);
/* Copied; what the stream told of the subscription (exactly-once, ordering) is put in by the driver. */
void driver_set_policy(struct driver *d, const struct relay_policy *policy);
void driver_accept_storm(struct driver *d);

/* With conf.bundles. Group ids are the caller's, never 0, never used twice. */
void driver_group_open(struct driver *d, uint32_t group, bool runner_leases);
void driver_group_full(struct driver *d, uint32_t group);       /* its last delivery is in */
void driver_group_permit(struct driver *d, uint32_t group);     /* finalized; of an unknown group: no effect */
void driver_group_abandon(struct driver *d, uint32_t group);
/* An element that the runner holds the lease of; ack_id is not looked at. False: LIMIT_OUTSTANDING are held. */
bool driver_push(struct driver *d, uint32_t group, const struct pubsub_delivery *element, uint32_t mark);
/* Hands at most `max` of the messages that wait to the group; how many it were. */
uint32_t driver_take(struct driver *d, uint32_t group, uint32_t max);
uint32_t driver_parked(const struct driver *d);
uint32_t driver_under_way(const struct driver *d);    /* leases of any kind that are not forgotten */

struct driver_facts {
    enum pull_state pull;
    bool ever_open;                /* the stream was answered at least once */
    struct err pull_fault;         /* PULL_FAULT: why */
    us_t last_activity_us;         /* loop time of the last delivery or outcome */
    int32_t delivery_attempt_max;
    us_t oldest_published_wall_us; /* of the leases held; US_NEVER: none */
    size_t acks_open;
    uint64_t dead;
    bool exactly_once, ordered;
    bool enough;                   /* messages_max were taken */
};
void driver_facts(const struct driver *d, struct driver_facts *ret_facts);

struct driver_notice {
    enum relay_notice notice;
    enum relay_target target;
    us_t since_us;
};
/* Those that are on; at most max. */
size_t driver_notices(const struct driver *d, struct driver_notice *out, size_t max);
const char *driver_notice_code(enum relay_notice notice);    /* "TARGET_HELD" */
const char *driver_notice_text(enum relay_notice notice);
const struct relay *driver_relay(const struct driver *d);
/* Brings gauges and the engine's counters into the registry: before they are shown. */
void driver_publish_metrics(struct driver *d);

#endif
