#include "cloud/pubsub.h"

#include "cloud/attribute_filter.h"
#include "cloud/proto_wire.h"

/*
 * Seek moves rows between the tables of a subscription, in one transaction and away
 * from the loop thread; then the window is read anew.
 *
 *   to a time       backlog before it  -> acked (where that is kept)
 *                   acked and topic log from it on -> backlog
 *   to a snapshot   backlog -> acked (where that is kept)
 *                   the snapshot's messages, and the topic's log since -> backlog
 *
 * A row that is in two tables is the same message: what is put twice is there once.
 */

/* SeekRequest{ subscription = 1; oneof target { time = 2; snapshot = 3 } } */
enum { F_TIME = 2, F_SNAPSHOT = 3 };

static bool keep_matching(struct bytes filter, struct bytes message)
{
    return cloud_attribute_filter_match(filter, message);
}

/* Rows of one owner with `from` <= seq < `below` (0: no bound) become the subscription's in table `to`. */
static void move(const struct cloud_sub *s, struct cloud_db_write *w, enum cloud_db_table from, uint64_t owner,
                 uint64_t from_seq, uint64_t below_seq, enum cloud_db_table to)
{
    CLEANUP(buf_fini) struct buf from_prefix = { 0 }, to_prefix = { 0 }, after = { 0 }, below = { 0 };
    cloud_db_key_u64(&from_prefix, owner);
    cloud_db_key_u64(&to_prefix, s->number);
    if (from_seq > 0)
        cloud_backlog_key(owner, from_seq - 1, &after);
    if (below_seq > 0)
        cloud_backlog_key(owner, below_seq, &below);
    struct cloud_db_copy copy = { .from = from, .to = to, .from_prefix = buf_bytes(&from_prefix),
                                  .to_prefix = buf_bytes(&to_prefix), .after = buf_bytes(&after),
                                  .below = buf_bytes(&below), .arg = s->conf.filter,
                                  .keep = s->conf.filter.len > 0 ? keep_matching : NULL };
    cloud_db_copy(w, &copy);
}

static void erase_below(const struct cloud_sub *s, struct cloud_db_write *w, uint64_t seq)
{
    CLEANUP(buf_fini) struct buf low = { 0 }, high = { 0 };
    cloud_db_key_u64(&low, s->number);
    cloud_backlog_key(s->number, seq, &high);
    cloud_db_erase_range(w, CLOUD_DB_BACKLOG, buf_bytes(&low), buf_bytes(&high));
}

static void to_time(const struct cloud_sub *s, struct cloud_db_write *w, uint64_t time)
{
    uint64_t from = MAX(time, cloud_sub_cut(s));
    if (time > 0 && s->conf.retain_acked)
        move(s, w, CLOUD_DB_BACKLOG, s->number, 0, time, CLOUD_DB_ACKED);
    if (time > 0)
        erase_below(s, w, time);
    if (s->conf.retain_acked)
        move(s, w, CLOUD_DB_ACKED, s->number, from, 0, CLOUD_DB_BACKLOG);
    if (s->topic != NULL && s->topic->retention_us > 0)
        move(s, w, CLOUD_DB_TOPIC_LOG, s->topic->number, from, 0, CLOUD_DB_BACKLOG);
}

static void to_snapshot(const struct cloud_sub *s, struct cloud_db_write *w, const struct cloud_snapshot *snapshot)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    cloud_db_key_u64(&prefix, s->number);
    if (s->conf.retain_acked)
        move(s, w, CLOUD_DB_BACKLOG, s->number, 0, 0, CLOUD_DB_ACKED);
    cloud_db_erase_prefix(w, CLOUD_DB_BACKLOG, buf_bytes(&prefix));
    move(s, w, CLOUD_DB_SNAPSHOT_MESSAGE, snapshot->number, 0, 0, CLOUD_DB_BACKLOG);
    move(s, w, CLOUD_DB_TOPIC_LOG, snapshot->topic_number, snapshot->after_seq + 1, 0, CLOUD_DB_BACKLOG);
}

struct seek {
    struct cloud_unary *call;
    uint64_t number;
};

static void sought(void *ctx, const struct err *err)
{
    struct seek *seek = ctx;
    struct cloud_unary *u = seek->call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, seek->number);
    mem_free(seek);
    if (s != NULL && err == NULL)
        cloud_sub_reread(s);
    cloud_unary_then_empty(u, err);
}

/* False: the call has been refused. */
static bool check_snapshot(struct cloud_unary *u, const struct cloud_sub *s, struct bytes name,
                           const struct cloud_snapshot *snapshot)
{
    if (!cloud_pubsub_name_ok(name, "snapshots"))
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("snapshot"),
                               "Invalid [snapshots] name: (name=%.*s)", BYTES_FMT(name));
    else if (snapshot == NULL)
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, name, "Snapshot does not exist");
    else if (s->topic == NULL || s->topic->number != snapshot->topic_number)
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("snapshot"),
                               "The snapshot's topic must be the same as that of the subscription.");
    else
        return true;
    return false;
}

void cloud_sub_seek(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    if (s == NULL)
        return;
    struct bytes time = cloud_wire_find(request, F_TIME), name = cloud_wire_find(request, F_SNAPSHOT);
    struct cloud_snapshot *snapshot = cloud_snapshot_find(u->cloud->pubsub, name);
    us_t time_us = 0;
    if (s->conf.detached) {
        cloud_unary_fail_about(u, GRPC_FAILED_PRECONDITION, bytes_str(s->name), "%s", cloud_sub_closed(s));
        return;
    }
    if (name.ptr == NULL && (time.ptr == NULL || !cloud_wire_read_time(time, &time_us))) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("target"),
                               "A seek must name a time since 1970 or a snapshot.");
        return;
    }
    if (name.ptr != NULL && !check_snapshot(u, s, name, snapshot))
        return;
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    if (name.ptr != NULL)
        to_snapshot(s, w, snapshot);
    else
        to_time(s, w, (uint64_t) time_us);
    struct seek *seek = mem_alloc(sizeof(*seek));
    *seek = (struct seek) { u, s->number };
    cloud_db_then(w, sought, seek);
    cloud_db_commit(w);
}
