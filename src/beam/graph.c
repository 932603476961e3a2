#include "beam/graph.h"

#include "base/check.h"
#include "beam/beam_wire.h"
#include "beam/keep.h"
#include "beam/settings.h"
#include "proto/beam.pb-c.h"

#include <stdlib.h>

/* What is built is known (docs/BEAM.md lists what is not declared, and why); the last one goes with our source alone. */
const char *const graph_capabilities[] = {
    "beam:protocol:progress_reporting:v1", "beam:protocol:multi_core_bundle_processing:v1",
    "beam:protocol:harness_monitoring_infos:v1", "beam:protocol:monitoring_info_short_ids:v1",
    "beam:coder:bytes:v1", "beam:coder:kv:v1", "beam:coder:varint:v1", "beam:coder:double:v1", "beam:coder:iterable:v1",
    "beam:coder:length_prefix:v1", "beam:coder:global_window:v1", "beam:coder:windowed_value:v1",
    BEAM_URN_SDF_TRUNCATE,
};

enum source { PULL, PUBSUB_READ, CREATE };

struct graph {
    const struct graph_conf *conf;
    enum source source;
    struct keep keep;
    Beam__Pipeline *pipeline;
    Beam__Components *components;
};

static void add_coders_and_windows(struct graph *g);
static void add_environment(struct graph *g);
static void add_sources(struct graph *g);
static void add_steps(struct graph *g);
static void sort_all(struct graph *g);

size_t graph_capabilities_count(bool splittable)
{
    return ARRAY_LEN(graph_capabilities) - (splittable ? 0 : 1);
}

void graph_build(const struct graph_conf *conf, struct buf *out)
{
    struct graph g = { .conf = conf };
    g.source = conf->names != NULL ? CREATE : beam_runner_policy(conf->runner)->reads_pubsub ? PUBSUB_READ : PULL;
    g.pipeline = KEEP_NEW(&g.keep, Beam__Pipeline, beam__pipeline);
    g.components = g.pipeline->components = KEEP_NEW(&g.keep, Beam__Components, beam__components);
    add_coders_and_windows(&g);
    add_environment(&g);
    add_sources(&g);
    add_steps(&g);
    sort_all(&g);
    size_t len = protobuf_c_message_get_packed_size(&g.pipeline->base);
    char *at = buf_reserve(out, len);
    CHECK(protobuf_c_message_pack(&g.pipeline->base, (uint8_t *) at) == len);
    out->len += len;
    keep_fini(&g.keep);
}

/* ---- maps are sorted ---- */

