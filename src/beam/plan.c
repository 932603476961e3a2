#include "beam/plan.h"

#include "base/limits.h"
#include "base/mem.h"
#include "beam/beam_wire.h"

#include <stdlib.h>

static struct bytes payload_of(const Beam__FunctionSpec *spec)
{
    return bytes_of((const char *) spec->payload.data, spec->payload.len);
}

/* ---- coders ------------------------------------------------------------ */

static const Beam__Coder *coder_find(const struct beam_plan *p, const char *id)
{
    for (size_t i = 0; i < p->descriptor->n_coders; i++)
        if (strcmp(p->descriptor->coders[i]->key, id) == 0)
            return p->descriptor->coders[i]->value;
    return NULL;
}

static bool coder_is(const Beam__Coder *c, const char *urn, size_t components)
{
    return c != NULL && c->spec != NULL && strcmp(c->spec->urn, urn) == 0 && c->n_component_coder_ids == components;
}

/* Bytes, also with a length before them: the same on the wire. */
static bool is_bytes(const struct beam_plan *p, const char *id)
{
    const Beam__Coder *c = coder_find(p, id);
    if (coder_is(c, BEAM_URN_LENGTH_PREFIX, 1))
        c = coder_find(p, c->component_coder_ids[0]);
    return coder_is(c, BEAM_URN_BYTES, 0);
}

static bool is_pair(const struct beam_plan *p, const char *id)
{
    const Beam__Coder *c = coder_find(p, id);
    return coder_is(c, BEAM_URN_KV, 2) && is_bytes(p, c->component_coder_ids[0]) && is_bytes(p, c->component_coder_ids[1]);
}

static bool element_of(const struct beam_plan *p, const char *coder, enum beam_element *ret_element, struct err *err)
{
    const Beam__Coder *c = coder_find(p, coder);
    if (!coder_is(c, BEAM_URN_WINDOWED_VALUE, 2) ||
        !coder_is(coder_find(p, c->component_coder_ids[1]), BEAM_URN_GLOBAL_WINDOW, 0))
        return FAIL(err, BAD_INPUT, "a stage is joined by a coder other than windowed_value over the global window");
    const char *element = c->component_coder_ids[0];
    const Beam__Coder *kv = coder_find(p, element);
    if (is_bytes(p, element))
        *ret_element = BEAM_ELEMENT_BYTES;
    else if (is_pair(p, element))
        *ret_element = BEAM_ELEMENT_PAIR;
    else if (coder_is(kv, BEAM_URN_KV, 2) && is_pair(p, kv->component_coder_ids[0]) &&
             coder_is(coder_find(p, kv->component_coder_ids[1]), BEAM_URN_DOUBLE, 0))
        *ret_element = BEAM_ELEMENT_SIZED;
    else
        return FAIL(err, BAD_INPUT, "a stage is joined by elements of a type that this pipeline does not have");
    return true;
}

/* ---- one transform ----------------------------------------------------- */

static bool read_port(struct beam_plan *p, struct beam_step *s, const Beam__FunctionSpec *spec, struct err *err)
{
    Beam__RemoteGrpcPort *port = beam__remote_grpc_port__unpack(NULL, spec->payload.len, spec->payload.data);
    bool ok = port != NULL && port->api_service_descriptor != NULL && port->api_service_descriptor->url[0] != '\0';
    if (!ok)
        FAIL(err, BAD_INPUT, "a source or sink of the stage has no address");
    else if ((ok = element_of(p, port->coder_id, &s->element, err)))
        s->url = mem_dup(bytes_str(port->api_service_descriptor->url));
    if (port != NULL)
        beam__remote_grpc_port__free_unpacked(port, NULL);
    return ok;
}

