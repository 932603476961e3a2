#include "cmd/dead_replay.h"

#include "adapters/dead_record.h"
#include "cmd/dead_marks.h"
#include "loop/clock.h"
#include "pubsub/publisher.h"
#include "pubsub/topic_admin.h"

#include <unistd.h>

enum { REPLAY_BATCH = 100 };

struct replaying {
    struct dead_replay *r;
    struct dead_link *link;
    struct dead_link own;     /* of a directory's dead letters */
    struct buf topic;
    int marks_fd;             /* -1: the dead letters are a topic's */
    const struct dead_entry *batch[REPLAY_BATCH];
    size_t batch_count;
};

static bool connect_and_ask(struct replaying *p, struct err *err);
static void on_subscription(void *ctx, const struct topic_admin_reply *reply);
static void on_published(void *ctx, const struct publisher_reply *reply);
static bool publish_all(struct replaying *p, struct err *err);
static bool publish_batch(struct replaying *p, struct err *err);
static bool mark_batch(struct replaying *p, struct err *err);

bool dead_replay_run(struct dead_replay *r, struct err *err)
{
    struct replaying p = { .r = r, .link = r->topic != NULL ? &r->topic->link : NULL, .marks_fd = -1 };
    bool ok = (r->topic != NULL || (p.marks_fd = dead_marks_open(r->dir, err)) >= 0) && connect_and_ask(&p, err) && publish_all(&p, err);
    dead_link_close(&p.own);
    buf_fini(&p.topic);
    if (p.marks_fd >= 0)
        close(p.marks_fd);
    return ok;
}

static bool connect_and_ask(struct replaying *p, struct err *err)
{
    if (p->link == NULL) {
        p->link = &p->own;
        TRY(dead_link_open(&p->own, p->r->config, err));
    }
    dead_link_expect(p->link);
    topic_admin_get_subscription(&p->link->endpoint, bytes_str(p->r->config->pubsub_subscription), 30 * US_PER_S, on_subscription, p);
    return dead_link_wait(p->link, err) || err_wrap(err, "cannot ask for the subscription's topic");
}

static void on_subscription(void *ctx, const struct topic_admin_reply *reply)
{
    struct replaying *p = ctx;
    struct err err = *reply->err;
    if (err.class == ERR_OK) {
        buf_append(&p->topic, reply->subscription.topic);
        if (!bytes_starts(buf_bytes(&p->topic), BYTES_LIT("projects/")))
            err_set(&err, ERR_PRECONDITION, "the subscription's topic was deleted");
    }
    dead_link_answer(p->link, &err);
}

static void on_published(void *ctx, const struct publisher_reply *reply)
{
    dead_link_answer(((struct replaying *) ctx)->link, reply->err);
}

static bool publish_all(struct replaying *p, struct err *err)
{
    struct dead_replay *r = p->r;
    size_t chosen = 0, per_batch = REPLAY_BATCH;
    if (r->per_second > 0)
        per_batch = (size_t) MAX(1.0, MIN(r->per_second, (double) REPLAY_BATCH));
    for (size_t i = 0; i < r->entries->count; i++) {
        const struct dead_entry *e = &r->entries->at[i];
        if (e->skipped || !dead_entries_fit(e, r->filter))
            continue;
        if (e->name[0] == '\0') {
            r->without_name++;
            continue;
        }
        if (e->replayed && r->filter->names_count == 0) {
            r->already++;
            continue;
        }
        if (r->limit != 0 && chosen == r->limit)
            break;
        chosen++;
        p->batch[p->batch_count++] = e;
        if (p->batch_count == per_batch)
            TRY(publish_batch(p, err));
    }
    return p->batch_count == 0 || publish_batch(p, err);
}

static bool publish_batch(struct replaying *p, struct err *err)
{
    struct pubsub_message messages[REPLAY_BATCH];
    us_t began = clock_now();
    for (size_t i = 0; i < p->batch_count; i++)
        messages[i] = (struct pubsub_message) { .data = bytes_str(p->batch[i]->name) };
    dead_link_expect(p->link);
    publisher_publish(&p->link->endpoint, buf_bytes(&p->topic), messages, p->batch_count, 60 * US_PER_S, on_published, p);
    if (!dead_link_wait(p->link, err))
        return err_wrap(err, "%zu names were published, the next %zu were not", p->r->published, p->batch_count);
    p->r->published += p->batch_count;
    TRY(mark_batch(p, err));
    us_t next = p->r->per_second > 0 ? began + (us_t) (1e6 * (double) p->batch_count / p->r->per_second) : began;
    p->batch_count = 0;
    for (us_t now = clock_now(); now < next; now = clock_now())
        loop_pass(p->link->a.loop, next - now);
    return true;
}

static bool mark_batch(struct replaying *p, struct err *err)
{
    CLEANUP(buf_fini) struct buf lines = { 0 };
    us_t now = clock_wall();
    if (p->r->topic != NULL)
        return dead_topic_acknowledge(p->r->topic, p->batch, p->batch_count, err) ||
               err_wrap(err, "%zu names were published, but the last %zu of them are still among the dead letters", p->r->published,
                        p->batch_count);
    for (size_t i = 0; i < p->batch_count; i++)
        dead_record_put_replayed(bytes_str(p->batch[i]->id), now, &lines);
    return dead_marks_write(p->marks_fd, buf_bytes(&lines), err) ||
           err_wrap(err, "%zu names were published, but cannot be marked as replayed", p->r->published);
}
