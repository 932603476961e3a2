package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const idle = 130 * time.Second

func init() {
	add("streaming pull: a message held idle for two minutes is not delivered twice", func() {
		topic, name := makeSub(&pubsubpb.Subscription{AckDeadlineSeconds: 10})
		publish(topic, text("slow"))
		release := make(chan bool)
		s := receive(name, func(r *pubsub.ReceiveSettings) { r.MaxDurationPerAckExtension = 12 * time.Second },
			func(m *pubsub.Message) { <-release; m.Ack() })
		waitFor("the message", 30*time.Second, func() bool { return len(s.got()) == 1 })
		for end := time.Now().Add(idle); time.Now().Before(end); <-time.After(5 * time.Second) {
			equal(len(pull(name, 10)), 0, "another subscriber's share while the lease is extended")
		}
		equal(len(s.got()), 1, "deliveries")
		close(release)
		waitFor("the acknowledgement", 20*time.Second, func() bool { return isEmpty(name) })
		publish(topic, text("after"))
		waitFor("a message on the stream that was idle", 20*time.Second, func() bool { return len(s.got()) == 2 })
		must(s.end())
	})

	add("streaming pull: an idle stream with keepalives stays one stream", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		s := receive(name, nil, ack)
		<-time.After(70 * time.Second) // two keepalives of protocol version 1, and the 15 s in which they are answered
		publish(topic, text("x"))
		waitFor("the message", 3*time.Second, func() bool { return len(s.got()) == 1 })
		must(s.end())
	})

	add("publish and receive: 5,000 messages, compressed and not, each once", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		publisher := client.Publisher(topic)
		publisher.PublishSettings.EnableCompression = true
		publisher.PublishSettings.CompressionBytesThreshold = 1
		s := receive(name, nil, ack)
		var results []*pubsub.PublishResult
		for n := 0; n < 5000; n++ {
			results = append(results, publisher.Publish(ctx, &pubsub.Message{Data: []byte(strconv.Itoa(n)),
				Attributes: map[string]string{"n": strconv.Itoa(n), "utf": "é世"}}))
		}
		names := map[string]bool{}
		for _, r := range results {
			names[got(r.Get(ctx))] = true
		}
		equal(len(names), 5000, "ids")
		waitFor("all", 60*time.Second, func() bool { return len(s.got()) >= 5000 })
		waitFor("all acknowledged", 20*time.Second, func() bool { return isEmpty(name) })
		must(s.end())
		seen := map[string]bool{}
		for _, m := range s.got() {
			seen[m.ID] = true
			isTrue(m.Attributes["n"] == string(m.Data) && m.Attributes["utf"] == "é世", "attributes %v", m.Attributes)
			isTrue(time.Since(m.PublishTime) < time.Minute, "publish time %v", m.PublishTime)
			isTrue(m.DeliveryAttempt == nil, "no attempts without a policy")
		}
		equal(len(seen), 5000, "messages")
		equal(len(s.got()), 5000, "deliveries")
		publisher.Stop()
	})

	add("streaming pull: nack brings a message again", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		var count atomic.Int32
		s := receive(name, nil, func(m *pubsub.Message) {
			if count.Add(1) < 3 {
				m.Nack()
			} else {
				m.Ack()
			}
		})
		publish(topic, text("x"))
		waitFor("the end", 20*time.Second, func() bool { return count.Load() == 3 && isEmpty(name) })
		must(s.end())
	})

	add("streaming pull: what a subscriber held that went away comes again at its deadline", func() {
		topic, name := makeSub(&pubsubpb.Subscription{AckDeadlineSeconds: 10})
		raw := got(client.SubscriptionAdminClient.StreamingPull(ctx))
		must(raw.Send(&pubsubpb.StreamingPullRequest{Subscription: name, StreamAckDeadlineSeconds: 10}))
		publish(topic, text("held"))
		answer := got(raw.Recv())
		for len(answer.ReceivedMessages) == 0 {
			answer = got(raw.Recv())
		}
		must(raw.CloseSend())
		for err := error(nil); err == nil; {
			_, err = raw.Recv()
		}
		began := time.Now()
		equal(string(pullSome(name, 1)[0].Message.Data), "held", "the message")
		isTrue(time.Since(began) > 3*time.Second, "not before its deadline: %v", time.Since(began))
	})

	add("streaming pull: ends with NotFound when its subscription goes", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		s := receive(name, nil, ack)
		publish(topic, text("x"))
		waitFor("the stream", 20*time.Second, func() bool { return len(s.got()) == 1 })
		must(client.SubscriptionAdminClient.DeleteSubscription(ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: name}))
		select {
		case err := <-s.done:
			refused(codes.NotFound, "the stream", err)
		case <-time.After(30 * time.Second):
			fail("the stream goes on")
		}
		refused(codes.NotFound, "a new stream", receive(name, nil, ack).wait())
	})

	add("streaming pull, by its own rules: what the first request must hold, and later ones must not", func() {
		_, name := makeSub(&pubsubpb.Subscription{})
		good := &pubsubpb.StreamingPullRequest{Subscription: name, StreamAckDeadlineSeconds: 10}
		for what, requests := range map[string][]*pubsubpb.StreamingPullRequest{
			"no subscription":       {{StreamAckDeadlineSeconds: 10}},
			"no deadline":           {{Subscription: name}},
			"deadline 9":            {{Subscription: name, StreamAckDeadlineSeconds: 9}},
			"deadline 601":          {{Subscription: name, StreamAckDeadlineSeconds: 601}},
			"subscription again":    {good, {Subscription: name}},
			"outstanding again":     {good, {MaxOutstandingMessages: 5}},
			"version again":         {good, {ProtocolVersion: 1}},
			"no acknowledgement id": {good, {AckIds: []string{"zzz"}}},
			"arrays of two lengths": {good, {ModifyDeadlineAckIds: []string{"zzz"}}},
			"a negative deadline":   {good, {ModifyDeadlineAckIds: []string{"zzz"}, ModifyDeadlineSeconds: []int32{-1}}},
		} {
			inner, stop := context.WithTimeout(ctx, 20*time.Second)
			raw := got(client.SubscriptionAdminClient.StreamingPull(inner))
			for _, r := range requests {
				_ = raw.Send(r)
			}
			var err error
			for err == nil {
				_, err = raw.Recv()
			}
			stop()
			refused(codes.InvalidArgument, what, err)
		}
	})

	add("streaming pull: keepalives are answered, with the subscription's properties", func() {
		_, name := makeSub(&pubsubpb.Subscription{EnableMessageOrdering: true, EnableExactlyOnceDelivery: true})
		inner, stop := context.WithTimeout(ctx, 20*time.Second)
		defer stop()
		raw := got(client.SubscriptionAdminClient.StreamingPull(inner))
		must(raw.Send(&pubsubpb.StreamingPullRequest{Subscription: name, StreamAckDeadlineSeconds: 60, ProtocolVersion: 1}))
		for n := 0; n < 3; n++ {
			must(raw.Send(&pubsubpb.StreamingPullRequest{}))
			answer := got(raw.Recv())
			p := answer.SubscriptionProperties
			isTrue(p != nil && p.ExactlyOnceDeliveryEnabled && p.MessageOrderingEnabled, "properties %v", p)
		}
	})

	add("ordering: keys in order; a nack brings the tail again", func() {
		topic, name := makeSub(&pubsubpb.Subscription{EnableMessageOrdering: true})
		publisher := client.Publisher(topic)
		publisher.EnableMessageOrdering = true
		var results []*pubsub.PublishResult
		for n := 0; n < 60; n++ {
			results = append(results, publisher.Publish(ctx, &pubsub.Message{
				Data: []byte(strconv.Itoa(n)), OrderingKey: fmt.Sprintf("key-%d", n%3)}))
		}
		for _, r := range results {
			got(r.Get(ctx))
		}
		var once sync.Once
		s := receive(name, nil, func(m *pubsub.Message) {
			nacked := false
			if string(m.Data) == "30" {
				once.Do(func() { m.Nack(); nacked = true })
			}
			if !nacked {
				m.Ack()
			}
		})
		waitFor("all", 60*time.Second, func() bool { return len(s.got()) >= 61 && isEmpty(name) })
		must(s.end())
		last := map[int]int{}
		for place, m := range s.got() {
			n, _ := strconv.Atoi(string(m.Data))
			last[n] = place
		}
		for n := 3; n < 60; n++ {
			isTrue(last[n] > last[n-3], "%d after %d", n, n-3)
		}
		publisher.Stop()
	})

	add("exactly-once: results say what became of an acknowledgement", func() {
		topic, name := makeSub(&pubsubpb.Subscription{EnableExactlyOnceDelivery: true, AckDeadlineSeconds: 10})
		results := make(chan *pubsub.AckResult, 100)
		var count atomic.Int32
		s := receive(name, nil, func(m *pubsub.Message) {
			if count.Add(1) == 1 {
				results <- m.NackWithResult()
			} else {
				results <- m.AckWithResult()
			}
		})
		publish(topic, text("a"), text("b"), text("c"))
		for n := 0; n < 4; n++ {
			said, err := (<-results).Get(ctx)
			isTrue(err == nil && said == pubsub.AcknowledgeStatusSuccess, "result %v %v", said, err)
		}
		waitFor("all acknowledged", 20*time.Second, func() bool { return isEmpty(name) })
		must(s.end())
	})

	add("exactly-once: an old id is refused, and named in the details", func() {
		topic, name := makeSub(&pubsubpb.Subscription{EnableExactlyOnceDelivery: true})
		publish(topic, text("x"))
		old := pullSome(name, 1)
		must(client.SubscriptionAdminClient.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
			Subscription: name, AckIds: ackIDs(old), AckDeadlineSeconds: 0}))
		next := pullSome(name, 1)
		err := client.SubscriptionAdminClient.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: name, AckIds: ackIDs(old)})
		isTrue(err != nil, "an old id was accepted")
		found := false
		for _, d := range status.Convert(err).Details() {
			if info, is := d.(*errdetails.ErrorInfo); is {
				found = info.Metadata[old[0].AckId] == "PERMANENT_FAILURE_INVALID_ACK_ID"
			}
		}
		isTrue(found, "no details: %v", err)
		acknowledge(name, next)
		isTrue(isEmpty(name), "acknowledged")
	})

	add("dead letters: moved after the attempts, with their attributes", func() {
		deadTopic, dead := makeSub(&pubsubpb.Subscription{})
		topic, name := makeSub(&pubsubpb.Subscription{DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{
			DeadLetterTopic: deadTopic, MaxDeliveryAttempts: 5}})
		s := receive(name, nil, func(m *pubsub.Message) { m.Nack() })
		publish(topic, &pubsub.Message{Data: []byte("poison"), Attributes: map[string]string{"k": "v"}, OrderingKey: ""})
		moved := pullSome(dead, 1)[0]
		must(s.end())
		for n, m := range s.got() {
			isTrue(m.DeliveryAttempt != nil && *m.DeliveryAttempt == n+1, "attempt %d", n+1)
		}
		equal(len(s.got()), 5, "deliveries")
		attributes := moved.Message.Attributes
		equal(attributes["CloudPubSubDeadLetterSourceDeliveryCount"], "5", "count")
		isTrue(strings.HasSuffix(name, "/"+attributes["CloudPubSubDeadLetterSourceSubscription"]), "source")
		equal(attributes["CloudPubSubDeadLetterSourceSubscriptionProject"], "golang", "project")
		equal(len(attributes), 5, "attributes")
	})

	add("retry policy: no redelivery before the minimum", func() {
		topic, name := makeSub(&pubsubpb.Subscription{RetryPolicy: &pubsubpb.RetryPolicy{
			MinimumBackoff: seconds(3), MaximumBackoff: seconds(10)}})
		times := make(chan time.Time, 9)
		s := receive(name, nil, func(m *pubsub.Message) { times <- time.Now(); m.Nack() })
		publish(topic, text("x"))
		first, second := <-times, <-times
		isTrue(second.Sub(first) > 2500*time.Millisecond && second.Sub(first) < 15*time.Second, "wait %v", second.Sub(first))
		must(s.end())
	})

	add("filters: what does not match is no backlog", func() {
		topic, name := makeSub(&pubsubpb.Subscription{Filter: `attributes.kind = "a" AND NOT attributes:old`})
		publish(topic, &pubsub.Message{Attributes: map[string]string{"kind": "a"}},
			&pubsub.Message{Attributes: map[string]string{"kind": "b"}},
			&pubsub.Message{Attributes: map[string]string{"kind": "a", "old": "1"}})
		acknowledge(name, pullSome(name, 1))
		isTrue(isEmpty(name), "the others")
	})

	add("flow control: messages and bytes outstanding, as the stream asked", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		for n := 0; n < 20; n++ {
			publish(topic, &pubsub.Message{Data: bytes.Repeat([]byte("x"), 1000)})
		}
		for _, r := range []*pubsubpb.StreamingPullRequest{{MaxOutstandingMessages: 4}, {MaxOutstandingBytes: 4600}} {
			r.Subscription, r.StreamAckDeadlineSeconds = name, 60
			inner, stop := context.WithTimeout(ctx, 20*time.Second)
			raw := got(client.SubscriptionAdminClient.StreamingPull(inner))
			must(raw.Send(r))
			var held []string
			for len(held) < 4 {
				for _, m := range got(raw.Recv()).ReceivedMessages {
					held = append(held, m.AckId)
				}
			}
			must(raw.Send(&pubsubpb.StreamingPullRequest{}))
			answer := got(raw.Recv())
			equal(len(held)+len(answer.ReceivedMessages), 4, "outstanding")
			must(raw.Send(&pubsubpb.StreamingPullRequest{AckIds: held[:1]}))
			for len(held) < 5 {
				for _, m := range got(raw.Recv()).ReceivedMessages {
					held = append(held, m.AckId)
				}
			}
			equal(len(held), 5, "after one acknowledgement")
			stop()
		}
	})

	add("messages of 10 MB, and requests beyond", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		body := bytes.Repeat([]byte("0123456789"), 970_000)
		publish(topic, &pubsub.Message{Data: body})
		s := receive(name, nil, ack)
		waitFor("the message", 30*time.Second, func() bool { return len(s.got()) == 1 })
		must(s.end())
		isTrue(bytes.Equal(s.got()[0].Data, body), "the same bytes")
		_, err := client.TopicAdminClient.Publish(ctx, &pubsubpb.PublishRequest{Topic: topic,
			Messages: []*pubsubpb.PubsubMessage{{Data: bytes.Repeat([]byte("x"), 10_485_761)}}})
		refused(codes.InvalidArgument, "over 10 MiB", err)
	})

	add("publish, pull, acknowledge: refused as documented", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		for what, m := range map[string]*pubsubpb.PubsubMessage{
			"an empty message":     {},
			"a long key":           {Attributes: map[string]string{strings.Repeat("k", 257): "v"}},
			"a long value":         {Attributes: map[string]string{"k": strings.Repeat("v", 1025)}},
			"a long ordering key":  {Data: []byte("x"), OrderingKey: strings.Repeat("k", 1025)},
			"a reserved attribute": {Attributes: map[string]string{"goog-x": "v"}},
		} {
			_, err := client.TopicAdminClient.Publish(ctx, &pubsubpb.PublishRequest{Topic: topic,
				Messages: []*pubsubpb.PubsubMessage{{Data: []byte("good")}, m}})
			refused(codes.InvalidArgument, what, err)
		}
		_, err := client.Publisher(topicName()).Publish(ctx, text("x")).Get(ctx)
		refused(codes.NotFound, "no such topic", err)
		_, err = client.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: name})
		refused(codes.InvalidArgument, "max_messages 0", err)
		err = client.SubscriptionAdminClient.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: name})
		refused(codes.InvalidArgument, "no ids", err)
		err = client.SubscriptionAdminClient.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
			Subscription: name, AckIds: []string{"x"}, AckDeadlineSeconds: 601})
		refused(codes.InvalidArgument, "deadline 601", err)
		isTrue(isEmpty(name), "nothing stayed")
	})
}

func (s *stream) wait() error {
	select {
	case err := <-s.done:
		return err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("the stream goes on")
	}
}
