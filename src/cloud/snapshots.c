#include "cloud/pubsub.h"

#include "cloud/iam.h"
#include "cloud/listing.h"
#include "cloud/proto_wire.h"
#include "cloud/update_mask.h"

#include <stdio.h>

/* google/pubsub/v1/pubsub.proto, message Snapshot */
enum { F_NAME = 1, F_TOPIC = 2, F_EXPIRE = 3, F_LABELS = 4 };

/* A row: number, topic number, last seq before it, each be64, then the Snapshot. */
enum { ROW_HEAD = 24 };

/* Documented: a snapshot lives seven days less the age of its oldest message, and is not made for under an hour. */
static const us_t LIFE_US = 7 * 24 * 60 * US_PER_MIN, LIFE_MIN_US = 60 * US_PER_MIN;

/* The one of that name, whatever becomes of it. */
static struct cloud_snapshot *find_any(struct cloud_pubsub *p, struct bytes name)
{
    struct cloud_snapshot *s = NULL;
    HASH_FIND(hh, p->snapshots, name.ptr, name.len, s);
    return s;
}

struct cloud_snapshot *cloud_snapshot_find(struct cloud_pubsub *p, struct bytes name)
{
    struct cloud_snapshot *s = find_any(p, name);
    return s != NULL && s->durable && !s->going ? s : NULL;
}

static bool set_proto(struct cloud_snapshot *s, struct bytes proto)
{
    if (!cloud_wire_read_time(cloud_wire_find(proto, F_EXPIRE), &s->expire_us))
        return false;
    buf_clear(&s->proto);
    buf_append(&s->proto, proto);
    return true;
}

static struct cloud_snapshot *add(struct cloud_pubsub *p, struct bytes name, uint64_t topic_number)
{
    struct cloud_snapshot *s = mem_alloc(sizeof(*s));
    struct cloud_topic *t = cloud_topic_by_number(p, topic_number);
    s->pubsub = p;
    s->name = mem_dup(name);
    s->topic_number = topic_number;
    if (t != NULL)
        t->snapshots++;
    HASH_ADD_KEYPTR(hh, p->snapshots, s->name, name.len, s);
    return s;
}

void cloud_snapshot_remove(struct cloud_pubsub *p, struct cloud_snapshot *s)
{
    struct cloud_topic *t = cloud_topic_by_number(p, s->topic_number);
    if (t != NULL)
        t->snapshots--;
    HASH_DEL(p->snapshots, s);
    buf_fini(&s->proto);
    mem_free(s->name);
    mem_free(s);
}

bool cloud_snapshot_load(struct cloud_pubsub *p, struct bytes name, struct bytes value)
{
    if (value.len < ROW_HEAD)
        return false;
    struct cloud_snapshot *s = add(p, name, cloud_db_read_u64(bytes_sub(value, 8, 8)));
    s->number = cloud_db_read_u64(value);
    s->after_seq = cloud_db_read_u64(bytes_sub(value, 16, 8));
    s->durable = true;
    return set_proto(s, bytes_sub(value, ROW_HEAD, SIZE_MAX));
}

static void store(struct cloud_db_write *w, const struct cloud_snapshot *s, struct bytes proto)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    cloud_db_key_u64(&value, s->number);
    cloud_db_key_u64(&value, s->topic_number);
    cloud_db_key_u64(&value, s->after_seq);
    buf_append(&value, proto);
    cloud_db_put(w, CLOUD_DB_SNAPSHOT, bytes_str(s->name), buf_bytes(&value));
}

static void write_proto(struct bytes name, struct bytes topic, us_t expire_us, struct bytes labels_of,
                        uint32_t labels_number, struct buf *out)
{
    cloud_wire_put_text(out, F_NAME, name);
    cloud_wire_put_text(out, F_TOPIC, topic);
    cloud_wire_put_time(out, F_EXPIRE, expire_us);
    struct cloud_wire w = cloud_wire_of(labels_of);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == labels_number && f.type == CLOUD_WIRE_LEN)
            cloud_wire_put_bytes(out, F_LABELS, f.octets);
}

void cloud_snapshot_erase(struct cloud_db_write *w, struct cloud_snapshot *s)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    s->going = true;
    cloud_db_key_u64(&prefix, s->number);
    cloud_db_erase(w, CLOUD_DB_SNAPSHOT, bytes_str(s->name));
    cloud_db_erase_prefix(w, CLOUD_DB_SNAPSHOT_MESSAGE, buf_bytes(&prefix));
    cloud_iam_erase(w, bytes_str(s->name));
    cloud_retention_trim_log(s->pubsub, s->topic_number, w);
}

