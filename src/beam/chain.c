/*
 * An element through the steps of a stage. Steps are called, not queued: what
 * a step puts out goes into its takers at once, down to a sink's buffer or to
 * the engine; only messages come back later, as outcomes.
 *
 * Fetch and ingest of one stage are one job of the engine. A fetch without its
 * ingest in the same stage passes the name on: the stage that writes fetches.
 */
#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"
#include "beam/beam_wire.h"

#include "proto/pubsub.pb-c.h"

static bool give(struct beam_bundle *b, uint32_t step, struct bytes header, struct bytes element, struct err *err);

static void flush_sink(struct beam_bundle *b, const struct beam_step *s, bool last)
{
    struct err err;
    struct beam_data *d = beam_data_open(b->worker, s->url, &err);
    if (d != NULL)
        beam_data_send(d, b->instruction, s->id, buf_bytes(&b->out[s->sink]), last);
    buf_clear(&b->out[s->sink]);
}

void beam_chain_flush(struct beam_bundle *b, bool last)
{
    for (uint32_t i = 0; i < b->plan->steps_count; i++)
        if (b->plan->steps[i].kind == BEAM_STEP_SINK)
            flush_sink(b, &b->plan->steps[i], last);
}

/* To all who take the output. An output that nobody takes is counted and gone. */
static bool put(struct beam_bundle *b, const struct beam_output *o, struct bytes header, struct bytes element, struct err *err)
{
    if (o->name == NULL)
        return true;
    b->elements[o->collection]++;
    for (uint32_t i = 0; i < o->takers_count; i++)
        TRY(give(b, o->takers[i], header, element, err));
    return true;
}

static bool put_bytes(struct beam_bundle *b, const struct beam_output *o, struct bytes header, struct bytes value, struct err *err)
{
    CLEANUP(buf_fini) struct buf element = { 0 };
    beam_coder_put_bytes(&element, value);
    return put(b, o, header, buf_bytes(&element), err);
}

static bool put_more(struct beam_bundle *b, const struct beam_step *s, struct bytes header, struct bytes element, bool size,
                     struct err *err)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    buf_append(&out, element);
    if (size)
        beam_coder_put_double(&out, 1.0);
    else
        beam_coder_put_bytes(&out, BYTES_LIT("\1"));    /* the restriction: all of the shard */
    return put(b, &s->out[BEAM_OUT], header, buf_bytes(&out), err);
}

static bool make_shards(struct beam_bundle *b, const struct beam_step *s, struct bytes header, struct err *err)
{
    for (uint32_t i = 0; i < s->dofn.shards; i++) {
        const char be[4] = { (char) (i >> 24), (char) (i >> 16), (char) (i >> 8), (char) i };
        TRY(put_bytes(b, &s->out[BEAM_OUT], header, bytes_of(be, sizeof(be)), err));
    }
    return true;
}

static bool make_names(struct beam_bundle *b, const struct beam_step *s, struct bytes header, struct err *err)
{
    struct json_cursor c = json_cursor_of(&s->dofn.names);
    struct json_value v;
    CLEANUP(buf_fini) struct buf name = { 0 };
    while (json_next(&c, NULL, &v)) {
        buf_clear(&name);
        if (!json_unescape(v.raw, &name))
            return FAIL(err, BAD_INPUT, "a name of the step `create` is no text");
        TRY(put_bytes(b, &s->out[BEAM_OUT], header, buf_bytes(&name), err));
    }
    return true;
}

static uint32_t keep(struct beam_bundle *b, struct bytes header, uint32_t fetch, uint32_t ingest)
{
    if (b->kept_count == b->kept_cap) {
        b->kept_cap = MAX(b->kept_cap * 2, 64u);
        b->kept = mem_grow(b->kept, b->kept_cap * sizeof(b->kept[0]));
    }
    b->kept[b->kept_count] = (struct beam_kept) { b->headers.len, header.len, fetch, ingest };
    buf_append(&b->headers, header);
    return ++b->kept_count;
}

/* A message's name enters the engine: the runner holds its lease. */
static bool move(struct beam_bundle *b, uint32_t fetch, uint32_t ingest, struct bytes header, struct bytes value, struct err *err)
{
    const struct beam_step *s = &b->plan->steps[fetch != BEAM_NO_STEP ? fetch : ingest];
    struct pubsub_delivery d = { .data = value };
    Google__Pubsub__V1__PubsubMessage *m = NULL;
    if (s->dofn.with_attributes) {
        m = google__pubsub__v1__pubsub_message__unpack(NULL, value.len, (const uint8_t *) value.ptr);
        if (m == NULL)
            return FAIL(err, PROTOCOL, "the runner's read brought what is no PubsubMessage");
        d.data = bytes_of((const char *) m->data.data, m->data.len);
        d.message_id = bytes_str(m->message_id);
    }
    beam_bundle_open_group(b, true);
    bool ok = driver_push(b->worker->mover.a.driver, b->group, &d, keep(b, header, fetch, ingest));
    if (m != NULL)
        google__pubsub__v1__pubsub_message__free_unpacked(m, NULL);
    return ok || FAIL(err, THROTTLED, "more messages are under way than this worker takes (`hl7relay check --limits`)");
}

