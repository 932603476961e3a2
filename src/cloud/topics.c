#include "cloud/pubsub.h"

#include "cloud/iam.h"
#include "cloud/proto_wire.h"

/* google/pubsub/v1/pubsub.proto, message Topic */
enum {
    F_NAME = 1, F_LABELS = 2, F_STORAGE_POLICY = 3, F_KMS = 5, F_SCHEMA = 6, F_RETENTION = 8, F_STATE = 9,
    F_INGESTION = 10, F_TRANSFORMS = 13, F_TAGS = 14
};

enum { STATE_ACTIVE = 1, PAGE_MAX = 1000 };

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

/* The Topic as it will be answered; false: the call has been refused. */
static bool check_topic(struct cloud_unary *u, struct bytes given, struct buf *out)
{
    struct bytes name = cloud_wire_find(given, F_NAME);
    if (!cloud_wire_is_sound(given) || !cloud_pubsub_name_ok(name, "topics")) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid [topics] name: (name=%.*s)", BYTES_FMT(name));
        return false;
    }
    struct cloud_wire w = cloud_wire_of(given);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number == F_SCHEMA || f.number == F_INGESTION || f.number == F_TRANSFORMS || f.number == F_KMS) {
            if (f.octets.len == 0)
                continue;
            cloud_unary_fail(u, GRPC_UNIMPLEMENTED, "%s is not offered by the local cloud.",
                             f.number == F_SCHEMA ? "schema_settings" : f.number == F_KMS ? "kms_key_name"
                             : f.number == F_INGESTION ? "ingestion_data_source_settings" : "message_transforms");
            return false;
        }
        us_t retention;
        if (f.number == F_RETENTION && (!cloud_wire_read_time(f.octets, &retention)
                                        || retention < 10 * US_PER_MIN || retention > 31 * 24 * 60 * US_PER_MIN)) {
            cloud_unary_fail(u, GRPC_INVALID_ARGUMENT,
                             "message_retention_duration must be between 10 minutes and 31 days.");
            return false;
        }
        bool kept = f.number == F_LABELS || f.number == F_STORAGE_POLICY || f.number == F_RETENTION
                    || f.number == F_TAGS;
        if (kept && f.type == CLOUD_WIRE_LEN)
            cloud_wire_put_bytes(out, f.number, f.octets);
    }
    cloud_wire_put_text(out, F_NAME, name);
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
        cloud_unary_fail(u, GRPC_ALREADY_EXISTS, "Topic already exists");
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
    cloud_topic_add(u->cloud->pubsub, name, buf_bytes(&proto));
    cloud_db_put(w, CLOUD_DB_TOPIC, name, buf_bytes(&proto));
    cloud_db_then(w, topic_created, change_make(u, name));
    cloud_db_commit(w);
}

struct cloud_topic *cloud_topic_named(struct cloud_unary *u, struct bytes request, uint32_t number)
{
    struct bytes name = cloud_wire_find(request, number);
    if (!cloud_pubsub_name_ok(name, "topics")) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid [topics] name: (name=%.*s)", BYTES_FMT(name));
        return NULL;
    }
    struct cloud_topic *t = cloud_topic_find(u->cloud->pubsub, name);
    if (t == NULL || !t->durable) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Topic not found");
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
        buf_clear(&t->proto);
        buf_append(&t->proto, stored);
        cloud_unary_ok(u, buf_bytes(&t->proto));
    }
}

static uint32_t topic_field(struct bytes path)
{
    return bytes_eq_str(path, "labels") ? F_LABELS
           : bytes_eq_str(path, "message_retention_duration") || bytes_eq_str(path, "messageRetentionDuration")
             ? F_RETENTION : 0;
}