void cloud_snapshot_orphan(struct cloud_pubsub *p, struct cloud_db_write *w, uint64_t topic_number)
{
    for (struct cloud_snapshot *s = p->snapshots; s != NULL; s = s->hh.next) {
        CLEANUP(buf_fini) struct buf proto = { 0 }, latest = { 0 };
        struct bytes row;
        if (s->topic_number != topic_number || s->going
            || cloud_db_get_latest(p->cloud->db, CLOUD_DB_SNAPSHOT, bytes_str(s->name), &row) != CLOUD_DB_FOUND)
            continue;
        buf_append(&latest, bytes_sub(row, ROW_HEAD, SIZE_MAX));
        write_proto(bytes_str(s->name), BYTES_LIT("_deleted-topic_"), s->expire_us, buf_bytes(&latest), F_LABELS,
                    &proto);
        store(w, s, buf_bytes(&proto));
        CHECK(set_proto(s, buf_bytes(&proto)));
    }
}

/* --- creation --- */

struct change {
    struct cloud_unary *call;
    uint64_t number;    /* of the snapshot: its name may be another's by then */
    char *name;
};

static struct change *change_make(struct cloud_unary *u, const struct cloud_snapshot *s)
{
    struct change *change = mem_alloc(sizeof(*change));
    *change = (struct change) { u, s->number, mem_dup(bytes_str(s->name)) };
    return change;
}

/* The snapshot of the change, NULL if it has gone; the change is freed. */
static struct cloud_snapshot *change_take(struct change *change)
{
    struct cloud_snapshot *s = find_any(change->call->cloud->pubsub, bytes_str(change->name));
    if (s != NULL && s->number != change->number)
        s = NULL;
    mem_free(change->name);
    mem_free(change);
    return s;
}

static void created(void *ctx, const struct err *err)
{
    struct cloud_unary *u = ((struct change *) ctx)->call;
    struct cloud_snapshot *s = change_take(ctx);
    CHECK(s != NULL);    /* not seen until now, so nobody can have removed it */
    if (err != NULL) {
        cloud_snapshot_remove(u->cloud->pubsub, s);
        cloud_unary_disk(u, err);
        return;
    }
    s->durable = true;
    cloud_unary_ok(u, buf_bytes(&s->proto));
}

static void exists(void *ctx, const struct err *err UNUSED)
{
    struct cloud_unary *u = ((struct change *) ctx)->call;
    struct cloud_snapshot *s = change_take(ctx);
    if (s != NULL && s->durable && !s->going)
        cloud_unary_fail_about(u, GRPC_ALREADY_EXISTS, bytes_str(s->name), "Snapshot already exists");
    else
        cloud_unary_fail(u, GRPC_ABORTED, "The snapshot is being changed by another request. Please try again.");
}

static bool note_seq(void *ctx, struct bytes key, struct bytes value UNUSED)
{
    *(uint64_t *) ctx = cloud_db_read_u64(bytes_sub(key, 8, 8));
    return false;
}

/* When a snapshot of s made now would end; false: the disk could not be read. */
static bool expiry(const struct cloud_sub *s, us_t *ret_us)
{
    struct cloud *c = s->pubsub->cloud;
    us_t now = loop_wall(c->loop);
    uint64_t oldest = (uint64_t) now, cut = cloud_sub_cut(s);
    CLEANUP(buf_fini) struct buf prefix = { 0 }, after = { 0 };
    cloud_db_key_u64(&prefix, s->number);
    cloud_backlog_key(s->number, cut > 0 ? cut - 1 : 0, &after);
    struct cloud_db_range range = { .table = CLOUD_DB_BACKLOG, .prefix = buf_bytes(&prefix),
                                    .after = buf_bytes(&after), .keys_only = true, .max = 1 };
    if (!cloud_db_scan(c->db, &range, note_seq, &oldest, NULL))
        return false;
    *ret_us = MIN((us_t) oldest, now) + LIFE_US;
    return true;
}

