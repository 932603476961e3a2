#include "cloud/api_fields.h"

#define MESSAGE(name, ...)                                              \
    static const struct cloud_field name##_fields[] = { __VA_ARGS__ };  \
    static const struct cloud_fields name = { name##_fields, ARRAY_LEN(name##_fields) }

#define TEXT      CLOUD_FIELD_TEXT
#define OCTETS    CLOUD_FIELD_OCTETS
#define INT32     CLOUD_FIELD_INT32
#define INT64     CLOUD_FIELD_INT64
#define BOOL      CLOUD_FIELD_BOOL
#define DURATION  CLOUD_FIELD_DURATION
#define TIMESTAMP CLOUD_FIELD_TIMESTAMP
#define PAIRS     CLOUD_FIELD_PAIRS
#define MASK      CLOUD_FIELD_MASK
#define PART(of)  CLOUD_FIELD_MESSAGE, .message = &(of)
#define LIST(of)  CLOUD_FIELD_MESSAGE, .message = &(of), .repeated = true
#define ENUM(of)  CLOUD_FIELD_ENUM, .words = (of)

/* Refused whole, but known: so that the refusal is the method's and names the field. */
static const struct cloud_fields nothing = { NULL, 0 };

/* google/pubsub/v1/pubsub.proto: topics */
static const char *const states[] = { "STATE_UNSPECIFIED", "ACTIVE", "RESOURCE_ERROR", NULL };
static const char *const encodings[] = { "ENCODING_UNSPECIFIED", "JSON", "BINARY", NULL };

MESSAGE(storage_policy,
    { "allowedPersistenceRegions", 1, TEXT, .repeated = true }, { "enforceInTransit", 2, BOOL });
MESSAGE(schema_settings,
    { "schema", 1, TEXT }, { "encoding", 2, ENUM(encodings) }, { "firstRevisionId", 3, TEXT },
    { "lastRevisionId", 4, TEXT });
MESSAGE(topic,
    { "name", 1, TEXT }, { "labels", 2, PAIRS }, { "messageStoragePolicy", 3, PART(storage_policy) },
    { "kmsKeyName", 5, TEXT }, { "schemaSettings", 6, PART(schema_settings) }, { "satisfiesPzs", 7, BOOL },
    { "messageRetentionDuration", 8, DURATION }, { "state", 9, ENUM(states) },
    { "ingestionDataSourceSettings", 10, PART(nothing) }, { "messageTransforms", 13, LIST(nothing) },
    { "tags", 14, PAIRS });
MESSAGE(update_topic,
    { "topic", 1, PART(topic) }, { "updateMask", 2, MASK });
MESSAGE(topic_request,
    { "topic", 1, TEXT });
MESSAGE(list_project,
    { "project", 1, TEXT }, { "pageSize", 2, INT32 }, { "pageToken", 3, TEXT });
MESSAGE(list_topic,
    { "topic", 1, TEXT }, { "pageSize", 2, INT32 }, { "pageToken", 3, TEXT });
MESSAGE(list_topics,
    { "topics", 1, LIST(topic) }, { "nextPageToken", 2, TEXT });
MESSAGE(list_names,
    { "subscriptions", 1, TEXT, .repeated = true }, { "nextPageToken", 2, TEXT });
MESSAGE(list_snapshot_names,
    { "snapshots", 1, TEXT, .repeated = true }, { "nextPageToken", 2, TEXT });

/* messages */
MESSAGE(pubsub_message,
    { "data", 1, OCTETS }, { "attributes", 2, PAIRS }, { "messageId", 3, TEXT }, { "publishTime", 4, TIMESTAMP },
    { "orderingKey", 5, TEXT });
MESSAGE(publish,
    { "topic", 1, TEXT }, { "messages", 2, LIST(pubsub_message) });
MESSAGE(published,
    { "messageIds", 1, TEXT, .repeated = true });
MESSAGE(pull,
    { "subscription", 1, TEXT }, { "returnImmediately", 2, BOOL }, { "maxMessages", 3, INT32 });
MESSAGE(received_message,
    { "ackId", 1, TEXT }, { "message", 2, PART(pubsub_message) }, { "deliveryAttempt", 3, INT32 });
MESSAGE(pulled,
    { "receivedMessages", 1, LIST(received_message) });
MESSAGE(acknowledge,
    { "subscription", 1, TEXT }, { "ackIds", 2, TEXT, .repeated = true });
MESSAGE(modify_deadline,
    { "subscription", 1, TEXT }, { "ackDeadlineSeconds", 3, INT32 }, { "ackIds", 4, TEXT, .repeated = true });

/* subscriptions */
MESSAGE(oidc_token,
    { "serviceAccountEmail", 1, TEXT }, { "audience", 2, TEXT });
MESSAGE(no_wrapper,
    { "writeMetadata", 1, BOOL });
MESSAGE(push_config,
    { "pushEndpoint", 1, TEXT }, { "attributes", 2, PAIRS }, { "oidcToken", 3, PART(oidc_token) },
    { "pubsubWrapper", 4, PART(nothing) }, { "noWrapper", 5, PART(no_wrapper) });
MESSAGE(expiration_policy,
    { "ttl", 1, DURATION });
MESSAGE(dead_letter_policy,
    { "deadLetterTopic", 1, TEXT }, { "maxDeliveryAttempts", 2, INT32 });
MESSAGE(retry_policy,
    { "minimumBackoff", 1, DURATION }, { "maximumBackoff", 2, DURATION });
MESSAGE(subscription,
    { "name", 1, TEXT }, { "topic", 2, TEXT }, { "pushConfig", 4, PART(push_config) },
    { "ackDeadlineSeconds", 5, INT32 }, { "retainAckedMessages", 7, BOOL },
    { "messageRetentionDuration", 8, DURATION }, { "labels", 9, PAIRS }, { "enableMessageOrdering", 10, BOOL },
    { "expirationPolicy", 11, PART(expiration_policy) }, { "filter", 12, TEXT },
    { "deadLetterPolicy", 13, PART(dead_letter_policy) }, { "retryPolicy", 14, PART(retry_policy) },
    { "detached", 15, BOOL }, { "enableExactlyOnceDelivery", 16, BOOL },
    { "topicMessageRetentionDuration", 17, DURATION }, { "bigqueryConfig", 18, PART(nothing) },
    { "state", 19, ENUM(states) }, { "cloudStorageConfig", 22, PART(nothing) },
    { "analyticsHubSubscriptionInfo", 23, PART(nothing) }, { "messageTransforms", 25, LIST(nothing) },
    { "tags", 26, PAIRS }, { "bigtableConfig", 27, PART(nothing) });
MESSAGE(update_subscription,
    { "subscription", 1, PART(subscription) }, { "updateMask", 2, MASK });
MESSAGE(subscription_request,
    { "subscription", 1, TEXT });
MESSAGE(list_subscriptions,
    { "subscriptions", 1, LIST(subscription) }, { "nextPageToken", 2, TEXT });
MESSAGE(modify_push,
    { "subscription", 1, TEXT }, { "pushConfig", 2, PART(push_config) });

/* snapshots and seek */
MESSAGE(snapshot,
    { "name", 1, TEXT }, { "topic", 2, TEXT }, { "expireTime", 3, TIMESTAMP }, { "labels", 4, PAIRS });
MESSAGE(create_snapshot,
    { "name", 1, TEXT }, { "subscription", 2, TEXT }, { "labels", 3, PAIRS }, { "tags", 4, PAIRS });
MESSAGE(snapshot_request,
    { "snapshot", 1, TEXT });
MESSAGE(update_snapshot,
    { "snapshot", 1, PART(snapshot) }, { "updateMask", 2, MASK });
MESSAGE(list_snapshots,
    { "snapshots", 1, LIST(snapshot) }, { "nextPageToken", 2, TEXT });
MESSAGE(seek,
    { "subscription", 1, TEXT }, { "time", 2, TIMESTAMP }, { "snapshot", 3, TEXT });

/* google/iam/v1/policy.proto, iam_policy.proto, google/type/expr.proto */
static const char *const log_types[] = { "LOG_TYPE_UNSPECIFIED", "ADMIN_READ", "DATA_WRITE", "DATA_READ", NULL };

MESSAGE(expr,
    { "expression", 1, TEXT }, { "title", 2, TEXT }, { "description", 3, TEXT }, { "location", 4, TEXT });
MESSAGE(binding,
    { "role", 1, TEXT }, { "members", 2, TEXT, .repeated = true }, { "condition", 3, PART(expr) });
MESSAGE(audit_log_config,
    { "logType", 1, ENUM(log_types) }, { "exemptedMembers", 2, TEXT, .repeated = true });
MESSAGE(audit_config,
    { "service", 1, TEXT }, { "auditLogConfigs", 3, LIST(audit_log_config) });
MESSAGE(policy,
    { "version", 1, INT32 }, { "bindings", 4, LIST(binding) }, { "auditConfigs", 6, LIST(audit_config) },
    { "etag", 3, OCTETS });
MESSAGE(policy_options,
    { "requestedPolicyVersion", 1, INT32 });
MESSAGE(get_policy,
    { "resource", 1, TEXT }, { "options", 2, PART(policy_options) });
MESSAGE(set_policy,
    { "resource", 1, TEXT }, { "policy", 2, PART(policy) }, { "updateMask", 3, MASK });
MESSAGE(test_permissions,
    { "resource", 1, TEXT }, { "permissions", 2, TEXT, .repeated = true });
MESSAGE(permissions,
    { "permissions", 1, TEXT, .repeated = true });

/* google/rpc/error_details.proto */
MESSAGE(error_info,
    { "reason", 1, TEXT }, { "domain", 2, TEXT }, { "metadata", 3, PAIRS });
MESSAGE(retry_info,
    { "retryDelay", 1, DURATION });
MESSAGE(field_violation,
    { "field", 1, TEXT }, { "description", 2, TEXT });
MESSAGE(bad_request,
    { "fieldViolations", 1, LIST(field_violation) });
MESSAGE(quota_violation,
    { "subject", 1, TEXT }, { "description", 2, TEXT });
MESSAGE(quota_failure,
    { "violations", 1, LIST(quota_violation) });
MESSAGE(precondition,
    { "type", 1, TEXT }, { "subject", 2, TEXT }, { "description", 3, TEXT });
MESSAGE(precondition_failure,
    { "violations", 1, LIST(precondition) });
MESSAGE(resource_info,
    { "resourceType", 1, TEXT }, { "resourceName", 2, TEXT }, { "owner", 3, TEXT }, { "description", 4, TEXT });

/* Ours: not in pubsub.proto. */
MESSAGE(backlog,
    { "unacked", 1, INT64 }, { "leased", 2, INT64 });

static const struct cloud_fields empty = { NULL, 0 };

static const struct cloud_fields *const messages[CLOUD_MESSAGES] = {
#define CLOUD_MESSAGE_ROW(name) &name,
    CLOUD_MESSAGE_TABLE(CLOUD_MESSAGE_ROW)
#undef CLOUD_MESSAGE_ROW
};

const struct cloud_fields *cloud_api_fields(enum cloud_message m)
{
    return messages[m];
}
