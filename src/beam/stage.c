#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"

static const us_t answer_us = 60 * US_PER_S;

static struct beam_stage *find(struct beam_worker *w, const char *id)
{
    LIST_EACH(&w->stages, link, after) {
        struct beam_stage *s = CONTAINER_OF(link, struct beam_stage, link);
        if (strcmp(s->id, id) == 0)
            return s;
    }
    return NULL;
}

/* Those that wait for it may end while they are told, others not. */
static void tell(struct beam_stage *s)
{
    LIST_EACH(&s->worker->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (b->asked && b->plan == NULL && strcmp(b->stage, s->id) == 0)
            beam_bundle_go_on(b);
    }
}

static void refuse(struct beam_stage *s, const struct err *err)
{
    s->refused = true;
    s->err = *err;
    LOG(s->worker->log, STAGE_REFUSED, LOG_NAME_STR("stage", s->id), LOG_ERR(err));
}

static void compile(struct beam_stage *s, Beam__ProcessBundleDescriptor *descriptor)
{
    struct err err;
    s->plan = beam_plan_compile(descriptor, &err);
    if (s->plan == NULL)
        refuse(s, &err);
}

static void on_message(void *ctx, struct bytes message)
{
    struct beam_stage *s = ctx;
    struct err err;
    Beam__ProcessBundleDescriptor *d =
        beam__process_bundle_descriptor__unpack(NULL, message.len, (const uint8_t *) message.ptr);
    if (d != NULL) {
        compile(s, d);
        return;
    }
    FAIL(&err, PROTOCOL, "the runner's description of the stage cannot be read");
    refuse(s, &err);
}

static void on_done(void *ctx, const struct grpc_result *result)
{
    struct beam_stage *s = ctx;
    s->call = NULL;
    if (s->plan == NULL && !s->refused) {
        struct err err = result->err;
        err_wrap(&err, "the runner did not describe the stage");
        refuse(s, &err);
    }
    tell(s);
    if (s->refused && result->err.class != ERR_OK) {    /* the next bundle may have more luck */
        list_remove(&s->worker->stages, &s->link);
        mem_free(s->id);
        mem_free(s);
    }
}

static void fetch(struct beam_stage *s)
{
    static const struct grpc_call_events events = { .on_message = on_message, .on_done = on_done };
    struct beam_worker *w = s->worker;
    struct err err;
    struct h2_pool *pool = beam_endpoint(w->endpoints, w->control_url, &err);
    CHECK(pool != NULL);    /* the control stream is open to it */
    Beam__GetProcessBundleDescriptorRequest ask = BEAM__GET_PROCESS_BUNDLE_DESCRIPTOR_REQUEST__INIT;
    ask.process_bundle_descriptor_id = s->id;
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t len = beam__get_process_bundle_descriptor_request__get_packed_size(&ask);
    beam__get_process_bundle_descriptor_request__pack(&ask, (uint8_t *) buf_reserve(&out, len));
    struct grpc_call_conf conf = beam_endpoint_call(
        w->endpoints, "/org.apache.beam.model.fn_execution.v1.BeamFnControl/GetProcessBundleDescriptor",
        loop_now(w->loop) + answer_us);
    s->call = grpc_call_unary(pool, &conf, bytes_of(out.ptr, len), &events, s);
}

static struct beam_stage *stage_make(struct beam_worker *w, const char *id)
{
    if (w->stages.count >= LIMIT_BEAM_PLANS)
        return NULL;
    struct beam_stage *s = mem_alloc(sizeof(*s));
    s->worker = w;
    s->id = mem_dup(bytes_str(id));
    list_push_back(&w->stages, &s->link);
    return s;
}

struct beam_stage *beam_stage_get(struct beam_worker *w, const char *id)
{
    struct beam_stage *s = find(w, id);
    if (s == NULL && (s = stage_make(w, id)) != NULL)
        fetch(s);
    return s;
}

void beam_stage_put(struct beam_worker *w, Beam__ProcessBundleDescriptor *descriptor)
{
    struct beam_stage *s = find(w, descriptor->id) == NULL ? stage_make(w, descriptor->id) : NULL;
    if (s != NULL)
        compile(s, descriptor);
    else
        beam__process_bundle_descriptor__free_unpacked(descriptor, NULL);
}

void beam_stages_free(struct beam_worker *w)
{
    for (struct list_link *link; (link = list_pop_front(&w->stages)) != NULL;) {
        struct beam_stage *s = CONTAINER_OF(link, struct beam_stage, link);
        if (s->call != NULL)
            grpc_call_cancel(s->call);
        beam_plan_free(s->plan);
        mem_free(s->id);
        mem_free(s);
    }
}
