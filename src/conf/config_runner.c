/* What a Beam runner needs of a configuration, and what it cannot do (docs/BEAM.md has the reasons). */
#include "conf/config_internal.h"

#include <stdio.h>

static void check_environment(struct conf_work *w, struct config *c);
static void check_sink(struct conf_work *w, struct config *c);
static void check_source(struct conf_work *w, struct config *c);
static void check_flink(struct conf_work *w, struct config *c);
static void check_dataflow(struct conf_work *w, struct config *c);

static bool is(const struct config *c, const char *runner)
{
    return strcmp(c->runner, runner) == 0;
}

void conf_set_runner(struct config *c)
{
    if (is(c, "local") || is(c, "DirectRunner"))
        c->runner = "direct";
    c->direct = is(c, "direct");
    c->bounded = opt_str(c->values, OPT_names)[0] != '\0';
    c->environment = "";
    if (c->direct)
        return;
    const char *usual = is(c, "DataflowRunner") ? "DOCKER" : is(c, "FlinkRunner") ? "PROCESS" : "LOOPBACK";
    c->environment = c->environment_type[0] != '\0' ? c->environment_type : usual;
}

void conf_check_runner(struct conf_work *w, struct config *c)
{
    if (c->min_num_workers > c->max_num_workers)
        conf_fault_at(w, CONF_CONTRADICTION, OPT_min_num_workers, "min_num_workers is larger than max_num_workers");
    if (c->direct)
        return;
    check_environment(w, c);
    check_sink(w, c);
    check_source(w, c);
    if (is(c, "FlinkRunner"))
        check_flink(w, c);
    if (is(c, "DataflowRunner"))
        check_dataflow(w, c);
    const char *host;
    uint16_t port;
    if (c->job_endpoint[0] != '\0' && (!conf_host_port(c, bytes_str(c->job_endpoint), &host, &port) || port == 0))
        conf_fault_at(w, CONF_ENDPOINT, OPT_job_endpoint, "job_endpoint must be HOST:PORT");
    for (size_t i = 0; i < c->experiments.count; i++)
        if (strncmp(c->experiments.at[i], "pre_optimize=", 13) == 0)
            conf_fault_at(w, CONF_RUNNER, OPT_experiments, "experiments: %s may break the fusion of fetch and write, which keeps "
                          "messages out of the runner", "pre_optimize");
}

static void check_environment(struct conf_work *w, struct config *c)
{
    static const char types[] = "LOOPBACK|EXTERNAL|PROCESS|DOCKER";
    const char *type = c->environment;
    bool known = false;
    for (struct bytes all = bytes_str(types); all.len > 0 && !known;)
        known = bytes_eq_str(bytes_cut(&all, '|'), type);
    if (!known) {
        conf_fault_at(w, CONF_CHOICE, OPT_environment_type, "environment_type is not one of %s", types);
        conf_suggest_choice(w, types, bytes_sub(bytes_str(type), 0, 64));
        return;
    }
    const char *host;
    uint16_t port;
    if (is(c, "DataflowRunner") && strcmp(type, "DOCKER") != 0)
        conf_fault_at(w, CONF_RUNNER, OPT_environment_type, "DataflowRunner runs workers from a container image alone: environment_type DOCKER");
    if (is(c, "PortableRunner") && strcmp(type, "PROCESS") == 0)
        conf_fault_at(w, CONF_RUNNER, OPT_environment_type, "PortableRunner starts no processes: environment_type LOOPBACK or EXTERNAL");
    if (strcmp(type, "EXTERNAL") == 0 && (!conf_host_port(c, bytes_str(c->environment_config), &host, &port) || port == 0))
        conf_fault_at(w, CONF_ENDPOINT, OPT_environment_config, "environment_config must be HOST:PORT of a pool (beam-worker --pool) "
                      "with environment_type EXTERNAL");
    if (strcmp(type, "DOCKER") == 0 && c->sdk_container_image[0] == '\0' && c->environment_config[0] == '\0')
        conf_fault(w, CONF_MISSING, NULL, "\"sdk_container_image\" is missing: the image that workers run from (docs/BEAM.md makes it)");
}

