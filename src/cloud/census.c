#include "cloud/census.h"

#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"
#include "cloud/stores.h"

#include <stdlib.h>

enum { F_PUBLISH_TIME = 4 };    /* google.pubsub.v1.PubsubMessage */

/* Every struct of a census begins with its name. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* --- counting rows --- */

struct counting {
    struct cloud_census *census;
    struct cloud_census_count count;
};

static bool count_row(void *ctx, struct bytes key UNUSED, struct bytes value UNUSED)
{
    struct counting *c = ctx;
    if (c->count.n == LIMIT_CLOUD_COUNTED || c->census->budget == 0) {
        c->count.more = true;
        return false;
    }
    c->count.n++;
    c->census->budget--;
    return true;
}

/* The rows of a table whose keys begin with this number. */
static bool count_rows(struct cloud *c, struct cloud_census *census, enum cloud_db_table table, uint64_t number,
                       struct cloud_census_count *ret, struct err *err)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    struct counting counting = { .census = census };
    cloud_db_key_u64(&prefix, number);
    struct cloud_db_range range = { .table = table, .prefix = buf_bytes(&prefix), .keys_only = true,
                                    .max = LIMIT_CLOUD_COUNTED + 1 };
    TRY(cloud_db_scan(c->db, &range, count_row, &counting, err));
    *ret = counting.count;
    return true;
}

static void add(struct cloud_census_count *all, const struct cloud_census_count *one)
{
    all->n += one->n;
    all->more = all->more || one->more;
}

/* --- Pub/Sub --- */

struct oldest {
    us_t wall_us, age_us;
};

static bool read_age(void *ctx, struct bytes key UNUSED, struct bytes value)
{
    struct oldest *o = ctx;
    struct bytes stamp = cloud_wire_find(value, F_PUBLISH_TIME);
    us_t at = (us_t) cloud_wire_find_uint(stamp, 1) * US_PER_S + (us_t) cloud_wire_find_uint(stamp, 2) / 1000;
    o->age_us = MAX(o->wall_us - at, (us_t) 0);
    return false;
}

static bool take_sub(struct cloud *c, struct cloud_census *census, struct cloud_sub *s, struct err *err)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    struct cloud_census_sub *one = &census->subs[census->subs_count++];
    struct oldest oldest = { .wall_us = loop_wall(c->loop), .age_us = -1 };
    *one = (struct cloud_census_sub) { .name = s->name, .topic = s->topic != NULL ? s->topic->name : NULL };
    cloud_db_key_u64(&prefix, s->number);
    struct cloud_db_range first = { .table = CLOUD_DB_BACKLOG, .prefix = buf_bytes(&prefix), .max = 1 };
    TRY(cloud_db_scan(c->db, &first, read_age, &oldest, err));
    TRY(count_rows(c, census, CLOUD_DB_BACKLOG, s->number, &one->unacked, err));
    one->oldest_us = oldest.age_us;
    for (uint32_t i = 0; i < s->due.count; i++)
        if (CONTAINER_OF(s->due.slots[i].entry, struct cloud_entry, due)->state == CLOUD_ENTRY_LEASED)
            one->leased++;
    one->consumers = s->consumers.count;
    add(&census->unacked, &one->unacked);
    census->leased += one->leased;
    census->consumers += one->consumers;
    return true;
}

static bool take_pubsub(struct cloud *c, struct cloud_census *census, struct err *err)
{
    struct cloud_pubsub *p = c->pubsub;
    census->topics = mem_alloc_n(HASH_COUNT(p->topics) + 1, sizeof(census->topics[0]));
    census->subs = mem_alloc_n(HASH_COUNT(p->subs) + 1, sizeof(census->subs[0]));
    for (struct cloud_topic *t = p->topics; t != NULL; t = t->hh.next)
        if (t->durable)
            census->topics[census->topics_count++] = (struct cloud_census_topic) { t->name, t->subs.count };
    for (struct cloud_sub *s = p->subs; s != NULL; s = s->hh.next)
        if (s->durable)
            TRY(take_sub(c, census, s, err));
    qsort(census->topics, census->topics_count, sizeof(census->topics[0]), by_name);
    qsort(census->subs, census->subs_count, sizeof(census->subs[0]), by_name);
    return true;
}

/* --- stores --- */

struct names {
    char **at;
    size_t count, room;
};

static bool add_name(void *ctx, struct bytes key, struct bytes value UNUSED)
{
    struct names *n = ctx;
    if (n->count == n->room) {
        n->room = n->room == 0 ? 16 : 2 * n->room;
        n->at = mem_grow(n->at, n->room * sizeof(n->at[0]));
    }
    n->at[n->count++] = mem_dup(key);
    return true;
}

static void names_fini(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->at[i]);
    mem_free(n->at);
}

static bool take_stores(struct cloud *c, struct cloud_census *census, struct err *err)
{
    CLEANUP(names_fini) struct names stores = { 0 };
    struct names datasets = { 0 };
    struct cloud_db_range sets = { .table = CLOUD_DB_DATASET, .keys_only = true };
    struct cloud_db_range all = { .table = CLOUD_DB_STORE, .keys_only = true };
    bool read = cloud_db_scan(c->db, &sets, add_name, &datasets, err);
    census->datasets = datasets.at;
    census->datasets_count = datasets.count;
    TRY(read);
    TRY(cloud_db_scan(c->db, &all, add_name, &stores, err));
    census->stores = mem_alloc_n(stores.count + 1, sizeof(census->stores[0]));
    for (size_t i = 0; i < stores.count; i++) {
        const struct cloud_store *store = cloud_stores_find(c->stores, bytes_str(stores.at[i]));
        if (store == NULL)
            continue;
        struct cloud_census_store *one = &census->stores[census->stores_count++];
        *one = (struct cloud_census_store) {
            .name = store->name, .notifications = store->conf.notifications_count,
            .rejects_duplicates = store->conf.reject_duplicates, .accepts_all = store->accept_all
        };
        TRY(count_rows(c, census, CLOUD_DB_MESSAGE_INDEX, store->number, &one->messages, err));
        add(&census->messages, &one->messages);
    }
    return true;
}

bool cloud_census_take(struct cloud *c, struct cloud_census *ret, struct err *err)
{
    *ret = (struct cloud_census) { .budget = LIMIT_CLOUD_COUNTED_ALL };
    return take_pubsub(c, ret, err) && take_stores(c, ret, err);
}

void cloud_census_fini(struct cloud_census *census)
{
    struct names datasets = { .at = census->datasets, .count = census->datasets_count };
    names_fini(&datasets);
    mem_free(census->topics);
    mem_free(census->subs);
    mem_free(census->stores);
    *census = (struct cloud_census) { 0 };
}
