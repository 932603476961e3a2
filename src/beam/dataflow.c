#include "beam/dataflow.h"

#include "base/mem.h"
#include "beam/dataflow_call.h"
#include "json/doc.h"
#include "json/write.h"
#include "net/host_port.h"
#include "net/percent.h"

#include <stdio.h>
#include <stdlib.h>

struct dataflow {
    struct dataflow_caller caller;
    const struct config *config;
    struct config reached;    /* the same, without credentials where both services are asked in clear text */
    struct buf jobs;          /* url */
};

static void base_url(const struct conf_endpoint *e, struct buf *out)
{
    bool usual = e->port == (e->tls ? 443 : 80);
    buf_append_str(out, e->tls ? "https://" : "http://");
    if (usual && strchr(e->host, ':') == NULL)
        buf_append_str(out, e->host);
    else
        host_port_write(e->host, e->port, out);
}

void dataflow_jobs_url(const struct config *c, struct buf *out)
{
    base_url(&c->dataflow, out);
    buf_append_str(out, "/v1b3/projects/");
    percent_encode(bytes_str(c->project_id), out);
    buf_append_str(out, "/locations/");
    percent_encode(bytes_str(c->region), out);
    buf_append_str(out, "/jobs");
}

void dataflow_upload_url(const struct config *c, struct bytes bucket, struct bytes object, struct buf *out)
{
    base_url(&c->storage, out);
    buf_append_str(out, "/upload/storage/v1/b/");
    percent_encode(bucket, out);
    buf_append_str(out, "/o?uploadType=media&name=");
    percent_encode(object, out);
}

struct dataflow *dataflow_make(struct loop *l, const struct config *c, const volatile int *stop, struct err *err)
{
    struct dataflow *d = mem_alloc(sizeof(*d));
    d->config = c;
    d->reached = *c;
    d->reached.credentials = c->dataflow.tls || c->storage.tls;
    d->caller.a.loop = l;
    d->caller.a.conf = &d->reached;
    d->caller.stop = stop;
    CLEANUP(buf_fini) struct buf project = { 0 }, region = { 0 };
    percent_encode(bytes_str(c->project_id), &project);
    percent_encode(bytes_str(c->region), &region);
    snprintf(d->caller.params, sizeof(d->caller.params), "x-goog-request-params: project_id=%.100s&location=%.60s", buf_str(&project),
             buf_str(&region));
    dataflow_jobs_url(c, &d->jobs);
    if (assembly_connect(&d->caller.a, err))
        return d;
    dataflow_free(d);
    return NULL;
}

void dataflow_free(struct dataflow *d)
{
    if (d == NULL)
        return;
    assembly_fini(&d->caller.a);
    buf_fini(&d->jobs);
    mem_free(d);
}

static bool unreadable(const char *what, struct err *err)
{
    return FAIL(err, BAD_REPLY, "%s: the answer does not say what it must; is this Google's API?", what);
}

/* A call below .../jobs; NULL and why. */
static struct json_doc *ask(struct dataflow *d, const char *method, const char *below, struct bytes body, struct err *err)
{
    CLEANUP(buf_fini) struct buf url = { 0 }, reply = { 0 };
    buf_printf(&url, "%s%s", buf_str(&d->jobs), below);
    const struct dataflow_ask how = {
        .method = method, .url = buf_str(&url), .content_type = "application/json", .body = body, .encrypted = d->config->dataflow.tls
    };
    if (!dataflow_call(&d->caller, &how, &reply, err))
        return NULL;
    struct json_doc *doc = json_doc_parse(buf_bytes(&reply), NULL);
    if (doc == NULL || json_doc_kind(json_doc_root(doc)) != JSON_OBJECT) {
        json_doc_free(doc);
        unreadable("Dataflow", err);
        return NULL;
    }
    return doc;
}

bool dataflow_upload(struct dataflow *d, struct bytes bucket, struct bytes object, struct bytes content, struct err *err)
{
    CLEANUP(buf_fini) struct buf url = { 0 }, reply = { 0 };
    dataflow_upload_url(d->config, bucket, object, &url);
    const struct dataflow_ask how = {
        .method = "POST", .url = buf_str(&url), .content_type = "application/octet-stream", .body = content,
        .encrypted = d->config->storage.tls
    };
    TRY(dataflow_call(&d->caller, &how, &reply, err) || err_wrap(err, "upload of the pipeline to gs://%.*s", BYTES_FMT(bucket)));
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = json_doc_parse(buf_bytes(&reply), NULL);
    const char *size = doc != NULL ? json_doc_str(json_doc_get(json_doc_root(doc), "size"), "") : "";
    if (strtoull(size, NULL, 10) != content.len)
        return unreadable("Cloud Storage", err);
    return true;
}