/* Decision 19: durable means that it outlives the machine that wrote it. A worker's disk goes with the worker. */
static void check_sink(struct conf_work *w, struct config *c)
{
    if (c->sink == CONF_SINK_FILE && !c->dead_letter_kept_volume)
        conf_fault_at(w, CONF_RUNNER, OPT_dead_letter_sink, "dead letters would go into files on a worker's disk, which goes with the worker: "
                      "name a topic (dead_letter.topic), or set dead_letter.kept_volume where that disk is kept");
}

static void check_source(struct conf_work *w, struct config *c)
{
    if (!c->streaming && !c->bounded)
        conf_fault_at(w, CONF_RUNNER, OPT_streaming, "streaming is false, and a subscription has no end; submit --names FILE moves what FILE names");
    if (is(c, "PortableRunner") && !c->bounded)
        conf_fault_at(w, CONF_RUNNER, OPT_runner, "PortableRunner may be Python's local runner, which never ends an open source and reads nothing "
                      "from a subscription: use submit --names FILE, or FlinkRunner, PrismRunner, DataflowRunner");
}

static void check_flink(struct conf_work *w, struct config *c)
{
    if (!c->bounded && c->checkpointing_interval <= 0)
        conf_fault_at(w, CONF_RUNNER, OPT_checkpointing_interval, "Flink acknowledges messages after checkpoints alone: without "
                      "checkpointing_interval none would ever be");
    if (!c->finish_bundle_before_checkpointing)
        conf_fault_at(w, CONF_RUNNER, OPT_finish_bundle_before_checkpointing, "Flink may stop pulling, without an error, unless "
                      "finish_bundle_before_checkpointing is true");
    if (c->max_parallelism < c->parallelism)
        conf_fault_at(w, CONF_CONTRADICTION, OPT_max_parallelism, "max_parallelism is smaller than parallelism");
}

static bool is_gs(const char *url)
{
    struct bytes rest = bytes_str(url);
    if (!bytes_starts(rest, BYTES_LIT("gs://")) || strpbrk(url, "?#") != NULL)
        return false;
    rest = bytes_sub(rest, 5, rest.len);
    struct bytes bucket = bytes_cut(&rest, '/');
    for (size_t i = 0; i < bucket.len; i++)
        if (!((bucket.ptr[i] >= 'a' && bucket.ptr[i] <= 'z') || (bucket.ptr[i] >= '0' && bucket.ptr[i] <= '9') ||
              strchr("-_.", bucket.ptr[i]) != NULL))
            return false;
    return bucket.len >= 3 && bucket.len <= 222 && strstr(url, "/../") == NULL;
}

/* Dataflow's rule for names of jobs. */
static bool is_job_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z', digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && (i == 0 || (!digit && (name[i] != '-' || i + 1 == len))))
            return false;
    }
    return len >= 1 && len <= 1024;
}

static void check_dataflow(struct conf_work *w, struct config *c)
{
    static const enum opt buckets[] = { OPT_staging_location, OPT_temp_location };
    for (size_t i = 0; i < ARRAY_LEN(buckets); i++) {
        const char *url = opt_str(w->values, buckets[i]), *name = opt_info(buckets[i])->name;
        if (url[0] == '\0')
            conf_fault(w, CONF_MISSING, NULL, "\"%s\" is missing: DataflowRunner needs it", name);
        else if (!is_gs(url))
            conf_fault_at(w, CONF_RUNNER, buckets[i], "%s must be a folder in Cloud Storage: gs://BUCKET/FOLDER", name);
    }
    if (!is_job_name(c->job_name))
        conf_fault_at(w, CONF_RUNNER, OPT_job_name, "job_name: Dataflow wants lower-case letters, digits and dashes, a letter first, no dash last");
    if (c->bounded)
        conf_fault(w, CONF_RUNNER, NULL, "--names is for Prism, Flink and Portable; on Dataflow the job reads the subscription");
    if (c->pubsub.local || c->healthcare.local)
        conf_fault(w, CONF_RUNNER, NULL, "Dataflow's workers cannot reach the local cloud; unset the emulator variables and endpoints");
}
