/*
 * The C source: an unbounded splittable DoFn without positions. A shard is a
 * licence to pull, nothing else: whichever bundle is open takes what the one
 * pull stream of the process brought, and gives its shards back as residuals.
 *
 *      shard in -> poll: take what waits .. nothing comes for follow_us, or poll_max_us, or enough
 *                        -> group full -> every message has its outcome -> answer: residuals, finalization wanted
 */
#include "beam/worker_parts.h"

#include "base/mem.h"
#include "beam/beam_wire.h"

static const us_t watermark_behind_us = 30 * US_PER_S;

static uint64_t left(const struct beam_bundle *b)
{
    uint64_t end = b->plan->steps[b->process].dofn.messages, taken = b->worker->mover.taken;
    if (end == 0)
        return UINT64_MAX;
    return end > taken ? end - taken : 0;
}

void beam_source_add(struct beam_bundle *b, uint32_t step, const struct beam_value *shard)
{
    us_t now = loop_now(b->worker->loop);
    b->shards = mem_grow(b->shards, (b->shards_count + 1) * sizeof(b->shards[0]));
    struct buf *s = &b->shards[b->shards_count++];
    *s = (struct buf) { 0 };
    buf_append(s, shard->header);
    buf_append(s, shard->element);
    if (b->process != BEAM_NO_STEP)
        return;
    b->process = step;
    b->polling = true;
    b->poll_from_us = now;
    loop_timer_set(b->worker->loop, &b->poll, now);    /* behind the call that brought the shard */
}

void beam_source_stop(struct beam_bundle *b)
{
    b->polling = false;
    loop_timer_stop(b->worker->loop, &b->poll);
}

static void take(struct beam_bundle *b, us_t now)
{
    struct beam_worker *w = b->worker;
    const struct beam_runner_policy *p = beam_mover_policy(w);
    uint64_t room = MIN((uint64_t) p->bundle_messages - b->taken, left(b));
    if (room == 0 || driver_parked(w->mover.a.driver) == 0)
        return;
    beam_bundle_open_group(b, false);
    uint32_t n = driver_take(w->mover.a.driver, b->group, (uint32_t) room);
    b->taken += n;
    w->mover.taken += n;
    b->took_us = now;
    beam_chain_count_taken(b, n);
}

void beam_source_look(struct beam_bundle *b)
{
    struct beam_worker *w = b->worker;
    const struct beam_runner_policy *p = beam_mover_policy(w);
    us_t now = loop_now(w->loop);
    if (!b->polling)
        return;
    take(b, now);
    us_t end_us = b->poll_from_us + p->poll_max_us;
    end_us = MIN(end_us, b->taken > 0 ? b->took_us + p->follow_us : b->poll_from_us + p->poll_us);
    if (b->taken < p->bundle_messages && left(b) > 0 && now < end_us && !w->stopping) {
        loop_timer_set(w->loop, &b->poll, end_us);
        return;
    }
    beam_source_stop(b);
    beam_bundle_look(b);
}

/* ---- residuals ----------------------------------------------------------- */

struct residual {
    Beam__DelayedBundleApplication delayed;
    Beam__BundleApplication application;
    Beam__BundleApplication__OutputWatermarksEntry watermark, *watermarks[1];
    Google__Protobuf__Timestamp hold;
    Google__Protobuf__Duration delay;
};

static struct residual *residual_make(const struct beam_bundle *b, const struct buf *shard)
{
    const struct beam_step *s = &b->plan->steps[b->process];
    us_t hold_us = loop_wall(b->worker->loop) - watermark_behind_us, delay_us = beam_mover_policy(b->worker)->residual_delay_us;
    struct residual *r = mem_alloc(sizeof(*r));
    r->delayed = (Beam__DelayedBundleApplication) BEAM__DELAYED_BUNDLE_APPLICATION__INIT;
    r->application = (Beam__BundleApplication) BEAM__BUNDLE_APPLICATION__INIT;
    r->watermark = (Beam__BundleApplication__OutputWatermarksEntry) BEAM__BUNDLE_APPLICATION__OUTPUT_WATERMARKS_ENTRY__INIT;
    r->hold = (Google__Protobuf__Timestamp) GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    r->delay = (Google__Protobuf__Duration) GOOGLE__PROTOBUF__DURATION__INIT;
    r->hold.seconds = hold_us / US_PER_S;
    r->hold.nanos = (int32_t) (hold_us % US_PER_S * 1000);
    r->delay.seconds = delay_us / US_PER_S;
    r->delay.nanos = (int32_t) (delay_us % US_PER_S * 1000);
    r->watermark.key = (char *) s->out[BEAM_OUT].name;
    r->watermark.value = &r->hold;
    r->watermarks[0] = &r->watermark;
    r->application.transform_id = (char *) s->id;
    r->application.input_id = (char *) s->input;
    r->application.element = (ProtobufCBinaryData) { shard->len, (uint8_t *) shard->ptr };
    r->application.is_bounded = BEAM_UNBOUNDED;
    r->application.n_output_watermarks = s->out[BEAM_OUT].name != NULL;
    r->application.output_watermarks = r->watermarks;
    r->delayed.application = &r->application;
    r->delayed.requested_time_delay = &r->delay;
    return r;
}

void beam_source_residuals(struct beam_bundle *b, Beam__ProcessBundleResponse *r)
{
    if (b->process == BEAM_NO_STEP || left(b) == 0)
        return;    /* no source in the stage; or it has come to its end: shards that are not given back are finished */
    r->residual_roots = mem_alloc_n(b->shards_count + 1, sizeof(r->residual_roots[0]));
    for (uint32_t i = 0; i < b->shards_count; i++)
        r->residual_roots[r->n_residual_roots++] = &residual_make(b, &b->shards[i])->delayed;
}

void beam_source_residuals_fini(Beam__ProcessBundleResponse *r)
{
    for (size_t i = 0; i < r->n_residual_roots; i++)
        mem_free(CONTAINER_OF(r->residual_roots[i], struct residual, delayed));
    mem_free(r->residual_roots);
    r->residual_roots = NULL;
    r->n_residual_roots = 0;
}
