#include "beam/dataflow_job.h"

#include "base/sha256.h"
#include "json/write.h"

#include <inttypes.h>

/* The Beam release that our requests are made like; the service wants one here. */
#define BEAM_RELEASE "2.77.0"
/* Of environment.version: requests that carry a pipeline proto. */
#define VERSION_MAJOR "8"
#define GOOGLE_DATAFLOW "https://dataflow.googleapis.com"

/* As the Python SDK adds them to a streaming job. */
static const char *const needed_experiments[] = {
    "beam_fn_api", "use_unified_worker", "use_runner_v2", "use_portable_job_submission", "enable_streaming_engine",
    "enable_windmill_service", "use_multiple_sdk_containers",
};

void dataflow_job_folder(const struct dataflow_job *j, const char *location, struct buf *out)
{
    struct bytes base = bytes_str(location);
    while (bytes_ends(base, BYTES_LIT("/")))
        base.len--;
    buf_append(out, base);
    buf_printf(out, "/%s.%" PRId64 ".%06d", j->config->job_name, j->wall_us / US_PER_S, (int) (j->wall_us % US_PER_S));
}

void dataflow_job_object(const struct dataflow_job *j, const char *file, struct buf *ret_bucket, struct buf *ret_object)
{
    CLEANUP(buf_fini) struct buf folder = { 0 };
    dataflow_job_folder(j, j->config->staging_location, &folder);
    struct bytes rest = bytes_sub(buf_bytes(&folder), strlen("gs://"), folder.len);
    buf_append(ret_bucket, bytes_cut(&rest, '/'));
    buf_append(ret_object, rest);
    buf_printf(ret_object, "/%s", file);
}

static void write_text(struct json_writer *w, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_write_str(w, key, bytes_str(text));
}

static bool is_needed(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(needed_experiments); i++)
        if (strcmp(word, needed_experiments[i]) == 0)
            return true;
    return false;
}

static void write_experiments(struct json_writer *w, const struct opt_list *more)
{
    json_write_array(w, "experiments");
    for (size_t i = 0; i < ARRAY_LEN(needed_experiments); i++)
        json_write_str(w, NULL, bytes_str(needed_experiments[i]));
    for (size_t i = 0; i < more->count; i++)
        if (!is_needed(more->at[i]))
            json_write_str(w, NULL, bytes_str(more->at[i]));
    json_write_end(w);
}

/* min_num_workers has no field of its own: it is a service option. */
static void write_service_options(struct json_writer *w, const struct config *c)
{
    const struct opt_list *list = &c->dataflow_service_options;
    bool least = opt_given(c->values, OPT_min_num_workers) && c->min_num_workers > 1;
    if (list->count == 0 && !least)
        return;
    json_write_array(w, "serviceOptions");
    for (size_t i = 0; i < list->count; i++)
        json_write_str(w, NULL, bytes_str(list->at[i]));
    if (least) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        buf_printf(&text, "min_num_workers=%" PRId64, c->min_num_workers);
        json_write_str(w, NULL, buf_bytes(&text));
    }
    json_write_end(w);
}

static void write_options(struct json_writer *w, const struct dataflow_job *j, struct bytes pipeline)
{
    const struct config *c = j->config;
    CLEANUP(buf_fini) struct buf staging = { 0 }, temp = { 0 }, url = { 0 }, hash = { 0 };
    struct sha256 sum = sha256_of(pipeline);
    dataflow_job_folder(j, c->staging_location, &staging);
    dataflow_job_folder(j, c->temp_location, &temp);
    buf_printf(&url, "%s/pipeline.pb", buf_str(&staging));
    sha256_hex(&sum, &hash);
    json_write_object(w, "sdkPipelineOptions");
    json_write_object(w, "options");
    write_experiments(w, &c->experiments);
    json_write_str(w, "job_name", bytes_str(c->job_name));
    json_write_str(w, "pipelineProtoHash", buf_bytes(&hash));
    json_write_str(w, "pipelineUrl", buf_bytes(&url));
    json_write_str(w, "project", bytes_str(c->project_id));
    json_write_str(w, "region", bytes_str(c->region));
    json_write_str(w, "staging_location", buf_bytes(&staging));
    json_write_bool(w, "streaming", true);
    json_write_str(w, "temp_location", buf_bytes(&temp));
    json_write_end(w);
    json_write_end(w);
}

