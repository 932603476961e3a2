/* The replies that come seldom, by protobuf-c. */
#include "base/limits.h"
#include "base/mem.h"
#include "proto/pubsub.pb-c.h"
#include "proto/rpc.pb-c.h"
#include "pubsub/pubsub_codec.h"

struct pubsub_cold {
    ProtobufCMessage *message;
    struct bytes *names;
};

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes b)
{
    return protobuf_c_message_unpack(descriptor, NULL, b.len, (const uint8_t *) (b.ptr != NULL ? b.ptr : ""));
}

static struct pubsub_cold *cold_of(ProtobufCMessage *message)
{
    struct pubsub_cold *c = mem_alloc(sizeof(*c));
    c->message = message;
    return c;
}

void pubsub_cold_free(struct pubsub_cold *c)
{
    if (c == NULL)
        return;
    protobuf_c_message_free_unpacked(c->message, NULL);
    mem_free(c->names);
    mem_free(c);
}

struct pubsub_cold *pubsub_cold_subscription(struct bytes message, struct topic_admin_subscription *ret_sub)
{
    Google__Pubsub__V1__Subscription *s = (void *) unpack(&google__pubsub__v1__subscription__descriptor, message);
    if (s == NULL)
        return NULL;
    *ret_sub = (struct topic_admin_subscription) {
        .name = bytes_str(s->name),
        .topic = bytes_str(s->topic),
        .ack_deadline_s = (uint32_t) MAX(s->ack_deadline_seconds, 0),
        .exactly_once = s->enable_exactly_once_delivery,
        .ordered = s->enable_message_ordering,
        .detached = s->detached,
        .retain_acked = s->retain_acked_messages,
    };
    if (s->dead_letter_policy != NULL) {
        ret_sub->dead_letter_topic = bytes_str(s->dead_letter_policy->dead_letter_topic);
        ret_sub->dead_letter_attempts = (uint32_t) MAX(s->dead_letter_policy->max_delivery_attempts, 0);
    }
    if (s->message_retention_duration != NULL && s->message_retention_duration->seconds > 0)
        ret_sub->retention_us = MIN(s->message_retention_duration->seconds, INT64_C(1) << 40) * US_PER_S;
    return cold_of(&s->base);
}

/* PublishResponse and ListTopicSubscriptionsResponse differ only in that the first has no field 2. */
struct pubsub_cold *pubsub_cold_names(struct bytes message, const struct bytes **ret_names, size_t *ret_count,
                                      struct bytes *ret_next)
{
    Google__Pubsub__V1__ListTopicSubscriptionsResponse *r =
        (void *) unpack(&google__pubsub__v1__list_topic_subscriptions_response__descriptor, message);
    if (r == NULL)
        return NULL;
    struct pubsub_cold *c = cold_of(&r->base);
    c->names = mem_alloc_n(r->n_subscriptions, sizeof(*c->names));
    for (size_t i = 0; i < r->n_subscriptions; i++)
        c->names[i] = bytes_str(r->subscriptions[i]);
    *ret_names = c->names;
    *ret_count = r->n_subscriptions;
    *ret_next = bytes_str(r->next_page_token);
    return c;
}

static bool is_type(const Google__Protobuf__Any *any, const char *name)
{
    struct bytes url = bytes_str(any->type_url);
    size_t slash = url.len;
    while (slash > 0 && url.ptr[slash - 1] != '/')
        slash--;
    return slash > 0 && bytes_eq_str(bytes_sub(url, slash, url.len), name);
}

static struct bytes value_of(const Google__Protobuf__Any *any)
{
    return bytes_of((const char *) any->value.data, any->value.len);
}

static us_t retry_info(struct bytes b)
{
    Google__Rpc__RetryInfo *info = (void *) unpack(&google__rpc__retry_info__descriptor, b);
    us_t wait_us = 0;
    if (info != NULL && info->retry_delay != NULL && info->retry_delay->seconds >= 0 && info->retry_delay->nanos >= 0)
        wait_us = MIN(info->retry_delay->seconds, (int64_t) LIMIT_RETRY_AFTER_S) * US_PER_S +
                  MIN(info->retry_delay->nanos, 999999999) / 1000;
    if (info != NULL)
        google__rpc__retry_info__free_unpacked(info, NULL);
    return MIN(wait_us, (us_t) LIMIT_RETRY_AFTER_S * US_PER_S);
}

/* metadata: ack id -> PERMANENT_FAILURE_INVALID_ACK_ID, or TRANSIENT_... */
static bool ack_errors(struct bytes b, pubsub_cold_ack_error_fn *fn, void *ctx)
{
    Google__Rpc__ErrorInfo *info = (void *) unpack(&google__rpc__error_info__descriptor, b);
    bool ours = info != NULL && strcmp(info->reason, "EXACTLY_ONCE_ACKID_FAILURE") == 0;
    for (size_t i = 0; ours && fn != NULL && i < info->n_metadata; i++) {
        struct bytes why = bytes_str(info->metadata[i]->value);
        fn(ctx, bytes_str(info->metadata[i]->key), !bytes_starts(why, BYTES_LIT("TRANSIENT_")));
    }
    if (info != NULL)
        google__rpc__error_info__free_unpacked(info, NULL);
    return ours;
}

us_t pubsub_cold_details(struct bytes details, pubsub_cold_ack_error_fn *fn, void *ctx, bool *ret_any)
{
    Google__Rpc__Status *s = (void *) unpack(&google__rpc__status__descriptor, details);
    us_t wait_us = 0;
    bool any = false;
    for (size_t i = 0; s != NULL && i < s->n_details; i++) {
        if (is_type(s->details[i], "google.rpc.RetryInfo"))
            wait_us = MAX(wait_us, retry_info(value_of(s->details[i])));
        else if (is_type(s->details[i], "google.rpc.ErrorInfo"))
            any = ack_errors(value_of(s->details[i]), fn, ctx) || any;
    }
    if (s != NULL)
        google__rpc__status__free_unpacked(s, NULL);
    if (ret_any != NULL)
        *ret_any = any;
    return wait_us;
}