/* The text lies in the descriptor's bytes: it is looked up in place, so that the slices live as long as the plan. */
static bool read_dofn(struct beam_step *s, const Beam__FunctionSpec *spec, struct err *err)
{
    Beam__ParDoPayload *pardo = beam__par_do_payload__unpack(NULL, spec->payload.len, spec->payload.data);
    bool ok = pardo != NULL && pardo->do_fn != NULL && strcmp(pardo->do_fn->urn, BEAM_URN_DOFN) == 0;
    struct bytes whole = payload_of(spec);
    if (!ok) {
        FAIL(err, BAD_INPUT, "a ParDo of the stage is not one of hl7relay's");
    } else {
        struct bytes text = payload_of(pardo->do_fn);
        const char *at = text.len > 0 ? memmem(whole.ptr, whole.len, text.ptr, text.len) : NULL;
        ok = beam_dofn_parse(bytes_of(at, at != NULL ? text.len : 0), &s->dofn, err);
    }
    if (pardo != NULL)
        beam__par_do_payload__free_unpacked(pardo, NULL);
    return ok;
}

static bool read_kind(struct beam_plan *p, struct beam_step *s, const Beam__FunctionSpec *spec, struct err *err)
{
    static const struct {
        const char *urn;
        enum beam_step_kind kind;
        enum beam_element element;
        bool port, dofn;
    } kinds[] = {
        { BEAM_URN_SOURCE, BEAM_STEP_SOURCE, 0, true, false },
        { BEAM_URN_SINK, BEAM_STEP_SINK, 0, true, false },
        { BEAM_URN_FLATTEN, BEAM_STEP_FLATTEN, BEAM_ELEMENT_BYTES, false, false },
        { BEAM_URN_PARDO, BEAM_STEP_PARDO, BEAM_ELEMENT_BYTES, false, true },
        { BEAM_URN_SDF_PAIR, BEAM_STEP_PAIR, BEAM_ELEMENT_BYTES, false, true },
        { BEAM_URN_SDF_SPLIT, BEAM_STEP_SPLIT, BEAM_ELEMENT_PAIR, false, true },
        { BEAM_URN_SDF_TRUNCATE, BEAM_STEP_TRUNCATE, BEAM_ELEMENT_SIZED, false, true },
        { BEAM_URN_SDF_PROCESS, BEAM_STEP_PROCESS, BEAM_ELEMENT_SIZED, false, true },
    };
    for (size_t i = 0; spec != NULL && i < ARRAY_LEN(kinds); i++) {
        if (strcmp(spec->urn, kinds[i].urn) != 0)
            continue;
        s->kind = kinds[i].kind;
        s->element = kinds[i].element;
        if (kinds[i].port)
            TRY(read_port(p, s, spec, err));
        if (kinds[i].dofn)
            TRY(read_dofn(s, spec, err));
        bool is_source = s->kind != BEAM_STEP_PARDO && kinds[i].dofn;
        if (kinds[i].dofn && (s->dofn.what == BEAM_DO_PULL) != is_source)
            return FAIL(err, BAD_INPUT, "`%s` stands where the pipeline cannot have it", beam_do_name(s->dofn.what));
        return true;
    }
    return FAIL(err, BAD_INPUT, "the stage has a transform that this worker does not implement");
}

static bool read_inputs(struct beam_step *s, const Beam__PTransform *t, struct err *err)
{
    s->input = t->n_inputs > 0 ? t->inputs[0]->key : "";
    if (s->kind == BEAM_STEP_SOURCE ? t->n_inputs > 0 : t->n_inputs == 0)
        return FAIL(err, BAD_INPUT, "a transform of the stage has no input, or a source has one");
    if (t->n_inputs > 1 && s->kind != BEAM_STEP_FLATTEN)
        return FAIL(err, BAD_INPUT, "a transform of the stage has several inputs");
    return true;
}

static uint32_t collection_of(struct beam_plan *p, const char *id)
{
    for (uint32_t i = 0; i < p->collections_count; i++)
        if (strcmp(p->collections[i], id) == 0)
            return i;
    p->collections[p->collections_count] = id;
    return p->collections_count++;
}

static enum beam_tag tag_of(const char *name, size_t outputs)
{
    if (strcmp(name, BEAM_TAG_FAILED_FETCH) == 0)
        return BEAM_OUT_FAILED_FETCH;
    if (strcmp(name, BEAM_TAG_FAILED_INGEST) == 0)
        return BEAM_OUT_FAILED_INGEST;
    return outputs == 1 || strcmp(name, BEAM_TAG_OUT) == 0 ? BEAM_OUT : BEAM_TAGS;
}

