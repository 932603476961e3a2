#include "cloud/pubsub.h"

#include "cloud/iam.h"
#include "cloud/listing.h"
#include "cloud/proto_wire.h"

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
    cloud_sub_answer_ok(u, s);
}

static void sub_exists(void *ctx, const struct err *err UNUSED)
{
    struct sub_change *change = ctx;
    struct cloud_unary *u = change->call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, change->number);
    mem_free(change);
    if (s != NULL && s->durable)
        cloud_unary_fail_about(u, GRPC_ALREADY_EXISTS, bytes_str(s->name), "Subscription already exists");
    else
        cloud_unary_fail(u, GRPC_ABORTED, "The subscription is being changed by another request. Please try again.");
}

void cloud_sub_refuse(struct cloud_unary *u, const struct err *err)
{
    /* Most sentences begin with the field that they are about. */
    struct bytes field = bytes_of(err->text, strspn(err->text, "abcdefghijklmnopqrstuvwxyz_."));
    cloud_unary_fail_about(u, (enum grpc_code) err->grpc, field, "%s", err->text);
}

bool cloud_sub_dead_topic_exists(struct cloud_pubsub *p, const struct cloud_sub_conf *conf)
{
    if (conf->attempts_max == 0)
        return true;
    struct cloud_topic *t = cloud_topic_find(p, conf->dead_topic);
    return t != NULL && t->durable;
}

/* Documented: one without a name gets one, in its topic's project. */
static void make_name(struct cloud_pubsub *p, struct bytes request, struct buf *named)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    buf_printf(&name, "%.*s/subscriptions/subscription-%llu-%llu",
               BYTES_FMT(cloud_pubsub_project(cloud_wire_find(request, 2))),
               (unsigned long long) loop_wall(p->cloud->loop), (unsigned long long) p->last_number + 1);
    buf_append(named, request);
    cloud_wire_put_text(named, 1, buf_bytes(&name));
}

void cloud_sub_create(struct cloud_unary *u, struct bytes request)
{
    struct cloud_pubsub *p = u->cloud->pubsub;
    CLEANUP(buf_fini) struct buf named = { 0 };
    if (cloud_wire_find(request, 1).len == 0 && cloud_pubsub_name_ok(cloud_wire_find(request, 2), "topics")) {
        make_name(p, request, &named);
        request = buf_bytes(&named);
    }
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    if (!cloud_sub_conf_accept(request, &conf, &err)) {
        cloud_sub_refuse(u, &err);
        return;
    }
    conf.detached = false;    /* output only */
    struct cloud_sub *old = cloud_sub_find(p, conf.name);
    struct cloud_topic *t = cloud_topic_find(p, conf.topic);
    if (old == NULL && (t == NULL || !t->durable)) {
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, conf.topic, "Subscription topic does not exist");
        return;
    }
    if (old == NULL && !cloud_sub_dead_topic_exists(p, &conf)) {
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, conf.dead_topic, "Dead letter topic does not exist");
        return;
    }
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    if (old != NULL) {
        cloud_db_then(w, sub_exists, change_make(u, old->number));
        cloud_db_commit(w);
        return;
    }
    CLEANUP(buf_fini) struct buf proto = { 0 };
    cloud_sub_conf_write(&conf, request, &proto);
    struct cloud_sub *s = cloud_sub_add(p, cloud_pubsub_count(w, "subscription", &p->last_number), buf_bytes(&proto));
    s->complete = true;
    s->loaded_to = p->last_seq;
    cloud_sub_store(w, s, buf_bytes(&proto));
    cloud_db_then(w, sub_created, change_make(u, s->number));
    cloud_db_commit(w);
}

void cloud_sub_answer_ok(struct cloud_unary *u, const struct cloud_sub *s)
{
    CLEANUP(buf_fini) struct buf answer = { 0 };
    cloud_sub_answer(s, &answer);
    cloud_unary_ok(u, buf_bytes(&answer));
}

struct cloud_sub *cloud_sub_named(struct cloud_unary *u, struct bytes request, uint32_t number)
{
    struct bytes name = cloud_wire_find(request, number);
    if (!cloud_pubsub_name_ok(name, "subscriptions")) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("subscription"),
                               "Invalid [subscriptions] name: (name=%.*s)", BYTES_FMT(name));
        return NULL;
    }
    struct cloud_sub *s = cloud_sub_find(u->cloud->pubsub, name);
    if (s == NULL || !s->durable) {
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, name, "Subscription does not exist");
        return NULL;
    }
    return s;
}

void cloud_sub_get(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    if (s != NULL)
        cloud_sub_answer_ok(u, s);
}

static void put_sub(struct cloud_unary *u, const char *name, struct buf *response)
{
    CLEANUP(buf_fini) struct buf answer = { 0 };
    cloud_sub_answer(cloud_sub_find(u->cloud->pubsub, bytes_str(name)), &answer);
    cloud_wire_put_bytes(response, 1, buf_bytes(&answer));
}

void cloud_sub_list(struct cloud_unary *u, struct bytes request)
{
    struct bytes project = cloud_wire_find(request, 1);
    struct cloud_listing list = { 0 };
    if (!cloud_pubsub_project_ok(u, project))
        return;
    for (struct cloud_sub *s = u->cloud->pubsub->subs; s != NULL; s = s->hh.next)
        if (s->durable && bytes_eq(cloud_pubsub_project(bytes_str(s->name)), project))
            cloud_listing_add(&list, s->name);
    cloud_listing_answer(&list, u, request, put_sub);
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
        s->going = false;
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
    cloud_db_erase_prefix(w, CLOUD_DB_ACKED, buf_bytes(&key));
    cloud_db_then(w, sub_deleted, change_make(u, s->number));
    s->durable = false;    /* hidden while it goes */
    s->going = true;
    cloud_db_commit(w);
}
