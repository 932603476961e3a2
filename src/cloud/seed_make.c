/* Makes one thing of a seed file by the method that a client would call, or patches it when it is there already. */
#include "cloud/seed_parts.h"

#include "cloud/http_store.h"
#include "cloud/pubsub.h"
#include "cloud/transcode.h"
#include "net/percent.h"

struct seed_unary {
    struct cloud_unary unary;
    struct cloud_seed_item *item;
};

static void store_call(struct cloud_seed_item *item);
static void pubsub_call(struct cloud_seed_item *item);

void cloud_seed_item_free(struct cloud_seed_item *item)
{
    buf_fini(&item->path);
    buf_fini(&item->name);
    buf_fini(&item->body);
    mem_free(item);
}

void cloud_seed_make(struct cloud_seed_item *item)
{
    item->seed->under_way++;
    if (item->kind == CLOUD_SEED_TOPIC || item->kind == CLOUD_SEED_SUBSCRIPTION)
        pubsub_call(item);
    else
        store_call(item);
}

static void finish(struct cloud_seed_item *item)
{
    item->seed->under_way--;
    cloud_seed_item_free(item);
}

static void made(struct cloud_seed_item *item)
{
    item->seed->count[item->kind]++;
    finish(item);
}

static void refused(struct cloud_seed_item *item, const char *sentence)
{
    const char *at = cloud_seed_place(&item->value, sentence, &item->path);
    cloud_seed_wrong(item->seed, at, buf_str(&item->path), "%s", sentence);
    finish(item);
}

/* --- Pub/Sub --- */

/* What cannot be changed must be as the file says; else the sentence. */
static const char *differs(const struct cloud_seed_item *item, struct bytes given)
{
    const struct cloud_sub *s = cloud_sub_find(item->seed->c->pubsub, bytes_of(item->name.ptr, item->name.len));
    struct cloud_sub_conf conf;
    struct err err;
    if (s == NULL || !cloud_sub_conf_parse(given, &conf, &err))
        return NULL;    /* the update says what is wrong */
    if (!bytes_eq(conf.topic, s->conf.topic))
        return "it is there already with another topic, which cannot be changed: delete it, or begin with an empty --data-dir";
    if (!bytes_eq(conf.filter, s->conf.filter))
        return "it is there already with another filter, which cannot be changed: delete it, or begin with an empty --data-dir";
    if (conf.ordering != s->conf.ordering)
        return "it is there already with another enableMessageOrdering, which cannot be changed: delete it, or begin with an empty --data-dir";
    return NULL;
}

static void pubsub_patch(struct cloud_seed_item *item, struct bytes given)
{
    CLEANUP(buf_fini) struct buf mask = { 0 };
    const char *why = item->kind == CLOUD_SEED_SUBSCRIPTION ? differs(item, given) : NULL;
    cloud_seed_mask(&item->value, item->kind, &mask);
    if (why != NULL) {
        refused(item, why);
    } else if (mask.len == 0) {
        made(item);
    } else {
        CLEANUP(buf_fini) struct buf body = { 0 };
        buf_printf(&body, "{\"%s\":%s,\"updateMask\":\"%s\"}", item->kind == CLOUD_SEED_TOPIC ? "topic" : "subscription", buf_str(&item->body),
                   buf_str(&mask));
        buf_clear(&item->body);
        buf_append(&item->body, buf_bytes(&body));
        item->again = true;
        pubsub_call(item);
    }
}

static bool pubsub_request(struct cloud_seed_item *item, bool update, struct buf *out, struct err *err)
{
    bool topic = item->kind == CLOUD_SEED_TOPIC;
    enum cloud_message message = topic ? (update ? CLOUD_MESSAGE_update_topic : CLOUD_MESSAGE_topic)
                                       : (update ? CLOUD_MESSAGE_update_subscription : CLOUD_MESSAGE_subscription);
    const char *name = !update ? "name" : topic ? "topic.name" : "subscription.name";
    TRY(cloud_transcode_read(message, buf_bytes(&item->body), out, err));
    return cloud_transcode_read_field(message, name, buf_bytes(&item->name), out) || FAIL(err, BAD_INPUT, "the name cannot be read");
}

