#include "cloud/pubsub.h"

#include "cloud/iam.h"
#include "cloud/listing.h"
#include "cloud/proto_wire.h"
#include "cloud/update_mask.h"

/* google/pubsub/v1/pubsub.proto, message Topic */
enum {
    F_NAME = 1, F_LABELS = 2, F_STORAGE_POLICY = 3, F_KMS = 5, F_SCHEMA = 6, F_RETENTION = 8, F_STATE = 9,
    F_INGESTION = 10, F_TRANSFORMS = 13, F_TAGS = 14
};

enum { STATE_ACTIVE = 1 };

/* One answer that waits for the disk: what to do with the topic is the callback's. */
struct topic_change {
    struct cloud_unary *call;
    char *name;
};

static struct topic_change *change_make(struct cloud_unary *u, struct bytes name)
{
    struct topic_change *change = mem_alloc(sizeof(*change));
    change->call = u;
    change->name = mem_dup(name);
    return change;
}

static void change_free(struct topic_change *change)
{
    mem_free(change->name);
    mem_free(change);
}

/* What a client may set but the local cloud does not do; NULL: nothing. */
static const char *not_offered(const struct cloud_wire_field *f)
{
    if (f->octets.len == 0)
        return NULL;
    return f->number == F_SCHEMA      ? "schema_settings"
           : f->number == F_INGESTION ? "ingestion_data_source_settings"
           : f->number == F_TRANSFORMS ? "message_transforms" : NULL;
}

/* The Topic as it will be answered; false: the call has been refused. tags are input only: they are not answered. */
static bool check_topic(struct cloud_unary *u, struct bytes given, struct buf *out)
{
    struct bytes name = cloud_wire_find(given, F_NAME);
    if (!cloud_wire_is_sound(given) || !cloud_pubsub_name_ok(name, "topics")) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("name"), "Invalid [topics] name: (name=%.*s)",
                               BYTES_FMT(name));
        return false;
    }
    const char *wrong = cloud_labels_wrong(given, F_LABELS);
    if (wrong != NULL) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("labels"), "%s", wrong);
        return false;
    }
    cloud_wire_put_text(out, F_NAME, name);
    struct cloud_wire w = cloud_wire_of(given);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        us_t retention;
        if (f.type != CLOUD_WIRE_LEN)
            continue;
        const char *refused = not_offered(&f);
        if (refused != NULL) {
            cloud_unary_fail(u, GRPC_UNIMPLEMENTED, "%s is not offered by the local cloud.", refused);
            return false;
        }
        if (f.number == F_RETENTION && (!cloud_wire_read_time(f.octets, &retention)
                                        || retention < 10 * US_PER_MIN || retention > 31 * 24 * 60 * US_PER_MIN)) {
            cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("message_retention_duration"),
                                   "message_retention_duration must be between 10 minutes and 31 days.");
            return false;
        }
        if (f.number == F_LABELS || f.number == F_STORAGE_POLICY || f.number == F_RETENTION || f.number == F_KMS)
            cloud_wire_put_bytes(out, f.number, f.octets);
    }
    cloud_wire_put_uint(out, F_STATE, STATE_ACTIVE);
    return true;
}

static void topic_created(void *ctx, const struct err *err)
{
    struct topic_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_topic *t = cloud_topic_find(u->cloud->pubsub, bytes_str(change->name));
    change_free(change);
    if (err != NULL) {
        if (t != NULL && !t->durable)
            cloud_topic_remove(u->cloud->pubsub, t);
        cloud_unary_disk(u, err);
    } else if (t == NULL) {
        cloud_unary_fail(u, GRPC_ABORTED, "The topic was deleted while it was being created.");
    } else {
        t->durable = true;
        cloud_unary_ok(u, buf_bytes(&t->proto));
    }
}

/* Its fate was on the way to the disk when the second creation came. */
static void topic_exists(void *ctx, const struct err *err UNUSED)
{
    struct topic_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_topic *t = cloud_topic_find(u->cloud->pubsub, bytes_str(change->name));
    change_free(change);
    if (t != NULL && t->durable)
        cloud_unary_fail_about(u, GRPC_ALREADY_EXISTS, bytes_str(t->name), "Topic already exists");
    else
        cloud_unary_fail(u, GRPC_ABORTED, "The topic is being changed by another request. Please try again.");
}