static void write_images(struct json_writer *w, const struct dataflow_job *j)
{
    json_write_array(w, "sdkHarnessContainerImages");
    json_write_object(w, NULL);
    json_write_str(w, "containerImage", bytes_str(j->image));
    json_write_str(w, "environmentId", BYTES_LIT(GRAPH_ENVIRONMENT_ID));
    json_write_array(w, "capabilities");
    for (size_t i = 0; i < graph_capabilities_count(false); i++)
        json_write_str(w, NULL, bytes_str(graph_capabilities[i]));
    json_write_end(w);
    json_write_end(w);
    json_write_end(w);
    json_write_str(w, "workerHarnessContainerImage", bytes_str(j->image));
}

static void write_pool(struct json_writer *w, const struct dataflow_job *j)
{
    const struct config *c = j->config;
    bool fixed = strcmp(c->autoscaling_algorithm, "NONE") == 0;
    const char *url = c->dataflow_endpoint[0] != '\0' ? c->dataflow_endpoint : GOOGLE_DATAFLOW;
    json_write_array(w, "workerPools");
    json_write_object(w, NULL);
    json_write_str(w, "kind", BYTES_LIT("harness"));
    json_write_int(w, "numWorkers", opt_given(c->values, OPT_num_workers) ? c->num_workers : c->min_num_workers);
    json_write_str(w, "machineType", bytes_str(c->worker_machine_type));
    if (c->disk_size_gb > 0)
        json_write_int(w, "diskSizeGb", c->disk_size_gb);
    json_write_object(w, "autoscalingSettings");
    json_write_str(w, "algorithm", bytes_str(fixed ? "AUTOSCALING_ALGORITHM_NONE" : "AUTOSCALING_ALGORITHM_BASIC"));
    json_write_int(w, "maxNumWorkers", c->max_num_workers);
    json_write_end(w);
    json_write_array(w, "dataDisks");
    json_write_object(w, NULL);
    json_write_end(w);
    json_write_end(w);
    json_write_str(w, "ipConfiguration", bytes_str(c->use_public_ips ? "WORKER_IP_PUBLIC" : "WORKER_IP_PRIVATE"));
    write_text(w, "network", c->network);
    write_text(w, "subnetwork", c->subnetwork);
    json_write_object(w, "taskrunnerSettings");
    json_write_object(w, "parallelWorkerSettings");
    json_write_str(w, "baseUrl", bytes_str(url));
    json_write_str(w, "servicePath", bytes_str(url));
    json_write_end(w);
    json_write_end(w);
    write_images(w, j);
    json_write_end(w);
    json_write_end(w);
}

static void write_environment(struct json_writer *w, const struct dataflow_job *j, struct bytes pipeline)
{
    const struct config *c = j->config;
    CLEANUP(buf_fini) struct buf temp = { 0 }, prefix = { 0 };
    dataflow_job_folder(j, c->temp_location, &temp);
    buf_printf(&prefix, "storage.googleapis.com/%s", buf_str(&temp) + strlen("gs://"));
    json_write_object(w, "environment");
    json_write_object(w, "userAgent");
    json_write_str(w, "name", BYTES_LIT("Apache Beam SDK of hl7relay"));
    json_write_str(w, "version", BYTES_LIT(BEAM_RELEASE));
    json_write_end(w);
    json_write_object(w, "version");
    json_write_str(w, "job_type", BYTES_LIT("FNAPI_STREAMING"));
    json_write_str(w, "major", BYTES_LIT(VERSION_MAJOR));
    json_write_end(w);
    json_write_str(w, "clusterManagerApiService", BYTES_LIT("compute.googleapis.com"));
    json_write_str(w, "dataset", BYTES_LIT("bigquery.googleapis.com/cloud_dataflow"));
    json_write_str(w, "tempStoragePrefix", buf_bytes(&prefix));
    write_text(w, "serviceAccountEmail", c->service_account_email);
    write_text(w, "serviceKmsKeyName", c->dataflow_kms_key);
    write_experiments(w, &c->experiments);
    write_service_options(w, c);
    write_options(w, j, pipeline);
    write_pool(w, j);
    json_write_end(w);
}

void dataflow_job_write(const struct dataflow_job *j, struct bytes pipeline, struct buf *out)
{
    const struct config *c = j->config;
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    json_write_str(&w, "name", bytes_str(c->job_name));
    json_write_str(&w, "type", BYTES_LIT("JOB_TYPE_STREAMING"));
    json_write_str(&w, "clientRequestId", bytes_str(j->request_id));
    if (c->labels.count > 0) {
        json_write_object(&w, "labels");
        for (size_t i = 0; i < c->labels.count; i++)
            json_write_str_key(&w, bytes_str(c->labels.key[i]), bytes_str(c->labels.value[i]));
        json_write_end(&w);
    }
    write_environment(&w, j, pipeline);
    json_write_end(&w);
}
