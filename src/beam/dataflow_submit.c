#include "beam/dataflow_submit.h"

#include "beam/dataflow.h"
#include "beam/dataflow_job.h"
#include "loop/entropy.h"

#include <inttypes.h>
#include <stdio.h>

enum { POLL_FIRST_MS = 200, POLL_S = 5, COUNTERS_S = 30 };

struct polling {
    const struct submit_conf *conf;
    struct dataflow *dataflow;
    struct submit_result *result;
    struct buf since;
    char state[40];
    int interrupts_seen;
    us_t counters_us, deadline_us;
    bool deadline_passed;
};

static void notice(struct polling *p, const char *text)
{
    p->conf->events->on_notice(p->conf->ctx, text);
}

static void on_message(void *ctx, int importance, const char *text)
{
    struct polling *p = ctx;
    p->conf->events->on_message(p->conf->ctx, importance, text);
}

static void request(struct polling *p, const char *state)
{
    struct err err = { 0 };
    if (!dataflow_request(p->dataflow, buf_str(&p->result->job), state, &err))
        notice(p, err.text);
}

static void on_interrupt(struct polling *p, int count)
{
    p->interrupts_seen = count;
    if (p->conf->interrupt == SUBMIT_DETACH || p->result->asked_to_stop) {
        p->result->detached = true;
        return;
    }
    p->result->asked_to_stop = true;
    bool drain = p->conf->interrupt == SUBMIT_DRAIN;
    notice(p, drain ? "draining the job; once more leaves it alone" :
           "cancelling the job: what it has taken and not finished is lost to it; once more leaves it alone");
    request(p, drain ? "JOB_STATE_DRAINING" : "JOB_STATE_CANCELLED");
}

/* One look; a look that fails for being late is not the job's end. */
static bool look(struct polling *p, struct err *err)
{
    struct dataflow_state state;
    struct job_counters counters = { 0 };
    us_t now = loop_now(p->conf->loop);
    const char *job = buf_str(&p->result->job);
    TRY(dataflow_messages(p->dataflow, job, &p->since, on_message, p, err));
    if (now >= p->counters_us) {
        p->counters_us = now + COUNTERS_S * US_PER_S;
        TRY(dataflow_counters(p->dataflow, job, &counters, err));
        if (counters.any) {
            p->result->counters = counters;
            p->conf->events->on_counters(p->conf->ctx, &counters);
        }
    }
    TRY(dataflow_get(p->dataflow, job, &state, err));
    if (strcmp(state.name, p->state) != 0) {
        snprintf(p->state, sizeof(p->state), "%s", state.name);
        p->conf->events->on_state(p->conf->ctx, strncmp(state.name, "JOB_STATE_", 10) == 0 ? state.name + 10 : state.name);
    }
    p->result->state = state.state;
    return true;
}

static bool is_late(const struct err *err)
{
    return err->class == ERR_TRANSIENT || err->class == ERR_THROTTLED || err->class == ERR_RESET || err->class == ERR_TIMEOUT ||
           err->class == ERR_REFUSED_CONNECT || err->class == ERR_DNS;
}

static bool poll(struct polling *p, struct err *err)
{
    us_t next_us = 0, pause_us = POLL_FIRST_MS * US_PER_MS;    /* a job is made within a minute: look often at first */
    while (!p->result->detached) {
        us_t now = loop_now(p->conf->loop);
        int interrupts = *p->conf->interrupts;
        if (interrupts > p->interrupts_seen)
            on_interrupt(p, interrupts);
        if (p->deadline_us != 0 && now >= p->deadline_us && !p->deadline_passed) {
            p->deadline_passed = true;
            notice(p, "the job did not end before its deadline; it is drained");
            request(p, "JOB_STATE_DRAINING");
        }
        if (now >= next_us) {
            struct err late = { 0 };
            next_us = now + pause_us;
            pause_us = MIN(pause_us + pause_us / 2, POLL_S * US_PER_S);
            if (!look(p, &late)) {
                if (!is_late(&late)) {
                    *err = late;
                    return err_wrap(err, "the job cannot be followed any more, and goes on");
                }
                notice(p, late.text);
            }
            if (job_state_is_end(p->result->state)) {
                p->counters_us = 0;
                (void) !look(p, &late);
                break;
            }
        }
        loop_pass(p->conf->loop, 100 * US_PER_MS);
    }
    if (p->deadline_passed)
        return FAIL(err, TIMEOUT, "the job did not end before its deadline");
    return true;
}

