/* `hl7relay submit`: the relay as a job of a Beam runner. */
#include "beam/dataflow_submit.h"
#include "cmd/print.h"
#include "cmd/submit_parts.h"
#include "cmd/submit_show.h"
#include "loop/clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct submitting {
    struct submit_show show;    /* first: it is the events' ctx */
    struct submit_parts parts;
};

static bool pool_lives(void *ctx)
{
    struct submitting *s = ctx;
    return child_is_running(&s->parts.pool);
}

static enum submit_interrupt interrupt_of(const struct invocation *in, const struct config *c)
{
    const char *how = opt_str(in->values, OPT_on_interrupt);
    if (strcmp(how, "cancel") == 0)
        return SUBMIT_CANCEL;
    if (strcmp(how, "drain") == 0)
        return SUBMIT_DRAIN;
    if (strcmp(how, "detach") == 0)
        return SUBMIT_DETACH;
    return strcmp(c->runner, "DataflowRunner") == 0 ? SUBMIT_DETACH : SUBMIT_CANCEL;
}

static int dry_run(struct submitting *s, const char *dir, struct err *err)
{
    CLEANUP(buf_fini) struct buf calls = { 0 };
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return err_set(err, ERR_DISK, "cannot make %s: %s", dir, strerror(errno)), CMD_EXIT_CANT_CREATE;
    const struct graph_conf *g = &s->parts.graph;
    bool google = g->runner == BEAM_RUNNER_DATAFLOW;
    if (!(google ? dataflow_submit_dry_run(g, clock_wall(), dir, &calls, err) : submit_dry_run(g, dir, &calls, err)))
        return exit_for(err);
    submit_show_line(&s->show, "%s/pipeline.pb and %s/job.json are written; nothing was called. It would be, in this order:", dir, dir);
    print_out(&calls);
    return CMD_EXIT_OK;
}

static int exit_of(const struct submit_result *r)
{
    if (r->detached || r->state == BEAM_JOB_DRAINED || (r->state == BEAM_JOB_CANCELLED && r->asked_to_stop))
        return CMD_EXIT_OK;
    if (r->state != BEAM_JOB_DONE)
        return CMD_EXIT_FAILURE;
    return r->counters.failed_fetch + r->counters.failed_ingest > 0 ? CMD_EXIT_DEAD_LETTERS : CMD_EXIT_OK;
}

static int submit(struct submitting *s, const struct invocation *in, const struct config *c, struct err *err)
{
    struct loop *loop = loop_make(err);
    if (loop == NULL)
        return CMD_EXIT_SOFTWARE;
    bool ours = s->parts.pool.pid != 0;
    struct submit_result result = { 0 };
    const struct submit_conf conf = {
        .loop = loop, .graph = s->parts.graph, .detach = opt_bool(in->values, OPT_detach), .interrupt = interrupt_of(in, c),
        .deadline_us = opt_int(in->values, OPT_deadline), .interrupts = submit_interrupts(),
        .workers_live = ours ? pool_lives : NULL, .events = &submit_show_events, .ctx = s,
    };
    bool google = conf.graph.runner == BEAM_RUNNER_DATAFLOW;
    bool ok = google ? dataflow_submit(&conf, &result, err) : submit_job(&conf, &result, err);
    if (result.job.len > 0)
        submit_show_end(&s->show, &result);
    int code = ok ? exit_of(&result) : exit_for(err);
    submit_result_fini(&result);
    loop_pass(loop, 0);
    loop_free(loop);
    return code;
}

int submit_command(const struct invocation *in, const struct config *c)
{
    struct err err = { 0 };
    struct submitting s = { .show = submit_show_make(in, c->runner) };
    const char *dir = opt_str(in->values, OPT_submit_dry_run);
    int code;
    if (opt_bool(in->values, OPT_detach) && strcmp(c->environment, "LOOPBACK") == 0) {
        err_set(&err, ERR_USAGE, "--detach would take the workers of a LOOPBACK job away; use environment_type EXTERNAL, PROCESS or DOCKER");
        code = CMD_EXIT_USAGE;
    } else if (!submit_parts_make(&s.parts, c, dir[0] != '\0', &err)) {
        code = exit_for(&err);
    } else if (dir[0] != '\0') {
        code = dry_run(&s, dir, &err);
    } else {
        code = submit(&s, in, c, &err);
    }
    if (err.class != ERR_OK)
        print_error(&err);
    const char *kept = submit_parts_fini(&s.parts, code != CMD_EXIT_OK && code != CMD_EXIT_DEAD_LETTERS);
    if (kept[0] != '\0')
        submit_show_line(&s.show, "what the workers said is in %s", kept);
    return code;
}

int cmd_submit(const struct invocation *in)
{
    struct config *c = submit_config(in);
    if (c == NULL)
        return CMD_EXIT_CONFIG;
    int code = submit_command(in, c);
    config_free(c);
    return code;
}
