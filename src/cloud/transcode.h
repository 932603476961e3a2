/*
 * JSON to protobuf and back for the messages of the Pub/Sub API, by tables of
 * their fields (proto3 JSON: developers.google.com/protocol-buffers, "JSON
 * Mapping"): REST is the gRPC methods behind this.
 */
#ifndef CLOUD_TRANSCODE_H
#define CLOUD_TRANSCODE_H

#include "base/buf.h"
#include "base/err.h"

/* Fields of each: api_fields.c. */
#define CLOUD_MESSAGE_TABLE(ROW)                                                                     \
    ROW(topic) ROW(update_topic) ROW(topic_request) ROW(list_project) ROW(list_topic)                \
    ROW(list_topics) ROW(list_names) ROW(list_snapshot_names) ROW(publish) ROW(published)            \
    ROW(subscription) ROW(update_subscription) ROW(subscription_request) ROW(list_subscriptions)     \
    ROW(modify_push) ROW(pull) ROW(pulled) ROW(acknowledge) ROW(modify_deadline)                     \
    ROW(snapshot) ROW(create_snapshot) ROW(snapshot_request) ROW(update_snapshot)                    \
    ROW(list_snapshots) ROW(seek) ROW(policy) ROW(get_policy) ROW(set_policy)                        \
    ROW(test_permissions) ROW(permissions) ROW(error_info) ROW(retry_info) ROW(bad_request)          \
    ROW(quota_failure) ROW(precondition_failure) ROW(resource_info) ROW(backlog) ROW(empty)

enum cloud_message {
#define CLOUD_MESSAGE_ROW(name) CLOUD_MESSAGE_##name,
    CLOUD_MESSAGE_TABLE(CLOUD_MESSAGE_ROW)
#undef CLOUD_MESSAGE_ROW
    CLOUD_MESSAGES
};

/* json: an object; empty is {}. Class BAD_INPUT with Google's sentence for an unknown field or a wrong value. */
bool cloud_transcode_read(enum cloud_message m, struct bytes json, struct buf *out, struct err *err);
/* One field from text (a path or query parameter): "topic", "topic.name", "pageSize". False: no such field, or a
 * value that cannot be read. */
bool cloud_transcode_read_field(enum cloud_message m, const char *field, struct bytes text, struct buf *out);
/* Its fields, as members of the object that is open. */
struct json_writer;
void cloud_transcode_members(enum cloud_message m, struct bytes message, struct json_writer *w);
void cloud_transcode_write(enum cloud_message m, struct bytes message, struct buf *json);

#endif
