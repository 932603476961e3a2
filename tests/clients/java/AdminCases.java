import static com.google.api.gax.rpc.StatusCode.Code.ALREADY_EXISTS;
import static com.google.api.gax.rpc.StatusCode.Code.FAILED_PRECONDITION;
import static com.google.api.gax.rpc.StatusCode.Code.INVALID_ARGUMENT;
import static com.google.api.gax.rpc.StatusCode.Code.NOT_FOUND;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import com.google.iam.v1.Binding;
import com.google.iam.v1.GetIamPolicyRequest;
import com.google.iam.v1.Policy;
import com.google.iam.v1.SetIamPolicyRequest;
import com.google.iam.v1.TestIamPermissionsRequest;
import com.google.protobuf.Duration;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import com.google.pubsub.v1.DeadLetterPolicy;
import com.google.pubsub.v1.DetachSubscriptionRequest;
import com.google.pubsub.v1.ExpirationPolicy;
import com.google.pubsub.v1.ListTopicsRequest;
import com.google.pubsub.v1.RetryPolicy;
import com.google.pubsub.v1.SeekRequest;
import com.google.pubsub.v1.Subscription;
import com.google.pubsub.v1.Topic;
import com.google.pubsub.v1.UpdateSubscriptionRequest;
import com.google.pubsub.v1.UpdateTopicRequest;

final class AdminCases {
    static Duration seconds(long n) {
        return Duration.newBuilder().setSeconds(n).build();
    }

    static FieldMask mask(String... paths) {
        return FieldMask.newBuilder().addAllPaths(List.of(paths)).build();
    }

