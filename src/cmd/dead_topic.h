/*
 * Dead letters of a Pub/Sub sink: read out of dead_letter.subscription without
 * taking them away. What is read is leased meanwhile and given back at the end;
 * only what was replayed is acknowledged.
 */
#ifndef CMD_DEAD_TOPIC_H
#define CMD_DEAD_TOPIC_H

#include "cmd/dead_entries.h"
#include "cmd/dead_link.h"

struct dead_lease {
    char id[17];             /* of the entry; "" : a message that holds no record */
    char *ack_id;            /* NULL: settled */
};

struct dead_topic {
    struct dead_link link;
    const struct config *config;
    struct dead_entries *entries;
    struct dead_lease *lease;
    size_t leases, leases_max;
    size_t pulled;           /* by the last call */
};

/*
 * Connects, and reads what the subscription gives now into e (which is the caller's to
 * free) until it gives nothing more. False: dead_topic_close() is still the caller's.
 */
bool dead_topic_load(struct dead_topic *t, const struct config *c, struct dead_entries *e, struct err *err) MUST_USE;
/* Takes every message of these entries out of the subscription. */
bool dead_topic_acknowledge(struct dead_topic *t, const struct dead_entry *const *entries, size_t count, struct err *err) MUST_USE;
/* Gives back what was not acknowledged. False: those come again when their leases end, in ten minutes. */
bool dead_topic_close(struct dead_topic *t, struct err *err);

#endif