static bool read_outputs(struct beam_plan *p, struct beam_step *s, const Beam__PTransform *t, struct err *err)
{
    for (size_t i = 0; i < t->n_outputs; i++) {
        enum beam_tag tag = tag_of(t->outputs[i]->key, t->n_outputs);
        if (tag == BEAM_TAGS || s->out[tag].name != NULL)
            return FAIL(err, BAD_INPUT, "a transform of the stage has an output that it does not make");
        s->out[tag].name = t->outputs[i]->key;
        s->out[tag].collection = collection_of(p, t->outputs[i]->value);
    }
    return true;
}

/* ---- the graph --------------------------------------------------------- */

static bool takes(const Beam__PTransform *t, const char *collection)
{
    for (size_t i = 0; i < t->n_inputs; i++)
        if (strcmp(t->inputs[i]->value, collection) == 0)
            return true;
    return false;
}

static void link_takers(struct beam_plan *p)
{
    const Beam__ProcessBundleDescriptor *d = p->descriptor;
    for (uint32_t i = 0; i < p->steps_count; i++)
        for (unsigned tag = 0; tag < BEAM_TAGS; tag++) {
            struct beam_output *o = &p->steps[i].out[tag];
            for (uint32_t j = 0; o->name != NULL && j < p->steps_count; j++) {
                if (!takes(d->transforms[j]->value, p->collections[o->collection]))
                    continue;
                o->takers = mem_grow(o->takers, (o->takers_count + 1) * sizeof(o->takers[0]));
                o->takers[o->takers_count++] = j;
            }
        }
}

/* What a step puts out, in the shape that its takers must expect. */
static enum beam_element puts_out(const struct beam_step *s)
{
    switch (s->kind) {
    case BEAM_STEP_PAIR:     return BEAM_ELEMENT_PAIR;
    case BEAM_STEP_SPLIT:
    case BEAM_STEP_TRUNCATE: return BEAM_ELEMENT_SIZED;
    case BEAM_STEP_SOURCE:   return s->element;
    default:                 return BEAM_ELEMENT_BYTES;
    }
}

enum { UNSEEN, ON_PATH, SEEN };

/* Depth first: loops, and elements of a kind that the next step does not read. */
static bool walk(struct beam_plan *p, uint32_t at, unsigned depth, struct err *err)
{
    struct beam_step *s = &p->steps[at];
    if (s->mark == ON_PATH || depth > LIMIT_BEAM_STEPS)
        return FAIL(err, BAD_INPUT, "the transforms of the stage form a loop");
    if (s->mark == SEEN)
        return true;
    s->mark = ON_PATH;
    for (unsigned tag = 0; tag < BEAM_TAGS; tag++)
        for (uint32_t i = 0; i < s->out[tag].takers_count; i++) {
            uint32_t taker = s->out[tag].takers[i];
            bool any = p->steps[taker].kind == BEAM_STEP_FLATTEN && puts_out(s) == BEAM_ELEMENT_BYTES;
            if (!any && p->steps[taker].element != puts_out(s))
                return FAIL(err, BAD_INPUT, "a transform of the stage gets elements that it cannot read");
            TRY(walk(p, taker, depth + 1, err));
        }
    s->mark = SEEN;
    return true;
}

static bool is_pardo(const struct beam_step *s, enum beam_do what)
{
    return s->kind == BEAM_STEP_PARDO && s->dofn.what == what;
}

/* The writing step that takes what `from` passes on, through flattens. */
static uint32_t ingest_behind(const struct beam_plan *p, uint32_t from)
{
    const struct beam_output *o = &p->steps[from].out[BEAM_OUT];
    for (uint32_t i = 0; i < o->takers_count; i++) {
        uint32_t taker = o->takers[i];
        if (is_pardo(&p->steps[taker], BEAM_DO_INGEST))
            return taker;
        uint32_t behind = p->steps[taker].kind == BEAM_STEP_FLATTEN ? ingest_behind(p, taker) : BEAM_NO_STEP;
        if (behind != BEAM_NO_STEP)
            return behind;
    }
    return BEAM_NO_STEP;
}

