#include "cloud/pubsub.h"

#include "cloud/attribute_filter.h"
#include "cloud/notify.h"
#include "cloud/proto_wire.h"

#include <stdio.h>

/* google/pubsub/v1/pubsub.proto, message PubsubMessage */
enum { F_DATA = 1, F_ATTRIBUTE = 2, F_ID = 3, F_TIME = 4, F_ORDERING_KEY = 5 };

/* The documented limits of a publish request. */
enum {
    REQUEST_BYTES_MAX = 10000000, MESSAGES_MAX = 1000, ATTRIBUTES_MAX = 100, ATTRIBUTE_KEY_MAX = 256,
    ATTRIBUTE_VALUE_MAX = 1024, ORDERING_KEY_MAX = 1024
};

/* A message on its way to disk, and then to these subscriptions. */
struct arrival {
    struct cloud_pubsub *pubsub;
    uint64_t seq;
    size_t size;
    struct cloud_body *body;    /* NULL: memory mode, where the database is as near */
    char *ordering_key;         /* NULL: none */
    size_t ordering_key_len;
    size_t count;
    uint64_t numbers[];
};

static void arrived(void *ctx, const struct err *err)
{
    struct arrival *a = ctx;
    for (size_t i = 0; err == NULL && i < a->count; i++) {
        struct cloud_sub *s = cloud_sub_by_number(a->pubsub, a->numbers[i]);
        if (s != NULL)
            cloud_sub_arrived(s, a->seq, a->size, bytes_of(a->ordering_key, a->ordering_key_len), a->body);
    }
    mem_free(a->ordering_key);
    cloud_body_drop(a->body);
    mem_free(a);
}

/* The PubsubMessage as it is kept and delivered. */
static void finish_message(struct bytes message, uint64_t id, struct buf *out)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long) id);
    buf_append(out, message);
    cloud_wire_put_text(out, F_ID, bytes_of(text, (size_t) len));
    cloud_wire_put_time(out, F_TIME, (us_t) id / US_PER_MS * US_PER_MS);
}

uint64_t cloud_publish_into(struct cloud_pubsub *p, struct cloud_topic *t, struct cloud_db_write *w,
                            struct bytes message)
{
    /* A wall clock that steps back does not take the order along. */
    uint64_t seq = p->last_seq = MAX(p->last_seq + 1, (uint64_t) loop_wall(p->cloud->loop));
    struct arrival *a = mem_alloc(sizeof(*a) + t->subs.count * sizeof(a->numbers[0]));
    a->pubsub = p;
    a->seq = seq;
    CLEANUP(buf_fini) struct buf kept = { 0 }, key = { 0 };
    finish_message(message, seq, &kept);
    a->size = kept.len;
    struct bytes ordering_key = cloud_wire_find(message, F_ORDERING_KEY);
    a->ordering_key_len = ordering_key.len;
    if (ordering_key.len > 0)
        a->ordering_key = mem_dup(ordering_key);
    LIST_EACH(&t->subs, link, after) {
        struct cloud_sub *s = CONTAINER_OF(link, struct cloud_sub, topic_link);
        if (!s->durable || !cloud_attribute_filter_match(s->conf.filter, message))
            continue;
        buf_clear(&key);
        cloud_backlog_key(s->number, seq, &key);
        cloud_db_put(w, CLOUD_DB_BACKLOG, buf_bytes(&key), buf_bytes(&kept));
        a->numbers[a->count++] = s->number;
    }
    if (cloud_topic_is_logged(t)) {
        buf_clear(&key);
        cloud_backlog_key(t->number, seq, &key);
        cloud_db_put(w, CLOUD_DB_TOPIC_LOG, buf_bytes(&key), buf_bytes(&kept));
    }
    if (a->count > 0 && cloud_db_is_durable(p->cloud->db))
        a->body = cloud_body_make(buf_bytes(&kept));
    cloud_db_then(w, arrived, a);
    return seq;
}

void cloud_publish_seal(struct cloud_pubsub *p, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    cloud_db_key_u64(&value, p->last_seq);
    cloud_db_put(w, CLOUD_DB_META, BYTES_LIT("seq"), buf_bytes(&value));
}

bool cloud_notify(struct cloud *c, struct cloud_db_write *w, struct bytes topic, struct bytes resource_name,
                  struct bytes msg_type)
{
    struct cloud_topic *t = cloud_topic_find(c->pubsub, topic);
    if (t == NULL || !t->durable)
        return false;
    CLEANUP(buf_fini) struct buf message = { 0 };
    cloud_wire_put_text(&message, F_DATA, resource_name);
    cloud_wire_put_pair(&message, F_ATTRIBUTE, BYTES_LIT("msgType"), msg_type);
    cloud_publish_into(c->pubsub, t, w, buf_bytes(&message));
    cloud_publish_seal(c->pubsub, w);
    return true;
}

/* --- the method --- */

