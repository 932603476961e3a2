#include "cloud/pubsub.h"

#include "cloud/proto_wire.h"
#include "loop/entropy.h"

struct cloud_topic *cloud_topic_find(struct cloud_pubsub *p, struct bytes name)
{
    struct cloud_topic *t = NULL;
    HASH_FIND(hh, p->topics, name.ptr, name.len, t);
    return t;
}

struct cloud_sub *cloud_sub_find(struct cloud_pubsub *p, struct bytes name)
{
    struct cloud_sub *s = NULL;
    HASH_FIND(hh, p->subs, name.ptr, name.len, s);
    return s;
}

struct cloud_sub *cloud_sub_by_number(struct cloud_pubsub *p, uint64_t number)
{
    struct cloud_sub *s = NULL;
    HASH_FIND(hh_number, p->subs_by_number, &number, sizeof(number), s);
    return s;
}

void cloud_topic_set_proto(struct cloud_topic *t, struct bytes proto)
{
    struct bytes retention = cloud_wire_find(proto, 8);
    buf_clear(&t->proto);
    buf_append(&t->proto, proto);
    t->retention_us = 0;
    if (retention.ptr != NULL)
        CHECK(cloud_wire_read_time(retention, &t->retention_us));
}

struct cloud_topic *cloud_topic_add(struct cloud_pubsub *p, uint64_t number, struct bytes name, struct bytes proto)
{
    struct cloud_topic *t = mem_alloc(sizeof(*t));
    t->name = mem_dup(name);
    t->number = number;
    cloud_topic_set_proto(t, proto);
    list_init(&t->subs);
    HASH_ADD_KEYPTR(hh, p->topics, t->name, name.len, t);
    return t;
}

void cloud_topic_store(struct cloud_db_write *w, const struct cloud_topic *t, struct bytes proto)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    cloud_db_key_u64(&value, t->number);
    buf_append(&value, proto);
    cloud_db_put(w, CLOUD_DB_TOPIC, bytes_str(t->name), buf_bytes(&value));
}

void cloud_topic_remove(struct cloud_pubsub *p, struct cloud_topic *t)
{
    struct list_link *link;
    while ((link = list_pop_front(&t->subs)) != NULL)
        CONTAINER_OF(link, struct cloud_sub, topic_link)->topic = NULL;
    HASH_DEL(p->topics, t);
    buf_fini(&t->proto);
    mem_free(t->name);
    mem_free(t);
}

void cloud_sub_set_proto(struct cloud_sub *s, struct bytes proto)
{
    buf_clear(&s->proto);
    buf_append(&s->proto, proto);
    struct err err = { 0 };
    CHECK(cloud_sub_conf_parse(buf_bytes(&s->proto), &s->conf, &err));
    if (s->conf.detached && s->topic != NULL) {
        list_remove(&s->topic->subs, &s->topic_link);
        s->topic = NULL;
    }
}

/* Subscription{ topic_message_retention_duration = 17 } is the topic's, and absent where it has none. */
void cloud_sub_answer(const struct cloud_sub *s, struct buf *out)
{
    buf_append(out, buf_bytes(&s->proto));
    if (s->topic != NULL && s->topic->retention_us > 0)
        cloud_wire_put_time(out, 17, s->topic->retention_us);
}

const char *cloud_sub_closed(const struct cloud_sub *s)
{
    return s->conf.detached ? "The subscription is detached from its topic."
           : s->conf.push   ? "This method is not supported for this subscription type: it has a push endpoint."
                            : NULL;
}

void cloud_sub_store(struct cloud_db_write *w, const struct cloud_sub *s, struct bytes proto)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    cloud_db_key_u64(&value, s->number);
    buf_append(&value, proto);
    cloud_db_put(w, CLOUD_DB_SUBSCRIPTION, bytes_str(s->name), buf_bytes(&value));
}

void cloud_sub_end_consumers(struct cloud_sub *s, enum grpc_code code, const char *why)
{
    struct list_link *link;
    while ((link = list_first(&s->consumers)) != NULL) {
        struct cloud_consumer *c = CONTAINER_OF(link, struct cloud_consumer, link);
        c->end(c, code, why);
        CHECK(list_first(&s->consumers) != link);
    }
}

static bool id_ok(struct bytes id)
{
    if (id.len < 3 || id.len > 255 || bytes_starts(id, BYTES_LIT("goog")))
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || strchr("-_.~+%", c) != NULL) || c == '\0'))
            return false;
    }
    return true;
}

/* Text without controls: a NUL within would make another name of it. */
static bool project_id_ok(struct bytes project)
{
    for (size_t i = 0; i < project.len; i++)
        if ((uint8_t) project.ptr[i] < 0x20 || project.ptr[i] == 0x7f)
            return false;
    return project.len > 0 && cloud_wire_is_text(project);
}

bool cloud_pubsub_name_ok(struct bytes name, const char *kind)
{
    struct bytes rest = name;
    struct bytes projects = bytes_cut(&rest, '/');
    struct bytes project = bytes_cut(&rest, '/');
    struct bytes named = bytes_cut(&rest, '/');
    return bytes_eq_str(projects, "projects") && project_id_ok(project) && bytes_eq_str(named, kind) && id_ok(rest)
           && name.len <= LIMIT_NAME_LEN;
}

struct bytes cloud_pubsub_project(struct bytes name)
{
    return bytes_sub(name, 0, bytes_find(name, sizeof("projects/") - 1, '/'));
}

