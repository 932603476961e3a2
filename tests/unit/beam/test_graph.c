#include "config_fixture.h"

#include "beam/beam_wire.h"
#include "beam/graph.h"
#include "beam/job_options.h"

#define LOCAL "\"dead_letter\": {\"sink\": \"none\"}"

static Beam__Pipeline *build(const char *more, struct graph_conf g, struct buf *out)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct conf_faults faults;
    buf_printf(&text, "{" FIVE ", %s}", more);
    struct config *c = fixture_read(buf_str(&text), NULL, &faults);
    assert_non_null(c);
    g.config = c;
    buf_clear(out);
    graph_build(&g, out);
    config_free(c);
    Beam__Pipeline *p = beam__pipeline__unpack(NULL, out->len, (const uint8_t *) out->ptr);
    assert_non_null(p);
    return p;
}

static const Beam__PTransform *transform(const Beam__Pipeline *p, const char *id)
{
    for (size_t i = 0; i < p->components->n_transforms; i++)
        if (strcmp(p->components->transforms[i]->key, id) == 0)
            return p->components->transforms[i]->value;
    return NULL;
}

static Beam__ParDoPayload *pardo(const Beam__PTransform *t)
{
    Beam__ParDoPayload *p = beam__par_do_payload__unpack(NULL, t->spec->payload.len, t->spec->payload.data);
    assert_non_null(p);
    return p;
}

static const char *const steps[][2] = {
    { "t_log", "Log Raw Pub/Sub Message" }, { "t_fetch", "Fetch Full HL7v2 Message" },
    { "t_ingest", "Write to Destination HL7v2 Store" }, { "t_ff", "Log Fetch Failures" }, { "t_fi", "Log Ingest Failures" },
};

/* Everything that a transform or a collection refers to is there. */
static void check_references(const Beam__Pipeline *p)
{
    const Beam__Components *c = p->components;
    assert_int_equal(p->n_root_transform_ids, c->n_transforms);
    for (size_t i = 0; i < c->n_transforms; i++) {
        const Beam__PTransform *t = c->transforms[i]->value;
        for (size_t k = 0; k < t->n_inputs + t->n_outputs; k++) {
            const char *id = k < t->n_inputs ? t->inputs[k]->value : t->outputs[k - t->n_inputs]->value;
            size_t at = 0;
            while (at < c->n_pcollections && strcmp(c->pcollections[at]->key, id) != 0)
                at++;
            assert_true(at < c->n_pcollections);
        }
    }
    for (size_t i = 1; i < c->n_transforms; i++)
        assert_true(strcmp(c->transforms[i - 1]->key, c->transforms[i]->key) < 0);
    for (size_t i = 1; i < c->n_pcollections; i++)
        assert_true(strcmp(c->pcollections[i - 1]->key, c->pcollections[i]->key) < 0);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        assert_string_equal(transform(p, steps[i][0])->unique_name, steps[i][1]);
}

static void dataflow_reads_by_itself(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 }, again = { 0 };
    struct graph_conf g = { .runner = BEAM_RUNNER_DATAFLOW, .environment.docker_image = "registry.example/i:1" };
    Beam__Pipeline *p = build(LOCAL, g, &out);
    check_references(p);
    assert_int_equal(p->components->n_transforms, 6);
    assert_int_equal(p->n_requirements, 0);
    const Beam__PTransform *read = transform(p, "t_read");
    assert_string_equal(read->spec->urn, BEAM_URN_PUBSUB_READ);
    assert_string_equal(read->unique_name, "Read HL7v2 IDs from Pub/Sub");
    assert_int_equal(read->spec->payload.len, 2 + strlen("projects/p/subscriptions/s") + 2);
    assert_memory_equal(read->spec->payload.data, "\x12\x1aprojects/p/subscriptions/s\x28\x01", read->spec->payload.len);
    assert_int_equal(p->components->environments[0]->value->n_capabilities, 12);
    beam__pipeline__free_unpacked(p, NULL);
    p = build(LOCAL, g, &again);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.ptr, out.ptr, out.len);
    beam__pipeline__free_unpacked(p, NULL);
    p = build(LOCAL ", \"pubsub_with_attributes\": false", g, &out);
    assert_int_equal(transform(p, "t_read")->spec->payload.len, 2 + strlen("projects/p/subscriptions/s"));
    beam__pipeline__free_unpacked(p, NULL);
}

