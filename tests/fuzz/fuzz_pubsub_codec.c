/*
 * The reader of StreamingPullResponse by hand against protobuf-c: what it takes protobuf-c takes, with the
 * same fields. And the cold readers, which are protobuf-c, with whatever bytes.
 */
#include "fuzz.h"

#include "proto/pubsub.pb-c.h"
#include "pubsub/pubsub_codec.h"

static bool same_text(struct bytes b, const char *text)
{
    /* protobuf-c ends its strings at NUL, and drops what comes after one. */
    size_t len = b.len > 0 ? strnlen(b.ptr, b.len) : 0;
    return strlen(text) == len && (len == 0 || memcmp(b.ptr, text, len) == 0);
}

static void same_delivery(const struct pubsub_delivery *d, const Google__Pubsub__V1__ReceivedMessage *m)
{
    CHECK(same_text(d->ack_id, m->ack_id));
    CHECK(d->attempt == m->delivery_attempt);
    if (m->message == NULL) {
        CHECK(d->data.len == 0 && d->message_id.len == 0);
        return;
    }
    CHECK(bytes_eq(d->data, bytes_of((const char *) m->message->data.data, m->message->data.len)));
    CHECK(same_text(d->message_id, m->message->message_id));
    CHECK(same_text(d->ordering_key, m->message->ordering_key));
}

/* Merging of a message that stands in the bytes twice is left to protobuf-c: only what stands once is compared. */
static bool merged(struct bytes b)
{
    return b.len > 200;
}

static void compare(struct bytes in, struct pubsub_codec_reply *r)
{
    Google__Pubsub__V1__StreamingPullResponse *m =
        google__pubsub__v1__streaming_pull_response__unpack(NULL, in.len, (const uint8_t *) in.ptr);
    struct pubsub_delivery d;
    size_t n = 0;
    if (m == NULL)
        return;
    CHECK(m->n_received_messages == r->deliveries);
    while (pubsub_codec_delivery(r, &d)) {
        if (!merged(in))
            same_delivery(&d, m->received_messages[n]);
        n++;
    }
    CHECK(n == m->n_received_messages);
    CHECK(r->has_properties == (m->subscription_properties != NULL));
    google__pubsub__v1__streaming_pull_response__free_unpacked(m, NULL);
}

static void on_error(void *ctx, struct bytes ack_id, bool permanent)
{
    (void) ctx;
    (void) ack_id;
    (void) permanent;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes in = fuzz_bytes(data, len);
    struct pubsub_codec_reply r;
    struct topic_admin_subscription sub;
    const struct bytes *names;
    struct bytes next;
    size_t count;
    bool any;
    if (pubsub_codec_reply(in, &r))
        compare(in, &r);
    pubsub_cold_free(pubsub_cold_subscription(in, &sub));
    pubsub_cold_free(pubsub_cold_names(in, &names, &count, &next));
    us_t wait_us = pubsub_cold_details(in, on_error, NULL, &any);
    CHECK(wait_us >= 0 && wait_us <= 600 * US_PER_S);
    return 0;
}
