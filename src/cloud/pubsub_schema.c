/* What discovery documents and `fields` masks know of Pub/Sub: google/pubsub/v1/pubsub.proto as REST has it. */
#include "cloud/pubsub_schema.h"

#include "cloud/iam_schema.h"
#include "cloud/rest_words.h"

static const struct cloud_rest_schema empty = { "Empty", "Nothing.", NULL, 0 };

/* --- resources --- */

REST_SCHEMA(policy_storage, "MessageStoragePolicy", "Where messages may be kept.",
            REST_TEXTS("allowedPersistenceRegions"), REST_FLAG("enforceInTransit"));
REST_SCHEMA(topic, "Topic", "A topic.", REST_TEXT("name"), REST_PAIRS("labels"),
            REST_OBJECT("messageStoragePolicy", policy_storage), REST_TEXT("kmsKeyName"),
            REST_FLAG("satisfiesPzs"), REST_SPAN("messageRetentionDuration"), REST_TEXT("state"),
            REST_PAIRS("tags"));
REST_SCHEMA(oidc_token, "OidcToken", "Who pushes.", REST_TEXT("serviceAccountEmail"), REST_TEXT("audience"));
static const struct cloud_rest_schema pubsub_wrapper = { "PubsubWrapper", "The message as JSON.", NULL, 0 };
REST_SCHEMA(no_wrapper, "NoWrapper", "The data alone.", REST_FLAG("writeMetadata"));
REST_SCHEMA(push_config, "PushConfig", "Where messages are pushed to.", REST_TEXT("pushEndpoint"),
            REST_PAIRS("attributes"), REST_OBJECT("oidcToken", oidc_token),
            REST_OBJECT("pubsubWrapper", pubsub_wrapper), REST_OBJECT("noWrapper", no_wrapper));
REST_SCHEMA(expiration_policy, "ExpirationPolicy", "When an idle subscription goes.", REST_SPAN("ttl"));
REST_SCHEMA(dead_letter_policy, "DeadLetterPolicy", "Where undeliverable messages go.",
            REST_TEXT("deadLetterTopic"), REST_SMALL("maxDeliveryAttempts"));
REST_SCHEMA(retry_policy, "RetryPolicy", "How redeliveries are paced.", REST_SPAN("minimumBackoff"),
            REST_SPAN("maximumBackoff"));
REST_SCHEMA(subscription, "Subscription", "A subscription.", REST_TEXT("name"), REST_TEXT("topic"),
            REST_OBJECT("pushConfig", push_config), REST_SMALL("ackDeadlineSeconds"),
            REST_FLAG("retainAckedMessages"), REST_SPAN("messageRetentionDuration"), REST_PAIRS("labels"),
            REST_FLAG("enableMessageOrdering"), REST_OBJECT("expirationPolicy", expiration_policy),
            REST_TEXT("filter"), REST_OBJECT("deadLetterPolicy", dead_letter_policy),
            REST_OBJECT("retryPolicy", retry_policy), REST_FLAG("detached"),
            REST_FLAG("enableExactlyOnceDelivery"), REST_SPAN("topicMessageRetentionDuration"),
            REST_TEXT("state"), REST_PAIRS("tags"));
REST_SCHEMA(snapshot, "Snapshot", "A subscription's backlog at one time.", REST_TEXT("name"),
            REST_TEXT("topic"), REST_TIME("expireTime"), REST_PAIRS("labels"));
REST_SCHEMA(message, "PubsubMessage", "A message.", REST_OCTETS("data"), REST_PAIRS("attributes"),
            REST_TEXT("messageId"), REST_TIME("publishTime"), REST_TEXT("orderingKey"));

/* --- requests and responses --- */

REST_SCHEMA(update_topic, "UpdateTopicRequest", "A topic and what of it changes.", REST_OBJECT("topic", topic),
            REST_TEXT("updateMask"));
REST_SCHEMA(update_subscription, "UpdateSubscriptionRequest", "A subscription and what of it changes.",
            REST_OBJECT("subscription", subscription), REST_TEXT("updateMask"));
REST_SCHEMA(update_snapshot, "UpdateSnapshotRequest", "A snapshot and what of it changes.",
            REST_OBJECT("snapshot", snapshot), REST_TEXT("updateMask"));
