// Google's Go clients against the local cloud. Cases run side by side, a line of TAP each: most of them wait.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const project = "projects/golang"

var (
	host  = os.Getenv("PUBSUB_EMULATOR_HOST")
	ctx   = context.Background()
	cases []struct {
		name string
		run  func()
	}
	ids    atomic.Int64
	client *pubsub.Client
)

func add(name string, run func()) {
	cases = append(cases, struct {
		name string
		run  func()
	}{name, run})
}

type failure struct{ where, what string }

func fail(format string, values ...any) {
	where := ""
	for skip := 2; skip < 6; skip++ {
		_, file, line, ok := runtime.Caller(skip)
		if ok && strings.Contains(file, "clients/go") {
			where += fmt.Sprintf(" %s:%d", filepath.Base(file), line)
		}
	}
	panic(failure{where, fmt.Sprintf(format, values...)})
}

func equal(got, wanted any, what string) {
	if !reflect.DeepEqual(got, wanted) {
		fail("%s: got %v, wanted %v", what, got, wanted)
	}
}

func isTrue(ok bool, format string, values ...any) {
	if !ok {
		fail(format, values...)
	}
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func got[T any](value T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return value
}

// The call failed with just this code.
func refused(code codes.Code, what string, err error) {
	if status.Code(err) != code {
		fail("%s: %s is documented, not %v", what, code, err)
	}
}

func waitFor(what string, limit time.Duration, condition func() bool) {
	for end := time.Now().Add(limit); !condition(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			fail("waited in vain for: %s", what)
		}
	}
}

func fresh(kind string) string { return fmt.Sprintf("%s-%d", kind, ids.Add(1)) }
func topicName() string        { return project + "/topics/" + fresh("topic") }
func subName() string          { return project + "/subscriptions/" + fresh("sub") }

func makeTopic() string {
	name := topicName()
	got(client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: name}))
	return name
}

// A subscription of a topic that is made with it, unless s names one.
func makeSub(s *pubsubpb.Subscription) (topic, name string) {
	if s.Topic == "" {
		s.Topic = makeTopic()
	}
	s.Name = subName()
	got(client.SubscriptionAdminClient.CreateSubscription(ctx, s))
	return s.Topic, s.Name
}

func publish(topic string, messages ...*pubsub.Message) []string {
	publisher := client.Publisher(topic)
	defer publisher.Stop()
	results, names := []*pubsub.PublishResult{}, []string{}
	for _, m := range messages {
		results = append(results, publisher.Publish(ctx, m))
	}
	for _, r := range results {
		names = append(names, got(r.Get(ctx)))
	}
	return names
}

func text(s string) *pubsub.Message { return &pubsub.Message{Data: []byte(s)} }

// What is there now.
func pull(name string, count int32) []*pubsubpb.ReceivedMessage {
	answer := got(client.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{
		Subscription: name, MaxMessages: count, ReturnImmediately: true}))
	return answer.ReceivedMessages
}

func pullSome(name string, count int) []*pubsubpb.ReceivedMessage {
	var all []*pubsubpb.ReceivedMessage
	waitFor(fmt.Sprintf("%d messages of %s", count, name), 40*time.Second, func() bool {
		if len(all) < count {
			all = append(all, pull(name, int32(count-len(all)))...)
		}
		return len(all) >= count
	})
	return all
}

func ackIDs(received []*pubsubpb.ReceivedMessage) (ids []string) {
	for _, r := range received {
		ids = append(ids, r.AckId)
	}
	return ids
}

func acknowledge(name string, received []*pubsubpb.ReceivedMessage) {
	must(client.SubscriptionAdminClient.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{
		Subscription: name, AckIds: ackIDs(received)}))
}

// By the local cloud's own count, which no client library has.
func isEmpty(name string) bool {
	answer := got(http.Get("http://" + host + "/v1/" + name + ":backlog"))
	defer answer.Body.Close()
	count := struct{ Unacked string }{}
	must(json.Unmarshal(got(io.ReadAll(answer.Body)), &count))
	return count.Unacked == "0"
}

// Receive() in the background, with all that came.
type stream struct {
	mu   sync.Mutex
	all  []*pubsub.Message
	stop context.CancelFunc
	done chan error
}

func receive(name string, set func(*pubsub.ReceiveSettings), on func(*pubsub.Message)) *stream {
	inner, stop := context.WithCancel(ctx)
	s := &stream{stop: stop, done: make(chan error, 1)}
	subscriber := client.Subscriber(name)
	if set != nil {
		set(&subscriber.ReceiveSettings)
	}
	go func() {
		s.done <- subscriber.Receive(inner, func(_ context.Context, m *pubsub.Message) {
			s.mu.Lock()
			s.all = append(s.all, m)
			s.mu.Unlock()
			on(m)
		})
	}()
	return s
}

func (s *stream) got() []*pubsub.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*pubsub.Message(nil), s.all...)
}

func (s *stream) end() error {
	s.stop()
	select {
	case err := <-s.done:
		return err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("Receive does not end")
	}
}

func ack(m *pubsub.Message) { m.Ack() }

func runOne(run func()) (said string, ok bool) {
	defer func() {
		if trouble := recover(); trouble != nil {
			if f, is := trouble.(failure); is {
				said = fmt.Sprintf("# %s (%s)\n", strings.ReplaceAll(f.what, "\n", " | "), strings.TrimSpace(f.where))
			} else {
				said = fmt.Sprintf("# %v\n", trouble)
			}
			ok = false
		}
	}()
	run()
	return "", true
}

func main() {
	if len(os.Args) > 1 {
		otherThanSuite(os.Args[1:])
		return
	}
	client = got(pubsub.NewClient(ctx, "golang"))
	prepareHospital()
	fmt.Println("TAP version 13")
	var mu sync.Mutex
	var group sync.WaitGroup
	count, failed := 0, 0
	for _, c := range cases {
		if !strings.Contains(c.name, os.Getenv("ONLY")) {
			continue
		}
		group.Add(1)
		go func() {
			defer group.Done()
			said, ok := runOne(c.run)
			mu.Lock()
			defer mu.Unlock()
			count++
			word := "ok"
			if !ok {
				word = "not ok"
				failed++
			}
			fmt.Printf("%s%s %d - %s\n", said, word, count, c.name)
		}()
	}
	group.Wait()
	fmt.Printf("1..%d\n", count)
	if failed > 0 || count == 0 {
		os.Exit(1)
	}
}
