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

struct cloud_topic *cloud_topic_add(struct cloud_pubsub *p, struct bytes name, struct bytes proto)
{
    struct cloud_topic *t = mem_alloc(sizeof(*t));
    t->name = mem_dup(name);
    buf_append(&t->proto, proto);
    list_init(&t->subs);
    HASH_ADD_KEYPTR(hh, p->topics, t->name, name.len, t);
    return t;
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

bool cloud_pubsub_name_ok(struct bytes name, const char *kind)
{
    struct bytes rest = name;
    struct bytes projects = bytes_cut(&rest, '/');
    struct bytes project = bytes_cut(&rest, '/');
    struct bytes named = bytes_cut(&rest, '/');
    return bytes_eq_str(projects, "projects") && project.len > 0 && bytes_eq_str(named, kind) && id_ok(rest)
           && cloud_wire_is_text(project) && name.len <= LIMIT_NAME_LEN;
}

struct bytes cloud_pubsub_project(struct bytes name)
{
    return bytes_sub(name, 0, bytes_find(name, sizeof("projects/") - 1, '/'));
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
    cloud_topic_add(l->pubsub, key, value)->durable = true;
    return true;
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
    if (!load_counter(c->db, "seq", &p->last_seq, err)
        || !load_counter(c->db, "subscription", &p->last_number, err)
        || !cloud_db_scan(c->db, &topics, load_topic, &l, err)
        || !cloud_db_scan(c->db, &subs, load_sub, &l, err) || !l.ok) {
        cloud_pubsub_free(p);
        return NULL;
    }
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
    while (p->subs != NULL)
        cloud_sub_remove(p, p->subs);
    while (p->topics != NULL)
        cloud_topic_remove(p, p->topics);
    mem_free(p);
}
