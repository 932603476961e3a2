package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/healthcare/v1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// The relay itself between Google's clients, which put messages in and look at what came out, and with other
// people's servers for its Pub/Sub: so that no code of ours stands on both sides.

// A process of the binary under test, and all that it says.
type process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	said strings.Builder
}

func start(program string, args ...string) *process {
	p := &process{cmd: exec.Command(program, args...)}
	for _, kept := range os.Environ() {
		if !strings.HasPrefix(kept, "PUBSUB_") && !strings.HasPrefix(kept, "HEALTHCARE") {
			p.cmd.Env = append(p.cmd.Env, kept)
		}
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe := got(p.cmd.StderrPipe())
	out := got(p.cmd.StdoutPipe())
	must(p.cmd.Start())
	for _, from := range []io.Reader{pipe, out} {
		go func() {
			for lines := bufio.NewScanner(from); lines.Scan(); {
				p.mu.Lock()
				p.said.WriteString(lines.Text() + "\n")
				p.mu.Unlock()
			}
		}()
	}
	return p
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// Ends well on SIGTERM.
func (p *process) end() {
	must(p.cmd.Process.Signal(syscall.SIGTERM))
	if err := p.cmd.Wait(); err != nil {
		text := p.text()
		fail("the relay ended with %v: %s", err, text[max(0, len(text)-600):])
	}
}

func (p *process) port(before string) (port string) {
	waitFor("a port", 60*time.Second, func() bool {
		_, rest, found := strings.Cut(p.text(), before)
		port, _, _ = strings.Cut(rest, "\n")
		port = strings.TrimRight(strings.Fields(port + " .")[0], ".,")
		return found && port != ""
	})
	return port[strings.LastIndex(port, ":")+1:]
}

// Connections to a server pass through it, and can be cut.
type cable struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     []net.Conn
	made     int
}

func newCable(target string) *cable {
	c := &cable{listener: got(net.Listen("tcp", "127.0.0.1:0")), target: target}
	go func() {
		for {
			near, err := c.listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", c.target)
			if err != nil {
				near.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, near, far)
			c.made++
			c.mu.Unlock()
			go func() { io.Copy(far, near); far.Close() }()
			go func() { io.Copy(near, far); near.Close() }()
		}
	}()
	return c
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.open {
		end.Close()
	}
	c.open = nil
}

func (c *cable) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

// Two stores in a local cloud of their own, whose destination takes that long for each of the first 60 messages.
type world struct {
	dir          string
	cloud, relay *process
	service      *healthcare.ProjectsLocationsDatasetsHl7V2StoresService
	endpoint     string
	source, dest string
}

func newWorld(slow time.Duration) *world {
	w := &world{dir: got(os.MkdirTemp("", "hl7relay-clients-"))}
	args := []string{"emulate", "--host-port", "127.0.0.1:0"}
	if ms := slow.Milliseconds(); ms > 0 {
		args = append(args, "--fault", fmt.Sprintf("ingest@dest:slow:ms=%d-%d,first=60", ms, ms))
	}
	w.cloud = start(os.Getenv("HL7RELAY"), args...)
	w.endpoint = "http://127.0.0.1:" + w.cloud.port("listening on ")
	service := got(healthcare.NewService(ctx, option.WithEndpoint(w.endpoint+"/"), option.WithoutAuthentication()))
	got(service.Projects.Locations.Datasets.Create(location, &healthcare.Dataset{}).DatasetId("suite").Do())
	w.service = service.Projects.Locations.Datasets.Hl7V2Stores
	w.source, w.dest = dataset+"/hl7V2Stores/source", dataset+"/hl7V2Stores/dest"
	return w
}

func (w *world) stores(notify ...string) {
	source := &healthcare.Hl7V2Store{}
	for _, topic := range notify {
		source.NotificationConfigs = append(source.NotificationConfigs, &healthcare.Hl7V2NotificationConfig{PubsubTopic: topic})
	}
	got(w.service.Create(dataset, source).Hl7V2StoreId("source").Do())
	got(w.service.Create(dataset, &healthcare.Hl7V2Store{}).Hl7V2StoreId("dest").Do())
}

// Messages of all lengths, with what is seldom: escapes, other letters, no last terminator.
func (w *world) fill(from, to int) (names []string) {
	for n := from; n < to; n++ {
		data := hl7(fmt.Sprintf("M%05d", n), []string{"ADT^A01", "ORU^R01"}[n%2], "EAST") +
			"OBX|1|TX|N||" + strings.Repeat("é\\T\\ ", n%50*20) + []string{"\r", ""}[n%2]
		names = append(names, got(w.service.Messages.Create(w.source, &healthcare.CreateMessageRequest{Message: letter(data)}).Do()).Name)
	}
	return names
}

func (w *world) run(pubsubHost, subscription string) {
	config := map[string]any{
		"project_id": "golang", "region": "us-central1", "source_hl7v2_store": w.source, "dest_hl7v2_store": w.dest,
		"pubsub_subscription": subscription, "pubsub_endpoint": "http://" + pubsubHost,
		"healthcare_endpoint": w.endpoint, "dead_letter": map[string]any{"sink": "file://" + filepath.Join(w.dir, "dead")},
		"state_dir": filepath.Join(w.dir, "state"), "status_listen": "127.0.0.1:0", "log": map[string]any{"format": "json"},
		"retry": map[string]any{"timeout": "150s"},
	}
	must(os.MkdirAll(filepath.Join(w.dir, "state"), 0o700))
	path := filepath.Join(w.dir, "config.json")
	must(os.WriteFile(path, got(json.Marshal(config)), 0o600))
	w.relay = start(os.Getenv("HL7RELAY"), "run", "--config_path", path)
}

func (w *world) count() int {
	return len(got(w.service.Messages.List(w.dest).PageSize(1000).Do()).Hl7V2Messages)
}

// Every message of the source is in the destination, byte for byte, and nothing else is.
func (w *world) compare(wanted int) {
	count := 0
	for _, m := range got(w.service.Messages.List(w.source).PageSize(1000).View("RAW_ONLY").Do()).Hl7V2Messages {
		copied := got(w.service.Messages.Get(strings.Replace(m.Name, "/source/", "/dest/", 1)).View("RAW_ONLY").Do())
		isTrue(string(got(base64.StdEncoding.DecodeString(copied.Data))) == string(got(base64.StdEncoding.DecodeString(m.Data))),
			"the copy of message %d differs", count)
		count++
	}
	equal(count, wanted, "messages of the source")
	equal(w.count(), wanted, "messages of the destination")
}

func (w *world) close() {
	for _, p := range []*process{w.relay, w.cloud} {
		if p != nil && p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	}
	os.RemoveAll(w.dir)
}

// A client of a Pub/Sub that PUBSUB_EMULATOR_HOST does not name.
func clientOf(host string) *pubsub.Client {
	return got(pubsub.NewClient(ctx, "golang", option.WithEndpoint(host), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))))
}