static bool pardo(struct beam_bundle *b, uint32_t step, struct bytes header, struct bytes element, struct err *err)
{
    const struct beam_step *s = &b->plan->steps[step];
    struct bytes at = element;
    uint64_t len;
    if (!beam_coder_varint(&at, &len) || len != at.len)
        return FAIL(err, INTERNAL, "an element within the stage is not whole");
    switch (s->dofn.what) {
    case BEAM_DO_SHARDS:
        return make_shards(b, s, header, err);
    case BEAM_DO_CREATE:
        return make_names(b, s, header, err);
    case BEAM_DO_LOG:    /* the engine's driver logs each message, and each dead letter */
        return put(b, &s->out[BEAM_OUT], header, element, err);
    case BEAM_DO_FETCH:
        if (s->ingest == BEAM_NO_STEP)
            return put(b, &s->out[BEAM_OUT], header, element, err);
        return move(b, step, s->ingest, header, at, err);
    case BEAM_DO_INGEST:
        return move(b, BEAM_NO_STEP, step, header, at, err);
    case BEAM_DO_DEAD_FETCH:
    case BEAM_DO_DEAD_INGEST:
        return true;
    case BEAM_DO_PULL:
        break;
    }
    return FAIL(err, INTERNAL, "`pull` is no plain step");
}

static bool give(struct beam_bundle *b, uint32_t step, struct bytes header, struct bytes element, struct err *err)
{
    const struct beam_step *s = &b->plan->steps[step];
    switch (s->kind) {
    case BEAM_STEP_SINK:
        buf_append(&b->out[s->sink], header);
        buf_append(&b->out[s->sink], element);
        if (b->out[s->sink].len >= LIMIT_BEAM_FLUSH)
            flush_sink(b, s, false);
        return true;
    case BEAM_STEP_FLATTEN:
        return put(b, &s->out[BEAM_OUT], header, element, err);
    case BEAM_STEP_PAIR:
        return put_more(b, s, header, element, false, err);
    case BEAM_STEP_SPLIT:
        return put_more(b, s, header, element, true, err);
    case BEAM_STEP_TRUNCATE:
        return true;    /* drain: the source ends here, nothing is left of it */
    case BEAM_STEP_PROCESS:
        beam_source_add(b, step, &(struct beam_value) { .header = header, .element = element });
        return true;
    case BEAM_STEP_PARDO:
        return pardo(b, step, header, element, err);
    case BEAM_STEP_SOURCE:
        break;
    }
    return FAIL(err, INTERNAL, "a source has no input");
}

bool beam_chain_take(struct beam_bundle *b, const struct beam_value *v, struct err *err)
{
    return put(b, &b->plan->steps[b->plan->source].out[BEAM_OUT], v->header, v->element, err);
}

/* ---- what comes back ---------------------------------------------------- */

static void put_name(struct beam_bundle *b, uint32_t step, enum beam_tag tag, struct bytes header, struct bytes name)
{
    struct err err;
    if (step != BEAM_NO_STEP && !put_bytes(b, &b->plan->steps[step].out[tag], header, name, &err))
        CHECK(!"behind a message there are logs and sinks alone");
}

void beam_chain_outcome(struct beam_bundle *b, const struct relay_action *a, uint32_t mark)
{
    bool ingest = a->stage == OP_INGEST, delivered = a->outcome == OUTCOME_DELIVERED;
    if (!delivered && a->outcome != OUTCOME_DEAD)
        return;    /* skipped: on record; released and coalesced: others tell */
    struct beam_kept k = { 0, 0, b->counter_steps[0], b->counter_steps[1] };
    CLEANUP(buf_fini) struct buf now = { 0 };
    beam_coder_put_header(&now, loop_wall(b->worker->loop) / US_PER_MS);
    struct bytes header = buf_bytes(&now);
    if (mark > 0 && mark <= b->kept_count) {
        k = b->kept[mark - 1];
        header = bytes_sub(buf_bytes(&b->headers), k.header_at, k.header_len);
    }
    b->counters[delivered || ingest ? BEAM_METRIC_FETCHED : BEAM_METRIC_FAILED_FETCH]++;
    if (delivered || ingest) {
        b->counters[delivered ? BEAM_METRIC_INGESTED : BEAM_METRIC_FAILED_INGEST]++;
        if (k.fetch != BEAM_NO_STEP && k.fetch != k.ingest)
            b->elements[b->plan->steps[k.fetch].out[BEAM_OUT].collection]++;
        put_name(b, k.ingest, delivered ? BEAM_OUT : BEAM_OUT_FAILED_INGEST, header, a->name);
    } else if (k.fetch != BEAM_NO_STEP && k.fetch != k.ingest) {
        put_name(b, k.fetch, BEAM_OUT_FAILED_FETCH, header, a->name);
    } else {
        put_name(b, k.ingest, BEAM_OUT_FAILED_INGEST, header, a->name);
    }
}

/* What lies between the source and the fetch: each message passes it, though nothing is called. */
void beam_chain_count_taken(struct beam_bundle *b, uint32_t n)
{
    const struct beam_plan *p = b->plan;
    for (uint32_t at = b->process; at != BEAM_NO_STEP;) {
        const struct beam_output *o = &p->steps[at].out[BEAM_OUT];
        if (o->name == NULL || o->takers_count == 0)
            return;
        b->elements[o->collection] += n;
        at = o->takers[0];
        if (p->steps[at].kind == BEAM_STEP_PARDO && p->steps[at].dofn.what == BEAM_DO_FETCH)
            return;
    }
}