static void create(struct cloud_unary *u, struct cloud_sub *sub, struct bytes name, us_t expire_us,
                   struct bytes request)
{
    struct cloud_pubsub *p = u->cloud->pubsub;
    CLEANUP(buf_fini) struct buf proto = { 0 }, from = { 0 }, to = { 0 };
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    struct cloud_snapshot *s = add(p, name, sub->topic->number);
    s->number = cloud_pubsub_count(w, "snapshot", &p->last_snapshot);
    s->after_seq = p->last_seq;
    write_proto(name, bytes_str(sub->topic->name), expire_us, request, 3, &proto);
    CHECK(set_proto(s, buf_bytes(&proto)));
    store(w, s, buf_bytes(&proto));
    cloud_db_key_u64(&from, sub->number);
    cloud_db_key_u64(&to, s->number);
    struct cloud_db_copy copy = { .from = CLOUD_DB_BACKLOG, .to = CLOUD_DB_SNAPSHOT_MESSAGE,
                                  .from_prefix = buf_bytes(&from), .to_prefix = buf_bytes(&to) };
    cloud_db_copy(w, &copy);
    cloud_db_then(w, created, change_make(u, s));
    cloud_db_commit(w);
}

/* The name that was asked for, or one of our own making. */
static void snapshot_name(const struct cloud_sub *s, struct bytes given, struct buf *out)
{
    buf_append(out, given);
    if (given.len == 0)
        buf_printf(out, "%.*s/snapshots/snapshot-%llu-%llu", BYTES_FMT(cloud_pubsub_project(bytes_str(s->name))),
                   (unsigned long long) loop_wall(s->pubsub->cloud->loop),
                   (unsigned long long) s->pubsub->last_snapshot + 1);
}

/* Of a subscription that must have a topic; false: the call has been refused. */
static bool check_source(struct cloud_unary *u, const struct cloud_sub *sub, us_t *ret_expire_us)
{
    if (sub->topic == NULL || !sub->topic->durable) {
        cloud_unary_fail_about(u, GRPC_FAILED_PRECONDITION, bytes_str(sub->name),
                               sub->conf.detached ? "The subscription is detached from its topic."
                                                  : "The topic of the subscription has been deleted.");
        return false;
    }
    if (!expiry(sub, ret_expire_us)) {
        cloud_unary_fail(u, GRPC_UNAVAILABLE, "The local cloud's disk could not be read. Please try again.");
        return false;
    }
    if (*ret_expire_us < loop_wall(u->cloud->loop) + LIFE_MIN_US) {
        cloud_unary_fail_about(u, GRPC_FAILED_PRECONDITION, bytes_str(sub->name),
                               "The backlog of the subscription is too old: the snapshot would expire in less than "
                               "an hour.");
        return false;
    }
    return true;
}

/* CreateSnapshotRequest{ name = 1; subscription = 2; labels = 3; tags = 4 } */
void cloud_snapshot_create(struct cloud_unary *u, struct bytes request)
{
    struct bytes given = cloud_wire_find(request, 1);
    if (given.len > 0 && !cloud_pubsub_name_ok(given, "snapshots")) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("name"), "Invalid [snapshots] name: (name=%.*s)",
                               BYTES_FMT(given));
        return;
    }
    const char *wrong = cloud_labels_wrong(request, 3);
    if (wrong != NULL) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("labels"), "%s", wrong);
        return;
    }
    struct cloud_sub *sub = cloud_sub_named(u, request, 2);
    if (sub == NULL)
        return;
    CLEANUP(buf_fini) struct buf name = { 0 };
    snapshot_name(sub, given, &name);
    struct cloud_snapshot *old = find_any(u->cloud->pubsub, buf_bytes(&name));
    us_t expire_us;
    if (old != NULL) {
        struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
        cloud_db_then(w, exists, change_make(u, old));
        cloud_db_commit(w);
    } else if (check_source(u, sub, &expire_us)) {
        create(u, sub, buf_bytes(&name), expire_us, request);
    }
}

/* --- the other methods --- */

/* The snapshot that field `number` names; NULL: the call has been refused. */
static struct cloud_snapshot *named(struct cloud_unary *u, struct bytes request, uint32_t number)
{
    struct bytes name = cloud_wire_find(request, number);
    struct cloud_snapshot *s = cloud_snapshot_find(u->cloud->pubsub, name);
    if (!cloud_pubsub_name_ok(name, "snapshots"))
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("snapshot"),
                               "Invalid [snapshots] name: (name=%.*s)", BYTES_FMT(name));
    else if (s == NULL)
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, name, "Snapshot does not exist");
    return s;
}

void cloud_snapshot_get(struct cloud_unary *u, struct bytes request)
{
    struct cloud_snapshot *s = named(u, request, 1);
    if (s != NULL)
        cloud_unary_ok(u, buf_bytes(&s->proto));
}