/* Every entry of a map with text keys begins like this one. */
static int by_key(const void *a, const void *b)
{
    const Beam__Components__CodersEntry *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

#define SORT(array, n)                                     \
    do {                                                   \
        if ((n) > 0)                                       \
            qsort((array), (n), sizeof((array)[0]), by_key); \
    } while (0)

/* ---- words ---- */

static char *text(struct graph *g, const char *s)
{
    return keep_text(&g->keep, bytes_str(s));
}

static ProtobufCBinaryData packed(struct graph *g, const ProtobufCMessage *m)
{
    ProtobufCBinaryData data = { .len = protobuf_c_message_get_packed_size(m) };
    data.data = keep_room(&g->keep, data.len + 1);
    CHECK(protobuf_c_message_pack(m, data.data) == data.len);
    return data;
}

static Beam__FunctionSpec *spec(struct graph *g, const char *urn, ProtobufCBinaryData payload)
{
    Beam__FunctionSpec *s = KEEP_NEW(&g->keep, Beam__FunctionSpec, beam__function_spec);
    s->urn = text(g, urn);
    s->payload = payload;
    return s;
}

static const ProtobufCBinaryData nothing;

/* ---- coders, windows, environment ---- */

static void add_coder(struct graph *g, const char *id, const char *urn)
{
    Beam__Components__CodersEntry *e = KEEP_NEW(&g->keep, Beam__Components__CodersEntry, beam__components__coders_entry);
    e->key = text(g, id);
    e->value = KEEP_NEW(&g->keep, Beam__Coder, beam__coder);
    e->value->spec = spec(g, urn, nothing);
    keep_push(&g->keep, &g->components->coders, &g->components->n_coders, e);
}

/* Prism refuses what is left unspecified here. */
static void add_coders_and_windows(struct graph *g)
{
    enum { NON_MERGING = 1, DISCARDING = 1, END_OF_WINDOW = 1, EMIT_IF_NONEMPTY = 2, FIRE_ALWAYS = 1 };
    add_coder(g, "c_bytes", BEAM_URN_BYTES);
    add_coder(g, "c_gw", BEAM_URN_GLOBAL_WINDOW);
    Beam__Components__WindowingStrategiesEntry *e =
        KEEP_NEW(&g->keep, Beam__Components__WindowingStrategiesEntry, beam__components__windowing_strategies_entry);
    Beam__WindowingStrategy *ws = KEEP_NEW(&g->keep, Beam__WindowingStrategy, beam__windowing_strategy);
    ws->window_fn = spec(g, "beam:window_fn:global_windows:v1", nothing);
    ws->merge_status = NON_MERGING;
    ws->window_coder_id = text(g, "c_gw");
    ws->trigger = KEEP_NEW(&g->keep, Beam__Trigger, beam__trigger);
    ws->trigger->trigger_case = BEAM__TRIGGER__TRIGGER_DEFAULT_TRIGGER;
    ws->trigger->default_trigger = KEEP_NEW(&g->keep, Google__Protobuf__Empty, google__protobuf__empty);
    ws->accumulation_mode = DISCARDING;
    ws->output_time = END_OF_WINDOW;
    ws->closing_behavior = EMIT_IF_NONEMPTY;
    ws->on_time_behavior = FIRE_ALWAYS;
    ws->assigns_to_one_window = true;
    ws->environment_id = text(g, GRAPH_ENVIRONMENT_ID);
    e->key = text(g, "ws");
    e->value = ws;
    keep_push(&g->keep, &g->components->windowing_strategies, &g->components->n_windowing_strategies, e);
}

static ProtobufCBinaryData process_payload(struct graph *g, const struct graph_environment *env)
{
    Beam__ProcessPayload *p = KEEP_NEW(&g->keep, Beam__ProcessPayload, beam__process_payload);
    p->command = text(g, env->process_command);
    for (size_t i = 0; env->process_env != NULL && i < env->process_env->count; i++) {
        Beam__ProcessPayload__EnvEntry *e = KEEP_NEW(&g->keep, Beam__ProcessPayload__EnvEntry, beam__process_payload__env_entry);
        e->key = text(g, env->process_env->key[i]);
        e->value = text(g, env->process_env->value[i]);
        keep_push(&g->keep, &p->env, &p->n_env, e);
    }
    SORT(p->env, p->n_env);
    return packed(g, &p->base);
}

static void add_environment(struct graph *g)
{
    const struct graph_environment *env = &g->conf->environment;
    Beam__Components__EnvironmentsEntry *e =
        KEEP_NEW(&g->keep, Beam__Components__EnvironmentsEntry, beam__components__environments_entry);
    Beam__Environment *out = KEEP_NEW(&g->keep, Beam__Environment, beam__environment);
    if (env->external_url != NULL) {
        Beam__ExternalPayload *p = KEEP_NEW(&g->keep, Beam__ExternalPayload, beam__external_payload);
        p->endpoint = KEEP_NEW(&g->keep, Beam__ApiServiceDescriptor, beam__api_service_descriptor);
        p->endpoint->url = text(g, env->external_url);
        out->urn = text(g, "beam:env:external:v1");
        out->payload = packed(g, &p->base);
    } else if (env->process_command != NULL) {
        out->urn = text(g, "beam:env:process:v1");
        out->payload = process_payload(g, env);
    } else {
        Beam__DockerPayload *p = KEEP_NEW(&g->keep, Beam__DockerPayload, beam__docker_payload);
        p->container_image = text(g, env->docker_image);
        out->urn = text(g, "beam:env:docker:v1");
        out->payload = packed(g, &p->base);
    }
    for (size_t i = 0; i < graph_capabilities_count(g->source == PULL); i++)
        keep_push(&g->keep, &out->capabilities, &out->n_capabilities, text(g, graph_capabilities[i]));
    e->key = text(g, GRAPH_ENVIRONMENT_ID);
    e->value = out;
    keep_push(&g->keep, &g->components->environments, &g->components->n_environments, e);
}

/* ---- steps ---- */

static void add_collection(struct graph *g, const char *id, enum beam_is_bounded bounded)
{
    Beam__Components__PcollectionsEntry *e =
        KEEP_NEW(&g->keep, Beam__Components__PcollectionsEntry, beam__components__pcollections_entry);
    e->key = text(g, id);
    e->value = KEEP_NEW(&g->keep, Beam__PCollection, beam__pcollection);
    e->value->unique_name = text(g, id);
    e->value->coder_id = text(g, "c_bytes");
    e->value->is_bounded = (int32_t) bounded;
    e->value->windowing_strategy_id = text(g, "ws");
    keep_push(&g->keep, &g->components->pcollections, &g->components->n_pcollections, e);
}

static Beam__PTransform *add_transform(struct graph *g, const char *id, const char *name, Beam__FunctionSpec *what)
{
    Beam__Components__TransformsEntry *e =
        KEEP_NEW(&g->keep, Beam__Components__TransformsEntry, beam__components__transforms_entry);
    e->key = text(g, id);
    e->value = KEEP_NEW(&g->keep, Beam__PTransform, beam__ptransform);
    e->value->spec = what;
    e->value->unique_name = text(g, name);
    keep_push(&g->keep, &g->components->transforms, &g->components->n_transforms, e);
    keep_push(&g->keep, &g->pipeline->root_transform_ids, &g->pipeline->n_root_transform_ids, text(g, id));
    return e->value;
}

static void add_input(struct graph *g, Beam__PTransform *t, const char *collection)
{
    Beam__PTransform__InputsEntry *e = KEEP_NEW(&g->keep, Beam__PTransform__InputsEntry, beam__ptransform__inputs_entry);
    e->key = text(g, BEAM_TAG_IN);
    e->value = text(g, collection);
    keep_push(&g->keep, &t->inputs, &t->n_inputs, e);
}

static void add_output(struct graph *g, Beam__PTransform *t, const char *tag, const char *collection, enum beam_is_bounded bounded)
{
    Beam__PTransform__OutputsEntry *e = KEEP_NEW(&g->keep, Beam__PTransform__OutputsEntry, beam__ptransform__outputs_entry);
    e->key = text(g, tag);
    e->value = text(g, collection);
    keep_push(&g->keep, &t->outputs, &t->n_outputs, e);
    add_collection(g, collection, bounded);
}

/* Several tasks share the parts out by their hash: with a few for each, none stays without. */
static int64_t shards_of(const struct graph_conf *conf)
{
    enum { FOR_EACH_OF_SEVERAL = 4, SHARDS_MAX = 1000 };
    const struct config *c = conf->config;
    if (c->beam_shards > 0)
        return c->beam_shards;
    return c->parallelism == 1 ? beam_runner_policy(conf->runner)->shards : MIN(FOR_EACH_OF_SEVERAL * c->parallelism, (int64_t) SHARDS_MAX);
}

/* What a worker needs to know, in each of its steps. */
static void write_payload(struct graph *g, const char *what, struct buf *out)
{
    static const char *const sources[] = { [PULL] = "pull", [PUBSUB_READ] = "pubsub_read", [CREATE] = "create" };
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    json_write_str(&w, "do", bytes_str(what));
    json_write_int(&w, "v", 1);
    json_write_str(&w, "runner", bytes_str(beam_runner_policy(g->conf->runner)->name));
    json_write_str(&w, "source", bytes_str(sources[g->source]));
    if (g->source == PUBSUB_READ)
        json_write_bool(&w, "with_attributes", g->conf->config->pubsub_with_attributes);
    if (strcmp(what, "shards") == 0)
        json_write_int(&w, "shards", shards_of(g->conf));
    if (strcmp(what, "pull") == 0 && g->conf->messages > 0)
        json_write_int(&w, "messages", (int64_t) g->conf->messages);
    settings_write(g->conf->config, &w, "settings");
    if (strcmp(what, "create") == 0) {
        json_write_array(&w, "names");
        for (size_t i = 0; i < g->conf->names_count; i++)
            json_write_str(&w, NULL, g->conf->names[i]);
        json_write_end(&w);
    }
    json_write_end(&w);
}

static Beam__PTransform *add_pardo(struct graph *g, const char *id, const char *name, const char *what, const char *in)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    write_payload(g, what, &json);
    Beam__ParDoPayload *p = KEEP_NEW(&g->keep, Beam__ParDoPayload, beam__par_do_payload);
    p->do_fn = spec(g, BEAM_URN_DOFN, (ProtobufCBinaryData) { json.len, (uint8_t *) keep_text(&g->keep, buf_bytes(&json)) });
    if (strcmp(what, "pull") == 0) {
        p->restriction_coder_id = text(g, "c_bytes");
        p->requests_finalization = true;
    }
    Beam__PTransform *t = add_transform(g, id, name, spec(g, BEAM_URN_PARDO, packed(g, &p->base)));
    t->environment_id = text(g, GRAPH_ENVIRONMENT_ID);
    add_input(g, t, in);
    return t;
}

