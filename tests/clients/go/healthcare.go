package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/healthcare/v1"
	"google.golang.org/api/option"
)

const location = project + "/locations/us-central1"
const dataset = location + "/datasets/suite"

var (
	hospital *healthcare.Service
	datasets *healthcare.ProjectsLocationsDatasetsService
	stores   *healthcare.ProjectsLocationsDatasetsHl7V2StoresService
	letters  *healthcare.ProjectsLocationsDatasetsHl7V2StoresMessagesService
)

func prepareHospital() {
	hospital = got(healthcare.NewService(ctx, option.WithEndpoint(os.Getenv("HEALTHCARE")+"/"), option.WithoutAuthentication()))
	datasets = hospital.Projects.Locations.Datasets
	stores, letters = datasets.Hl7V2Stores, datasets.Hl7V2Stores.Messages
	got(datasets.Create(location, &healthcare.Dataset{}).DatasetId("suite").Do())
}

func makeStore(s *healthcare.Hl7V2Store) string {
	return got(stores.Create(dataset, s).Hl7V2StoreId(fresh("store")).Do()).Name
}

func hl7(control, kind, facility string) string {
	return fmt.Sprintf("MSH|^~\\&|APP|%s|THERE|WEST|20260102030405||%s|%s|T|2.5\rPID|1||1001^^^HOSP^MRN||DOE^X\r",
		facility, kind, control)
}

func letter(data string) *healthcare.Message {
	return &healthcare.Message{Data: base64.StdEncoding.EncodeToString([]byte(data))}
}

func create(store, data string) string {
	return got(letters.Create(store, &healthcare.CreateMessageRequest{Message: letter(data)}).Do()).Name
}

// The call failed with this HTTP status and code; the details of its error.
func httpRefused(code int, word, what string, err error) []map[string]any {
	var e *googleapi.Error
	if !errors.As(err, &e) || e.Code != code {
		fail("%s: HTTP %d %s is documented, not %v", what, code, word, err)
	}
	body := struct {
		Error struct {
			Status  string
			Details []map[string]any
		}
	}{}
	must(json.Unmarshal([]byte(e.Body), &body))
	equal(body.Error.Status, word, what)
	return body.Error.Details
}

func operation(name string) *healthcare.Operation {
	var op *healthcare.Operation
	waitFor("the operation", 30*time.Second, func() bool {
		op = got(datasets.Operations.Get(name).Do())
		return op.Done
	})
	isTrue(op.Error == nil, "%v", op.Error)
	return op
}