REST_SCHEMA(create_snapshot, "CreateSnapshotRequest", "Whose backlog is kept.", REST_TEXT("subscription"),
            REST_PAIRS("labels"));
REST_SCHEMA(list_topics, "ListTopicsResponse", "A page of topics.", REST_OBJECTS("topics", topic), REST_NEXT);
REST_SCHEMA(list_names, "ListTopicSubscriptionsResponse", "A page of names.", REST_TEXTS("subscriptions"),
            REST_NEXT);
REST_SCHEMA(list_snapshot_names, "ListTopicSnapshotsResponse", "A page of names.", REST_TEXTS("snapshots"),
            REST_NEXT);
REST_SCHEMA(list_subscriptions, "ListSubscriptionsResponse", "A page of subscriptions.",
            REST_OBJECTS("subscriptions", subscription), REST_NEXT);
REST_SCHEMA(list_snapshots, "ListSnapshotsResponse", "A page of snapshots.",
            REST_OBJECTS("snapshots", snapshot), REST_NEXT);
REST_SCHEMA(publish, "PublishRequest", "Messages to be published.", REST_OBJECTS("messages", message));
REST_SCHEMA(published, "PublishResponse", "Their ids, in the same order.", REST_TEXTS("messageIds"));
REST_SCHEMA(pull, "PullRequest", "How many messages are wanted.", REST_FLAG("returnImmediately"),
            REST_SMALL("maxMessages"));
REST_SCHEMA(received, "ReceivedMessage", "A delivery.", REST_TEXT("ackId"), REST_OBJECT("message", message),
            REST_SMALL("deliveryAttempt"));
REST_SCHEMA(pulled, "PullResponse", "Deliveries.", REST_OBJECTS("receivedMessages", received));
REST_SCHEMA(acknowledge, "AcknowledgeRequest", "What is done with.", REST_TEXTS("ackIds"));
REST_SCHEMA(modify, "ModifyAckDeadlineRequest", "What needs more time, or none (0).", REST_TEXTS("ackIds"),
            REST_SMALL("ackDeadlineSeconds"));
REST_SCHEMA(modify_push, "ModifyPushConfigRequest", "Where messages are pushed to from now on.",
            REST_OBJECT("pushConfig", push_config));
REST_SCHEMA(seek, "SeekRequest", "Where to go.", REST_TIME("time"), REST_TEXT("snapshot"));
static const struct cloud_rest_schema sought = { "SeekResponse", "Nothing.", NULL, 0 };
static const struct cloud_rest_schema detached = { "DetachSubscriptionResponse", "Nothing.", NULL, 0 };

/* --- methods --- */

#define TOPICS  "projects.topics"
#define SUBS    "projects.subscriptions"
#define SNAPS   "projects.snapshots"
#define PROJECT "projects/{p}"
#define TOPIC   "projects/{p}/topics/{t}"
#define SUB     "projects/{p}/subscriptions/{s}"
#define SNAP    "projects/{p}/snapshots/{s}"
#define PAGES   "pageSize:integer pageToken"

#define POLICIES(place, resource)                                                                            \
    { "v1", place, "getIamPolicy", "GET", "resource", resource, ":getIamPolicy",                             \
      "options.requestedPolicyVersion:integer", NULL, &cloud_rest_policy, "Gives the policy." },             \
    { "v1", place, "setIamPolicy", "POST", "resource", resource, ":setIamPolicy", "",                        \
      &cloud_rest_set_policy, &cloud_rest_policy, "Replaces the policy." },                                  \
    { "v1", place, "testIamPermissions", "POST", "resource", resource, ":testIamPermissions", "",            \
      &cloud_rest_test_request, &cloud_rest_test_response, "Tells which permissions the caller has: all." }