/* UpdateTopicRequest{ topic = 1; update_mask = 2 } */
void cloud_topic_update(struct cloud_unary *u, struct bytes request)
{
    struct bytes given = cloud_wire_find(request, 1), mask = cloud_wire_find(request, 2);
    struct cloud_topic *t = cloud_topic_named(u, given, F_NAME);
    if (t == NULL)
        return;
    bool masked[F_TAGS + 1] = { false }, any = false;
    struct cloud_wire paths = cloud_wire_of(mask);
    struct cloud_wire_field f;
    while (cloud_wire_next(&paths, &f)) {
        uint32_t number = topic_field(f.octets);
        if (number == 0) {
            cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid update_mask: \"%.*s\" is not a known field that can "
                             "be changed.", BYTES_FMT(f.octets));
            return;
        }
        masked[number] = any = true;
    }
    if (!any) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "The update_mask in the UpdateTopicRequest must be set.");
        return;
    }
    CLEANUP(buf_fini) struct buf merged = { 0 }, proto = { 0 };
    struct cloud_wire parts[2] = { cloud_wire_of(given), cloud_wire_of(buf_bytes(&t->proto)) };
    for (int old = 0; old < 2; old++)
        while (cloud_wire_next(&parts[old], &f))
            if (f.type == CLOUD_WIRE_LEN && f.number <= F_TAGS && masked[f.number] != (bool) old)
                cloud_wire_put_bytes(&merged, f.number, f.octets);
    if (!check_topic(u, buf_bytes(&merged), &proto))
        return;
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_db_put(w, CLOUD_DB_TOPIC, bytes_str(t->name), buf_bytes(&proto));
    cloud_db_then(w, topic_updated, change_make(u, bytes_str(t->name)));
    cloud_db_commit(w);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* ListTopicsRequest{ project = 1; page_size = 2; page_token = 3 }, tokens are the last name given.
 * Response{ topics = 1; next_page_token = 2 } */
void cloud_topic_list(struct cloud_unary *u, struct bytes request)
{
    struct bytes project = cloud_wire_find(request, 1), token = cloud_wire_find(request, 3);
    uint64_t size = cloud_wire_find_uint(request, 2);
    size = size == 0 || size > PAGE_MAX ? PAGE_MAX : size;
    if (!bytes_starts(project, BYTES_LIT("projects/")) || project.len == sizeof("projects/") - 1) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid [projects] name: (name=%.*s)", BYTES_FMT(project));
        return;
    }
    CLEANUP(mem_free_ptr) char **names = mem_alloc_n(HASH_COUNT(u->cloud->pubsub->topics) + 1, sizeof(names[0]));
    size_t count = 0;
    for (struct cloud_topic *t = u->cloud->pubsub->topics; t != NULL; t = t->hh.next)
        if (t->durable && bytes_eq(cloud_pubsub_project(bytes_str(t->name)), project))
            names[count++] = t->name;
    qsort(names, count, sizeof(names[0]), by_text);
    CLEANUP(mem_free_ptr) char *after = mem_dup(token);
    CLEANUP(buf_fini) struct buf response = { 0 };
    uint64_t given = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], after) <= 0)
            continue;
        if (given++ == size) {
            cloud_wire_put_text(&response, 2, bytes_str(names[i - 1]));
            break;
        }
        cloud_wire_put_bytes(&response, 1, buf_bytes(&cloud_topic_find(u->cloud->pubsub, bytes_str(names[i]))->proto));
    }
    cloud_unary_ok(u, buf_bytes(&response));
}

/* ListTopicSubscriptionsRequest{ topic = 1; ... }: all on one page. Response{ subscriptions = 1 } */
void cloud_topic_list_subs(struct cloud_unary *u, struct bytes request)
{
    struct cloud_topic *t = cloud_topic_named(u, request, 1);
    if (t == NULL)
        return;
    CLEANUP(buf_fini) struct buf response = { 0 };
    LIST_EACH(&t->subs, link, after) {
        struct cloud_sub *s = CONTAINER_OF(link, struct cloud_sub, topic_link);
        if (s->durable)
            cloud_wire_put_text(&response, 1, bytes_str(s->name));
    }
    cloud_unary_ok(u, buf_bytes(&response));
}

/* The Subscription of s once its topic is gone. */
static void orphan_proto(const struct cloud_sub *s, struct buf *out)
{
    struct cloud_sub_conf conf = s->conf;
    conf.topic = BYTES_LIT("_deleted-topic_");
    cloud_sub_conf_write(&conf, buf_bytes(&s->proto), out);
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
        LIST_EACH(&t->subs, link, after) {
            struct cloud_sub *s = CONTAINER_OF(link, struct cloud_sub, topic_link);
            CLEANUP(buf_fini) struct buf proto = { 0 };
            orphan_proto(s, &proto);
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
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_db_erase(w, CLOUD_DB_TOPIC, bytes_str(t->name));
    cloud_iam_erase(w, bytes_str(t->name));
    LIST_EACH(&t->subs, link, after) {
        struct cloud_sub *s = CONTAINER_OF(link, struct cloud_sub, topic_link);
        CLEANUP(buf_fini) struct buf proto = { 0 };
        orphan_proto(s, &proto);
        cloud_sub_store(w, s, buf_bytes(&proto));
    }
    t->durable = false;    /* hidden while it goes */
    cloud_db_then(w, topic_deleted, change_make(u, bytes_str(t->name)));
    cloud_db_commit(w);
}