static void others_get_our_source(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct graph_conf g = { .runner = BEAM_RUNNER_PRISM, .environment.external_url = "localhost:50000" };
    Beam__Pipeline *p = build(LOCAL ", \"beam_shards\": 7", g, &out);
    check_references(p);
    assert_int_equal(p->n_requirements, 2);
    assert_string_equal(transform(p, "t_imp")->environment_id, "");
    Beam__ParDoPayload *pull = pardo(transform(p, "t_pull"));
    assert_true(pull->requests_finalization);
    assert_string_equal(pull->restriction_coder_id, "c_bytes");
    assert_string_equal(pull->do_fn->urn, BEAM_URN_DOFN);
    beam__par_do_payload__free_unpacked(pull, NULL);
    Beam__ParDoPayload *shards = pardo(transform(p, "t_shard"));
    struct bytes json = bytes_of((const char *) shards->do_fn->payload.data, shards->do_fn->payload.len);
    assert_true(bytes_starts(json, BYTES_LIT("{\"do\":\"shards\",\"v\":1,\"runner\":\"PrismRunner\",\"source\":\"pull\",\"shards\":7,\"settings\":{")));
    beam__par_do_payload__free_unpacked(shards, NULL);
    assert_int_equal(p->components->environments[0]->value->n_capabilities, 13);
    assert_string_equal(p->components->environments[0]->value->urn, "beam:env:external:v1");
    beam__pipeline__free_unpacked(p, NULL);
}

/* Flink keeps state for each part: few; several tasks must all get some. */
static void parts_follow_the_runner_and_its_tasks(void **state UNUSED)
{
    const struct {
        enum beam_runner runner;
        const char *more, *said;
    } rows[] = {
        { BEAM_RUNNER_PRISM, LOCAL, "\"shards\":4," }, { BEAM_RUNNER_FLINK, LOCAL, "\"shards\":1," },
        { BEAM_RUNNER_FLINK, LOCAL ", \"parallelism\": 3, \"max_parallelism\": 4", "\"shards\":12," },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf out = { 0 };
        struct graph_conf g = { .runner = rows[i].runner, .environment.process_command = "/w" };
        Beam__Pipeline *p = build(rows[i].more, g, &out);
        Beam__ParDoPayload *shards = pardo(transform(p, "t_shard"));
        CLEANUP(buf_fini) struct buf json = { 0 };
        buf_append(&json, bytes_of((const char *) shards->do_fn->payload.data, shards->do_fn->payload.len));
        assert_non_null(strstr(buf_str(&json), rows[i].said));
        beam__par_do_payload__free_unpacked(shards, NULL);
        beam__pipeline__free_unpacked(p, NULL);
    }
}

static void names_make_a_bounded_job(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    const struct bytes names[] = { BYTES_LIT("a/b"), BYTES_LIT("c\"d") };
    struct graph_conf g = { .runner = BEAM_RUNNER_PORTABLE, .environment.process_command = "/w", .names = names, .names_count = 2 };
    Beam__Pipeline *p = build(LOCAL, g, &out);
    check_references(p);
    assert_int_equal(p->n_requirements, 0);
    for (size_t i = 0; i < p->components->n_pcollections; i++)
        assert_int_equal(p->components->pcollections[i]->value->is_bounded, BEAM_BOUNDED);
    Beam__ParDoPayload *create = pardo(transform(p, "t_create"));
    struct bytes json = bytes_of((const char *) create->do_fn->payload.data, create->do_fn->payload.len);
    assert_true(bytes_ends(json, BYTES_LIT(",\"names\":[\"a/b\",\"c\\\"d\"]}")));
    beam__par_do_payload__free_unpacked(create, NULL);
    beam__pipeline__free_unpacked(p, NULL);
}

static void options_are_named_as_in_the_sdk(void **state UNUSED)
{
    struct conf_faults faults;
    struct config *c = fixture_read("{" FIVE ", " LOCAL ", \"checkpointing_interval\": 2000, \"experiments\": [\"x\", \"beam_fn_api\"]}", NULL, &faults);
    CLEANUP(keep_fini) struct keep keep = { 0 };
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    job_options_write(&w, NULL, job_options_build(&keep, c, BEAM_RUNNER_FLINK));
    assert_string_equal(buf_str(&out),
        "{\"beam:option:checkpoint_timeout_millis:v1\":600000,\"beam:option:checkpointing_interval:v1\":2000,"
        "\"beam:option:experiments:v1\":[\"beam_fn_api\",\"x\"],\"beam:option:finish_bundle_before_checkpointing:v1\":true,"
        "\"beam:option:job_name:v1\":\"hl7v2-to-hl7v2\",\"beam:option:max_parallelism:v1\":2,\"beam:option:parallelism:v1\":1,"
        "\"beam:option:streaming:v1\":true}");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dataflow_reads_by_itself),
        cmocka_unit_test(others_get_our_source),
        cmocka_unit_test(parts_follow_the_runner_and_its_tasks),
        cmocka_unit_test(names_make_a_bounded_job),
        cmocka_unit_test(options_are_named_as_in_the_sdk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
