#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"

void beam_control_answer(struct beam_worker *w, const Beam__InstructionResponse *response)
{
    if (w->control == NULL)
        return;
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t len = beam__instruction_response__get_packed_size(response);
    beam__instruction_response__pack(response, (uint8_t *) buf_reserve(&out, len));
    grpc_call_send(w->control, bytes_of(out.ptr, len));
}

static void answer_error(struct beam_worker *w, const char *instruction, const char *text)
{
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = (char *) instruction;
    r.error = (char *) text;
    beam_control_answer(w, &r);
}

static void process(struct beam_worker *w, const Beam__InstructionRequest *ask)
{
    struct beam_bundle *b = NULL;
    if (w->stopping) {
        answer_error(w, ask->instruction_id, "the worker is stopping");
        return;
    }
    b = beam_bundle_get(w, ask->instruction_id);
    if (b == NULL)
        answer_error(w, ask->instruction_id, "more bundles are open than this worker takes (`hl7relay check --limits`)");
    else if (!b->asked)    /* else a repeated instruction: the first one is answered */
        beam_bundle_ask(b, ask->process_bundle->process_bundle_descriptor_id);
}

/* At once, whatever the bundle does; never an error, which fails a job of Prism's. */
static void progress(struct beam_worker *w, const Beam__InstructionRequest *ask)
{
    struct beam_counts counts = { 0 };
    struct beam_bundle *b = beam_bundle_find(w, ask->process_bundle_progress->instruction_id);
    if (b != NULL && b->running)
        beam_bundle_counts(b, &counts);
    Beam__ProcessBundleProgressResponse progress = BEAM__PROCESS_BUNDLE_PROGRESS_RESPONSE__INIT;
    progress.n_monitoring_infos = counts.count;
    progress.monitoring_infos = counts.infos;
    Beam__ProcessBundleProgressResponse__MonitoringDataEntry *data =
        mem_alloc_n(counts.count + 1, sizeof(*data)), **at = mem_alloc_n(counts.count + 1, sizeof(*at));
    for (size_t i = 0; i < counts.count; i++) {
        data[i] = (Beam__ProcessBundleProgressResponse__MonitoringDataEntry)
            BEAM__PROCESS_BUNDLE_PROGRESS_RESPONSE__MONITORING_DATA_ENTRY__INIT;
        data[i].key = counts.data[i]->key;
        data[i].value = counts.data[i]->value;
        at[i] = &data[i];
    }
    progress.n_monitoring_data = counts.count;
    progress.monitoring_data = at;
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = ask->instruction_id;
    r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_PROCESS_BUNDLE_PROGRESS;
    r.process_bundle_progress = &progress;
    beam_control_answer(w, &r);
    mem_free(data);
    mem_free(at);
    beam_counts_fini(&counts);
}

/* The answer names the request, whose own id may be empty (Flink), never the bundle. */
static void finalize(struct beam_worker *w, const Beam__InstructionRequest *ask)
{
    const char *instruction = ask->finalize_bundle->instruction_id;
    uint32_t group;
    do {
        group = beam_answered_take(&w->answered, instruction, loop_now(w->loop));
        if (group != 0)
            driver_group_permit(w->mover.a.driver, group);
    } while (group != 0 && instruction[0] == '\0');
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = ask->instruction_id;
    r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_FINALIZE_BUNDLE;
    r.finalize_bundle = &empty;
    beam_control_answer(w, &r);
}

static void metadata(struct beam_worker *w, const Beam__InstructionRequest *ask)
{
    Beam__MonitoringInfosMetadataResponse known;
    beam_metrics_answer(w->counters, ask->monitoring_infos, &known);
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = ask->instruction_id;
    r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_MONITORING_INFOS;
    r.monitoring_infos = &known;
    beam_control_answer(w, &r);
    beam_metrics_answer_fini(&known);
}

