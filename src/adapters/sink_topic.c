#include "adapters/sink_topic.h"

#include "adapters/dead_record.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pubsub/publisher.h"

#include <inttypes.h>
#include <stdio.h>

enum { BATCH_MAX = 100, ATTRIBUTES = 7 };

static const us_t publish_timeout_us = 30 * US_PER_S;

struct topic_job {
    struct list_link link;
    struct buf json;
    sink_done_fn *done;
    void *ctx;
};

/* One Publish under way. */
struct topic_call {
    struct list_link link;
    struct sink_topic *topic;
    struct pubsub_call *call;
    struct list jobs;
};

struct sink_topic {
    struct sink sink;
    struct pubsub_endpoint endpoint;
    struct buf topic;
    struct list waiting;      /* jobs */
    struct list calls;
    struct loop_task send;
    struct buf failed;        /* the last record that could not be published: what a probe tries again */
    size_t pending;
};

static void put(struct sink *s, const struct sink_record *r, sink_done_fn *done, void *ctx);
static void probe(struct sink *s, sink_done_fn *done, void *ctx);
static void close_sink(struct sink *s);
static size_t pending(const struct sink *s);
static void add_job(struct sink_topic *t, struct topic_job *job, sink_done_fn *done, void *ctx);
static void send_waiting(struct loop_task *task);
static void publish(struct sink_topic *t, struct topic_call *call);
static void on_published(void *ctx, const struct publisher_reply *reply);
static void answer(struct sink_topic *t, struct list *jobs, const struct err *err);
static void free_jobs(struct list *jobs);

struct sink *sink_topic_open(const struct pubsub_endpoint *endpoint, struct bytes topic)
{
    struct sink_topic *t = mem_alloc(sizeof(*t));
    t->sink = (struct sink) { put, probe, close_sink, pending };
    t->endpoint = *endpoint;
    t->send.fn = send_waiting;
    buf_append(&t->topic, topic);
    list_init(&t->waiting);
    list_init(&t->calls);
    return &t->sink;
}

static void put(struct sink *s, const struct sink_record *r, sink_done_fn *done, void *ctx)
{
    struct sink_topic *t = CONTAINER_OF(s, struct sink_topic, sink);
    struct topic_job *job = mem_alloc(sizeof(*job));
    dead_record_put_json(r, loop_wall(t->endpoint.loop), &job->json);
    add_job(t, job, done, ctx);
}

/* Nothing says as surely whether a record can be published as one that is: its id makes a second copy harmless. */
static void probe(struct sink *s, sink_done_fn *done, void *ctx)
{
    struct sink_topic *t = CONTAINER_OF(s, struct sink_topic, sink);
    struct topic_job *job = mem_alloc(sizeof(*job));
    buf_append(&job->json, buf_bytes(&t->failed));
    add_job(t, job, done, ctx);
}

static size_t pending(const struct sink *s)
{
    return CONTAINER_OF(s, struct sink_topic, sink)->pending;
}

static void add_job(struct sink_topic *t, struct topic_job *job, sink_done_fn *done, void *ctx)
{
    job->done = done;
    job->ctx = ctx;
    t->pending++;
    list_push_back(&t->waiting, &job->link);
    loop_task_post(t->endpoint.loop, &t->send);
}

static void send_waiting(struct loop_task *task)
{
    struct sink_topic *t = CONTAINER_OF(task, struct sink_topic, send);
    while (!list_is_empty(&t->waiting)) {
        struct topic_call *call = mem_alloc(sizeof(*call));
        call->topic = t;
        list_init(&call->jobs);
        while (!list_is_empty(&t->waiting) && call->jobs.count < BATCH_MAX)
            list_push_back(&call->jobs, list_pop_front(&t->waiting));
        list_push_back(&t->calls, &call->link);
        publish(t, call);
    }
}

struct topic_text {
    struct dead_record record;
    char status[24], attempts[24];
    struct pubsub_attribute attribute[ATTRIBUTES];
};