bool dataflow_create(struct dataflow *d, struct bytes body, const char *request_id, struct buf *ret_job, struct err *err)
{
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = ask(d, "POST", "", body, err);
    const char *name = d->config->job_name;
    if (doc == NULL && err->class == ERR_ALREADY_EXISTS)
        return err_wrap(err, "a job named %s runs already; drain or cancel it, or give this one another job_name", name);
    if (doc == NULL)
        return err_wrap(err, "jobs.create");
    const struct json_node *root = json_doc_root(doc);
    const char *id = json_doc_str(json_doc_get(root, "id"), "");
    if (id[0] == '\0')
        return unreadable("jobs.create", err);
    /* The answer is then an older job, not ours. */
    if (strcmp(json_doc_str(json_doc_get(root, "clientRequestId"), ""), request_id) != 0)
        return FAIL(err, ALREADY_EXISTS, "a job named %s runs already: %.80s; drain or cancel it (hl7relay jobs drain %.80s), or give "
                    "this one another job_name", name, id, id);
    buf_append_str(ret_job, id);
    return true;
}

static enum beam_job_state state_of(const char *name)
{
    static const struct {
        const char *name;
        enum beam_job_state state;
    } all[] = {
        { "JOB_STATE_STOPPED", BEAM_JOB_STOPPED }, { "JOB_STATE_RUNNING", BEAM_JOB_RUNNING }, { "JOB_STATE_DONE", BEAM_JOB_DONE },
        { "JOB_STATE_FAILED", BEAM_JOB_FAILED }, { "JOB_STATE_CANCELLED", BEAM_JOB_CANCELLED }, { "JOB_STATE_UPDATED", BEAM_JOB_UPDATED },
        { "JOB_STATE_DRAINING", BEAM_JOB_DRAINING }, { "JOB_STATE_DRAINED", BEAM_JOB_DRAINED }, { "JOB_STATE_PENDING", BEAM_JOB_STARTING },
        { "JOB_STATE_QUEUED", BEAM_JOB_STARTING }, { "JOB_STATE_CANCELLING", BEAM_JOB_CANCELLING },
        { "JOB_STATE_RESOURCE_CLEANING_UP", BEAM_JOB_CANCELLING },
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].state;
    return BEAM_JOB_UNSPECIFIED;
}

static struct dataflow_state read_state(const struct json_node *job)
{
    struct dataflow_state s = { 0 };
    snprintf(s.name, sizeof(s.name), "%s", json_doc_str(json_doc_get(job, "currentState"), "JOB_STATE_UNKNOWN"));
    snprintf(s.job_name, sizeof(s.job_name), "%s", json_doc_str(json_doc_get(job, "name"), ""));
    s.state = state_of(s.name);
    return s;
}

static void below_job(const char *job, const char *more, struct buf *out)
{
    buf_append_char(out, '/');
    percent_encode(bytes_str(job), out);
    buf_append_str(out, more);
}

bool dataflow_get(struct dataflow *d, const char *job, struct dataflow_state *ret_state, struct err *err)
{
    CLEANUP(buf_fini) struct buf below = { 0 };
    below_job(job, "", &below);
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = ask(d, "GET", buf_str(&below), (struct bytes) { 0 }, err);
    if (doc == NULL)
        return err_wrap(err, "jobs.get");
    *ret_state = read_state(json_doc_root(doc));
    return true;
}

bool dataflow_request(struct dataflow *d, const char *job, const char *state, struct err *err)
{
    CLEANUP(buf_fini) struct buf below = { 0 }, body = { 0 };
    below_job(job, "", &below);
    struct json_writer w = json_write_to(&body);
    json_write_object(&w, NULL);
    json_write_str(&w, "requestedState", bytes_str(state));
    json_write_end(&w);
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = ask(d, "PUT", buf_str(&below), buf_bytes(&body), err);
    return doc != NULL || err_wrap(err, "jobs.update");
}

