/* Descriptions of stages: refused with a reason, or a plan whose parts point at each other and nowhere else. */
#include "fuzz.h"

#include "beam/plan.h"

static void check_plan(const struct beam_plan *p)
{
    CHECK(p->source < p->steps_count && p->steps[p->source].kind == BEAM_STEP_SOURCE);
    for (uint32_t i = 0; i < p->steps_count; i++) {
        const struct beam_step *s = &p->steps[i];
        CHECK(s->id != NULL && s->input != NULL);
        CHECK((s->url != NULL) == (s->kind == BEAM_STEP_SOURCE || s->kind == BEAM_STEP_SINK));
        CHECK(s->kind != BEAM_STEP_SINK || s->sink < p->sinks_count);
        CHECK(s->ingest == BEAM_NO_STEP || s->ingest < p->steps_count);
        for (unsigned tag = 0; tag < BEAM_TAGS; tag++) {
            CHECK(s->out[tag].name == NULL || s->out[tag].collection < p->collections_count);
            for (uint32_t t = 0; t < s->out[tag].takers_count; t++)
                CHECK(s->out[tag].takers[t] < p->steps_count && s->out[tag].takers[t] != i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct err err = { 0 };
    Beam__ProcessBundleDescriptor *d = beam__process_bundle_descriptor__unpack(NULL, len, data);
    if (d == NULL)
        return 0;
    struct beam_plan *p = beam_plan_compile(d, &err);
    if (p != NULL)
        check_plan(p);
    else
        CHECK(err.class == ERR_BAD_INPUT && err.text[0] != '\0');
    beam_plan_free(p);
    return 0;
}
