/*
 * JSON to protobuf and back for the messages of the Pub/Sub API, by tables of
 * their fields (proto3 JSON: developers.google.com/protocol-buffers, "JSON
 * Mapping"): REST is the gRPC methods behind this.
 */
#ifndef CLOUD_TRANSCODE_H
#define CLOUD_TRANSCODE_H

#include "base/buf.h"
#include "base/err.h"

enum cloud_message {
    CLOUD_MESSAGE_topic, CLOUD_MESSAGE_update_topic, CLOUD_MESSAGE_topic_request, CLOUD_MESSAGE_list_project,
    CLOUD_MESSAGE_list_topic, CLOUD_MESSAGE_list_topics, CLOUD_MESSAGE_list_names, CLOUD_MESSAGE_publish,
    CLOUD_MESSAGE_published, CLOUD_MESSAGE_subscription, CLOUD_MESSAGE_update_subscription,
    CLOUD_MESSAGE_subscription_request, CLOUD_MESSAGE_list_subscriptions, CLOUD_MESSAGE_pull, CLOUD_MESSAGE_pulled,
    CLOUD_MESSAGE_acknowledge, CLOUD_MESSAGE_modify_deadline, CLOUD_MESSAGE_backlog,
    CLOUD_MESSAGE_empty, CLOUD_MESSAGES
};

/* json: an object; empty is {}. Class BAD_INPUT with Google's sentence for an unknown field or a wrong value. */
bool cloud_transcode_read(enum cloud_message m, struct bytes json, struct buf *out, struct err *err);
/* One field from text (a path or query parameter): "topic", "topic.name", "pageSize". False: no such field, or a
 * value that cannot be read. */
bool cloud_transcode_read_field(enum cloud_message m, const char *field, struct bytes text, struct buf *out);
void cloud_transcode_write(enum cloud_message m, struct bytes message, struct buf *json);

#endif