static void add_pubsub_read(struct graph *g)
{
    Beam__PubSubReadPayload *p = KEEP_NEW(&g->keep, Beam__PubSubReadPayload, beam__pub_sub_read_payload);
    p->subscription = text(g, g->conf->config->pubsub_subscription);
    p->with_attributes = g->conf->config->pubsub_with_attributes;
    Beam__PTransform *t = add_transform(g, "t_read", GRAPH_STEP_READ, spec(g, BEAM_URN_PUBSUB_READ, packed(g, &p->base)));
    t->environment_id = text(g, GRAPH_ENVIRONMENT_ID);
    add_output(g, t, BEAM_TAG_OUT, "pc_msg", BEAM_UNBOUNDED);
}

/*
 * Shards stand between impulse and source because Flink spreads the source's elements, not its restrictions.
 * The impulse has no environment: Prism fails a job whose impulse has one.
 */
static void add_sources(struct graph *g)
{
    if (g->source == PUBSUB_READ) {
        add_pubsub_read(g);
        return;
    }
    Beam__PTransform *t = add_transform(g, "t_imp", "Impulse", spec(g, BEAM_URN_IMPULSE, nothing));
    add_output(g, t, BEAM_TAG_OUT, "pc_imp", BEAM_BOUNDED);
    if (g->source == CREATE) {
        t = add_pardo(g, "t_create", "Name HL7v2 IDs", "create", "pc_imp");
        add_output(g, t, BEAM_TAG_OUT, "pc_msg", BEAM_BOUNDED);
        return;
    }
    t = add_pardo(g, "t_shard", "Shards", "shards", "pc_imp");
    add_output(g, t, BEAM_TAG_OUT, "pc_shard", BEAM_BOUNDED);
    t = add_pardo(g, "t_pull", GRAPH_STEP_READ, "pull", "pc_shard");
    add_output(g, t, BEAM_TAG_OUT, "pc_msg", BEAM_UNBOUNDED);
    static const char *const requirements[] = { "beam:requirement:pardo:splittable_dofn:v1", "beam:requirement:pardo:finalization:v1" };
    for (size_t i = 0; i < ARRAY_LEN(requirements); i++)
        keep_push(&g->keep, &g->pipeline->requirements, &g->pipeline->n_requirements, text(g, requirements[i]));
}