static void pubsub_answered(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details UNUSED,
                            struct bytes response UNUSED)
{
    struct seed_unary *call = CONTAINER_OF(u, struct seed_unary, unary);
    struct cloud_seed_item *item = call->item;
    CLEANUP(buf_fini) struct buf sentence = { 0 }, given = { 0 };
    struct err err;
    buf_append(&sentence, message);
    mem_free(call);
    if (code == GRPC_OK)
        made(item);
    else if (code == GRPC_ALREADY_EXISTS && !item->again && pubsub_request(item, false, &given, &err))
        pubsub_patch(item, buf_bytes(&given));
    else
        refused(item, buf_str(&sentence));
}

static void pubsub_call(struct cloud_seed_item *item)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct err err = { 0 };
    bool topic = item->kind == CLOUD_SEED_TOPIC;
    if (!pubsub_request(item, item->again, &request, &err)) {
        refused(item, err.text);
        return;
    }
    struct seed_unary *call = mem_alloc(sizeof(*call));
    *call = (struct seed_unary) { { .cloud = item->seed->c, .deadline_us = US_NEVER, .answer = pubsub_answered }, item };
    cloud_unary_fn *method = item->again ? (topic ? cloud_topic_update : cloud_sub_update) : (topic ? cloud_topic_create : cloud_sub_create);
    method(&call->unary, buf_bytes(&request));
}

/* --- datasets, stores, messages --- */

/* The parent's collection and the id that the query is to name. */
static void store_path(const struct cloud_seed_item *item, struct buf *path, struct buf *query)
{
    struct bytes name = bytes_of(item->name.ptr, item->name.len);
    size_t slash = name.len;
    while (slash > 0 && name.ptr[slash - 1] != '/')
        slash--;
    struct bytes id = bytes_sub(name, slash, name.len);
    if (item->kind == CLOUD_SEED_MESSAGE) {
        buf_printf(path, "/v1/%.*s/messages", BYTES_FMT(name));
    } else if (item->again) {
        buf_printf(path, "/v1/%.*s", BYTES_FMT(name));
        buf_append_str(query, "updateMask=");
        CLEANUP(buf_fini) struct buf mask = { 0 };
        cloud_seed_mask(&item->value, item->kind, &mask);
        percent_encode(buf_bytes(&mask), query);
    } else {
        buf_printf(path, "/v1/%.*s", (int) slash - 1, name.ptr);
        buf_append_str(query, item->kind == CLOUD_SEED_DATASET ? "datasetId=" : "hl7V2StoreId=");
        percent_encode(id, query);
    }
}

/* {"error": {"message": "..."}} */
static void sentence_of(const struct cloud_call *call, struct buf *out)
{
    struct json_field error = { .key = "error" }, message = { .key = "message" };
    struct err err;
    if (!json_scan_object(bytes_of(call->json.ptr, call->json.len), &error, 1, &err) || error.value.kind != JSON_OBJECT ||
        !json_scan_object(error.value.raw, &message, 1, &err) || !json_unescape(message.value.raw, out))
        buf_printf(out, "the store answers %u", call->status);
}

static void store_answered(void *ctx, struct cloud_call *call)
{
    struct cloud_seed_item *item = ctx;
    CLEANUP(buf_fini) struct buf sentence = { 0 }, mask = { 0 };
    bool exists = call->status == 409 && !item->again;
    if (call->status < 300) {
        made(item);
    } else if (exists && item->kind == CLOUD_SEED_STORE) {
        cloud_seed_mask(&item->value, item->kind, &mask);
        item->again = true;
        if (mask.len > 0)
            store_call(item);
        else
            made(item);
    } else if (exists) {
        made(item);    /* a dataset, or a message that is refused for being there */
    } else if (item->kind == CLOUD_SEED_MESSAGE && call->status == 400) {
        /* What a store says of a message may quote it. */
        refused(item, "the store refuses it; is it an HL7v2 message whose segments end in CR?");
    } else {
        sentence_of(call, &sentence);
        refused(item, buf_str(&sentence));
    }
}

static void store_call(struct cloud_seed_item *item)
{
    CLEANUP(buf_fini) struct buf path = { 0 }, query = { 0 };
    store_path(item, &path, &query);
    struct cloud_ask ask = {
        .method = bytes_str(item->again ? "PATCH" : "POST"), .path = buf_bytes(&path), .query = buf_bytes(&query), .body = buf_bytes(&item->body)
    };
    cloud_http_store_serve(item->seed->c, &ask, store_answered, item);
}
