package main

import (
	"sort"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
func seconds(n int64) *durationpb.Duration        { return &durationpb.Duration{Seconds: n} }

func collect[T any](next func() (T, error)) (all []T) {
	for {
		one, err := next()
		if err == iterator.Done {
			return all
		}
		all = append(all, got(one, err))
	}
}

func init() {
	add("topics: made, read, changed by mask, deleted", func() {
		admin := client.TopicAdminClient
		name := topicName()
		made := got(admin.CreateTopic(ctx, &pubsubpb.Topic{Name: name, Labels: map[string]string{"a": "b"},
			MessageRetentionDuration: seconds(7200)}))
		read := got(admin.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: name}))
		isTrue(proto.Equal(made, read), "made %v, read %v", made, read)
		equal(read.MessageRetentionDuration.Seconds, int64(7200), "retention")
		changed := got(admin.UpdateTopic(ctx, &pubsubpb.UpdateTopicRequest{
			Topic: &pubsubpb.Topic{Name: name, Labels: map[string]string{"c": "d"}}, UpdateMask: mask("labels")}))
		equal(changed.Labels, map[string]string{"c": "d"}, "labels")
		equal(changed.MessageRetentionDuration.Seconds, int64(7200), "retention")
		_, err := admin.UpdateTopic(ctx, &pubsubpb.UpdateTopicRequest{Topic: &pubsubpb.Topic{Name: name}})
		refused(codes.InvalidArgument, "no mask", err)
		_, err = admin.CreateTopic(ctx, &pubsubpb.Topic{Name: name})
		refused(codes.AlreadyExists, "made twice", err)
		must(admin.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: name}))
		_, err = admin.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: name})
		refused(codes.NotFound, "deleted", err)
		refused(codes.NotFound, "deleted twice", admin.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: name}))
		for _, bad := range []string{"ab", "1x2", "googly", "sp ace", strings.Repeat("x", 256)} {
			_, err = admin.CreateTopic(ctx, &pubsubpb.Topic{Name: project + "/topics/" + bad})
			refused(codes.InvalidArgument, bad, err)
		}
	})

	add("topics, subscriptions, snapshots: lists are paged, and complete", func() {
		where := project + "-" + fresh("pages")
		topic := where + "/topics/t-0"
		var topics, subs, snapshots []string
		for _, n := range []string{"0", "1", "2", "3", "4"} {
			topics = append(topics, where+"/topics/t-"+n)
			got(client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: topics[len(topics)-1]}))
			subs = append(subs, where+"/subscriptions/s-"+n)
			got(client.SubscriptionAdminClient.CreateSubscription(ctx,
				&pubsubpb.Subscription{Name: subs[len(subs)-1], Topic: topic}))
			snapshots = append(snapshots, where+"/snapshots/p-"+n)
		}
		listed := client.TopicAdminClient.ListTopics(ctx, &pubsubpb.ListTopicsRequest{Project: where, PageSize: 2})
		var names []string
		for _, t := range collect(listed.Next) {
			names = append(names, t.Name)
		}
		equal(names, topics, "topics")
		names = nil
		for _, s := range collect(client.SubscriptionAdminClient.ListSubscriptions(ctx,
			&pubsubpb.ListSubscriptionsRequest{Project: where, PageSize: 2}).Next) {
			names = append(names, s.Name)
		}
		equal(names, subs, "subscriptions")
		names = collect(client.TopicAdminClient.ListTopicSubscriptions(ctx,
			&pubsubpb.ListTopicSubscriptionsRequest{Topic: topic, PageSize: 2}).Next)
		sort.Strings(names)
		equal(names, subs, "subscriptions of a topic")
		for n, name := range snapshots {
			got(client.SubscriptionAdminClient.CreateSnapshot(ctx,
				&pubsubpb.CreateSnapshotRequest{Name: name, Subscription: subs[n]}))
		}
		names = nil
		for _, s := range collect(client.SubscriptionAdminClient.ListSnapshots(ctx,
			&pubsubpb.ListSnapshotsRequest{Project: where, PageSize: 2}).Next) {
			names = append(names, s.Name)
		}
		equal(names, snapshots, "snapshots")
	})

	add("subscriptions: every field comes back, and each mask changes its own", func() {
		admin := client.SubscriptionAdminClient
		topic, dead := makeTopic(), makeTopic()
		want := &pubsubpb.Subscription{
			Name: subName(), Topic: topic, AckDeadlineSeconds: 44, RetainAckedMessages: true,
			MessageRetentionDuration: seconds(6000), Labels: map[string]string{"k": "v"}, EnableMessageOrdering: true,
			ExpirationPolicy:          &pubsubpb.ExpirationPolicy{Ttl: seconds(90000)},
			Filter:                    `attributes:kind`,
			DeadLetterPolicy:          &pubsubpb.DeadLetterPolicy{DeadLetterTopic: dead, MaxDeliveryAttempts: 6},
			RetryPolicy:               &pubsubpb.RetryPolicy{MinimumBackoff: seconds(3), MaximumBackoff: seconds(30)},
			EnableExactlyOnceDelivery: true,
		}
		made := got(admin.CreateSubscription(ctx, want))
		equal(made.State, pubsubpb.Subscription_ACTIVE, "state")
		read := got(admin.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: want.Name}))
		isTrue(proto.Equal(made, read), "made %v, read %v", made, read)
		plain := proto.Clone(read).(*pubsubpb.Subscription)
		plain.State, plain.PushConfig = pubsubpb.Subscription_STATE_UNSPECIFIED, nil
		isTrue(proto.Equal(plain, want), "set %v, read %v", want, plain)
		read.AckDeadlineSeconds, read.Labels, read.DeadLetterPolicy, read.RetainAckedMessages = 55, nil, nil, false
		changed := got(admin.UpdateSubscription(ctx, &pubsubpb.UpdateSubscriptionRequest{Subscription: read,
			UpdateMask: mask("ack_deadline_seconds", "labels", "dead_letter_policy", "retain_acked_messages")}))
		isTrue(proto.Equal(changed, read), "changed %v, wanted %v", changed, read)
		for _, path := range []string{"topic", "name", "enable_message_ordering", "nonsense"} {
			_, err := admin.UpdateSubscription(ctx, &pubsubpb.UpdateSubscriptionRequest{
				Subscription: &pubsubpb.Subscription{Name: want.Name, Topic: dead}, UpdateMask: mask(path)})
			refused(codes.InvalidArgument, "a mask of "+path, err)
		}
	})

	add("subscriptions: values that are refused", func() {
		topic := makeTopic()
		for what, s := range map[string]*pubsubpb.Subscription{
			"deadline 9":       {AckDeadlineSeconds: 9},
			"deadline 601":     {AckDeadlineSeconds: 601},
			"retention":        {MessageRetentionDuration: seconds(599)},
			"expiration":       {ExpirationPolicy: &pubsubpb.ExpirationPolicy{Ttl: seconds(3600)}},
			"filter":           {Filter: "attributes"},
			"attempts 4":       {DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: topic, MaxDeliveryAttempts: 4}},
			"attempts 101":     {DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: topic, MaxDeliveryAttempts: 101}},
			"backoff":          {RetryPolicy: &pubsubpb.RetryPolicy{MaximumBackoff: seconds(601)}},
			"dead letter name": {DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: "nonsense", MaxDeliveryAttempts: 5}},
		} {
			s.Name, s.Topic = subName(), topic
			_, err := client.SubscriptionAdminClient.CreateSubscription(ctx, s)
			refused(codes.InvalidArgument, what, err)
		}
		_, err := client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{Name: subName(), Topic: topicName()})
		refused(codes.NotFound, "no such topic", err)
	})

	add("subscriptions: detached", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		got(client.TopicAdminClient.DetachSubscription(ctx, &pubsubpb.DetachSubscriptionRequest{Subscription: name}))
		isTrue(got(client.SubscriptionAdminClient.GetSubscription(ctx,
			&pubsubpb.GetSubscriptionRequest{Subscription: name})).Detached, "detached")
		s := receive(name, nil, ack)
		defer s.stop()
		select {
		case err := <-s.done:
			refused(codes.FailedPrecondition, "a stream of a detached subscription", err)
		case <-time.After(20 * time.Second):
			fail("the stream goes on")
		}
		equal(len(collect(client.TopicAdminClient.ListTopicSubscriptions(ctx,
			&pubsubpb.ListTopicSubscriptionsRequest{Topic: topic}).Next)), 0, "subscriptions of its topic")
	})

	add("snapshots and seek", func() {
		admin := client.SubscriptionAdminClient
		topic, name := makeSub(&pubsubpb.Subscription{RetainAckedMessages: true})
		publish(topic, text("a"), text("b"))
		snapshot := project + "/snapshots/" + fresh("snap")
		made := got(admin.CreateSnapshot(ctx, &pubsubpb.CreateSnapshotRequest{Name: snapshot, Subscription: name,
			Labels: map[string]string{"x": "y"}}))
		equal(made.Topic, topic, "topic")
		isTrue(made.ExpireTime.AsTime().After(time.Now()), "expires %v", made.ExpireTime)
		first := pullSome(name, 2)
		acknowledge(name, first)
		got(admin.Seek(ctx, &pubsubpb.SeekRequest{Subscription: name, Target: &pubsubpb.SeekRequest_Snapshot{Snapshot: snapshot}}))
		acknowledge(name, pullSome(name, 2))
		back := timestamppb.New(time.Now().Add(-time.Hour))
		got(admin.Seek(ctx, &pubsubpb.SeekRequest{Subscription: name, Target: &pubsubpb.SeekRequest_Time{Time: back}}))
		equal(len(pullSome(name, 2)), 2, "replayed")
		got(admin.Seek(ctx, &pubsubpb.SeekRequest{Subscription: name,
			Target: &pubsubpb.SeekRequest_Time{Time: timestamppb.New(time.Now().Add(time.Hour))}}))
		waitFor("the purge", 10*time.Second, func() bool { return isEmpty(name) })
		_, err := admin.Seek(ctx, &pubsubpb.SeekRequest{Subscription: name,
			Target: &pubsubpb.SeekRequest_Snapshot{Snapshot: project + "/snapshots/none"}})
		refused(codes.NotFound, "no such snapshot", err)
		must(admin.DeleteSnapshot(ctx, &pubsubpb.DeleteSnapshotRequest{Snapshot: snapshot}))
		_, err = admin.GetSnapshot(ctx, &pubsubpb.GetSnapshotRequest{Snapshot: snapshot})
		refused(codes.NotFound, "deleted", err)
	})

	add("iam: policies are kept, permissions tested", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		policy := &iampb.Policy{Bindings: []*iampb.Binding{{Role: "roles/pubsub.viewer", Members: []string{"user:a@example.com"}}}}
		got(client.TopicAdminClient.SetIamPolicy(ctx, &iampb.SetIamPolicyRequest{Resource: topic, Policy: policy}))
		read := got(client.TopicAdminClient.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: topic}))
		isTrue(len(read.Bindings) == 1 && proto.Equal(read.Bindings[0], policy.Bindings[0]), "read %v", read)
		answer := got(client.SubscriptionAdminClient.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{
			Resource: name, Permissions: []string{"pubsub.subscriptions.consume"}}))
		equal(answer.Permissions, []string{"pubsub.subscriptions.consume"}, "permissions")
	})
}
