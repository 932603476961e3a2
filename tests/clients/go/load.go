package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// For bench/pubsub:  go-suite pstest              serves pstest, prints where
//                    go-suite ready HOST          until a topic can be made there
//                    go-suite load HOST MESSAGES BYTES    publishes, then receives; prints rates as JSON

func otherThanSuite(args []string) {
	said, ok := runOne(func() { serveBench(args) })
	if !ok {
		fmt.Fprint(os.Stderr, said)
		os.Exit(1)
	}
}

func serveBench(args []string) {
	switch args[0] {
	case "pstest":
		_, _, where := servePstest()
		fmt.Println("listening on", where)
		select {}
	case "ready":
		other := clientOf(args[1])
		waitFor("the server", 60*time.Second, func() bool {
			_, err := other.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: project + "/topics/ready"})
			return err == nil
		})
	case "load":
		count, size := got(strconv.Atoi(args[2])), got(strconv.Atoi(args[3]))
		json.NewEncoder(os.Stdout).Encode(load(clientOf(args[1]), count, size))
	}
}

func load(other *pubsub.Client, count, size int) map[string]float64 {
	mine := fmt.Sprintf("-of-%d", os.Getpid())
	topic, name := topicName()+mine, subName()+mine
	got(other.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}))
	got(other.SubscriptionAdminClient.CreateSubscription(ctx,
		&pubsubpb.Subscription{Name: name, Topic: topic, AckDeadlineSeconds: 60}))
	publisher := other.Publisher(topic)
	body := strings.Repeat("x", size)
	began := time.Now()
	results := make([]*pubsub.PublishResult, count)
	for n := range results {
		results[n] = publisher.Publish(ctx, text(body))
	}
	for _, r := range results {
		got(r.Get(ctx))
	}
	published := time.Since(began)
	publisher.Stop()

	var received atomic.Int64
	subscriber := other.Subscriber(name)
	subscriber.ReceiveSettings.MaxOutstandingMessages = 10_000
	done := make(chan bool)
	began = time.Now()
	inner, stop := context.WithCancel(ctx)
	go func() {
		must(subscriber.Receive(inner, func(_ context.Context, m *pubsub.Message) {
			m.Ack()
			if received.Add(1) == int64(count) {
				close(done)
			}
		}))
	}()
	select {
	case <-done:
	case <-time.After(300 * time.Second):
		fail("%d of %d came", received.Load(), count)
	}
	pulled := time.Since(began)
	stop()
	return map[string]float64{"publish": float64(count) / published.Seconds(), "pull": float64(count) / pulled.Seconds()}
}