func init() {
	add("datasets: an operation to poll, read, listed, deleted", func() {
		where := project + "-" + fresh("datasets") + "/locations/eu"
		for _, id := range []string{"a", "b", "c"} {
			operation(got(datasets.Create(where, &healthcare.Dataset{}).DatasetId(id).Do()).Name)
		}
		var names []string
		must(datasets.List(where).PageSize(2).Pages(ctx, func(page *healthcare.ListDatasetsResponse) error {
			for _, d := range page.Datasets {
				names = append(names, d.Name)
			}
			return nil
		}))
		equal(names, []string{where + "/datasets/a", where + "/datasets/b", where + "/datasets/c"}, "datasets")
		got(datasets.Delete(names[0]).Do())
		_, err := datasets.Get(names[0]).Do()
		httpRefused(404, "NOT_FOUND", "deleted", err)
		_, err = datasets.Create(where, &healthcare.Dataset{}).DatasetId("b").Do()
		httpRefused(409, "ALREADY_EXISTS", "made twice", err)
	})

	add("stores: made, read, changed by mask, listed, deleted", func() {
		want := &healthcare.Hl7V2Store{Labels: map[string]string{"a": "b"}, RejectDuplicateMessage: true,
			ParserConfig:        &healthcare.ParserConfig{Version: "V3", SegmentTerminator: "Cg=="},
			NotificationConfigs: []*healthcare.Hl7V2NotificationConfig{{PubsubTopic: topicName(), Filter: `message_type="ADT"`}}}
		name := makeStore(want)
		read := got(stores.Get(name).Do())
		equal(got(json.Marshal(read.NotificationConfigs)), got(json.Marshal(want.NotificationConfigs)), "notifications")
		equal(got(json.Marshal(read.ParserConfig)), got(json.Marshal(want.ParserConfig)), "parser")
		equal(read.Labels, want.Labels, "labels")
		isTrue(read.RejectDuplicateMessage, "duplicates")
		changed := got(stores.Patch(name, &healthcare.Hl7V2Store{NullFields: []string{"NotificationConfigs"}}).UpdateMask("notificationConfigs").Do())
		equal(len(changed.NotificationConfigs), 0, "notifications taken away")
		equal(changed.Labels, want.Labels, "labels")
		listed := got(stores.List(dataset).Filter("labels.a=b").Do())
		isTrue(len(listed.Hl7V2Stores) >= 1, "listed")
		got(stores.Delete(name).Do())
		_, err := stores.Get(name).Do()
		httpRefused(404, "NOT_FOUND", "deleted", err)
	})

	add("messages: created, ingested, read in views, patched, deleted", func() {
		store := makeStore(&healthcare.Hl7V2Store{})
		data := hl7("one", "ADT^A01", "EAST")
		name := create(store, data)
		full := got(letters.Get(name).Do())
		equal(string(got(base64.StdEncoding.DecodeString(full.Data))), data, "bytes")
		equal([]string{full.MessageType, full.SendFacility, full.SendTime, full.PatientIds[0].Value, full.PatientIds[0].Type},
			[]string{"ADT", "EAST", "2026-01-02T03:04:05Z", "1001", "MRN"}, "metadata")
		isTrue(full.ParsedData != nil && full.ParsedData.Segments[1].SegmentId == "PID", "parsed")
		for view, has := range map[string][2]bool{"RAW_ONLY": {true, false}, "PARSED_ONLY": {false, true}, "BASIC": {false, false}} {
			m := got(letters.Get(name).View(view).Do())
			equal([2]bool{m.Data != "", m.ParsedData != nil}, has, view)
		}
		answer := got(letters.Ingest(store, &healthcare.IngestMessageRequest{Message: letter(data)}).Do())
		ack := strings.Split(string(got(base64.StdEncoding.DecodeString(answer.Hl7Ack))), "\r")
		isTrue(strings.HasPrefix(ack[1], "MSA|AA|one"), "the acknowledgement")
		equal(answer.Message.Name, name, "the same bytes, the same resource")
		patched := got(letters.Patch(name, &healthcare.Message{Labels: map[string]string{"x": "y"}}).UpdateMask("labels").Do())
		equal(patched.Labels, map[string]string{"x": "y"}, "labels")
		got(letters.Delete(name).Do())
		_, err := letters.Get(name).Do()
		httpRefused(404, "NOT_FOUND", "deleted", err)
	})

	add("messages: listed by filter, order, page, view", func() {
		store := makeStore(&healthcare.Hl7V2Store{})
		var adt []string
		for n := 0; n < 10; n++ {
			name := create(store, hl7(fmt.Sprint("list-", n), []string{"ADT^A01", "ORU^R01"}[n%2], "EAST"))
			if n%2 == 0 {
				adt = append(adt, name)
			}
		}
		var names []string
		must(letters.List(store).Filter(`message_type = "ADT" AND send_facility = "EAST"`).OrderBy("send_time desc").PageSize(2).
			Pages(ctx, func(page *healthcare.ListMessagesResponse) error {
				isTrue(len(page.Hl7V2Messages) <= 2, "the page size")
				for _, m := range page.Hl7V2Messages {
					isTrue(m.Data == "", "BASIC is the default")
					names = append(names, m.Name)
				}
				return nil
			}))
		sort.Strings(names)
		sort.Strings(adt)
		equal(names, adt, "the list")
		some := got(letters.List(store).View("FULL").Fields("hl7V2Messages/messageType").Do())
		isTrue(len(some.Hl7V2Messages) == 10 && some.Hl7V2Messages[0].MessageType != "" && some.Hl7V2Messages[0].Name == "",
			"partial answers")
		_, err := letters.List(store).Filter("nonsense").Do()
		httpRefused(400, "INVALID_ARGUMENT", "a bad filter", err)
	})

	add("messages: refused with a NACK; duplicates where the store says so", func() {
		store := makeStore(&healthcare.Hl7V2Store{RejectDuplicateMessage: true})
		bad := strings.Replace(hl7("bad", "ADT^A01", "EAST"), "|2.5\r", "|2.5||||||8859/1\r", 1)
		_, err := letters.Ingest(store, &healthcare.IngestMessageRequest{Message: letter(bad)}).Do()
		details := httpRefused(400, "INVALID_ARGUMENT", "an encoding", err)
		nack := string(got(base64.StdEncoding.DecodeString(details[0]["hl7Nack"].(string))))
		isTrue(strings.Contains(nack, "\rMSA|AE|bad|"), "the NACK")
		data := hl7("twice", "ADT^A01", "EAST")
		create(store, data)
		_, err = letters.Ingest(store, &healthcare.IngestMessageRequest{Message: letter(data)}).Do()
		httpRefused(409, "ALREADY_EXISTS", "a duplicate", err)
		_, err = letters.Create(dataset+"/hl7V2Stores/none", &healthcare.CreateMessageRequest{Message: letter(data)}).Do()
		httpRefused(404, "NOT_FOUND", "no such store", err)
	})

	add("notifications arrive by the official subscriber, none for a duplicate", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		store := makeStore(&healthcare.Hl7V2Store{NotificationConfigs: []*healthcare.Hl7V2NotificationConfig{{PubsubTopic: topic}}})
		s := receive(name, nil, ack)
		made := create(store, hl7("n1", "ADT^A01", "EAST"))
		create(store, hl7("n1", "ADT^A01", "EAST"))
		waitFor("the notification", 5*time.Second, func() bool { return len(s.got()) > 0 && isEmpty(name) })
		must(s.end())
		equal(len(s.got()), 1, "notifications")
		equal(string(s.got()[0].Data), made, "data")
		equal(s.got()[0].Attributes, map[string]string{"msgType": "ADT"}, "attributes")
	})

	add("export to a topic and to a folder, import, metrics, iam", func() {
		topic, name := makeSub(&pubsubpb.Subscription{})
		store := makeStore(&healthcare.Hl7V2Store{})
		var names []string
		for n := 0; n < 3; n++ {
			names = append(names, create(store, hl7(fmt.Sprint("x", n), "ADT^A01", "EAST")))
		}
		operation(got(stores.Export(store, &healthcare.ExportMessagesRequest{
			PubsubDestination: &healthcare.PubsubDestination{PubsubTopic: topic}}).Do()).Name)
		var seen []string
		for _, r := range pullSome(name, 3) {
			seen = append(seen, string(r.Message.Data))
		}
		sort.Strings(names)
		sort.Strings(seen)
		equal(seen, names, "exported names")
		uri := "gs://bucket/" + fresh("go")
		operation(got(stores.Export(store, &healthcare.ExportMessagesRequest{GcsDestination: &healthcare.GcsDestination{
			UriPrefix: uri, ContentStructure: "MESSAGE_JSON", MessageView: "FULL"}}).Do()).Name)
		other := makeStore(&healthcare.Hl7V2Store{})
		operation(got(stores.Import(other, &healthcare.ImportMessagesRequest{GcsSource: &healthcare.GcsSource{Uri: uri + "/**"}}).Do()).Name)
		equal(len(got(letters.List(other).Do()).Hl7V2Messages), 3, "imported")
		metrics := got(stores.GetHL7v2StoreMetrics(other).Do())
		isTrue(len(metrics.Metrics) == 1 && metrics.Metrics[0].Count == 3, "metrics %v", metrics.Metrics)
		policy := &healthcare.Policy{Bindings: []*healthcare.Binding{{Role: "roles/viewer", Members: []string{"user:a@example.com"}}}}
		got(stores.SetIamPolicy(store, &healthcare.SetIamPolicyRequest{Policy: policy}).Do())
		equal(got(stores.GetIamPolicy(store).Do()).Bindings[0].Role, "roles/viewer", "policy")
	})

	add("a request that its caller gave up leaves the connection of use", func() {
		inner, stop := context.WithCancel(ctx)
		stop()
		_, err := stores.List(dataset).Context(inner).Do()
		isTrue(err != nil, "given up")
		got(stores.List(dataset).Do())
	})
}