    static void add(Hub hub) {
        var topics = hub.topics;
        var subscriptions = hub.subscriptions;

        Cases.add("topics: made, read, changed by mask, listed in pages, deleted", () -> {
            var name = Hub.topicName();
            topics.createTopic(Topic.newBuilder().setName(name).putLabels("a", "b")
                .setMessageRetentionDuration(seconds(900)).build());
            var changed = topics.updateTopic(UpdateTopicRequest.newBuilder().setUpdateMask(mask("labels"))
                .setTopic(Topic.newBuilder().setName(name).putLabels("c", "d")).build());
            Cases.equal(changed.getLabelsMap(), Map.of("c", "d"), "labels");
            Cases.equal(topics.getTopic(name).getMessageRetentionDuration(), seconds(900), "retention");
            Cases.refused(INVALID_ARGUMENT, "no mask", () -> topics.updateTopic(UpdateTopicRequest.newBuilder()
                .setTopic(Topic.newBuilder().setName(name)).build()));
            Cases.refused(ALREADY_EXISTS, "made twice", () -> topics.createTopic(name));
            for (var bad : List.of("ab", "1x2", "googly", "x".repeat(256))) {
                Cases.refused(INVALID_ARGUMENT, bad, () -> topics.createTopic(Hub.PROJECT + "/topics/" + bad));
            }
            var project = Hub.PROJECT + "-" + Cases.fresh("pages");
            var wanted = new ArrayList<String>();
            for (int n = 0; n < 5; n++) {
                wanted.add(topics.createTopic(project + "/topics/t-" + n).getName());
            }
            var names = new ArrayList<String>();
            for (var page : topics.listTopics(ListTopicsRequest.newBuilder().setProject(project).setPageSize(2).build())
                .iteratePages()) {
                page.getValues().forEach(t -> names.add(t.getName()));
            }
            Cases.equal(names, wanted, "the list");
            topics.deleteTopic(name);
            Cases.refused(NOT_FOUND, "deleted", () -> topics.getTopic(name));
        });

        Cases.add("subscriptions: fields come back, updates by mask, refused values", () -> {
            var dead = hub.topic();
            var want = Subscription.newBuilder().setAckDeadlineSeconds(21).setEnableMessageOrdering(true)
                .setMessageRetentionDuration(seconds(700)).putLabels("k", "v").setFilter("attributes:kind")
                .setExpirationPolicy(ExpirationPolicy.newBuilder().setTtl(seconds(86400)))
                .setRetryPolicy(RetryPolicy.newBuilder().setMinimumBackoff(seconds(1)).setMaximumBackoff(seconds(9)))
                .setDeadLetterPolicy(DeadLetterPolicy.newBuilder().setDeadLetterTopic(dead).setMaxDeliveryAttempts(11))
                .setEnableExactlyOnceDelivery(true);
            var made = hub.subscription(want);
            Cases.equal(subscriptions.getSubscription(made.getName()), made, "read");
            Cases.equal(made.toBuilder().clearState().clearPushConfig().build(), want.build(), "what was set");
            var changed = subscriptions.updateSubscription(UpdateSubscriptionRequest.newBuilder()
                .setUpdateMask(mask("ack_deadline_seconds", "dead_letter_policy"))
                .setSubscription(Subscription.newBuilder().setName(made.getName()).setAckDeadlineSeconds(99)).build());
            Cases.equal(changed, made.toBuilder().setAckDeadlineSeconds(99).clearDeadLetterPolicy().build(), "changed");
            for (var bad : List.of(Subscription.newBuilder().setAckDeadlineSeconds(9),
                Subscription.newBuilder().setFilter("nonsense"), Subscription.newBuilder().setMessageRetentionDuration(seconds(1)),
                Subscription.newBuilder().setExpirationPolicy(ExpirationPolicy.newBuilder().setTtl(seconds(1))))) {
                Cases.refused(INVALID_ARGUMENT, bad.toString(), () -> hub.subscription(bad.setTopic(dead)));
            }
            Cases.refused(NOT_FOUND, "no such topic", () -> hub.subscription(Subscription.newBuilder().setTopic(Hub.topicName())));
            subscriptions.deleteSubscription(made.getName());
            Cases.refused(NOT_FOUND, "deleted", () -> subscriptions.getSubscription(made.getName()));
        });

        Cases.add("subscriptions: detached", () -> {
            var made = hub.subscription(Subscription.newBuilder());
            topics.detachSubscription(DetachSubscriptionRequest.newBuilder().setSubscription(made.getName()).build());
            Cases.isTrue(subscriptions.getSubscription(made.getName()).getDetached(), "detached");
            Cases.refused(FAILED_PRECONDITION, "pull", () -> hub.pull(made.getName(), 1));
        });

        Cases.add("snapshots and seek", () -> {
            var made = hub.subscription(Subscription.newBuilder().setRetainAckedMessages(true));
            hub.publish(made.getTopic(), Hub.text("a"), Hub.text("b"));
            var snapshot = subscriptions.createSnapshot(Hub.PROJECT + "/snapshots/" + Cases.fresh("snap"), made.getName());
            for (int turn = 0; turn < 2; turn++) {
                var ids = new ArrayList<String>();
                hub.pullSome(made.getName(), 2).forEach(r -> ids.add(r.getAckId()));
                subscriptions.acknowledge(made.getName(), ids);
                subscriptions.seek(turn == 0
                    ? SeekRequest.newBuilder().setSubscription(made.getName()).setSnapshot(snapshot.getName()).build()
                    : SeekRequest.newBuilder().setSubscription(made.getName()).setTime(
                        Timestamp.newBuilder().setSeconds(System.currentTimeMillis() / 1000 - 3600)).build());
            }
            hub.pullSome(made.getName(), 2);
            subscriptions.deleteSnapshot(snapshot.getName());
            Cases.refused(NOT_FOUND, "deleted", () -> subscriptions.getSnapshot(snapshot.getName()));
        });

        Cases.add("iam: policies are kept, permissions tested", () -> {
            var topic = hub.topic();
            var binding = Binding.newBuilder().setRole("roles/pubsub.viewer").addMembers("user:a@example.com").build();
            topics.setIamPolicy(SetIamPolicyRequest.newBuilder().setResource(topic)
                .setPolicy(Policy.newBuilder().addBindings(binding)).build());
            Cases.equal(topics.getIamPolicy(GetIamPolicyRequest.newBuilder().setResource(topic).build()).getBindingsList(),
                List.of(binding), "bindings");
            Cases.equal(topics.testIamPermissions(TestIamPermissionsRequest.newBuilder().setResource(topic)
                .addPermissions("pubsub.topics.publish").build()).getPermissionsList(), List.of("pubsub.topics.publish"), "permissions");
        });
    }
}
