/* Stages compiled: who takes whose output, which steps are one job. What is refused: tests/beam/fake_ends.py. */
#include "unit.h"

#include "base/mem.h"
#include "beam/beam_wire.h"
#include "beam/plan.h"

#define SETTINGS ",\"v\":1,\"runner\":\"FlinkRunner\",\"settings\":{\"project_id\":\"p\"}}"

enum { MAX = 16 };

/* A descriptor out of constants; it is packed and read again, as one from a runner. */
struct made {
    Beam__ProcessBundleDescriptor d;
    Beam__ProcessBundleDescriptor__TransformsEntry step[MAX], *steps[MAX];
    Beam__PTransform transform[MAX];
    Beam__PTransform__InputsEntry input[MAX], *inputs[MAX];
    Beam__PTransform__OutputsEntry output[MAX][3], *outputs[MAX][3];
    Beam__FunctionSpec spec[MAX];
    struct buf payload[MAX];
    Beam__ProcessBundleDescriptor__CodersEntry coder[4], *coders[4];
    Beam__Coder c[4];
    Beam__FunctionSpec cspec[4];
    char *parts[2];
};

static void add_coder(struct made *m, unsigned i, const char *id, const char *urn)
{
    m->cspec[i] = (Beam__FunctionSpec) BEAM__FUNCTION_SPEC__INIT;
    m->cspec[i].urn = (char *) urn;
    m->c[i] = (Beam__Coder) BEAM__CODER__INIT;
    m->c[i].spec = &m->cspec[i];
    m->coder[i] = (Beam__ProcessBundleDescriptor__CodersEntry) BEAM__PROCESS_BUNDLE_DESCRIPTOR__CODERS_ENTRY__INIT;
    m->coder[i].key = (char *) id;
    m->coder[i].value = &m->c[i];
    m->coders[i] = &m->coder[i];
    m->d.n_coders = i + 1;
}

static void begin(struct made *m)
{
    memset(m, 0, sizeof(*m));
    m->d = (Beam__ProcessBundleDescriptor) BEAM__PROCESS_BUNDLE_DESCRIPTOR__INIT;
    m->d.id = (char *) "stage";
    m->d.transforms = m->steps;
    m->d.coders = m->coders;
    add_coder(m, 0, "bytes", BEAM_URN_BYTES);
    add_coder(m, 1, "window", BEAM_URN_GLOBAL_WINDOW);
    add_coder(m, 2, "w", BEAM_URN_WINDOWED_VALUE);
    m->parts[0] = (char *) "bytes";
    m->parts[1] = (char *) "window";
    m->c[2].n_component_coder_ids = 2;
    m->c[2].component_coder_ids = m->parts;
}

/* outs: "tag=collection" up to three, NULL-terminated. in: a collection, or NULL. */
static void add(struct made *m, const char *id, const char *urn, const ProtobufCMessage *payload, const char *in, const char *const *outs)
{
    unsigned i = (unsigned) m->d.n_transforms++;
    size_t len = protobuf_c_message_get_packed_size(payload);
    protobuf_c_message_pack(payload, (uint8_t *) buf_reserve(&m->payload[i], len));
    m->spec[i] = (Beam__FunctionSpec) BEAM__FUNCTION_SPEC__INIT;
    m->spec[i].urn = (char *) urn;
    m->spec[i].payload = (ProtobufCBinaryData) { len, (uint8_t *) m->payload[i].ptr };
    Beam__PTransform *t = &m->transform[i];
    *t = (Beam__PTransform) BEAM__PTRANSFORM__INIT;
    t->spec = &m->spec[i];
    t->inputs = &m->inputs[i];
    t->outputs = m->outputs[i];
    m->input[i] = (Beam__PTransform__InputsEntry) BEAM__PTRANSFORM__INPUTS_ENTRY__INIT;
    m->inputs[i] = &m->input[i];
    m->input[i].key = (char *) "in";
    m->input[i].value = (char *) in;
    t->n_inputs = in != NULL;
    for (; outs[t->n_outputs] != NULL; t->n_outputs++) {
        Beam__PTransform__OutputsEntry *o = &m->output[i][t->n_outputs];
        *o = (Beam__PTransform__OutputsEntry) BEAM__PTRANSFORM__OUTPUTS_ENTRY__INIT;
        const char *eq = strchr(outs[t->n_outputs], '=');
        o->key = mem_dup(bytes_of(outs[t->n_outputs], (size_t) (eq - outs[t->n_outputs])));
        o->value = (char *) eq + 1;
        m->outputs[i][t->n_outputs] = o;
    }
    m->step[i] = (Beam__ProcessBundleDescriptor__TransformsEntry) BEAM__PROCESS_BUNDLE_DESCRIPTOR__TRANSFORMS_ENTRY__INIT;
    m->step[i].key = (char *) id;
    m->step[i].value = t;
    m->steps[i] = &m->step[i];
}

static void add_port(struct made *m, const char *id, const char *urn, const char *in, const char *out)
{
    Beam__ApiServiceDescriptor at = BEAM__API_SERVICE_DESCRIPTOR__INIT;
    Beam__RemoteGrpcPort port = BEAM__REMOTE_GRPC_PORT__INIT;
    at.url = (char *) "localhost:1";
    port.api_service_descriptor = &at;
    port.coder_id = (char *) "w";
    const char *const outs[] = { out, NULL };
    add(m, id, urn, &port.base, in, outs);
}