/* One relay in the stage: a second could not know whose settings are meant. */
static bool read_settings(struct beam_plan *p, struct err *err)
{
    bool pulls = false, fetches = false;
    for (uint32_t i = 0; i < p->steps_count; i++) {
        struct beam_step *s = &p->steps[i];
        bool moves = s->kind == BEAM_STEP_PROCESS || is_pardo(s, BEAM_DO_FETCH) || is_pardo(s, BEAM_DO_INGEST);
        s->ingest = is_pardo(s, BEAM_DO_FETCH) ? ingest_behind(p, i) : BEAM_NO_STEP;
        pulls |= s->kind == BEAM_STEP_PROCESS;
        fetches |= s->ingest != BEAM_NO_STEP;
        if (!moves)
            continue;
        if (p->settings == NULL)
            p->settings = &s->dofn;
        else if (!bytes_eq(p->settings->settings, s->dofn.settings) || p->settings->runner != s->dofn.runner)
            return FAIL(err, BAD_INPUT, "two steps of one stage carry different settings");
    }
    if (pulls && !fetches)
        return FAIL(err, BAD_INPUT, "the runner cut the pipeline behind its source: what is pulled must be moved in the same stage");
    return true;
}

static bool read_steps(struct beam_plan *p, struct err *err)
{
    const Beam__ProcessBundleDescriptor *d = p->descriptor;
    size_t outputs = 0;
    if (d->n_transforms > LIMIT_BEAM_STEPS)
        return FAIL(err, BAD_INPUT, "the stage has more than %d transforms", LIMIT_BEAM_STEPS);
    for (size_t i = 0; i < d->n_transforms; i++) {
        if (d->transforms[i]->value == NULL)
            return FAIL(err, BAD_INPUT, "a transform of the stage is empty");
        outputs += d->transforms[i]->value->n_outputs;
    }
    p->steps = mem_alloc_n(d->n_transforms + 1, sizeof(p->steps[0]));
    p->collections = mem_alloc_n(outputs + 1, sizeof(p->collections[0]));
    for (size_t i = 0; i < d->n_transforms; i++) {
        const Beam__PTransform *t = d->transforms[i]->value;
        struct beam_step *s = &p->steps[p->steps_count++];
        s->id = d->transforms[i]->key;
        TRY(read_kind(p, s, t->spec, err));
        TRY(read_inputs(s, t, err));
        TRY(read_outputs(p, s, t, err));
        if (s->kind == BEAM_STEP_SINK)
            s->sink = p->sinks_count++;
        if (s->kind == BEAM_STEP_SOURCE) {
            if (p->source != BEAM_NO_STEP)
                return FAIL(err, BAD_INPUT, "the stage has several sources: timers and side inputs are not ours");
            p->source = (uint32_t) i;
        }
    }
    if (p->source == BEAM_NO_STEP)
        return FAIL(err, BAD_INPUT, "the stage has no source");
    return true;
}

/* A map entry without key or value reads as NULL or "": made "" throughout. */
static bool has_entries(const Beam__ProcessBundleDescriptor *d, struct err *err)
{
    for (size_t i = 0; i < d->n_coders; i++)
        if (d->coders[i]->value == NULL)
            return FAIL(err, BAD_INPUT, "a coder of the stage is empty");
    return true;
}

struct beam_plan *beam_plan_compile(Beam__ProcessBundleDescriptor *descriptor, struct err *err)
{
    struct beam_plan *p = mem_alloc(sizeof(*p));
    p->descriptor = descriptor;
    p->id = descriptor->id;
    p->source = BEAM_NO_STEP;
    bool ok = has_entries(descriptor, err) && read_steps(p, err);
    if (ok) {
        link_takers(p);
        for (uint32_t i = 0; ok && i < p->steps_count; i++)
            ok = walk(p, i, 0, err);
        ok = ok && read_settings(p, err);
    }
    if (ok)
        return p;
    beam_plan_free(p);
    return NULL;
}

void beam_plan_free(struct beam_plan *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->steps_count; i++) {
        mem_free((void *) p->steps[i].url);
        for (unsigned tag = 0; tag < BEAM_TAGS; tag++)
            mem_free(p->steps[i].out[tag].takers);
    }
    mem_free(p->steps);
    mem_free(p->collections);
    beam__process_bundle_descriptor__free_unpacked(p->descriptor, NULL);
    mem_free(p);
}
