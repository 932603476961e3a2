import static com.google.api.gax.rpc.StatusCode.Code.INVALID_ARGUMENT;
import static com.google.api.gax.rpc.StatusCode.Code.NOT_FOUND;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import com.google.api.gax.batching.FlowControlSettings;
import com.google.api.gax.rpc.ApiException;
import com.google.cloud.pubsub.v1.AckReplyConsumerWithResponse;
import com.google.cloud.pubsub.v1.AckResponse;
import com.google.cloud.pubsub.v1.MessageReceiverWithAckResponse;
import com.google.cloud.pubsub.v1.Subscriber;
import com.google.protobuf.ByteString;
import com.google.pubsub.v1.DeadLetterPolicy;
import com.google.pubsub.v1.PubsubMessage;
import com.google.pubsub.v1.RetryPolicy;
import com.google.pubsub.v1.Subscription;

final class DeliveryCases {
    private static final long IDLE_NS = 130_000_000_000L;

    static void add(Hub hub) {
        Cases.add("streaming pull: a message held idle for two minutes is not delivered twice", () -> {
            var made = hub.subscription(Subscription.newBuilder().setAckDeadlineSeconds(10));
            hub.publish(made.getTopic(), Hub.text("slow"));
            var release = new CountDownLatch(1);
            var stream = hub.new Stream(made.getName(), (message, reply) -> {
                try {
                    release.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                reply.ack();
            });
            Cases.waitFor("the message", 30, () -> stream.got.size() == 1);
            for (long end = System.nanoTime() + IDLE_NS; System.nanoTime() < end; Thread.sleep(5000)) {
                Cases.equal(hub.pull(made.getName(), 10), List.of(), "another subscriber's share");
            }
            Cases.equal(stream.got.size(), 1, "deliveries");
            release.countDown();
            Cases.waitFor("the acknowledgement", 20, () -> Cases.isEmpty(made.getName()));
            hub.publish(made.getTopic(), Hub.text("after"));
            Cases.waitFor("a message on the stream that was idle", 20, () -> stream.got.size() == 2);
            stream.end();
        });

        Cases.add("publish and receive: 3,000 messages, each once", () -> {
            var made = hub.subscription(Subscription.newBuilder());
            var stream = hub.new Stream(made.getName(), (message, reply) -> reply.ack());
            var messages = new ArrayList<PubsubMessage>();
            for (int n = 0; n < 3000; n++) {
                messages.add(Hub.text("" + n).toBuilder().putAttributes("n", "" + n).putAttributes("utf", "\u00e9\u4e16").build());
            }
            var ids = new HashSet<>(hub.publish(made.getTopic(), messages.toArray(new PubsubMessage[0])));
            Cases.equal(ids.size(), 3000, "ids");
            Cases.waitFor("all", 60, () -> stream.got.size() >= 3000 && Cases.isEmpty(made.getName()));
            var seen = new HashSet<String>();
            for (var m : stream.got) {
                seen.add(m.getMessageId());
                Cases.equal(m.getAttributesOrThrow("n"), m.getData().toStringUtf8(), "attributes");
            }
            Cases.equal(seen, ids, "messages");
            Cases.equal(stream.got.size(), 3000, "deliveries");
            stream.end();
        });

        Cases.add("streaming pull: nack brings a message again", () -> {
            var made = hub.subscription(Subscription.newBuilder());
            var count = new AtomicInteger();
            var stream = hub.new Stream(made.getName(), (message, reply) -> {
                if (count.incrementAndGet() < 3) {
                    reply.nack();
                } else {
                    reply.ack();
                }
            });
            hub.publish(made.getTopic(), Hub.text("x"));
            Cases.waitFor("three deliveries", 30, () -> count.get() == 3 && Cases.isEmpty(made.getName()));
            stream.end();
        });

        Cases.add("streaming pull: fails with NOT_FOUND when its subscription goes", () -> {
            var made = hub.subscription(Subscription.newBuilder());
            var stream = hub.new Stream(made.getName(), (message, reply) -> reply.ack());
            hub.publish(made.getTopic(), Hub.text("x"));
            Cases.waitFor("the stream", 30, () -> stream.got.size() == 1);
            hub.subscriptions.deleteSubscription(made.getName());
            Cases.waitFor("the failure", 30, () -> stream.subscriber.state() == com.google.api.core.ApiService.State.FAILED);
            var cause = stream.subscriber.failureCause();
            Cases.isTrue(cause instanceof ApiException e && e.getStatusCode().getCode() == NOT_FOUND, "cause " + cause);
        });

        Cases.add("ordering: keys in order", () -> {
            var made = hub.subscription(Subscription.newBuilder().setEnableMessageOrdering(true));
            var publisher = hub.publisher(made.getTopic(), true);
            for (int n = 0; n < 60; n++) {
                publisher.publish(Hub.text("" + n).toBuilder().setOrderingKey("key-" + n % 3).build());
            }
            publisher.publishAllOutstanding();
            var stream = hub.new Stream(made.getName(), (message, reply) -> reply.ack());
            Cases.waitFor("all", 60, () -> stream.got.size() >= 60 && Cases.isEmpty(made.getName()));
            var last = new HashMap<String, Integer>();
            for (var m : List.copyOf(stream.got)) {
                int n = Integer.parseInt(m.getData().toStringUtf8());
                Cases.isTrue(last.getOrDefault(m.getOrderingKey(), n - 3) == n - 3, "order of " + m.getOrderingKey());
                last.put(m.getOrderingKey(), n);
            }
            publisher.shutdown();
            stream.end();
        });

        Cases.add("exactly-once: acknowledgements are confirmed", () -> {
            var made = hub.subscription(Subscription.newBuilder().setEnableExactlyOnceDelivery(true));
            var kept = java.util.Collections.synchronizedList(new ArrayList<AckReplyConsumerWithResponse>());
            MessageReceiverWithAckResponse receiver = (message, reply) -> kept.add(reply);
            var subscriber = Subscriber.newBuilder(made.getName(), receiver).setChannelProvider(hub.channel)
                .setCredentialsProvider(hub.nobody).build();
            subscriber.startAsync();
            hub.publish(made.getTopic(), Hub.text("x"));
            Cases.waitFor("it", 30, () -> kept.size() == 1);
            Cases.equal(kept.get(0).nack().get(30, TimeUnit.SECONDS), AckResponse.SUCCESSFUL, "nack");
            Cases.waitFor("it again", 30, () -> kept.size() == 2);
            Cases.equal(kept.get(1).ack().get(30, TimeUnit.SECONDS), AckResponse.SUCCESSFUL, "ack");
            Cases.isTrue(Cases.isEmpty(made.getName()), "acknowledged");
            subscriber.stopAsync().awaitTerminated(30, TimeUnit.SECONDS);
        });

        Cases.add("dead letters, retry policy, filters", () -> {
            var dead = hub.subscription(Subscription.newBuilder());
            var made = hub.subscription(Subscription.newBuilder().setFilter("attributes.kind = \"a\"").setDeadLetterPolicy(
                DeadLetterPolicy.newBuilder().setDeadLetterTopic(dead.getTopic()).setMaxDeliveryAttempts(5))
                .setRetryPolicy(RetryPolicy.newBuilder().setMinimumBackoff(AdminCases.seconds(1)).setMaximumBackoff(AdminCases.seconds(1))));
            var attempts = new ArrayList<Integer>();
            var stream = hub.new Stream(made.getName(), (message, reply) -> {
                attempts.add(Subscriber.getDeliveryAttempt(message));
                reply.nack();
            });
            long began = System.nanoTime();
            hub.publish(made.getTopic(), Hub.text("b"), Hub.text("a").toBuilder().putAttributes("kind", "a").build());
            var moved = hub.pullSome(dead.getName(), 1).get(0).getMessage();
            Cases.isTrue(System.nanoTime() - began > 3_500_000_000L, "four waits of a second");
            Cases.equal(attempts, List.of(1, 2, 3, 4, 5), "attempts");
            Cases.equal(moved.getAttributesOrThrow("CloudPubSubDeadLetterSourceDeliveryCount"), "5", "count");
            Cases.equal(moved.getAttributesCount(), 5, "attributes");
            Cases.isTrue(Cases.isEmpty(made.getName()), "gone from the source");
            stream.end();
        });

        Cases.add("flow control: never more held than the client allows", () -> {
            var made = hub.subscription(Subscription.newBuilder());
            var messages = new PubsubMessage[40];
            java.util.Arrays.setAll(messages, n -> Hub.text("" + n));
            hub.publish(made.getTopic(), messages);
            var now = new AtomicInteger();
            var most = new AtomicInteger();
            var stream = hub.new Stream(made.getName(), b -> b.setParallelPullCount(1).setFlowControlSettings(
                FlowControlSettings.newBuilder().setMaxOutstandingElementCount(4L).build()), (message, reply) -> {
                    most.accumulateAndGet(now.incrementAndGet(), Math::max);
                    java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
                    now.decrementAndGet();
                    reply.ack();
                });
            Cases.waitFor("all", 60, () -> stream.got.size() >= 40 && Cases.isEmpty(made.getName()));
            Cases.isTrue(most.get() <= 4, "held: " + most);
            stream.end();
        });

        Cases.add("messages of 9 MB; publishing refused as documented", () -> {
            var made = hub.subscription(Subscription.newBuilder());
            var body = ByteString.copyFrom(new byte[9_000_000]);
            hub.publish(made.getTopic(), PubsubMessage.newBuilder().setData(body).build());
            var stream = hub.new Stream(made.getName(), (message, reply) -> reply.ack());
            Cases.waitFor("the message", 30, () -> stream.got.size() == 1 && Cases.isEmpty(made.getName()));
            Cases.isTrue(stream.got.get(0).getData().equals(body), "the same bytes");
            for (var bad : List.of(PubsubMessage.getDefaultInstance(), Hub.text("x").toBuilder().putAttributes("goog", "x").build())) {
                Cases.refused(INVALID_ARGUMENT, bad.toString(), () -> hub.topics.publish(made.getTopic(), List.of(bad)));
            }
            Cases.refused(NOT_FOUND, "no such topic", () -> hub.topics.publish(Hub.topicName(), List.of(Hub.text("x"))));
            try {
                hub.publish(Hub.topicName(), Hub.text("x"));
                throw new AssertionError("published to no topic");
            } catch (ExecutionException e) {
                Cases.isTrue(e.getCause() instanceof ApiException a && a.getStatusCode().getCode() == NOT_FOUND, "cause " + e.getCause());
            }
            stream.end();
        });
    }
}