/* The attributes are slices of the record, which is our own and therefore sound. */
static size_t put_attributes(struct bytes json, struct topic_text *text)
{
    struct err err;
    struct dead_record *r = &text->record;
    CHECK(dead_record_read_json(json, r, &err));
    snprintf(text->status, sizeof(text->status), "%" PRId64, r->http);
    snprintf(text->attempts, sizeof(text->attempts), "%" PRId64, r->attempts);
    const struct pubsub_attribute all[ATTRIBUTES] = {
        { BYTES_LIT("kind"), r->kind }, { BYTES_LIT("id"), r->id }, { BYTES_LIT("reason"), r->reason },
        { BYTES_LIT("class"), r->class }, { BYTES_LIT("status"), bytes_str(text->status) },
        { BYTES_LIT("attempts"), bytes_str(text->attempts) }, { BYTES_LIT("stage"), r->stage },
    };
    memcpy(text->attribute, all, sizeof(all));
    return r->stage.len > 0 ? ATTRIBUTES : ATTRIBUTES - 1;
}

static void publish(struct sink_topic *t, struct topic_call *call)
{
    struct pubsub_message messages[BATCH_MAX];
    struct topic_text *texts = mem_alloc_n(call->jobs.count, sizeof(*texts));
    size_t count = 0;
    LIST_EACH (&call->jobs, link, after) {
        struct bytes json = buf_bytes(&CONTAINER_OF(link, struct topic_job, link)->json);
        if (json.len == 0)    /* a probe before anything failed */
            continue;
        size_t attributes = put_attributes(json, &texts[count]);
        messages[count] = (struct pubsub_message) { .data = json, .attributes = texts[count].attribute,
                                                    .attributes_count = attributes };
        count++;
    }
    if (count > 0) {
        call->call = publisher_publish(&t->endpoint, buf_bytes(&t->topic), messages, count, publish_timeout_us, on_published, call);
    } else {
        const struct err ok = { 0 };
        answer(t, &call->jobs, &ok);
        list_remove(&t->calls, &call->link);
        mem_free(call);
    }
    mem_free(texts);
}

static void on_published(void *ctx, const struct publisher_reply *reply)
{
    struct topic_call *call = ctx;
    struct sink_topic *t = call->topic;
    struct err err = { 0 };
    if (reply->answer.class != ERR_OK) {
        err_set(&err, ERR_DISK, "the dead-letter topic took no record: %s", reply->err->text);
        buf_clear(&t->failed);
        buf_append(&t->failed, buf_bytes(&CONTAINER_OF(call->jobs.head.next, struct topic_job, link)->json));
    }
    list_remove(&t->calls, &call->link);
    answer(t, &call->jobs, &err);
    mem_free(call);
}

static void answer(struct sink_topic *t, struct list *jobs, const struct err *err)
{
    LIST_EACH (jobs, link, after) {
        struct topic_job *job = CONTAINER_OF(link, struct topic_job, link);
        t->pending--;
        job->done(job->ctx, err);
    }
    free_jobs(jobs);
}

static void free_jobs(struct list *jobs)
{
    while (!list_is_empty(jobs)) {
        struct topic_job *job = CONTAINER_OF(list_pop_front(jobs), struct topic_job, link);
        buf_fini(&job->json);
        mem_free(job);
    }
}

static void close_sink(struct sink *s)
{
    struct sink_topic *t = CONTAINER_OF(s, struct sink_topic, sink);
    loop_task_cancel(t->endpoint.loop, &t->send);
    free_jobs(&t->waiting);
    while (!list_is_empty(&t->calls)) {
        struct topic_call *call = CONTAINER_OF(list_pop_front(&t->calls), struct topic_call, link);
        pubsub_call_cancel(call->call);
        free_jobs(&call->jobs);
        mem_free(call);
    }
    buf_fini(&t->failed);
    buf_fini(&t->topic);
    mem_free(t);
}
