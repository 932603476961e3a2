#include "beam/job_client.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "grpc/grpc_client.h"
#include "loop/resolve.h"

#include <stdio.h>

#define METHOD(name) "/org.apache.beam.model.job_management.v1.JobService/" name

enum { CALL_S = 60, RUNNER_WORDS = 200 };

struct job_client {
    struct loop *loop;
    struct resolver *resolver;
    struct h2_pool *pool;
    const volatile int *stop;
    char place[80];                /* "localhost:8073" */
    struct grpc_call *watch;
    struct job_watch_events events;
    void *ctx;
};

struct job_client *job_client_make(struct loop *l, const char *host, uint16_t port, const volatile int *stop)
{
    struct job_client *j = mem_alloc(sizeof(*j));
    j->loop = l;
    j->stop = stop;
    j->resolver = resolver_make(l);
    j->pool = h2_pool_make(l, j->resolver, &(struct h2_pool_conf) {
        .host = host, .port = port, .connections_max = 1, .streams_max = LIMIT_STREAMS, .connect_timeout_us = 10 * US_PER_S,
        .idle_ping_us = 30 * US_PER_S,
    });
    snprintf(j->place, sizeof(j->place), "%.60s:%u", host, (unsigned) port);
    return j;
}

void job_client_free(struct job_client *j)
{
    if (j == NULL)
        return;
    if (j->watch != NULL)
        grpc_call_cancel(j->watch);
    h2_pool_free(j->pool);
    resolver_free(j->resolver);
    mem_free(j);
}

void job_text_clean(struct bytes text, size_t max, struct buf *out)
{
    for (size_t i = 0; i < text.len && i < max; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        buf_append_char(out, c < 0x20 || c == 0x7f ? ' ' : (char) c);
    }
    if (text.len > max)
        buf_append_str(out, " ...");
}

/* ---- one call ---- */

struct waiting {
    bool done;
    struct err err;
    struct buf reply, words;
};

static void on_message(void *ctx, struct bytes message)
{
    struct waiting *w = ctx;
    buf_clear(&w->reply);
    buf_append(&w->reply, message);
}

static void on_done(void *ctx, const struct grpc_result *result)
{
    struct waiting *w = ctx;
    w->done = true;
    w->err = result->err;
    job_text_clean(result->message, RUNNER_WORDS, &w->words);
}

static void waiting_fini(struct waiting *w)
{
    buf_fini(&w->reply);
    buf_fini(&w->words);
}

static bool ask(struct job_client *j, const char *method, struct bytes request, struct waiting *w, struct err *err)
{
    static const struct grpc_call_events events = { .on_message = on_message, .on_done = on_done };
    struct grpc_call *call = grpc_call_unary(j->pool, &(struct grpc_call_conf) {
        .method = method, .deadline_us = loop_now(j->loop) + CALL_S * US_PER_S, .message_max = LIMIT_GRPC_MESSAGE,
    }, request, &events, w);
    while (!w->done && (j->stop == NULL || *j->stop == 0))
        loop_pass(j->loop, 100 * US_PER_MS);
    const char *name = strrchr(method, '/') + 1;
    if (!w->done) {
        grpc_call_cancel(call);
        return FAIL(err, CANCELLED, "%s: interrupted before the job server answered", name);
    }
    if (w->err.class == ERR_OK)
        return true;
    *err = w->err;
    if (w->words.len > 0)
        return err_set(err, (enum err_class) w->err.class, "%s at the job server %s: %s", name, j->place, buf_str(&w->words));
    return err_wrap(err, "the job server %s", j->place);
}

static bool ask_message(struct job_client *j, const char *method, const ProtobufCMessage *m, struct waiting *w, struct err *err)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    size_t len = protobuf_c_message_get_packed_size(m);
    CHECK(protobuf_c_message_pack(m, (uint8_t *) buf_reserve(&request, len + 1)) == len);
    request.len = len;
    return ask(j, method, buf_bytes(&request), w, err);
}

static bool ask_about(struct job_client *j, const char *method, const char *job, struct waiting *w, struct err *err)
{
    Beam__JobIdRequest request = BEAM__JOB_ID_REQUEST__INIT;
    request.job_id = (char *) job;
    return ask_message(j, method, &request.base, w, err);
}

static bool unreadable(const char *what, struct err *err)
{
    return FAIL(err, BAD_REPLY, "%s: the job server's answer cannot be read; is this Beam's Job API?", what);
}

#define UNPACK(prefix, b) prefix##__unpack(NULL, (b)->len, (const uint8_t *) buf_str(b))

/* ---- the calls ---- */

bool job_client_prepare(struct job_client *j, struct bytes pipeline, const Beam__Struct *options, const char *name,
                        struct buf *ret_preparation, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    Beam__PrepareJobRequest request = BEAM__PREPARE_JOB_REQUEST__INIT;
    request.pipeline = beam__pipeline__unpack(NULL, pipeline.len, (const uint8_t *) pipeline.ptr);
    CHECK(request.pipeline != NULL);    /* ours */
    request.pipeline_options = (Beam__Struct *) options;
    request.job_name = (char *) name;
    bool ok = ask_message(j, METHOD("Prepare"), &request.base, &w, err);
    beam__pipeline__free_unpacked(request.pipeline, NULL);
    TRY(ok);
    Beam__PrepareJobResponse *reply = UNPACK(beam__prepare_job_response, &w.reply);
    if (reply == NULL)
        return unreadable("Prepare", err);
    buf_append_str(ret_preparation, reply->preparation_id);
    beam__prepare_job_response__free_unpacked(reply, NULL);
    return true;
}

