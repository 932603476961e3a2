#include "beam/submit.h"

#include "base/limits.h"
#include "beam/job_options.h"
#include "net/host_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { COUNTERS_S = 2, QUIET_S = 120, STOPPING_S = 120 };

struct following {
    const struct submit_conf *conf;
    struct job_client *client;
    struct submit_result *result;
    bool ended;                  /* the message stream is over */
    struct err stream;
    int interrupts_seen;
    us_t counters_us, moved_us, deadline_us, give_up_us;
    bool stop_asked_by_us;       /* deadline, or our workers are gone */
    struct err why;
};

static void follow(struct following *f);

static const char *host_text(struct buf *out, const char *host, uint16_t port)
{
    host_port_write(host, port, out);
    return buf_str(out);
}

void submit_result_fini(struct submit_result *r)
{
    buf_fini(&r->job);
}

void submit_endpoint(const struct config *c, enum beam_runner runner, const char **ret_host, uint16_t *ret_port)
{
    static struct host_port given;
    if (c->job_endpoint[0] != '\0' && host_port_parse(bytes_str(c->job_endpoint), 0, &given)) {
        *ret_host = given.host;
        *ret_port = given.port;
        return;
    }
    *ret_host = "localhost";
    *ret_port = beam_runner_policy(runner)->job_port;
}

bool submit_job(const struct submit_conf *conf, struct submit_result *ret_result, struct err *err)
{
    const struct config *c = conf->graph.config;
    const char *host;
    uint16_t port;
    submit_endpoint(c, conf->graph.runner, &host, &port);
    CLEANUP(buf_fini) struct buf pipeline = { 0 }, preparation = { 0 };
    CLEANUP(keep_fini) struct keep keep = { 0 };
    graph_build(&conf->graph, &pipeline);
    *ret_result = (struct submit_result) { 0 };
    struct job_client *client = job_client_make(conf->loop, host, port, NULL);
    bool ok = job_client_prepare(client, buf_bytes(&pipeline), job_options_build(&keep, c, conf->graph.runner), c->job_name,
                                 &preparation, err) &&
              job_client_run(client, buf_str(&preparation), &ret_result->job, err);
    if (ok) {
        conf->events->on_submitted(conf->ctx, buf_str(&ret_result->job));
        ret_result->detached = conf->detach;
    }
    if (ok && !conf->detach) {
        struct following f = { .conf = conf, .client = client, .result = ret_result, .moved_us = loop_now(conf->loop) };
        follow(&f);
        ok = f.why.class == ERR_OK;
        if (!ok)
            *err = f.why;
    }
    job_client_free(client);
    return ok;
}

/* ---- following ---- */

static void on_message(void *ctx, int importance, const char *text)
{
    struct following *f = ctx;
    f->conf->events->on_message(f->conf->ctx, importance, text);
}

static void on_state(void *ctx, enum beam_job_state state)
{
    struct following *f = ctx;
    if (state == f->result->state)
        return;
    f->result->state = state;
    f->moved_us = loop_now(f->conf->loop);
    f->conf->events->on_state(f->conf->ctx, job_state_name(state));
}

static void on_end(void *ctx, const struct err *err)
{
    struct following *f = ctx;
    f->ended = true;
    f->stream = *err;
}

static void notice(struct following *f, const char *text)
{
    f->conf->events->on_notice(f->conf->ctx, text);
}

static void read_counters(struct following *f)
{
    struct job_counters now = { 0 };
    struct err err = { 0 };
    f->counters_us = loop_now(f->conf->loop) + COUNTERS_S * US_PER_S;
    if (!job_client_counters(f->client, buf_str(&f->result->job), &now, &err) || !now.any)
        return;
    const struct job_counters *before = &f->result->counters;
    if (before->any && now.fetched == before->fetched && now.failed_fetch == before->failed_fetch &&
        now.ingested == before->ingested && now.failed_ingest == before->failed_ingest)
        return;
    f->result->counters = now;
    f->moved_us = loop_now(f->conf->loop);
    f->conf->events->on_counters(f->conf->ctx, &now);
}

static void ask_to_stop(struct following *f, bool drain)
{
    struct err err = { 0 };
    const char *job = buf_str(&f->result->job);
    bool ok = drain ? job_client_drain(f->client, job, &err) : job_client_cancel(f->client, job, &err);
    if (!ok && drain && err.grpc == 12) {    /* UNIMPLEMENTED: Prism, and Flink's job server */
        notice(f, "this runner cannot drain; the job is cancelled: what is not acknowledged comes again");
        ok = job_client_cancel(f->client, job, &err);
    }
    f->give_up_us = loop_now(f->conf->loop) + STOPPING_S * US_PER_S;
    if (!ok)
        notice(f, err.text);
}