static void add_steps(struct graph *g)
{
    enum beam_is_bounded bounded = g->source == CREATE ? BEAM_BOUNDED : BEAM_UNBOUNDED;
    Beam__PTransform *t = add_pardo(g, "t_log", "Log Raw Pub/Sub Message", "log", "pc_msg");
    add_output(g, t, BEAM_TAG_OUT, "pc_logged", bounded);
    t = add_pardo(g, "t_fetch", "Fetch Full HL7v2 Message", "fetch", "pc_logged");
    add_output(g, t, BEAM_TAG_FAILED_FETCH, "pc_ff", bounded);
    add_output(g, t, BEAM_TAG_OUT, "pc_fetched", bounded);
    t = add_pardo(g, "t_ingest", "Write to Destination HL7v2 Store", "ingest", "pc_fetched");
    add_output(g, t, BEAM_TAG_FAILED_INGEST, "pc_fi", bounded);
    add_output(g, t, BEAM_TAG_OUT, "pc_ok", bounded);
    add_pardo(g, "t_ff", "Log Fetch Failures", "dead_fetch", "pc_ff");
    add_pardo(g, "t_fi", "Log Ingest Failures", "dead_ingest", "pc_fi");
}

static void sort_all(struct graph *g)
{
    Beam__Components *c = g->components;
    SORT(c->transforms, c->n_transforms);
    SORT(c->pcollections, c->n_pcollections);
    SORT(c->coders, c->n_coders);
}