bool job_client_run(struct job_client *j, const char *preparation, struct buf *ret_job, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    Beam__RunJobRequest request = BEAM__RUN_JOB_REQUEST__INIT;
    request.preparation_id = (char *) preparation;
    TRY(ask_message(j, METHOD("Run"), &request.base, &w, err));
    Beam__RunJobResponse *reply = UNPACK(beam__run_job_response, &w.reply);
    if (reply == NULL)
        return unreadable("Run", err);
    buf_append_str(ret_job, reply->job_id);
    beam__run_job_response__free_unpacked(reply, NULL);
    return true;
}

bool job_client_state(struct job_client *j, const char *job, enum beam_job_state *ret_state, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    TRY(ask_about(j, METHOD("GetState"), job, &w, err));
    Beam__JobStateEvent *reply = UNPACK(beam__job_state_event, &w.reply);
    if (reply == NULL)
        return unreadable("GetState", err);
    *ret_state = (enum beam_job_state) reply->state;
    beam__job_state_event__free_unpacked(reply, NULL);
    return true;
}

bool job_client_cancel(struct job_client *j, const char *job, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    return ask_about(j, METHOD("Cancel"), job, &w, err);
}

bool job_client_drain(struct job_client *j, const char *job, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    return ask_about(j, METHOD("Drain"), job, &w, err);
}

bool job_client_counters(struct job_client *j, const char *job, struct job_counters *ret_counters, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    TRY(ask_about(j, METHOD("GetJobMetrics"), job, &w, err));
    return job_counters_read(buf_bytes(&w.reply), ret_counters) || unreadable("GetJobMetrics", err);
}

bool job_client_list(struct job_client *j, void (*fn)(void *ctx, const struct job_info *info), void *ctx, struct err *err)
{
    CLEANUP(waiting_fini) struct waiting w = { 0 };
    TRY(ask(j, METHOD("GetJobs"), (struct bytes) { 0 }, &w, err));
    Beam__GetJobsResponse *reply = UNPACK(beam__get_jobs_response, &w.reply);
    if (reply == NULL)
        return unreadable("GetJobs", err);
    for (size_t i = 0; i < reply->n_job_info; i++) {
        const Beam__JobInfo *info = reply->job_info[i];
        fn(ctx, &(struct job_info) { info->job_id, info->job_name, (enum beam_job_state) info->state });
    }
    beam__get_jobs_response__free_unpacked(reply, NULL);
    return true;
}

/* ---- messages and states as they come ---- */

static void watch_message(void *ctx, struct bytes message)
{
    struct job_client *j = ctx;
    Beam__JobMessagesResponse *m = beam__job_messages_response__unpack(NULL, message.len, (const uint8_t *) message.ptr);
    if (m == NULL)
        return;
    if (m->response_case == BEAM__JOB_MESSAGES_RESPONSE__RESPONSE_MESSAGE_RESPONSE) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        job_text_clean(bytes_str(m->message_response->message_text), 2000, &text);
        j->events.on_message(j->ctx, m->message_response->importance, buf_str(&text));
    } else if (m->response_case == BEAM__JOB_MESSAGES_RESPONSE__RESPONSE_STATE_RESPONSE) {
        j->events.on_state(j->ctx, (enum beam_job_state) m->state_response->state);
    }
    beam__job_messages_response__free_unpacked(m, NULL);
}

static void watch_done(void *ctx, const struct grpc_result *result)
{
    struct job_client *j = ctx;
    j->watch = NULL;
    j->events.on_end(j->ctx, &result->err);
}

void job_client_watch(struct job_client *j, const char *job, const struct job_watch_events *events, void *ctx)
{
    static const struct grpc_call_events call_events = { .on_message = watch_message, .on_done = watch_done };
    CHECK(j->watch == NULL);
    j->events = *events;
    j->ctx = ctx;
    Beam__JobIdRequest request = BEAM__JOB_ID_REQUEST__INIT;
    request.job_id = (char *) job;
    CLEANUP(buf_fini) struct buf packed = { 0 };
    size_t len = beam__job_id_request__get_packed_size(&request);
    beam__job_id_request__pack(&request, (uint8_t *) buf_reserve(&packed, len + 1));
    packed.len = len;
    j->watch = grpc_call_stream(j->pool, &(struct grpc_call_conf) {
        .method = METHOD("GetMessageStream"), .deadline_us = US_NEVER, .message_max = LIMIT_GRPC_MESSAGE,
    }, &call_events, j);
    grpc_call_send(j->watch, buf_bytes(&packed));
    grpc_call_send_end(j->watch);
}

const char *job_state_name(enum beam_job_state state)
{
    static const char *const names[] = {
        "UNSPECIFIED", "STOPPED", "RUNNING", "DONE", "FAILED", "CANCELLED", "UPDATED", "DRAINING", "DRAINED", "STARTING",
        "CANCELLING", "UPDATING"
    };
    return (size_t) state < ARRAY_LEN(names) ? names[state] : "UNKNOWN";
}

bool job_state_is_end(enum beam_job_state state)
{
    return state == BEAM_JOB_DONE || state == BEAM_JOB_FAILED || state == BEAM_JOB_CANCELLED || state == BEAM_JOB_UPDATED ||
           state == BEAM_JOB_DRAINED;
}