static void add_pardo(struct made *m, const char *id, const char *text, const char *in, const char *const *outs)
{
    Beam__FunctionSpec fn = BEAM__FUNCTION_SPEC__INIT;
    Beam__ParDoPayload pardo = BEAM__PAR_DO_PAYLOAD__INIT;
    fn.urn = (char *) BEAM_URN_DOFN;
    fn.payload = (ProtobufCBinaryData) { strlen(text), (uint8_t *) text };
    pardo.do_fn = &fn;
    add(m, id, BEAM_URN_PARDO, &pardo.base, in, outs);
}

static struct beam_plan *compile(struct made *m, struct err *err)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t len = beam__process_bundle_descriptor__get_packed_size(&m->d);
    beam__process_bundle_descriptor__pack(&m->d, (uint8_t *) buf_reserve(&out, len));
    for (unsigned i = 0; i < m->d.n_transforms; i++) {
        buf_fini(&m->payload[i]);
        for (size_t o = 0; o < m->transform[i].n_outputs; o++)
            mem_free(m->output[i][o].key);
    }
    Beam__ProcessBundleDescriptor *d = beam__process_bundle_descriptor__unpack(NULL, len, (const uint8_t *) out.ptr);
    assert_non_null(d);
    return beam_plan_compile(d, err);
}

static uint32_t step(const struct beam_plan *p, const char *id)
{
    for (uint32_t i = 0; i < p->steps_count; i++)
        if (strcmp(p->steps[i].id, id) == 0)
            return i;
    return BEAM_NO_STEP;
}

static const char *const out_msg[] = { "out=msg", NULL }, *const fetch_outs[] = { "failed_fetch=ff", "out=fetched", NULL },
                  *const ingest_outs[] = { "out=ok", "failed_ingest=fi", NULL }, *const none[] = { NULL };

static void a_fused_stage_has_one_job(void **state)
{
    (void) state;
    static struct made m;
    struct err err;
    begin(&m);
    add_port(&m, "read me/first", BEAM_URN_SOURCE, NULL, "i0=in");
    add_pardo(&m, "log", "{\"do\":\"log\"" SETTINGS, "in", out_msg);
    add_pardo(&m, "fetch", "{\"do\":\"fetch\"" SETTINGS, "msg", fetch_outs);
    add_pardo(&m, "ingest", "{\"do\":\"ingest\"" SETTINGS, "fetched", ingest_outs);
    add_pardo(&m, "dead", "{\"do\":\"dead_fetch\"" SETTINGS, "ff", none);
    struct beam_plan *p = compile(&m, &err);
    assert_non_null(p);
    assert_string_equal(p->steps[p->source].id, "read me/first");
    assert_string_equal(p->steps[p->source].url, "localhost:1");
    assert_int_equal(p->steps[step(p, "fetch")].ingest, step(p, "ingest"));
    const struct beam_output *failed = &p->steps[step(p, "fetch")].out[BEAM_OUT_FAILED_FETCH];
    assert_int_equal(failed->takers_count, 1);
    assert_int_equal(failed->takers[0], step(p, "dead"));
    assert_int_equal(p->steps[step(p, "ingest")].out[BEAM_OUT].takers_count, 0);    /* legal: nobody wants it */
    assert_int_equal(p->settings->runner, BEAM_RUNNER_FLINK);
    assert_bytes_equal(p->settings->settings, "{\"project_id\":\"p\"}");
    beam_plan_free(p);
}

static void a_fetch_whose_ingest_is_elsewhere_moves_nothing(void **state)
{
    (void) state;
    static struct made m;
    struct err err;
    begin(&m);
    add_port(&m, "source", BEAM_URN_SOURCE, NULL, "i0=msg");
    add_pardo(&m, "fetch", "{\"do\":\"fetch\"" SETTINGS, "msg", fetch_outs);
    add_port(&m, "sink", BEAM_URN_SINK, "fetched", NULL);
    struct beam_plan *p = compile(&m, &err);
    assert_non_null(p);
    assert_int_equal(p->steps[step(p, "fetch")].ingest, BEAM_NO_STEP);
    assert_int_equal(p->sinks_count, 1);
    beam_plan_free(p);
}

static void two_settings_in_one_stage_are_refused(void **state)
{
    (void) state;
    static struct made m;
    struct err err = { 0 };
    begin(&m);
    add_port(&m, "source", BEAM_URN_SOURCE, NULL, "i0=msg");
    add_pardo(&m, "fetch", "{\"do\":\"fetch\"" SETTINGS, "msg", fetch_outs);
    add_pardo(&m, "ingest", "{\"do\":\"ingest\",\"v\":1,\"runner\":\"FlinkRunner\",\"settings\":{}}", "fetched", ingest_outs);
    assert_null(compile(&m, &err));
    assert_int_equal(err.class, ERR_BAD_INPUT);
    assert_non_null(strstr(err.text, "different settings"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fused_stage_has_one_job),
        cmocka_unit_test(a_fetch_whose_ingest_is_elsewhere_moves_nothing),
        cmocka_unit_test(two_settings_in_one_stage_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