static const struct cloud_rest_method METHODS[] = {
    { "v1", TOPICS, "create", "PUT", "name", TOPIC, "", "", &topic, &topic, "Makes a topic." },
    { "v1", TOPICS, "get", "GET", "topic", TOPIC, "", "", NULL, &topic, "Gives a topic." },
    { "v1", TOPICS, "list", "GET", "project", PROJECT, "/topics", PAGES, NULL, &list_topics, "Lists topics." },
    { "v1", TOPICS, "patch", "PATCH", "name", TOPIC, "", "", &update_topic, &topic, "Changes a topic." },
    { "v1", TOPICS, "delete", "DELETE", "topic", TOPIC, "", "", NULL, &empty, "Deletes a topic." },
    { "v1", TOPICS, "publish", "POST", "topic", TOPIC, ":publish", "", &publish, &published,
      "Publishes messages." },
    { "v1", TOPICS ".subscriptions", "list", "GET", "topic", TOPIC, "/subscriptions", PAGES, NULL, &list_names,
      "Lists the subscriptions of a topic." },
    { "v1", TOPICS ".snapshots", "list", "GET", "topic", TOPIC, "/snapshots", PAGES, NULL,
      &list_snapshot_names, "Lists the snapshots of a topic." },
    { "v1", SUBS, "create", "PUT", "name", SUB, "", "", &subscription, &subscription, "Makes a subscription." },
    { "v1", SUBS, "get", "GET", "subscription", SUB, "", "", NULL, &subscription, "Gives a subscription." },
    { "v1", SUBS, "list", "GET", "project", PROJECT, "/subscriptions", PAGES, NULL, &list_subscriptions,
      "Lists subscriptions." },
    { "v1", SUBS, "patch", "PATCH", "name", SUB, "", "", &update_subscription, &subscription,
      "Changes a subscription." },
    { "v1", SUBS, "delete", "DELETE", "subscription", SUB, "", "", NULL, &empty, "Deletes a subscription." },
    { "v1", SUBS, "pull", "POST", "subscription", SUB, ":pull", "", &pull, &pulled, "Gives messages." },
    { "v1", SUBS, "acknowledge", "POST", "subscription", SUB, ":acknowledge", "", &acknowledge, &empty,
      "Acknowledges messages." },
    { "v1", SUBS, "modifyAckDeadline", "POST", "subscription", SUB, ":modifyAckDeadline", "", &modify, &empty,
      "Gives deliveries more time, or gives them back." },
    { "v1", SUBS, "modifyPushConfig", "POST", "subscription", SUB, ":modifyPushConfig", "", &modify_push, &empty,
      "Changes where messages are pushed to." },
    { "v1", SUBS, "seek", "POST", "subscription", SUB, ":seek", "", &seek, &sought,
      "Goes to a time or snapshot." },
    { "v1", SUBS, "detach", "POST", "subscription", SUB, ":detach", "", NULL, &detached,
      "Cuts a subscription off its topic." },
    { "v1", SNAPS, "create", "PUT", "name", SNAP, "", "", &create_snapshot, &snapshot, "Makes a snapshot." },
    { "v1", SNAPS, "get", "GET", "snapshot", SNAP, "", "", NULL, &snapshot, "Gives a snapshot." },
    { "v1", SNAPS, "list", "GET", "project", PROJECT, "/snapshots", PAGES, NULL, &list_snapshots,
      "Lists snapshots." },
    { "v1", SNAPS, "patch", "PATCH", "name", SNAP, "", "", &update_snapshot, &snapshot, "Changes a snapshot." },
    { "v1", SNAPS, "delete", "DELETE", "snapshot", SNAP, "", "", NULL, &empty, "Deletes a snapshot." },
    POLICIES(TOPICS, TOPIC),
    POLICIES(SUBS, SUB),
    POLICIES(SNAPS, SNAP),
};

static const char *const SCOPES[] = { "https://www.googleapis.com/auth/pubsub",
                                      "https://www.googleapis.com/auth/cloud-platform", NULL };

const struct cloud_discovery_api cloud_pubsub_api = { "pubsub", "Cloud Pub/Sub API (local cloud)", METHODS,
                                                      ARRAY_LEN(METHODS), SCOPES };

const struct cloud_rest_schema *cloud_pubsub_answers(struct bytes verb, struct bytes path)
{
    for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
        const struct cloud_rest_method *m = &METHODS[i];
        struct bytes template = path, resource = bytes_str(m->resource);
        if (!bytes_eq_str(verb, m->verb) || !bytes_starts(template, BYTES_LIT("/v1/")))
            continue;
        template = bytes_sub(template, 4, template.len);
        if (bytes_starts(template, resource) &&
            bytes_eq_str(bytes_sub(template, resource.len, template.len), m->rest))
            return m->response;
    }
    return NULL;
}