// The relay on somebody else's Pub/Sub: messages, leases over slow stores, cut connections, acknowledgements.
// settled tells when the first acknowledgements are with the server: what a cut takes of them comes again too late.
func relayThrough(host string, cuts bool, settled func() bool) (w *world, subscription string, cut *cable) {
	other := clientOf(host)
	defer other.Close()
	topic, subscription := topicName(), subName()
	got(other.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}))
	got(other.SubscriptionAdminClient.CreateSubscription(ctx,
		&pubsubpb.Subscription{Name: subscription, Topic: topic, AckDeadlineSeconds: 10}))
	publisher := other.Publisher(topic)
	defer publisher.Stop()
	announce := func(names []string) {
		var results []*pubsub.PublishResult
		for _, name := range names {
			results = append(results, publisher.Publish(ctx, text(name)))
		}
		for _, r := range results {
			got(r.Get(ctx))
		}
	}
	w = newWorld(75 * time.Second) // a stream's deadline is 60 s
	w.stores()
	announce(w.fill(0, 60)) // fewer than the relay has under way at once
	cut = newCable(host)
	w.run(cut.listener.Addr().String(), subscription)
	waitFor("the first messages, whose leases were extended for 75 s", 120*time.Second, func() bool {
		return strings.Count(w.relay.text(), `"message_delivered"`) == 60
	})
	waitFor("the first acknowledgements", 30*time.Second, settled)
	if !cuts {
		w.compare(60)
		return w, subscription, cut
	}
	before := cut.connections()
	cut.cut()
	announce(w.fill(60, 100))
	waitFor("the messages after the cut", 60*time.Second, func() bool { return w.count() == 100 })
	isTrue(cut.connections() > before, "a new connection")
	w.compare(100)
	return w, subscription, cut
}

