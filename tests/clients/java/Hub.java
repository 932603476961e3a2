import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.grpc.GrpcTransportChannel;
import com.google.api.gax.rpc.FixedTransportChannelProvider;
import com.google.api.gax.rpc.TransportChannelProvider;
import com.google.cloud.pubsub.v1.AckReplyConsumer;
import com.google.cloud.pubsub.v1.MessageReceiver;
import com.google.cloud.pubsub.v1.Publisher;
import com.google.cloud.pubsub.v1.Subscriber;
import com.google.cloud.pubsub.v1.SubscriptionAdminClient;
import com.google.cloud.pubsub.v1.SubscriptionAdminSettings;
import com.google.cloud.pubsub.v1.TopicAdminClient;
import com.google.cloud.pubsub.v1.TopicAdminSettings;
import com.google.protobuf.ByteString;
import com.google.pubsub.v1.PubsubMessage;
import com.google.pubsub.v1.PullRequest;
import com.google.pubsub.v1.ReceivedMessage;
import com.google.pubsub.v1.Subscription;
import com.google.pubsub.v1.Topic;
import io.grpc.ManagedChannelBuilder;

/** The clients, which are pointed at the local cloud by code: this library reads no PUBSUB_EMULATOR_HOST. */
final class Hub {
    static final String PROJECT = "projects/java";
    final TransportChannelProvider channel = FixedTransportChannelProvider.create(GrpcTransportChannel.create(
        ManagedChannelBuilder.forTarget(Cases.HOST).usePlaintext().maxInboundMessageSize(20 << 20).build()));
    final NoCredentialsProvider nobody = NoCredentialsProvider.create();
    final TopicAdminClient topics;
    final SubscriptionAdminClient subscriptions;

    Hub() throws Exception {
        topics = TopicAdminClient.create(TopicAdminSettings.newBuilder().setTransportChannelProvider(channel)
            .setCredentialsProvider(nobody).build());
        subscriptions = SubscriptionAdminClient.create(SubscriptionAdminSettings.newBuilder()
            .setTransportChannelProvider(channel).setCredentialsProvider(nobody).build());
    }

    static String topicName() {
        return PROJECT + "/topics/" + Cases.fresh("topic");
    }

    static String subscriptionName() {
        return PROJECT + "/subscriptions/" + Cases.fresh("sub");
    }

    String topic() {
        return topics.createTopic(Topic.newBuilder().setName(topicName()).build()).getName();
    }

    /** A subscription, and a topic of its own unless s names one. */
    Subscription subscription(Subscription.Builder s) {
        if (s.getTopic().isEmpty()) {
            s.setTopic(topic());
        }
        return subscriptions.createSubscription(s.setName(subscriptionName()).build());
    }

    Publisher publisher(String topic, boolean ordered) throws Exception {
        return Publisher.newBuilder(topic).setChannelProvider(channel).setCredentialsProvider(nobody)
            .setEnableMessageOrdering(ordered).build();
    }

    static PubsubMessage text(String data) {
        return PubsubMessage.newBuilder().setData(ByteString.copyFromUtf8(data)).build();
    }

    List<String> publish(String topic, PubsubMessage... messages) throws Exception {
        var publisher = publisher(topic, false);
        var results = new ArrayList<com.google.api.core.ApiFuture<String>>();
        for (var m : messages) {
            results.add(publisher.publish(m));
        }
        var ids = new ArrayList<String>();
        for (var r : results) {
            ids.add(r.get(60, TimeUnit.SECONDS));
        }
        publisher.shutdown();
        return ids;
    }

    @SuppressWarnings("deprecation")
    List<ReceivedMessage> pull(String subscription, int count) {
        return subscriptions.pull(PullRequest.newBuilder().setSubscription(subscription).setMaxMessages(count)
            .setReturnImmediately(true).build()).getReceivedMessagesList();
    }

    List<ReceivedMessage> pullSome(String subscription, int count) throws Exception {
        var got = new ArrayList<ReceivedMessage>();
        Cases.waitFor(count + " messages", 40, () -> {
            if (got.size() < count) {
                got.addAll(pull(subscription, count - got.size()));
            }
            return got.size() >= count;
        });
        return got;
    }

    /** A subscriber in the background, with all that came. */
    final class Stream {
        final List<PubsubMessage> got = Collections.synchronizedList(new ArrayList<>());
        final Subscriber subscriber;

        Stream(String name, BiConsumer<PubsubMessage, AckReplyConsumer> on) {
            this(name, b -> {}, (message, reply) -> on.accept(message, reply));
        }

        Stream(String name, java.util.function.Consumer<Subscriber.Builder> set, MessageReceiver on) {
            MessageReceiver both = (message, reply) -> {
                got.add(message);
                on.receiveMessage(message, reply);
            };
            var builder = Subscriber.newBuilder(name, both).setChannelProvider(channel).setCredentialsProvider(nobody);
            set.accept(builder);
            subscriber = builder.build();
            subscriber.startAsync();
        }

        void end() throws Exception {
            subscriber.stopAsync().awaitTerminated(30, TimeUnit.SECONDS);
        }
    }
}