static void answer_register(struct beam_worker *w, Beam__InstructionRequest *ask)
{
    Beam__RegisterRequest *reg = ask->register_;
    for (size_t i = 0; i < reg->n_process_bundle_descriptor; i++)
        beam_stage_put(w, reg->process_bundle_descriptor[i]);
    reg->n_process_bundle_descriptor = 0;    /* they were taken */
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = ask->instruction_id;
    r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_REGISTER_;
    r.register_ = &empty;
    beam_control_answer(w, &r);
}

/* What is answered by the empty message of its kind: splits are declined, nothing is sampled. */
static void answer_empty(struct beam_worker *w, const Beam__InstructionRequest *ask)
{
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    Beam__ProcessBundleSplitResponse split = BEAM__PROCESS_BUNDLE_SPLIT_RESPONSE__INIT;
    Beam__HarnessMonitoringInfosResponse harness = BEAM__HARNESS_MONITORING_INFOS_RESPONSE__INIT;
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = ask->instruction_id;
    if (ask->request_case == BEAM__INSTRUCTION_REQUEST__REQUEST_PROCESS_BUNDLE_SPLIT) {
        r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_PROCESS_BUNDLE_SPLIT;
        r.process_bundle_split = &split;
    } else if (ask->request_case == BEAM__INSTRUCTION_REQUEST__REQUEST_HARNESS_MONITORING_INFOS) {
        r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_HARNESS_MONITORING_INFOS;
        r.harness_monitoring_infos = &harness;
    } else {
        r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_SAMPLE_DATA;
        r.sample_data = &empty;
    }
    beam_control_answer(w, &r);
}

static void instruct(struct beam_worker *w, Beam__InstructionRequest *ask)
{
    switch (ask->request_case) {
    case BEAM__INSTRUCTION_REQUEST__REQUEST_PROCESS_BUNDLE:
        process(w, ask);
        return;
    case BEAM__INSTRUCTION_REQUEST__REQUEST_PROCESS_BUNDLE_PROGRESS:
        progress(w, ask);
        return;
    case BEAM__INSTRUCTION_REQUEST__REQUEST_FINALIZE_BUNDLE:
        finalize(w, ask);
        return;
    case BEAM__INSTRUCTION_REQUEST__REQUEST_MONITORING_INFOS:
        metadata(w, ask);
        return;
    case BEAM__INSTRUCTION_REQUEST__REQUEST_REGISTER_:
        answer_register(w, ask);
        return;
    case BEAM__INSTRUCTION_REQUEST__REQUEST_PROCESS_BUNDLE_SPLIT:
    case BEAM__INSTRUCTION_REQUEST__REQUEST_HARNESS_MONITORING_INFOS:
    case BEAM__INSTRUCTION_REQUEST__REQUEST_SAMPLE_DATA:
        answer_empty(w, ask);
        return;
    default:
        answer_error(w, ask->instruction_id, "unsupported instruction");
    }
}

static void on_message(void *ctx, struct bytes message)
{
    struct beam_worker *w = ctx;
    Beam__InstructionRequest *ask = beam__instruction_request__unpack(NULL, message.len, (const uint8_t *) message.ptr);
    if (ask == NULL) {
        struct err err;
        FAIL(&err, PROTOCOL, "the runner's control stream brought what cannot be read");
        beam_worker_leave(w, &err);
        return;
    }
    instruct(w, ask);
    beam__instruction_request__free_unpacked(ask, NULL);
}

static void on_done(void *ctx, const struct grpc_result *result)
{
    struct beam_worker *w = ctx;
    w->control = NULL;
    beam_worker_leave(w, result->err.class == ERR_OK ? NULL : &result->err);
}

void beam_control_open(struct beam_worker *w)
{
    static const struct grpc_call_events events = { .on_message = on_message, .on_done = on_done };
    struct err err;
    struct h2_pool *pool = beam_endpoint(w->endpoints, w->control_url, &err);
    if (pool == NULL) {
        beam_worker_leave(w, &err);
        return;
    }
    struct grpc_call_conf conf =
        beam_endpoint_call(w->endpoints, "/org.apache.beam.model.fn_execution.v1.BeamFnControl/Control", US_NEVER);
    w->control = grpc_call_stream(pool, &conf, &events, w);
}