func emulatorJar() string {
	gcloud, _ := exec.LookPath("gcloud")
	real, _ := filepath.EvalSymlinks(gcloud)
	for _, root := range []string{filepath.Dir(filepath.Dir(real)), "/usr/lib/google-cloud-sdk", os.Getenv("CLOUDSDK_ROOT_DIR")} {
		jars, _ := filepath.Glob(filepath.Join(root, "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"))
		if len(jars) > 0 {
			return jars[0]
		}
	}
	return ""
}

func servePstest() (*pstest.Server, *grpc.Server, string) {
	fake := pstest.NewServer()
	guard := func() (err error) {
		if trouble := recover(); trouble != nil {
			err = status.Errorf(codes.Unavailable, "pstest: %v", trouble)
		}
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(20<<20),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(func(c context.Context, r any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (a any, err error) {
			defer func() {
				if e := guard(); e != nil {
					err = e
				}
			}()
			return h(c, r)
		}))
	pubsubpb.RegisterPublisherServer(server, &fake.GServer)
	pubsubpb.RegisterSubscriberServer(server, &fake.GServer)
	listener := got(net.Listen("tcp", "127.0.0.1:0"))
	go server.Serve(listener)
	return fake, server, listener.Addr().String()
}

func init() {
	add("relay: Google's clients on both sides, byte for byte, and the subscription is empty", func() {
		w := newWorld(0)
		defer w.close()
		host := strings.TrimPrefix(w.endpoint, "http://")
		local := clientOf(host)
		topic := got(local.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: topicName()})).Name
		name := got(local.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{Name: subName(), Topic: topic})).Name
		w.stores(topic)
		w.fill(0, 100)
		w.run(host, name)
		w.fill(100, 300)
		publisher := local.Publisher(topic)
		for _, again := range got(w.service.Messages.List(w.source).PageSize(10).Do()).Hl7V2Messages {
			got(publisher.Publish(ctx, text(again.Name)).Get(ctx))
		}
		publisher.Stop()
		waitFor("all copies", 60*time.Second, func() bool { return w.count() == 300 })
		w.relay.end()
		w.compare(300)
		answer := got(local.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: name, MaxMessages: 10,
			ReturnImmediately: true}))
		equal(len(answer.ReceivedMessages), 0, "messages that are left")
	})

	add("relay: Pub/Sub is pstest, leases, cut connections, acknowledgements", func() {
		fake, server, host := servePstest()
		defer fake.Close()
		defer server.Stop()
		settled := func() bool {
			for _, m := range fake.Messages() {
				if m.Acks == 0 {
					return false
				}
			}
			return true
		}
		w, _, _ := relayThrough(host, true, settled)
		defer w.close()
		waitFor("all acknowledgements", 30*time.Second, settled)
		extended := 0
		for n, m := range fake.Messages() {
			isTrue(n >= 60 || m.Deliveries == 1, "message %d, before the cut, was delivered %d times", n, m.Deliveries)
			for _, change := range m.Modacks {
				if change.AckDeadline > 0 {
					extended++
				}
			}
		}
		isTrue(extended >= 60, "extensions: %d", extended)
		w.relay.end()
	})

	emulator := emulatorJar()
	if _, err := exec.LookPath("java"); emulator == "" || err != nil {
		add("relay: Pub/Sub is Google's emulator, leases, acknowledgements # SKIP it is not installed here", func() {})
		return
	}
	add("relay: Pub/Sub is Google's emulator, leases, acknowledgements", func() {
		listener := got(net.Listen("tcp", "127.0.0.1:0"))
		host := listener.Addr().String()
		listener.Close()
		java := start("java", "-jar", emulator, "--host=127.0.0.1", "--port="+host[strings.LastIndex(host, ":")+1:])
		defer func() { java.cmd.Process.Kill(); java.cmd.Wait() }()
		waitFor("the emulator", 60*time.Second, func() bool {
			probe, err := net.Dial("tcp", host)
			if err == nil {
				probe.Close()
			}
			return err == nil
		})
		// All on one stream: what this server sends down a stream that is gone, it never sends again (0.8.20:
		// closing one ends in a NoSuchMethodError of its own).
		began := time.Time{}
		w, subscription, _ := relayThrough(host, false, func() bool {
			if began.IsZero() {
				began = time.Now()
			}
			return time.Since(began) > 2*time.Second
		})
		defer w.close()
		w.relay.end()
		other := clientOf(host)
		answer, err := other.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: subscription,
			MaxMessages: 10, ReturnImmediately: true})
		must(err)
		equal(len(answer.ReceivedMessages), 0, "messages that are left")
	})
}