void cloud_topic_create(struct cloud_unary *u, struct bytes request)
{
    CLEANUP(buf_fini) struct buf proto = { 0 };
    if (!check_topic(u, request, &proto))
        return;
    struct bytes name = cloud_wire_find(request, F_NAME);
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    if (cloud_topic_find(u->cloud->pubsub, name) != NULL) {
        cloud_db_then(w, topic_exists, change_make(u, name));
        cloud_db_commit(w);
        return;
    }
    struct cloud_pubsub *p = u->cloud->pubsub;
    uint64_t number = cloud_pubsub_count(w, "topic", &p->last_topic);
    cloud_topic_store(w, cloud_topic_add(p, number, name, buf_bytes(&proto)), buf_bytes(&proto));
    cloud_db_then(w, topic_created, change_make(u, name));
    cloud_db_commit(w);
}

struct cloud_topic *cloud_topic_named(struct cloud_unary *u, struct bytes request, uint32_t number)
{
    struct bytes name = cloud_wire_find(request, number);
    if (!cloud_pubsub_name_ok(name, "topics")) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("topic"), "Invalid [topics] name: (name=%.*s)",
                               BYTES_FMT(name));
        return NULL;
    }
    struct cloud_topic *t = cloud_topic_find(u->cloud->pubsub, name);
    if (t == NULL || !t->durable) {
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, name, "Topic not found");
        return NULL;
    }
    return t;
}

void cloud_topic_get(struct cloud_unary *u, struct bytes request)
{
    struct cloud_topic *t = cloud_topic_named(u, request, 1);
    if (t != NULL)
        cloud_unary_ok(u, buf_bytes(&t->proto));
}

/* Its retention has ended. What a publish under way still puts there goes with the topic. */
static void forget_log(const struct cloud_topic *t, struct cloud_db *db)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    cloud_db_key_u64(&prefix, t->number);
    struct cloud_db_write *w = cloud_db_begin(db);
    cloud_db_erase_prefix(w, CLOUD_DB_TOPIC_LOG, buf_bytes(&prefix));
    cloud_db_commit(w);
}

static void topic_updated(void *ctx, const struct err *err)
{
    struct topic_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_topic *t = cloud_topic_find(u->cloud->pubsub, bytes_str(change->name));
    change_free(change);
    struct bytes stored;
    if (err != NULL) {
        cloud_unary_disk(u, err);
    } else if (t == NULL || cloud_db_get(u->cloud->db, CLOUD_DB_TOPIC, bytes_str(t->name), &stored) != CLOUD_DB_FOUND) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Topic not found");
    } else {
        cloud_topic_set_proto(t, bytes_sub(stored, 8, SIZE_MAX));
        if (!cloud_topic_is_logged(t))
            forget_log(t, u->cloud->db);
        cloud_unary_ok(u, buf_bytes(&t->proto));
    }
}

static const struct cloud_mask_path paths[] = {
    { "labels", F_LABELS, 0 }, { "message_storage_policy", F_STORAGE_POLICY, 0 },
    { "message_storage_policy.allowed_persistence_regions", F_STORAGE_POLICY, 1 },
    { "message_storage_policy.enforce_in_transit", F_STORAGE_POLICY, 2 },
    { "message_retention_duration", F_RETENTION, 0 }, { "schema_settings", F_SCHEMA, 0 },
    { "ingestion_data_source_settings", F_INGESTION, 0 }, { "message_transforms", F_TRANSFORMS, 0 },
    { "name", 0, 0 }, { "kms_key_name", 0, 0 }, { "state", 0, 0 }, { "satisfies_pzs", 0, 0 }, { "tags", 0, 0 },
};

/* UpdateTopicRequest{ topic = 1; update_mask = 2 } */
void cloud_topic_update(struct cloud_unary *u, struct bytes request)
{
    struct bytes given = cloud_wire_find(request, 1);
    struct cloud_topic *t = cloud_topic_named(u, given, F_NAME);
    struct cloud_mask mask;
    if (t == NULL || !cloud_mask_read(u, cloud_wire_find(request, 2), paths, ARRAY_LEN(paths), "UpdateTopicRequest",
                                      &mask))
        return;
    CLEANUP(buf_fini) struct buf merged = { 0 }, proto = { 0 }, stored = { 0 };
    if (!cloud_pubsub_latest(u, CLOUD_DB_TOPIC, t->name, 8, &stored))
        return;
    cloud_mask_merge(&mask, given, buf_bytes(&stored), &merged);
    if (!check_topic(u, buf_bytes(&merged), &proto))
        return;
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_topic_store(w, t, buf_bytes(&proto));
    cloud_db_then(w, topic_updated, change_make(u, bytes_str(t->name)));
    cloud_db_commit(w);
}

static void put_topic(struct cloud_unary *u, const char *name, struct buf *response)
{
    cloud_wire_put_bytes(response, 1, buf_bytes(&cloud_topic_find(u->cloud->pubsub, bytes_str(name))->proto));
}