static void request_id(us_t wall_us, char out[64])
{
    snprintf(out, 64, "%" PRId64 "-%016" PRIx64, wall_us, entropy_u64());
}

bool dataflow_submit(const struct submit_conf *conf, struct submit_result *ret_result, struct err *err)
{
    char id[64];
    const struct config *c = conf->graph.config;
    *ret_result = (struct submit_result) { 0 };
    loop_pass(conf->loop, 0);
    request_id(loop_wall(conf->loop), id);
    const struct dataflow_job job = {
        .config = c, .image = conf->graph.environment.docker_image, .wall_us = loop_wall(conf->loop), .request_id = id
    };
    CLEANUP(buf_fini) struct buf pipeline = { 0 }, body = { 0 }, bucket = { 0 }, object = { 0 };
    graph_build(&conf->graph, &pipeline);
    dataflow_job_write(&job, buf_bytes(&pipeline), &body);
    dataflow_job_object(&job, "pipeline.pb", &bucket, &object);
    struct dataflow *d = dataflow_make(conf->loop, c, NULL, err);
    if (d == NULL)
        return false;
    bool ok = dataflow_upload(d, buf_bytes(&bucket), buf_bytes(&object), buf_bytes(&pipeline), err) &&
              dataflow_create(d, buf_bytes(&body), id, &ret_result->job, err);
    if (ok) {
        conf->events->on_submitted(conf->ctx, buf_str(&ret_result->job));
        ret_result->detached = conf->detach;
        struct polling p = { .conf = conf, .dataflow = d, .result = ret_result };
        if (conf->deadline_us > 0)
            p.deadline_us = loop_now(conf->loop) + conf->deadline_us;
        ok = poll(&p, err);
        buf_fini(&p.since);
    }
    dataflow_free(d);
    return ok;
}

bool dataflow_submit_dry_run(const struct graph_conf *graph, us_t wall_us, const char *dir, struct buf *ret_calls, struct err *err)
{
    char id[64];
    request_id(wall_us, id);
    const struct config *c = graph->config;
    const struct dataflow_job job = { .config = c, .image = graph->environment.docker_image, .wall_us = wall_us, .request_id = id };
    CLEANUP(buf_fini) struct buf pipeline = { 0 }, body = { 0 }, bucket = { 0 }, object = { 0 };
    graph_build(graph, &pipeline);
    dataflow_job_write(&job, buf_bytes(&pipeline), &body);
    dataflow_job_object(&job, "pipeline.pb", &bucket, &object);
    buf_append_char(&body, '\n');
    TRY(submit_write_file(dir, "pipeline.pb", buf_bytes(&pipeline), err));
    TRY(submit_write_file(dir, "job.json", buf_bytes(&body), err));
    buf_append_str(ret_calls, "POST ");
    dataflow_upload_url(c, buf_bytes(&bucket), buf_bytes(&object), ret_calls);
    buf_append_str(ret_calls, "\nPOST ");
    dataflow_jobs_url(c, ret_calls);
    static const char *const more[] = { "/messages", "/metrics", "" };
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        buf_append_str(ret_calls, "\nGET ");
        dataflow_jobs_url(c, ret_calls);
        buf_printf(ret_calls, "/JOB%s", more[i]);
    }
    buf_append_char(ret_calls, '\n');
    return true;
}
