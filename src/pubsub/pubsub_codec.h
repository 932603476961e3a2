/*
 * Pub/Sub messages on the wire (protobuf, numbers as in proto/pubsub.proto).
 *
 * The hot ones are read and written here by hand, without an allocation or a
 * copy: what is read comes out as slices of the message. The cold ones use
 * protobuf-c in pubsub_cold.c. Both are checked against each other by a fuzzer.
 */
#ifndef PUBSUB_PUBSUB_CODEC_H
#define PUBSUB_PUBSUB_CODEC_H

#include "base/buf.h"
#include "pubsub/publisher.h"
#include "pubsub/pull_stream.h"
#include "pubsub/topic_admin.h"

/* ---- StreamingPullResponse ---- */

struct pubsub_codec_reply {
    struct bytes rest;          /* what pubsub_codec_delivery() has not given out */
    size_t deliveries;
    bool has_properties, exactly_once, ordered;
};

/* Checks the whole message; false: no protobuf, or not this message. */
bool pubsub_codec_reply(struct bytes message, struct pubsub_codec_reply *ret_reply) MUST_USE;
/* The next delivery; false: no more. */
bool pubsub_codec_delivery(struct pubsub_codec_reply *reply, struct pubsub_delivery *ret_delivery);

/* ---- requests ---- */

struct pubsub_codec_open {
    struct bytes subscription, client_id;
    uint32_t lease_s;
    uint64_t outstanding_messages, outstanding_bytes;
};

/* The first StreamingPullRequest, protocol_version 1. All later ones are empty. */
void pubsub_codec_open(const struct pubsub_codec_open *o, struct buf *out);

/* AcknowledgeRequest: head, then ids. */
void pubsub_codec_ack_head(struct bytes subscription, struct buf *out);
void pubsub_codec_ack_id(struct bytes ack_id, struct buf *out);
/* ModifyAckDeadlineRequest: head, then ids. */
void pubsub_codec_modack_head(struct bytes subscription, uint32_t seconds, struct buf *out);
void pubsub_codec_modack_id(struct bytes ack_id, struct buf *out);

/* PullRequest. */
void pubsub_codec_pull(struct bytes subscription, uint32_t max, struct buf *out);
void pubsub_codec_publish(struct bytes topic, const struct pubsub_message *messages, size_t count, struct buf *out);
/* CreateSubscription and CreateTopic take the resource itself. */
void pubsub_codec_subscription(const struct topic_admin_subscription *sub, struct buf *out);
/* {1: name}, and {1: name, 2: page size, 3: page token}: Topic, GetSubscriptionRequest, ListTopicSubscriptionsRequest. */
void pubsub_codec_name(struct bytes name, struct buf *out);
void pubsub_codec_list(struct bytes name, uint32_t page_size, struct bytes page_token, struct buf *out);

/* ---- cold replies (pubsub_cold.c); ret is freed by the caller with its own free ---- */

struct pubsub_cold;    /* an unpacked message */

void pubsub_cold_free(struct pubsub_cold *c);
/* Borrowed from the message. NULL: cannot be read. */
struct pubsub_cold *pubsub_cold_subscription(struct bytes message, struct topic_admin_subscription *ret_sub);
/* PublishResponse and ListTopicSubscriptionsResponse: {1: repeated string, 2: next page token}. */
struct pubsub_cold *pubsub_cold_names(struct bytes message, const struct bytes **ret_names, size_t *ret_count,
                                      struct bytes *ret_next);

/* google.rpc.Status of a failed call: RetryInfo, and ErrorInfo of EXACTLY_ONCE_ACKID_FAILURE. */
typedef void pubsub_cold_ack_error_fn(void *ctx, struct bytes ack_id, bool permanent);
/* fn (may be NULL) is called for each id that failed; ret_any: there was such an ErrorInfo. Returns the wait, capped. */
us_t pubsub_cold_details(struct bytes details, pubsub_cold_ack_error_fn *fn, void *ctx, bool *ret_any);

#endif