static void put_snapshot(struct cloud_unary *u, const char *name, struct buf *response)
{
    cloud_wire_put_bytes(response, 1, buf_bytes(&find_any(u->cloud->pubsub, bytes_str(name))->proto));
}

void cloud_snapshot_list(struct cloud_unary *u, struct bytes request)
{
    struct bytes project = cloud_wire_find(request, 1);
    struct cloud_listing list = { 0 };
    if (!cloud_pubsub_project_ok(u, project))
        return;
    for (struct cloud_snapshot *s = u->cloud->pubsub->snapshots; s != NULL; s = s->hh.next)
        if (s->durable && !s->going && bytes_eq(cloud_pubsub_project(bytes_str(s->name)), project))
            cloud_listing_add(&list, s->name);
    cloud_listing_answer(&list, u, request, put_snapshot);
}

static void updated(void *ctx, const struct err *err)
{
    struct cloud_unary *u = ((struct change *) ctx)->call;
    struct cloud_snapshot *s = change_take(ctx);
    struct bytes row;
    if (err != NULL) {
        cloud_unary_disk(u, err);
    } else if (s == NULL || cloud_db_get(u->cloud->db, CLOUD_DB_SNAPSHOT, bytes_str(s->name), &row) != CLOUD_DB_FOUND) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Snapshot does not exist");
    } else {
        CHECK(set_proto(s, bytes_sub(row, ROW_HEAD, SIZE_MAX)));
        cloud_unary_ok(u, buf_bytes(&s->proto));
    }
}

/* UpdateSnapshotRequest{ snapshot = 1; update_mask = 2 } */
void cloud_snapshot_update(struct cloud_unary *u, struct bytes request)
{
    static const struct cloud_mask_path paths[] = {
        { "labels", F_LABELS, 0 }, { "expire_time", F_EXPIRE, 0 }, { "name", 0, 0 }, { "topic", 0, 0 }
    };
    struct bytes given = cloud_wire_find(request, 1);
    struct cloud_snapshot *s = named(u, given, F_NAME);
    struct cloud_mask mask;
    if (s == NULL || !cloud_mask_read(u, cloud_wire_find(request, 2), paths, ARRAY_LEN(paths),
                                      "UpdateSnapshotRequest", &mask))
        return;
    CLEANUP(buf_fini) struct buf merged = { 0 }, proto = { 0 }, stored = { 0 };
    if (!cloud_pubsub_latest(u, CLOUD_DB_SNAPSHOT, s->name, ROW_HEAD, &stored))
        return;
    cloud_mask_merge(&mask, given, buf_bytes(&stored), &merged);
    const char *wrong = cloud_labels_wrong(buf_bytes(&merged), F_LABELS);
    us_t expire_us = 0, now = loop_wall(u->cloud->loop);
    bool time_ok = cloud_wire_read_time(cloud_wire_find(buf_bytes(&merged), F_EXPIRE), &expire_us)
                   && (!mask.whole[F_EXPIRE] || (expire_us > now && expire_us <= now + LIFE_US));
    if (wrong != NULL || !time_ok) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, wrong != NULL ? BYTES_LIT("labels") : BYTES_LIT("expire_time"),
                               "%s", wrong != NULL ? wrong
                               : "The expire_time of a snapshot must lie within the next seven days.");
        return;
    }
    write_proto(bytes_str(s->name), cloud_wire_find(buf_bytes(&stored), F_TOPIC), expire_us, buf_bytes(&merged),
                F_LABELS, &proto);
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    store(w, s, buf_bytes(&proto));
    cloud_db_then(w, updated, change_make(u, s));
    cloud_db_commit(w);
}

static void deleted(void *ctx, const struct err *err)
{
    struct cloud_unary *u = ((struct change *) ctx)->call;
    struct cloud_snapshot *s = change_take(ctx);
    CHECK(s != NULL);
    if (err == NULL)
        cloud_snapshot_remove(u->cloud->pubsub, s);
    else
        s->going = false;
    cloud_unary_then_empty(u, err);
}

void cloud_snapshot_delete(struct cloud_unary *u, struct bytes request)
{
    struct cloud_snapshot *s = named(u, request, 1);
    if (s == NULL)
        return;
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_snapshot_erase(w, s);
    cloud_db_then(w, deleted, change_make(u, s));
    cloud_db_commit(w);
}
