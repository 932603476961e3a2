#include "cloud/pubsub.h"

#include "cloud/iam.h"
#include "cloud/proto_wire.h"

enum { PAGE_MAX = 1000 };

/* One answer that waits for the disk. */
struct sub_change {
    struct cloud_unary *call;
    uint64_t number;
};

static struct sub_change *change_make(struct cloud_unary *u, uint64_t number)
{
    struct sub_change *change = mem_alloc(sizeof(*change));
    *change = (struct sub_change) { u, number };
    return change;
}

static void sub_created(void *ctx, const struct err *err)
{
    struct sub_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, change->number);
    mem_free(change);
    CHECK(s != NULL);    /* hidden until now, so nobody can have removed it */
    if (err != NULL) {
        cloud_sub_remove(u->cloud->pubsub, s);
        cloud_unary_disk(u, err);
        return;
    }
    s->durable = true;
    cloud_unary_ok(u, buf_bytes(&s->proto));
}

static void sub_exists(void *ctx, const struct err *err UNUSED)
{
    struct sub_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, change->number);
    mem_free(change);
    if (s != NULL && s->durable)
        cloud_unary_fail(u, GRPC_ALREADY_EXISTS, "Subscription already exists");
    else
        cloud_unary_fail(u, GRPC_ABORTED, "The subscription is being changed by another request. Please try again.");
}

static void fail_err(struct cloud_unary *u, const struct err *err)
{
    cloud_unary_fail(u, (enum grpc_code) err->grpc, "%s", err->text);
}

static bool dead_topic_exists(struct cloud_pubsub *p, const struct cloud_sub_conf *conf)
{
    if (conf->attempts_max == 0)
        return true;
    struct cloud_topic *t = cloud_topic_find(p, conf->dead_topic);
    return t != NULL && t->durable;
}

void cloud_sub_create(struct cloud_unary *u, struct bytes request)
{
    struct cloud_pubsub *p = u->cloud->pubsub;
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    if (!cloud_sub_conf_parse(request, &conf, &err)) {
        fail_err(u, &err);
        return;
    }
    struct cloud_sub *old = cloud_sub_find(p, conf.name);
    struct cloud_topic *t = cloud_topic_find(p, conf.topic);
    if (old == NULL && (t == NULL || !t->durable)) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Subscription topic does not exist");
        return;
    }
    if (old == NULL && !dead_topic_exists(p, &conf)) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Dead letter topic does not exist");
        return;
    }
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    if (old != NULL) {
        cloud_db_then(w, sub_exists, change_make(u, old->number));
        cloud_db_commit(w);
        return;
    }
    CLEANUP(buf_fini) struct buf proto = { 0 }, number = { 0 };
    cloud_sub_conf_write(&conf, request, &proto);
    struct cloud_sub *s = cloud_sub_add(p, ++p->last_number, buf_bytes(&proto));
    s->complete = true;
    s->loaded_to = p->last_seq;
    cloud_db_key_u64(&number, s->number);
    cloud_db_put(w, CLOUD_DB_META, BYTES_LIT("subscription"), buf_bytes(&number));
    cloud_sub_store(w, s, buf_bytes(&proto));
    cloud_db_then(w, sub_created, change_make(u, s->number));
    cloud_db_commit(w);
}

struct cloud_sub *cloud_sub_named(struct cloud_unary *u, struct bytes request, uint32_t number)
{
    struct bytes name = cloud_wire_find(request, number);
    if (!cloud_pubsub_name_ok(name, "subscriptions")) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid [subscriptions] name: (name=%.*s)", BYTES_FMT(name));
        return NULL;
    }
    struct cloud_sub *s = cloud_sub_find(u->cloud->pubsub, name);
    if (s == NULL || !s->durable) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Subscription does not exist");
        return NULL;
    }
    return s;
}

void cloud_sub_get(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    if (s != NULL)
        cloud_unary_ok(u, buf_bytes(&s->proto));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* ListSubscriptionsRequest{ project = 1; page_size = 2; page_token = 3 }, tokens are the last name given.
 * Response{ subscriptions = 1; next_page_token = 2 } */
void cloud_sub_list(struct cloud_unary *u, struct bytes request)
{
    struct bytes project = cloud_wire_find(request, 1), token = cloud_wire_find(request, 3);
    uint64_t size = cloud_wire_find_uint(request, 2);
    size = size == 0 || size > PAGE_MAX ? PAGE_MAX : size;
    if (!bytes_starts(project, BYTES_LIT("projects/")) || project.len == sizeof("projects/") - 1) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid [projects] name: (name=%.*s)", BYTES_FMT(project));
        return;
    }
    CLEANUP(mem_free_ptr) char **names = mem_alloc_n(HASH_COUNT(u->cloud->pubsub->subs) + 1, sizeof(names[0]));
    size_t count = 0;
    for (struct cloud_sub *s = u->cloud->pubsub->subs; s != NULL; s = s->hh.next)
        if (s->durable && bytes_eq(cloud_pubsub_project(bytes_str(s->name)), project))
            names[count++] = s->name;
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
        cloud_wire_put_bytes(&response, 1, buf_bytes(&cloud_sub_find(u->cloud->pubsub, bytes_str(names[i]))->proto));
    }
    cloud_unary_ok(u, buf_bytes(&response));
}

