/*
 * What is in the local cloud, counted: for its page, and for tools that ask. Names and numbers, no content.
 *
 * A census is a photograph: names borrow from live objects, so it must not outlive the pass of the loop.
 * Counting is bounded (LIMIT_CLOUD_COUNTED, LIMIT_CLOUD_COUNTED_ALL): `more` says that there is more than was
 * counted.
 */
#ifndef CLOUD_CENSUS_H
#define CLOUD_CENSUS_H

#include "cloud/parts.h"
#include "json/write.h"

struct cloud_census_count {
    uint64_t n;
    bool more;
};

struct cloud_census_topic {
    const char *name;
    uint64_t subscriptions;
};

struct cloud_census_sub {
    const char *name, *topic;    /* topic NULL: deleted */
    struct cloud_census_count unacked;
    us_t oldest_us;              /* age of the oldest unacknowledged message; -1: none */
    uint64_t leased, consumers;
};

struct cloud_census_store {
    const char *name;
    struct cloud_census_count messages;
    uint64_t notifications;      /* notificationConfigs */
    bool rejects_duplicates, accepts_all;
};

/* Sorted by name. */
struct cloud_census {
    struct cloud_census_topic *topics;
    struct cloud_census_sub *subs;
    struct cloud_census_store *stores;
    char **datasets;
    size_t topics_count, subs_count, stores_count, datasets_count;
    struct cloud_census_count unacked, messages;    /* of all */
    uint64_t leased, consumers;
    size_t budget;               /* what may still be counted */
};

/* False: the disk failed. The census is to be ended either way. */
bool cloud_census_take(struct cloud *c, struct cloud_census *ret, struct err *err) MUST_USE;
void cloud_census_fini(struct cloud_census *census);

/* The same as JSON, with faults and recent requests: /-/state. Appends. */
void cloud_census_json(struct cloud *c, const struct cloud_census *census, struct buf *out);

#endif
