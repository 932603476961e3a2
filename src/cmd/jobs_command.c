/* `hl7relay jobs`: list, show, drain and cancel jobs of a Beam runner. */
#include "beam/dataflow.h"
#include "beam/submit.h"
#include "cmd/print.h"
#include "cmd/submit_parts.h"
#include "json/write.h"

#include <inttypes.h>
#include <stdio.h>

enum verb { LIST, SHOW, DRAIN, CANCEL, VERBS };
static const char *const verbs[] = { [LIST] = "list", [SHOW] = "show", [DRAIN] = "drain", [CANCEL] = "cancel" };

struct jobs {
    const struct invocation *in;
    const struct config *config;
    enum verb verb;
    const char *job;
    bool json;
    size_t count;
};

static void show_job(struct jobs *j, const char *id, const char *name, const char *state, const struct job_counters *c)
{
    j->count++;
    if (!j->json) {
        printf("%s  %s  %s\n", id, state, name);
        if (c != NULL && c->any)
            printf("HL7v2/Fetched %" PRIu64 "\nHL7v2/FailedFetch %" PRIu64 "\nHL7v2/Ingested %" PRIu64 "\nHL7v2/FailedIngest %" PRIu64 "\n",
                   c->fetched, c->failed_fetch, c->ingested, c->failed_ingest);
        return;
    }
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", BYTES_LIT("job"));
    json_write_str(&w, "job", bytes_str(id));
    json_write_str(&w, "name", bytes_str(name));
    json_write_str(&w, "state", bytes_str(state));
    if (c != NULL && c->any) {
        json_write_int(&w, "Fetched", (int64_t) c->fetched);
        json_write_int(&w, "FailedFetch", (int64_t) c->failed_fetch);
        json_write_int(&w, "Ingested", (int64_t) c->ingested);
        json_write_int(&w, "FailedIngest", (int64_t) c->failed_ingest);
    }
    json_write_end(&w);
    printf("%s\n", buf_str(&out));
}

/* ---- Job API ---- */

static void on_job(void *ctx, const struct job_info *info)
{
    show_job(ctx, info->id, info->name, job_state_name(info->state), NULL);
}

static bool job_api(struct jobs *j, struct loop *loop, enum beam_runner runner, struct err *err)
{
    const char *host;
    uint16_t port;
    enum beam_job_state state;
    struct job_counters counters = { 0 };
    submit_endpoint(j->config, runner, &host, &port);
    struct job_client *client = job_client_make(loop, host, port, submit_interrupts());
    bool ok = false;
    switch (j->verb) {
    case LIST:
        ok = job_client_list(client, on_job, j, err);
        break;
    case SHOW:
        ok = job_client_state(client, j->job, &state, err) && job_client_counters(client, j->job, &counters, err);
        if (ok)
            show_job(j, j->job, "", job_state_name(state), &counters);
        break;
    case DRAIN:
        ok = job_client_drain(client, j->job, err);
        if (!ok && err->class == ERR_UNIMPLEMENTED)
            err_wrap(err, "this runner cannot drain; `hl7relay jobs cancel` loses nothing, as what is not acknowledged comes again");
        break;
    case CANCEL:
        ok = job_client_cancel(client, j->job, err);
        break;
    case VERBS:
        break;
    }
    job_client_free(client);
    return ok;
}

/* ---- Dataflow ---- */

static void on_dataflow_job(void *ctx, const char *id, const struct dataflow_state *state)
{
    show_job(ctx, id, state->job_name, state->name, NULL);
}

static bool dataflow(struct jobs *j, struct loop *loop, struct err *err)
{
    struct dataflow_state state;
    struct job_counters counters = { 0 };
    if (j->verb == CANCEL && !opt_bool(j->in->values, OPT_yes))
        return FAIL(err, USAGE, "cancelling a Dataflow job loses what it has acknowledged and not yet written; `hl7relay jobs drain %.80s` "
                    "finishes that first. To cancel all the same, add --yes", j->job);
    struct dataflow *d = dataflow_make(loop, j->config, submit_interrupts(), err);
    if (d == NULL)
        return false;
    bool ok = false;
    switch (j->verb) {
    case LIST:
        ok = dataflow_list(d, on_dataflow_job, j, err);
        break;
    case SHOW:
        ok = dataflow_get(d, j->job, &state, err) && dataflow_counters(d, j->job, &counters, err);
        if (ok)
            show_job(j, j->job, state.job_name, state.name, &counters);
        break;
    case DRAIN:
    case CANCEL:
        ok = dataflow_request(d, j->job, j->verb == DRAIN ? "JOB_STATE_DRAINING" : "JOB_STATE_CANCELLED", err);
        break;
    case VERBS:
        break;
    }
    dataflow_free(d);
    return ok;
}

static bool run(struct jobs *j, struct err *err)
{
    enum beam_runner runner;
    if (!beam_runner_find(bytes_str(j->config->runner), &runner))
        return FAIL(err, USAGE, "jobs are a Beam runner's: name it with --runner, or with \"runner\" in the configuration");
    struct loop *loop = loop_make(err);
    if (loop == NULL)
        return false;
    bool ok = runner == BEAM_RUNNER_DATAFLOW ? dataflow(j, loop, err) : job_api(j, loop, runner, err);
    loop_pass(loop, 0);
    loop_free(loop);
    if (ok && !j->json && j->verb == LIST && j->count == 0)
        fprintf(stderr, "%s knows no jobs\n", j->config->runner);
    if (ok && !j->json && j->verb >= DRAIN)
        fprintf(stderr, "%s was asked to %s %s; `hl7relay jobs show` says when it has\n", j->config->runner, verbs[j->verb], j->job);
    return ok;
}

static bool read_words(struct jobs *j, struct err *err)
{
    const char *word = j->in->args_count > 0 ? j->in->args[0] : "";
    j->verb = LIST;
    while (j->verb < VERBS && strcmp(verbs[j->verb], word) != 0)
        j->verb++;
    if (j->verb == VERBS)
        return FAIL(err, USAGE, "`hl7relay jobs` wants list, show JOB, drain JOB or cancel JOB");
    size_t wanted = j->verb == LIST ? 1 : 2;
    if (j->in->args_count != wanted && wanted == 1)
        return FAIL(err, USAGE, "`hl7relay jobs list` takes nothing more");
    if (j->in->args_count != wanted)
        return FAIL(err, USAGE, "`hl7relay jobs %s` wants one job id; `hl7relay jobs list` shows them", word);
    j->job = wanted == 2 ? j->in->args[1] : "";
    return true;
}

int cmd_jobs(const struct invocation *in)
{
    struct err err = { 0 };
    struct jobs j = { .in = in, .json = opt_bool(in->values, OPT_json) };
    struct config *c = NULL;
    if (!read_words(&j, &err)) {
        print_error(&err);
        return CMD_EXIT_USAGE;
    }
    c = submit_config(in);
    if (c == NULL)
        return CMD_EXIT_CONFIG;
    j.config = c;
    bool ok = run(&j, &err);
    if (!ok)
        print_error(&err);
    config_free(c);
    return ok ? CMD_EXIT_OK : exit_for(&err);
}
