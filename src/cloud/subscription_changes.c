#include "cloud/pubsub.h"

#include "cloud/proto_wire.h"
#include "cloud/update_mask.h"

/* google/pubsub/v1/pubsub.proto, message Subscription; PushConfig, DeadLetterPolicy and the others by part */
enum {
    F_PUSH = 4, F_ACK_DEADLINE = 5, F_RETAIN_ACKED = 7, F_RETENTION = 8, F_LABELS = 9, F_EXPIRATION = 11,
    F_DEAD_LETTER = 13, F_RETRY = 14, F_EXACTLY_ONCE = 16, F_BIGQUERY = 18, F_STORAGE = 22, F_TRANSFORMS = 25,
    F_BIGTABLE = 27
};

static const struct cloud_mask_path paths[] = {
    { "push_config", F_PUSH, 0 }, { "push_config.push_endpoint", F_PUSH, 1 }, { "push_config.attributes", F_PUSH, 2 },
    { "push_config.oidc_token", F_PUSH, 3 }, { "push_config.pubsub_wrapper", F_PUSH, 4 },
    { "push_config.no_wrapper", F_PUSH, 5 }, { "ack_deadline_seconds", F_ACK_DEADLINE, 0 },
    { "retain_acked_messages", F_RETAIN_ACKED, 0 }, { "message_retention_duration", F_RETENTION, 0 },
    { "labels", F_LABELS, 0 }, { "expiration_policy", F_EXPIRATION, 0 }, { "expiration_policy.ttl", F_EXPIRATION, 1 },
    { "dead_letter_policy", F_DEAD_LETTER, 0 }, { "dead_letter_policy.dead_letter_topic", F_DEAD_LETTER, 1 },
    { "dead_letter_policy.max_delivery_attempts", F_DEAD_LETTER, 2 }, { "retry_policy", F_RETRY, 0 },
    { "retry_policy.minimum_backoff", F_RETRY, 1 }, { "retry_policy.maximum_backoff", F_RETRY, 2 },
    { "enable_exactly_once_delivery", F_EXACTLY_ONCE, 0 }, { "bigquery_config", F_BIGQUERY, 0 },
    { "cloud_storage_config", F_STORAGE, 0 }, { "bigtable_config", F_BIGTABLE, 0 },
    { "message_transforms", F_TRANSFORMS, 0 }, { "name", 0, 0 }, { "topic", 0, 0 },
    { "enable_message_ordering", 0, 0 }, { "filter", 0, 0 }, { "detached", 0, 0 },
    { "topic_message_retention_duration", 0, 0 }, { "state", 0, 0 }, { "tags", 0, 0 },
    { "analytics_hub_subscription_info", 0, 0 },
};

struct change {
    struct cloud_unary *call;
    uint64_t number;
    bool answer_empty;    /* not the Subscription */
};

/* Detached: also what was published while that was on its way to the disk. */
static void forget_backlog(struct cloud_sub *s)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    cloud_db_key_u64(&prefix, s->number);
    struct cloud_db_write *w = cloud_db_begin(s->pubsub->cloud->db);
    cloud_db_erase_prefix(w, CLOUD_DB_BACKLOG, buf_bytes(&prefix));
    cloud_db_commit(w);
    cloud_sub_reread(s);
}

/* What is in force once it is durable: the last of several changes under way. */
static void changed(void *ctx, const struct err *err)
{
    struct change change = *(struct change *) ctx;
    struct cloud_unary *u = change.call;
    struct cloud_sub *s = cloud_sub_by_number(u->cloud->pubsub, change.number);
    struct bytes stored;
    mem_free(ctx);
    if (err != NULL) {
        cloud_unary_disk(u, err);
        return;
    }
    if (s == NULL || cloud_db_get(u->cloud->db, CLOUD_DB_SUBSCRIPTION, bytes_str(s->name), &stored) != CLOUD_DB_FOUND) {
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Subscription does not exist");
        return;
    }
    bool was_detached = s->conf.detached;
    cloud_sub_set_proto(s, bytes_sub(stored, 8, SIZE_MAX));
    if (cloud_sub_closed(s) != NULL)
        cloud_sub_end_consumers(s, GRPC_FAILED_PRECONDITION, cloud_sub_closed(s));
    if (s->conf.detached && !was_detached)
        forget_backlog(s);
    if (change.answer_empty)
        cloud_unary_ok(u, BYTES_LIT(""));
    else
        cloud_sub_answer_ok(u, s);
}