void cloud_topic_list(struct cloud_unary *u, struct bytes request)
{
    struct bytes project = cloud_wire_find(request, 1);
    struct cloud_listing list = { 0 };
    if (!cloud_pubsub_project_ok(u, project))
        return;
    for (struct cloud_topic *t = u->cloud->pubsub->topics; t != NULL; t = t->hh.next)
        if (t->durable && bytes_eq(cloud_pubsub_project(bytes_str(t->name)), project))
            cloud_listing_add(&list, t->name);
    cloud_listing_answer(&list, u, request, put_topic);
}

/* Those that are attached: a detached subscription gets nothing more from its topic. */
void cloud_topic_list_subs(struct cloud_unary *u, struct bytes request)
{
    struct cloud_topic *t = cloud_topic_named(u, request, 1);
    struct cloud_listing list = { 0 };
    if (t == NULL)
        return;
    LIST_EACH(&t->subs, link, after) {
        struct cloud_sub *s = CONTAINER_OF(link, struct cloud_sub, topic_link);
        if (s->durable)
            cloud_listing_add(&list, s->name);
    }
    cloud_listing_answer(&list, u, request, cloud_listing_put_name);
}

void cloud_topic_list_snapshots(struct cloud_unary *u, struct bytes request)
{
    struct cloud_topic *t = cloud_topic_named(u, request, 1);
    struct cloud_listing list = { 0 };
    if (t == NULL)
        return;
    for (struct cloud_snapshot *s = u->cloud->pubsub->snapshots; s != NULL; s = s->hh.next)
        if (s->durable && !s->going && s->topic_number == t->number)
            cloud_listing_add(&list, s->name);
    cloud_listing_answer(&list, u, request, cloud_listing_put_name);
}

struct cloud_topic *cloud_topic_by_number(struct cloud_pubsub *p, uint64_t number)
{
    struct cloud_topic *t = p->topics;
    while (t != NULL && t->number != number)
        t = t->hh.next;
    return t;
}

bool cloud_topic_is_logged(const struct cloud_topic *t)
{
    return t->retention_us > 0 || t->snapshots > 0;
}

/* --- deletion --- */

/* The Subscription once its topic is gone. */
static void orphan_proto(struct bytes proto, struct buf *out)
{
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    CHECK(cloud_sub_conf_parse(proto, &conf, &err));
    conf.topic = BYTES_LIT("_deleted-topic_");
    cloud_sub_conf_write(&conf, proto, out);
}

static void orphan_sub(struct cloud_sub *s, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf proto = { 0 }, latest = { 0 };
    struct bytes row;
    if (cloud_db_get_latest(s->pubsub->cloud->db, CLOUD_DB_SUBSCRIPTION, bytes_str(s->name), &row) != CLOUD_DB_FOUND)
        return;    /* it is being deleted */
    buf_append(&latest, bytes_sub(row, 8, SIZE_MAX));
    orphan_proto(buf_bytes(&latest), &proto);
    cloud_sub_store(w, s, buf_bytes(&proto));
}

static void topic_deleted(void *ctx, const struct err *err)
{
    struct topic_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_topic *t = cloud_topic_find(u->cloud->pubsub, bytes_str(change->name));
    change_free(change);
    CHECK(t != NULL);    /* hidden, so nobody else can have removed it */
    if (err != NULL) {
        t->durable = true;
    } else {
        for (struct cloud_sub *s = u->cloud->pubsub->subs; s != NULL; s = s->hh.next) {
            CLEANUP(buf_fini) struct buf proto = { 0 };
            if (!bytes_eq_str(s->conf.topic, t->name))
                continue;
            orphan_proto(buf_bytes(&s->proto), &proto);
            cloud_sub_set_proto(s, buf_bytes(&proto));
        }
        cloud_topic_remove(u->cloud->pubsub, t);
    }
    cloud_unary_then_empty(u, err);
}

/* DeleteTopicRequest{ topic = 1 }. Its subscriptions stay, with the topic "_deleted-topic_". */
void cloud_topic_delete(struct cloud_unary *u, struct bytes request)
{
    struct cloud_topic *t = cloud_topic_named(u, request, 1);
    if (t == NULL)
        return;
    struct cloud_pubsub *p = u->cloud->pubsub;
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_db_erase(w, CLOUD_DB_TOPIC, bytes_str(t->name));
    cloud_iam_erase(w, bytes_str(t->name));
    for (struct cloud_sub *s = p->subs; s != NULL; s = s->hh.next)
        if (bytes_eq_str(s->conf.topic, t->name) && !s->going)
            orphan_sub(s, w);
    cloud_snapshot_orphan(p, w, t->number);
    t->durable = false;    /* hidden while it goes */
    cloud_retention_trim_log(p, t->number, w);
    cloud_db_then(w, topic_deleted, change_make(u, bytes_str(t->name)));
    cloud_db_commit(w);
}
