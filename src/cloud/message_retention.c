#include "cloud/pubsub.h"

/* How often the database is looked at for what is too old. Nothing older than it may be is ever delivered: that is
 * looked at when a message is handed out. */
enum { SWEEP_S = 15 };

static bool note_row(void *ctx, struct bytes key UNUSED, struct bytes value UNUSED)
{
    *(bool *) ctx = true;
    return false;
}

/* Erases what is below cut in one owner's part of a table. Nothing is written where there is nothing. */
static void trim(struct cloud_pubsub *p, enum cloud_db_table t, uint64_t number, uint64_t cut,
                 struct cloud_db_write **w)
{
    CLEANUP(buf_fini) struct buf low = { 0 }, high = { 0 };
    bool any = false;
    cloud_db_key_u64(&low, number);
    cloud_backlog_key(number, cut, &high);
    struct cloud_db_range range = { .table = t, .prefix = buf_bytes(&low), .below = buf_bytes(&high),
                                    .keys_only = true, .max = 1 };
    if (!cloud_db_scan(p->cloud->db, &range, note_row, &any, NULL) || !any)
        return;    /* a disk that cannot be read now: the next sweep will see */
    if (*w == NULL)
        *w = cloud_db_begin(p->cloud->db);
    cloud_db_erase_range(*w, t, buf_bytes(&low), buf_bytes(&high));
}

/* What is below it in the topic's log nobody can ask for. UINT64_MAX: the whole. t NULL: deleted. */
static uint64_t log_cut(struct cloud_pubsub *p, const struct cloud_topic *t, uint64_t topic_number)
{
    uint64_t cut = UINT64_MAX;
    if (t != NULL && t->durable && t->retention_us > 0)
        cut = (uint64_t) MAX(loop_wall(p->cloud->loop) - t->retention_us, 0);
    for (const struct cloud_snapshot *s = p->snapshots; s != NULL; s = s->hh.next)
        if (s->topic_number == topic_number && !s->going)
            cut = MIN(cut, s->after_seq + 1);
    return cut;
}

void cloud_retention_trim_log(struct cloud_pubsub *p, uint64_t topic_number, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf low = { 0 }, high = { 0 };
    cloud_db_key_u64(&low, topic_number);
    cloud_backlog_key(topic_number, log_cut(p, cloud_topic_by_number(p, topic_number), topic_number), &high);
    cloud_db_erase_range(w, CLOUD_DB_TOPIC_LOG, buf_bytes(&low), buf_bytes(&high));
}

static void snapshot_expired(void *ctx, const struct err *err)
{
    struct cloud_snapshot *s = ctx;
    if (err == NULL)
        cloud_snapshot_remove(s->pubsub, s);
    else
        s->going = false;    /* the next sweep tries again */
}

static void expire_snapshots(struct cloud_pubsub *p, struct cloud_db_write **w)
{
    us_t now = loop_wall(p->cloud->loop);
    for (struct cloud_snapshot *s = p->snapshots, *after; s != NULL; s = after) {
        after = s->hh.next;
        if (!s->durable || s->going || s->expire_us > now)
            continue;
        if (*w == NULL)
            *w = cloud_db_begin(p->cloud->db);
        cloud_snapshot_erase(*w, s);
        cloud_db_then(*w, snapshot_expired, s);
    }
}

void cloud_retention_sweep(struct cloud_pubsub *p)
{
    struct cloud_db_write *w = NULL;
    for (struct cloud_sub *s = p->subs; s != NULL; s = s->hh.next) {
        us_t kept_from = loop_wall(p->cloud->loop) - s->conf.retention_us;
        trim(p, CLOUD_DB_BACKLOG, s->number, cloud_sub_cut(s), &w);
        if (s->conf.retain_acked)    /* else there is nothing */
            trim(p, CLOUD_DB_ACKED, s->number, (uint64_t) MAX(kept_from, 0), &w);
    }
    expire_snapshots(p, &w);
    for (struct cloud_topic *t = p->topics; t != NULL; t = t->hh.next)
        if (cloud_topic_is_logged(t))
            trim(p, CLOUD_DB_TOPIC_LOG, t->number, log_cut(p, t, t->number), &w);
    if (w != NULL)
        cloud_db_commit(w);
}

static void sweep(struct loop_timer *t)
{
    struct cloud_pubsub *p = CONTAINER_OF(t, struct cloud_pubsub, sweep);
    cloud_retention_sweep(p);
    loop_timer_set(p->cloud->loop, &p->sweep, loop_now(p->cloud->loop) + SWEEP_S * US_PER_S);
}

void cloud_retention_start(struct cloud_pubsub *p)
{
    p->sweep.fn = sweep;
    loop_timer_set(p->cloud->loop, &p->sweep, loop_now(p->cloud->loop));
}