bool dataflow_list(struct dataflow *d, void (*fn)(void *ctx, const char *id, const struct dataflow_state *state), void *ctx,
                   struct err *err)
{
    CLEANUP(buf_fini) struct buf below = { 0 };
    buf_append_str(&below, "?filter=ALL&pageSize=100");
    for (;;) {
        CLEANUP(json_doc_free_ptr) struct json_doc *doc = ask(d, "GET", buf_str(&below), (struct bytes) { 0 }, err);
        if (doc == NULL)
            return err_wrap(err, "jobs.list");
        const struct json_node *jobs = json_doc_get(json_doc_root(doc), "jobs");
        for (const struct json_node *n = json_doc_first(jobs); n != NULL; n = json_doc_next(n)) {
            struct dataflow_state s = read_state(n);
            fn(ctx, json_doc_str(json_doc_get(n, "id"), ""), &s);
        }
        const char *next = json_doc_str(json_doc_get(json_doc_root(doc), "nextPageToken"), "");
        if (next[0] == '\0')
            return true;
        buf_clear(&below);
        buf_append_str(&below, "?filter=ALL&pageSize=100&pageToken=");
        percent_encode(bytes_str(next), &below);
    }
}

/* ---- counters and messages ---- */

static uint64_t *place(struct job_counters *c, const char *name)
{
    const struct {
        const char *name;
        uint64_t *at;
    } all[] = { { "Fetched", &c->fetched }, { "FailedFetch", &c->failed_fetch }, { "Ingested", &c->ingested },
                { "FailedIngest", &c->failed_ingest } };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].at;
    return NULL;
}

/* Each counter comes twice: as committed, and as it may become ("tentative"). */
bool dataflow_counters(struct dataflow *d, const char *job, struct job_counters *ret_counters, struct err *err)
{
    CLEANUP(buf_fini) struct buf below = { 0 };
    below_job(job, "/metrics", &below);
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = ask(d, "GET", buf_str(&below), (struct bytes) { 0 }, err);
    if (doc == NULL)
        return err_wrap(err, "jobs.getMetrics");
    struct job_counters c = { 0 };
    const struct json_node *metrics = json_doc_get(json_doc_root(doc), "metrics");
    for (const struct json_node *n = json_doc_first(metrics); n != NULL; n = json_doc_next(n)) {
        const struct json_node *name = json_doc_get(n, "name"), *context = json_doc_get(name, "context");
        uint64_t *to = place(&c, json_doc_str(json_doc_get(name, "name"), ""));
        double value = json_doc_number(json_doc_get(n, "scalar"), -1);
        if (to == NULL || value < 0 || strcmp(json_doc_str(json_doc_get(context, "namespace"), ""), "HL7v2") != 0 ||
            json_doc_get(context, "tentative") != NULL)
            continue;
        *to += (uint64_t) value;
        c.any = true;
    }
    *ret_counters = c;
    return true;
}

static int importance_of(const char *name)
{
    static const char *const names[] = { "", "JOB_MESSAGE_DEBUG", "JOB_MESSAGE_DETAILED", "JOB_MESSAGE_BASIC", "JOB_MESSAGE_WARNING",
                                         "JOB_MESSAGE_ERROR" };
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (int) i;
    return 1;
}

bool dataflow_messages(struct dataflow *d, const char *job, struct buf *since,
                       void (*fn)(void *ctx, int importance, const char *text), void *ctx, struct err *err)
{
    CLEANUP(buf_fini) struct buf below = { 0 }, latest = { 0 };
    below_job(job, "/messages?minimumImportance=JOB_MESSAGE_BASIC", &below);
    if (since->len > 0) {
        buf_append_str(&below, "&startTime=");
        percent_encode(buf_bytes(since), &below);
    }
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = ask(d, "GET", buf_str(&below), (struct bytes) { 0 }, err);
    if (doc == NULL)
        return err_wrap(err, "jobs.messages.list");
    const struct json_node *messages = json_doc_get(json_doc_root(doc), "jobMessages");
    buf_append(&latest, buf_bytes(since));
    for (const struct json_node *n = json_doc_first(messages); n != NULL; n = json_doc_next(n)) {
        const char *time = json_doc_str(json_doc_get(n, "time"), "");
        CLEANUP(buf_fini) struct buf text = { 0 };
        if (strcmp(time, buf_str(since)) <= 0 && since->len > 0)
            continue;    /* startTime is inclusive */
        job_text_clean(bytes_str(json_doc_str(json_doc_get(n, "messageText"), "")), 2000, &text);
        fn(ctx, importance_of(json_doc_str(json_doc_get(n, "messageImportance"), "")), buf_str(&text));
        if (strcmp(time, buf_str(&latest)) > 0) {
            buf_clear(&latest);
            buf_append_str(&latest, time);
        }
    }
    buf_clear(since);
    buf_append(since, buf_bytes(&latest));
    return true;
}