static void on_interrupt(struct following *f, int count)
{
    f->interrupts_seen = count;
    if (f->conf->interrupt == SUBMIT_DETACH || f->result->asked_to_stop) {
        f->result->detached = true;
        return;
    }
    f->result->asked_to_stop = true;
    notice(f, f->conf->interrupt == SUBMIT_DRAIN ? "draining the job; once more leaves it alone" :
           "cancelling the job; once more leaves it alone");
    ask_to_stop(f, f->conf->interrupt == SUBMIT_DRAIN);
}

static void stop_for(struct following *f, enum err_class class, const char *why)
{
    if (f->stop_asked_by_us)
        return;
    f->stop_asked_by_us = true;
    err_set(&f->why, class, "%s; the job was told to cancel", why);
    ask_to_stop(f, false);
}

static void look_around(struct following *f)
{
    us_t now = loop_now(f->conf->loop);
    int interrupts = *f->conf->interrupts;
    if (interrupts > f->interrupts_seen)
        on_interrupt(f, interrupts);
    if (f->deadline_us != 0 && now >= f->deadline_us)
        stop_for(f, ERR_TIMEOUT, "the job did not end before its deadline");
    if (f->conf->workers_live != NULL && !f->conf->workers_live(f->conf->ctx) && !job_state_is_end(f->result->state))
        stop_for(f, ERR_INTERNAL, "the workers of this job have ended");
    if (now >= f->counters_us && beam_runner_policy(f->conf->graph.runner)->live_counters)
        read_counters(f);
    if (now - f->moved_us > QUIET_S * US_PER_S && beam_runner_policy(f->conf->graph.runner)->live_counters) {
        f->moved_us = now;
        notice(f, "no counter has moved for two minutes: either there is nothing to do, or no worker is left (look at its log)");
    }
    if (f->give_up_us != 0 && now > f->give_up_us && f->why.class == ERR_OK)
        err_set(&f->why, ERR_TIMEOUT, "the job server said yes to the stop and the job goes on; stop it with the runner's own tools");
}

static void follow(struct following *f)
{
    static const struct job_watch_events events = { on_message, on_state, on_end };
    const char *job = buf_str(&f->result->job);
    if (f->conf->deadline_us > 0)
        f->deadline_us = loop_now(f->conf->loop) + f->conf->deadline_us;
    job_client_watch(f->client, job, &events, f);
    while (!f->ended && !f->result->detached && (f->give_up_us == 0 || loop_now(f->conf->loop) <= f->give_up_us)) {
        loop_pass(f->conf->loop, 100 * US_PER_MS);
        look_around(f);
    }
    if (f->result->detached || !f->ended)
        return;
    enum beam_job_state state = f->result->state;
    struct err err = { 0 };
    if (job_client_state(f->client, job, &state, &err))
        on_state(f, state);
    read_counters(f);
    if (!job_state_is_end(f->result->state) && f->why.class == ERR_OK) {
        f->why = f->stream.class != ERR_OK ? f->stream : err;
        if (f->why.class == ERR_OK)
            err_set(&f->why, ERR_RESET, "the job server ended its messages and the job has not ended");
        else
            err_wrap(&f->why, "the job cannot be followed any more, and may go on");
    }
}

/* ---- dry run ---- */

bool submit_write_file(const char *dir, const char *name, struct bytes content, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/%s", dir, name);
    int fd = open(buf_str(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    size_t done = 0;
    while (fd >= 0 && done < content.len) {
        ssize_t n = write(fd, content.ptr + done, content.len - done);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t) n : 0;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    return (fd >= 0 && done == content.len) || FAIL(err, DISK, "cannot write %s: %s", buf_str(&path), strerror(why));
}

bool submit_dry_run(const struct graph_conf *graph, const char *dir, struct buf *ret_calls, struct err *err)
{
    const struct config *c = graph->config;
    CLEANUP(buf_fini) struct buf pipeline = { 0 }, job = { 0 }, place = { 0 };
    CLEANUP(keep_fini) struct keep keep = { 0 };
    const char *host;
    uint16_t port;
    submit_endpoint(c, graph->runner, &host, &port);
    graph_build(graph, &pipeline);
    struct json_writer w = json_write_to(&job);
    json_write_object(&w, NULL);
    json_write_str(&w, "job_endpoint", bytes_str(host_text(&place, host, port)));
    json_write_str(&w, "job_name", bytes_str(c->job_name));
    job_options_write(&w, "pipeline_options", job_options_build(&keep, c, graph->runner));
    json_write_end(&w);
    buf_append_char(&job, '\n');
    TRY(submit_write_file(dir, "pipeline.pb", buf_bytes(&pipeline), err));
    TRY(submit_write_file(dir, "job.json", buf_bytes(&job), err));
    static const char *const calls[] = { "Prepare", "Run", "GetMessageStream", "GetJobMetrics", "GetState" };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        buf_printf(ret_calls, "%s org.apache.beam.model.job_management.v1.JobService/%s\n", buf_str(&place), calls[i]);
    return true;
}