bool cloud_pubsub_latest(struct cloud_unary *u, enum cloud_db_table t, const char *name, size_t head, struct buf *out)
{
    struct bytes row;
    switch (cloud_db_get_latest(u->cloud->db, t, bytes_str(name), &row)) {
    case CLOUD_DB_FOUND:
        buf_append(out, bytes_sub(row, head, SIZE_MAX));
        return true;
    case CLOUD_DB_ABSENT:
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, bytes_str(name), "The resource is being deleted.");
        return false;
    case CLOUD_DB_FAILED:
        break;
    }
    cloud_unary_fail(u, GRPC_UNAVAILABLE, "The local cloud's disk could not be read. Please try again.");
    return false;
}

bool cloud_pubsub_project_ok(struct cloud_unary *u, struct bytes project)
{
    bool ok = bytes_starts(project, BYTES_LIT("projects/")) && project.len > sizeof("projects/") - 1
              && bytes_find(project, sizeof("projects/") - 1, '/') == project.len;
    if (!ok)
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("project"), "Invalid [projects] name: (name=%.*s)",
                               BYTES_FMT(project));
    return ok;
}

uint64_t cloud_pubsub_count(struct cloud_db_write *w, const char *name, uint64_t *counter)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    cloud_db_key_u64(&value, ++*counter);
    cloud_db_put(w, CLOUD_DB_META, bytes_str(name), buf_bytes(&value));
    return *counter;
}

/* --- loading --- */

struct loading {
    struct cloud_pubsub *pubsub;
    struct err *err;
    bool ok;
};

static bool load_topic(void *ctx, struct bytes key, struct bytes value)
{
    struct loading *l = ctx;
    us_t retention;
    struct bytes proto = bytes_sub(value, 8, SIZE_MAX), duration = cloud_wire_find(proto, 8);
    if (value.len < 8 || (duration.ptr != NULL && !cloud_wire_read_time(duration, &retention))) {
        l->ok = FAIL(l->err, CONFIG, "the local cloud's database holds a topic that cannot be read (%.*s): "
                     "restore the directory or begin a new one", BYTES_FMT(key));
        return false;
    }
    cloud_topic_add(l->pubsub, cloud_db_read_u64(value), key, proto)->durable = true;
    return true;
}

static bool load_snapshot(void *ctx, struct bytes key, struct bytes value)
{
    struct loading *l = ctx;
    l->ok = cloud_snapshot_load(l->pubsub, key, value);
    return l->ok ? true : FAIL(l->err, CONFIG, "the local cloud's database holds a snapshot that cannot be read "
                               "(%.*s): restore the directory or begin a new one", BYTES_FMT(key));
}

static bool load_sub(void *ctx, struct bytes key, struct bytes value)
{
    struct loading *l = ctx;
    struct bytes proto = bytes_sub(value, 8, SIZE_MAX);
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    if (value.len < 8 || !cloud_sub_conf_parse(proto, &conf, &err)) {
        l->ok = FAIL(l->err, CONFIG, "the local cloud's database holds a subscription that cannot be read (%.*s): "
                     "restore the directory or begin a new one", BYTES_FMT(key));
        return false;
    }
    struct cloud_sub *s = cloud_sub_add(l->pubsub, cloud_db_read_u64(value), proto);
    s->durable = true;
    s->complete = false;    /* its backlog is read when somebody wants it */
    return true;
}

static bool load_counter(struct cloud_db *db, const char *name, uint64_t *ret, struct err *err)
{
    struct bytes value = { 0 };
    enum cloud_db_found found = cloud_db_get(db, CLOUD_DB_META, bytes_str(name), &value);
    if (found == CLOUD_DB_FAILED)
        return FAIL(err, DISK, "the local cloud's database could not be read");
    *ret = cloud_db_read_u64(value);
    return true;
}

struct cloud_pubsub *cloud_pubsub_make(struct cloud *c, struct err *err)
{
    struct cloud_pubsub *p = mem_alloc(sizeof(*p));
    p->cloud = c;
    p->boot = (uint32_t) entropy_u64();
    struct loading l = { .pubsub = p, .err = err, .ok = true };
    struct cloud_db_range topics = { .table = CLOUD_DB_TOPIC }, subs = { .table = CLOUD_DB_SUBSCRIPTION };
    struct cloud_db_range snapshots = { .table = CLOUD_DB_SNAPSHOT };
    if (!load_counter(c->db, "seq", &p->last_seq, err)
        || !load_counter(c->db, "subscription", &p->last_number, err)
        || !load_counter(c->db, "topic", &p->last_topic, err)
        || !load_counter(c->db, "snapshot", &p->last_snapshot, err)
        || !cloud_db_scan(c->db, &topics, load_topic, &l, err)
        || !cloud_db_scan(c->db, &subs, load_sub, &l, err)
        || !cloud_db_scan(c->db, &snapshots, load_snapshot, &l, err) || !l.ok) {
        cloud_pubsub_free(p);
        return NULL;
    }
    cloud_retention_start(p);
    return p;
}

void cloud_pubsub_drain(struct cloud_pubsub *p)
{
    for (struct cloud_sub *s = p->subs; s != NULL; s = s->hh.next)
        cloud_sub_end_consumers(s, GRPC_UNAVAILABLE, "The service was unable to fulfill your request. "
                                "Please try again. [code=8a75]");
}

void cloud_pubsub_free(struct cloud_pubsub *p)
{
    if (p == NULL)
        return;
    loop_timer_stop(p->cloud->loop, &p->sweep);
    while (p->snapshots != NULL)
        cloud_snapshot_remove(p, p->snapshots);
    while (p->subs != NULL)
        cloud_sub_remove(p, p->subs);
    while (p->topics != NULL)
        cloud_topic_remove(p, p->topics);
    mem_free(p);
}
