#include "cmd/dead_topic.h"

#include "adapters/dead_record.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pubsub/pull_once.h"

#include <stdio.h>

/* LEASE_S: longer than anybody looks; without it the service would give the first ones again while we read on. */
enum { PULL_MAX = 1000, LEASE_S = 600, EMPTY_MAX = 2 };

static const us_t call_timeout_us = 30 * US_PER_S;
/* How long an empty subscription lets us wait: it may answer late rather than with nothing. */
static const us_t pull_timeout_us = 5 * US_PER_S;

static void on_pulled(void *ctx, const struct pull_once_reply *reply);
static void on_settled(void *ctx, const struct pull_once_reply *reply);
static void add(struct dead_topic *t, const struct pubsub_delivery *d);
static bool settle(struct dead_topic *t, size_t from, bool (*which)(const struct dead_lease *, const void *), const void *arg,
                   int seconds, struct err *err);
static bool is_any(const struct dead_lease *lease, const void *arg);
static bool is_of(const struct dead_lease *lease, const void *arg);

enum { ACKNOWLEDGE = -1 };

struct chosen {
    const struct dead_entry *const *entries;
    size_t count;
};

bool dead_topic_load(struct dead_topic *t, const struct config *c, struct dead_entries *e, struct err *err)
{
    *t = (struct dead_topic) { .config = c, .entries = e };
    *e = (struct dead_entries) { 0 };
    if (c->dead_letter_subscription[0] == '\0')
        return FAIL(err, CONFIG, "dead_letter.topic keeps the dead letters: name the subscription to read them from in dead_letter.subscription");
    TRY(dead_link_open(&t->link, c, err));
    for (unsigned empty = 0; empty < EMPTY_MAX && t->leases < LIMIT_DEAD_SHOWN;) {
        size_t before = t->leases;
        dead_link_expect(&t->link);
        pull_once(&t->link.endpoint, bytes_str(c->dead_letter_subscription), PULL_MAX, pull_timeout_us, on_pulled, t);
        if (!dead_link_wait(&t->link, err))
            return err_wrap(err, "cannot read dead_letter.subscription");
        TRY(settle(t, before, is_any, NULL, LEASE_S, err));
        empty = t->pulled == 0 ? empty + 1 : 0;
    }
    if (t->leases >= LIMIT_DEAD_SHOWN)
        fprintf(stderr, "note: more than %d dead letters wait; the first of them are shown\n", LIMIT_DEAD_SHOWN);
    dead_entries_settle(e);
    return true;
}

bool dead_topic_acknowledge(struct dead_topic *t, const struct dead_entry *const *entries, size_t count, struct err *err)
{
    return settle(t, 0, is_of, &(struct chosen) { entries, count }, ACKNOWLEDGE, err);
}

bool dead_topic_close(struct dead_topic *t, struct err *err)
{
    bool ok = t->leases == 0 || settle(t, 0, is_any, NULL, 0, err);
    for (size_t i = 0; i < t->leases; i++)
        mem_free(t->lease[i].ack_id);
    mem_free(t->lease);
    dead_link_close(&t->link);
    return ok;
}

static void on_pulled(void *ctx, const struct pull_once_reply *reply)
{
    struct dead_topic *t = ctx;
    const struct err ok = { 0 };
    t->pulled = reply->count;
    for (size_t i = 0; i < reply->count; i++)
        add(t, &reply->at[i]);
    /* "Nothing now" may be told by not answering. */
    dead_link_answer(&t->link, reply->answer.class == ERR_TIMEOUT ? &ok : reply->err);
}

static void on_settled(void *ctx, const struct pull_once_reply *reply)
{
    dead_link_answer(ctx, reply->err);
}

static void add(struct dead_topic *t, const struct pubsub_delivery *d)
{
    struct dead_record record;
    struct err err;
    if (t->leases == t->leases_max) {
        t->leases_max = MAX(t->leases_max * 2, (size_t) 64);
        t->lease = mem_grow(t->lease, t->leases_max * sizeof(t->lease[0]));
    }
    struct dead_lease *lease = &t->lease[t->leases++];
    *lease = (struct dead_lease) { .ack_id = mem_dup(d->ack_id) };
    if (dead_record_read_json(d->data, &record, &err)) {
        snprintf(lease->id, sizeof(lease->id), "%.*s", BYTES_FMT(record.id));
        dead_entries_add(t->entries, &record);
    } else if (t->entries->damaged++ == 0) {
        snprintf(t->entries->first_damage, sizeof(t->entries->first_damage), "message %.*s: %.100s",
                 BYTES_FMT(bytes_sub(d->message_id, 0, 40)), err.text);
    }
}

static bool is_any(const struct dead_lease *lease UNUSED, const void *arg UNUSED)
{
    return true;
}

static bool is_of(const struct dead_lease *lease, const void *arg)
{
    const struct chosen *c = arg;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->entries[i]->id, lease->id) == 0)
            return true;
    return false;
}

/* Those of the leases after `from` that fit: acknowledged (and let go), or extended by so many seconds. */
static bool settle(struct dead_topic *t, size_t from, bool (*which)(const struct dead_lease *, const void *), const void *arg,
                   int seconds, struct err *err)
{
    struct bytes subscription = bytes_str(t->config->dead_letter_subscription), ids[LIMIT_ACK_BATCH];
    while (from < t->leases) {
        size_t count = 0;
        struct dead_lease *taken[LIMIT_ACK_BATCH];
        for (; from < t->leases && count < LIMIT_ACK_BATCH; from++)
            if (t->lease[from].ack_id != NULL && which(&t->lease[from], arg)) {
                taken[count] = &t->lease[from];
                ids[count++] = bytes_str(t->lease[from].ack_id);
            }
        if (count == 0)
            break;
        dead_link_expect(&t->link);
        if (seconds == ACKNOWLEDGE)
            pull_once_acknowledge(&t->link.endpoint, subscription, ids, count, call_timeout_us, on_settled, &t->link);
        else
            pull_once_extend(&t->link.endpoint, subscription, (uint32_t) seconds, ids, count, call_timeout_us, on_settled, &t->link);
        if (!dead_link_wait(&t->link, err))
            return err_wrap(err, "dead_letter.subscription did not take our answer");
        for (size_t i = 0; i < count && seconds == ACKNOWLEDGE; i++) {
            mem_free(taken[i]->ack_id);
            taken[i]->ack_id = NULL;
        }
    }
    return true;
}