/* What is wrong with an attribute; NULL: nothing. */
static const char *judge_attribute(struct bytes entry)
{
    struct bytes key = cloud_wire_find(entry, 1), value = cloud_wire_find(entry, 2);
    if (!cloud_wire_is_sound(entry) || !cloud_wire_is_text(key) || !cloud_wire_is_text(value))
        return "An attribute is not valid UTF-8.";
    if (key.len == 0 || key.len > ATTRIBUTE_KEY_MAX)
        return "An attribute key must have 1 to 256 bytes.";
    if (value.len > ATTRIBUTE_VALUE_MAX)
        return "An attribute value may have at most 1024 bytes.";
    if (bytes_starts(key, BYTES_LIT("goog")))
        return "An attribute key must not begin with \"goog\".";
    return NULL;
}

/* Copies what a publisher may set; returns what is wrong, or NULL. */
static const char *judge_message(struct bytes message, struct buf *out)
{
    size_t attributes = 0;
    struct bytes data = { 0 }, ordering_key = { 0 };
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.type != CLOUD_WIRE_LEN)
            continue;
        const char *wrong = NULL;
        if (f.number == F_DATA)
            data = f.octets;
        else if (f.number == F_ORDERING_KEY)
            ordering_key = f.octets;
        else if (f.number == F_ATTRIBUTE && ++attributes > ATTRIBUTES_MAX)
            wrong = "A message may have at most 100 attributes.";
        else if (f.number == F_ATTRIBUTE && (wrong = judge_attribute(f.octets)) == NULL)
            cloud_wire_put_bytes(out, F_ATTRIBUTE, f.octets);
        if (wrong != NULL)
            return wrong;
    }
    if (w.broken)
        return "A message is not a sound protobuf message.";
    if (data.len == 0 && attributes == 0)
        return "Some messages are empty";
    if (ordering_key.len > ORDERING_KEY_MAX || !cloud_wire_is_text(ordering_key))
        return "An ordering key may have at most 1024 bytes of UTF-8.";
    cloud_wire_put_text(out, F_DATA, data);
    cloud_wire_put_text(out, F_ORDERING_KEY, ordering_key);
    return NULL;
}

struct publication {
    struct cloud_unary *call;
    struct buf response;
};

static void published(void *ctx, const struct err *err)
{
    struct publication *publication = ctx;
    if (err != NULL)
        cloud_unary_disk(publication->call, err);
    else
        cloud_unary_ok(publication->call, buf_bytes(&publication->response));
    buf_fini(&publication->response);
    mem_free(publication);
}

/* The messages one after another, checked: each as a field 1 of `out`. False: the call has been refused. */
static bool check_messages(struct cloud_unary *u, struct bytes request, struct buf *out)
{
    CLEANUP(buf_fini) struct buf one = { 0 };
    size_t count = 0;
    const char *wrong = NULL;
    if (request.len > REQUEST_BYTES_MAX) {
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("messages"), "The value for request_size is too "
                               "large. You passed %zu in the request, but the maximum value is %d.", request.len,
                               (int) REQUEST_BYTES_MAX);
        return false;
    }
    struct cloud_wire w = cloud_wire_of(request);
    struct cloud_wire_field f;
    while (wrong == NULL && cloud_wire_next(&w, &f)) {
        if (f.number != 2 || f.type != CLOUD_WIRE_LEN)
            continue;
        buf_clear(&one);
        wrong = ++count > MESSAGES_MAX ? "Too many messages to publish" : judge_message(f.octets, &one);
        cloud_wire_put_bytes(out, 1, buf_bytes(&one));
    }
    if (wrong == NULL && count == 0)
        wrong = "No messages to publish";
    if (wrong != NULL)
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("messages"), "%s", wrong);
    return wrong == NULL;
}

/* PublishRequest{ topic = 1; messages = 2 }, PublishResponse{ message_ids = 1 }. All or nothing. */
void cloud_topic_publish(struct cloud_unary *u, struct bytes request)
{
    struct cloud_pubsub *p = u->cloud->pubsub;
    struct cloud_topic *t = cloud_topic_named(u, request, 1);
    CLEANUP(buf_fini) struct buf messages = { 0 };
    if (t == NULL || !check_messages(u, request, &messages))
        return;
    struct publication *publication = mem_alloc(sizeof(*publication));
    publication->call = u;
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    struct cloud_wire each = cloud_wire_of(buf_bytes(&messages));
    struct cloud_wire_field f;
    while (cloud_wire_next(&each, &f)) {
        char id[24];
        int len = snprintf(id, sizeof(id), "%llu", (unsigned long long) cloud_publish_into(p, t, w, f.octets));
        cloud_wire_put_text(&publication->response, 1, bytes_of(id, (size_t) len));
    }
    cloud_publish_seal(p, w);
    cloud_db_then(w, published, publication);
    cloud_db_commit(w);
}