/* Stores s as `merged` says, if that is right. */
static void store(struct cloud_unary *u, struct cloud_sub *s, struct bytes merged, bool dead_letter_new,
                  bool answer_empty)
{
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    CLEANUP(buf_fini) struct buf proto = { 0 }, prefix = { 0 };
    if (!cloud_sub_conf_accept(merged, &conf, &err)) {
        cloud_sub_refuse(u, &err);
        return;
    }
    if (dead_letter_new && !cloud_sub_dead_topic_exists(u->cloud->pubsub, &conf)) {
        cloud_unary_fail_about(u, GRPC_NOT_FOUND, conf.dead_topic, "Dead letter topic does not exist");
        return;
    }
    cloud_sub_conf_write(&conf, merged, &proto);
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    cloud_sub_store(w, s, buf_bytes(&proto));
    cloud_db_key_u64(&prefix, s->number);
    if (conf.detached)
        cloud_db_erase_prefix(w, CLOUD_DB_BACKLOG, buf_bytes(&prefix));
    if (conf.detached || !conf.retain_acked)
        cloud_db_erase_prefix(w, CLOUD_DB_ACKED, buf_bytes(&prefix));
    struct change *change = mem_alloc(sizeof(*change));
    *change = (struct change) { u, s->number, answer_empty };
    cloud_db_then(w, changed, change);
    cloud_db_commit(w);
}

/* UpdateSubscriptionRequest{ subscription = 1; update_mask = 2 } */
void cloud_sub_update(struct cloud_unary *u, struct bytes request)
{
    struct bytes given = cloud_wire_find(request, 1);
    struct cloud_sub *s = cloud_sub_named(u, given, 1);
    struct cloud_mask mask;
    if (s == NULL || !cloud_mask_read(u, cloud_wire_find(request, 2), paths, ARRAY_LEN(paths),
                                      "UpdateSubscriptionRequest", &mask))
        return;
    CLEANUP(buf_fini) struct buf merged = { 0 }, stored = { 0 };
    if (!cloud_pubsub_latest(u, CLOUD_DB_SUBSCRIPTION, s->name, 8, &stored))
        return;
    cloud_mask_merge(&mask, given, buf_bytes(&stored), &merged);
    store(u, s, buf_bytes(&merged), mask.whole[F_DEAD_LETTER] || mask.parts[F_DEAD_LETTER] != 0, false);
}

/* ModifyPushConfigRequest{ subscription = 1; push_config = 2 }: an empty one makes it a subscription to pull from. */
void cloud_sub_modify_push(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    struct cloud_mask mask = { .whole[F_PUSH] = true };
    CLEANUP(buf_fini) struct buf given = { 0 }, merged = { 0 }, stored = { 0 };
    if (s == NULL || !cloud_pubsub_latest(u, CLOUD_DB_SUBSCRIPTION, s->name, 8, &stored))
        return;
    cloud_wire_put_bytes(&given, F_PUSH, cloud_wire_find(request, 2));
    cloud_mask_merge(&mask, buf_bytes(&given), buf_bytes(&stored), &merged);
    store(u, s, buf_bytes(&merged), false, true);
}

/* DetachSubscriptionRequest{ subscription = 1 }: nothing more comes, and what is there is dropped. */
void cloud_sub_detach(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    CLEANUP(buf_fini) struct buf merged = { 0 };
    if (s == NULL || !cloud_pubsub_latest(u, CLOUD_DB_SUBSCRIPTION, s->name, 8, &merged))
        return;
    cloud_wire_put_uint(&merged, 15, true);
    store(u, s, buf_bytes(&merged), false, true);
}