static void sub_deleted(void *ctx, const struct err *err)
{
    struct sub_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, change->number);
    mem_free(change);
    CHECK(s != NULL);
    if (err == NULL) {
        CLEANUP(buf_fini) struct buf why = { 0 };
        buf_printf(&why, "Subscription does not exist (resource=%s)", s->name);
        cloud_sub_end_consumers(s, GRPC_NOT_FOUND, buf_str(&why));
        cloud_sub_remove(u->cloud->pubsub, s);
    } else {
        s->durable = true;
    }
    cloud_unary_then_empty(u, err);
}

void cloud_sub_delete(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    if (s == NULL)
        return;
    CLEANUP(buf_fini) struct buf key = { 0 };
    cloud_db_key_u64(&key, s->number);
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_db_erase(w, CLOUD_DB_SUBSCRIPTION, bytes_str(s->name));
    cloud_iam_erase(w, bytes_str(s->name));
    cloud_db_erase_prefix(w, CLOUD_DB_BACKLOG, buf_bytes(&key));
    cloud_db_then(w, sub_deleted, change_make(u, s->number));
    s->durable = false;    /* hidden while it goes */
    cloud_db_commit(w);
}

static void sub_updated(void *ctx, const struct err *err)
{
    struct sub_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, change->number);
    mem_free(change);
    struct bytes stored;
    if (err != NULL) {
        cloud_unary_disk(u, err);
    } else if (s == NULL || cloud_db_get(u->cloud->db, CLOUD_DB_SUBSCRIPTION, bytes_str(s->name), &stored) != CLOUD_DB_FOUND) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Subscription does not exist");
    } else {
        cloud_sub_set_proto(s, bytes_sub(stored, 8, SIZE_MAX));
        cloud_unary_ok(u, buf_bytes(&s->proto));
    }
}

/* The fields that an update may name, with their numbers in message Subscription. */
static const struct {
    const char *path, *camel;
    uint32_t number;
} updatable[] = {
    { "push_config", "pushConfig", 4 }, { "ack_deadline_seconds", "ackDeadlineSeconds", 5 },
    { "retain_acked_messages", "retainAckedMessages", 7 },
    { "message_retention_duration", "messageRetentionDuration", 8 }, { "labels", "labels", 9 },
    { "expiration_policy", "expirationPolicy", 11 }, { "dead_letter_policy", "deadLetterPolicy", 13 },
    { "retry_policy", "retryPolicy", 14 }, { "enable_exactly_once_delivery", "enableExactlyOnceDelivery", 16 },
};

enum { FIELDS = 32 };

/* Which fields the mask names; false: the call has been refused. */
static bool read_mask(struct cloud_unary *u, struct bytes mask, bool masked[FIELDS])
{
    bool any = false;
    struct cloud_wire paths = cloud_wire_of(mask);
    struct cloud_wire_field f;
    while (cloud_wire_next(&paths, &f)) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(updatable); i++)
            if (bytes_eq_str(f.octets, updatable[i].path) || bytes_eq_str(f.octets, updatable[i].camel))
                known = masked[updatable[i].number] = any = true;
        if (!known) {
            cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid update_mask: \"%.*s\" is not a known field that can "
                             "be changed.", BYTES_FMT(f.octets));
            return false;
        }
    }
    if (!any)
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "The update_mask in the UpdateSubscriptionRequest must be set.");
    return any;
}

/* UpdateSubscriptionRequest{ subscription = 1; update_mask = 2 } */
void cloud_sub_update(struct cloud_unary *u, struct bytes request)
{
    struct bytes given = cloud_wire_find(request, 1);
    struct cloud_sub *s = cloud_sub_named(u, given, 1);
    bool masked[FIELDS] = { false };
    if (s == NULL || !read_mask(u, cloud_wire_find(request, 2), masked))
        return;
    CLEANUP(buf_fini) struct buf merged = { 0 }, proto = { 0 };
    struct cloud_wire parts[2] = { cloud_wire_of(given), cloud_wire_of(buf_bytes(&s->proto)) };
    struct cloud_wire_field f;
    for (int old = 0; old < 2; old++)
        while (cloud_wire_next(&parts[old], &f)) {
            if (f.number >= FIELDS || masked[f.number] == (bool) old)
                continue;
            if (f.type == CLOUD_WIRE_LEN)
                cloud_wire_put_bytes(&merged, f.number, f.octets);
            else
                cloud_wire_put_uint(&merged, f.number, f.value);
        }
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    if (!cloud_sub_conf_parse(buf_bytes(&merged), &conf, &err)) {
        fail_err(u, &err);
        return;
    }
    if (masked[13] && !dead_topic_exists(u->cloud->pubsub, &conf)) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Dead letter topic does not exist");
        return;
    }
    cloud_sub_conf_write(&conf, buf_bytes(&merged), &proto);
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_sub_store(w, s, buf_bytes(&proto));
    cloud_db_then(w, sub_updated, change_make(u, s->number));
    cloud_db_commit(w);
}
