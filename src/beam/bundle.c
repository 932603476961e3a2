/*
 * One bundle:
 *
 *      data first        process_bundle          stage, engine there      input in, poll over    group done
 *   ------------------> early ---> asked ---------> running ----------------> full -----------------> answered
 *                                    |                 |                        |
 *                                    +-- refused ------+------ broken ----------+--> answered with an error
 */
#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct beam_bundle *beam_bundle_find(struct beam_worker *w, const char *instruction)
{
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (strcmp(b->instruction, instruction) == 0)
            return b;
    }
    return NULL;
}

struct beam_bundle *beam_bundle_of_group(struct beam_worker *w, uint32_t group)
{
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (b->group == group)
            return b;
    }
    return NULL;
}

static void on_poll(struct loop_timer *t)
{
    beam_source_look(CONTAINER_OF(t, struct beam_bundle, poll));
}

struct beam_bundle *beam_bundle_get(struct beam_worker *w, const char *instruction)
{
    struct beam_bundle *b = beam_bundle_find(w, instruction);
    if (b != NULL || w->bundles.count >= LIMIT_BEAM_BUNDLES)
        return b;
    b = mem_alloc(sizeof(*b));
    b->worker = w;
    b->instruction = mem_dup(bytes_str(instruction));
    b->came_us = loop_now(w->loop);
    b->process = b->counter_steps[0] = b->counter_steps[1] = BEAM_NO_STEP;
    b->poll.fn = on_poll;
    list_push_back(&w->bundles, &b->link);
    return b;
}

void beam_bundle_free(struct beam_bundle *b)
{
    struct beam_worker *w = b->worker;
    beam_source_stop(b);
    if (!b->asked)
        w->early_bytes -= MIN(b->in.len, w->early_bytes);
    if (b->plan != NULL)
        for (uint32_t i = 0; b->out != NULL && i < b->plan->sinks_count; i++)
            buf_fini(&b->out[i]);
    for (uint32_t i = 0; i < b->shards_count; i++)
        buf_fini(&b->shards[i]);
    mem_free(b->out);
    mem_free(b->shards);
    mem_free(b->elements);
    mem_free(b->kept);
    mem_free(b->stage);
    mem_free(b->instruction);
    buf_fini(&b->headers);
    buf_fini(&b->in);
    list_remove(&w->bundles, &b->link);
    mem_free(b);
}

void beam_bundle_fail(struct beam_bundle *b, const struct err *err)
{
    struct beam_worker *w = b->worker;
    LOG(w->log, BUNDLE_FAILED, LOG_NAME_STR("instruction", b->instruction), LOG_ERR(err));
    if (b->group != 0)
        driver_group_abandon(w->mover.a.driver, b->group);
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    r.instruction_id = b->instruction;
    r.error = (char *) err->text;
    beam_control_answer(w, &r);
    beam_bundle_free(b);
}

void beam_bundle_failf(struct beam_bundle *b, const char *fmt, ...)
{
    struct err err = { .class = ERR_INTERNAL };
    va_list args;
    va_start(args, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);
    beam_bundle_fail(b, &err);
}

void beam_bundle_ask(struct beam_bundle *b, const char *stage)
{
    struct beam_worker *w = b->worker;
    w->early_bytes -= MIN(b->in.len, w->early_bytes);
    b->asked = true;
    b->stage = mem_dup(bytes_str(stage));
    if (beam_stage_get(w, stage) == NULL)
        beam_bundle_failf(b, "this worker has compiled %d stages already and takes no more", LIMIT_BEAM_PLANS);
    else
        beam_bundle_go_on(b);
}

/* The steps that the metrics of moved messages are named after. */
static void find_counter_steps(struct beam_bundle *b)
{
    const struct beam_plan *p = b->plan;
    for (uint32_t i = 0; i < p->steps_count; i++) {
        const struct beam_step *s = &p->steps[i];
        if (s->kind != BEAM_STEP_PARDO)
            continue;
        if (s->dofn.what == BEAM_DO_INGEST)
            b->counter_steps[1] = i;
        if (s->dofn.what == BEAM_DO_FETCH && s->ingest != BEAM_NO_STEP)
            b->counter_steps[0] = i;
    }
    if (b->counter_steps[0] == BEAM_NO_STEP)
        b->counter_steps[0] = b->counter_steps[1];
}

/* False: it failed, and is gone. */
static bool open_outputs(struct beam_bundle *b)
{
    const struct beam_plan *p = b->plan;
    struct err err;
    for (uint32_t i = 0; i < p->steps_count; i++)
        if (p->steps[i].url != NULL && beam_data_open(b->worker, p->steps[i].url, &err) == NULL) {
            beam_bundle_fail(b, &err);
            return false;
        }
    b->out = mem_alloc_n(p->sinks_count + 1, sizeof(b->out[0]));
    b->elements = mem_alloc_n(p->collections_count + 1, sizeof(b->elements[0]));
    find_counter_steps(b);
    return true;
}

/* Input as far as it is whole. False: it failed, and is gone. */
static bool parse(struct beam_bundle *b)
{
    struct bytes data = buf_bytes(&b->in);
    enum beam_element kind = b->plan->steps[b->plan->source].element;
    for (;;) {
        struct beam_value v;
        struct err err;
        enum beam_read r = beam_coder_next(&data, kind, &v);
        if (r == BEAM_READ_MORE)
            break;
        if (r == BEAM_READ_BAD) {
            beam_bundle_failf(b, "an element of the bundle cannot be read");
            return false;
        }
        b->read++;
        if (!beam_chain_take(b, &v, &err)) {
            beam_bundle_fail(b, &err);
            return false;
        }
    }
    if (b->input_last && data.len > 0) {
        beam_bundle_failf(b, "the last element of the bundle is cut");
        return false;
    }
    buf_drop_front(&b->in, b->in.len - data.len);
    return true;
}

void beam_bundle_go_on(struct beam_bundle *b)
{
    struct beam_worker *w = b->worker;
    struct beam_stage *s = beam_stage_get(w, b->stage);
    struct err err;
    if (b->running || s == NULL)
        return;
    if (s->refused) {
        beam_bundle_fail(b, &s->err);
        return;
    }
    if (s->plan == NULL)
        return;    /* it is being fetched */
    b->plan = s->plan;
    if (b->plan->settings != NULL && !beam_mover_open(w, b->plan, &err)) {
        beam_bundle_fail(b, &err);
        return;
    }
    if (b->plan->settings != NULL && w->mover.state != MOVER_READY)
        return;    /* the first token is awaited */
    if (!open_outputs(b))
        return;
    b->running = true;
    if (parse(b))
        beam_bundle_look(b);
}

void beam_bundle_data(struct beam_bundle *b, struct bytes data, bool last)
{
    if (b->input_last)
        return;    /* what comes after the last is nobody's */
    buf_append(&b->in, data);
    b->input_last = last;
    if (b->running && parse(b))
        beam_bundle_look(b);
}

void beam_bundle_open_group(struct beam_bundle *b, bool runner_leases)
{
    if (b->group != 0)
        return;
    b->group = ++b->worker->mover.groups;
    driver_group_open(b->worker->mover.a.driver, b->group, runner_leases);
}

void beam_bundle_counts(const struct beam_bundle *b, struct beam_counts *ret_counts)
{
    struct beam_metrics *m = b->worker->counters;
    const struct beam_plan *p = b->plan;
    for (unsigned i = 0; i < ARRAY_LEN(b->counters); i++) {
        uint32_t step = b->counter_steps[i / 2];
        if (step != BEAM_NO_STEP)
            beam_counts_add(ret_counts, m, (enum beam_metric) (BEAM_METRIC_FETCHED + i), p->steps[step].id, b->counters[i]);
    }
    for (uint32_t i = 0; i < p->collections_count; i++)
        beam_counts_add(ret_counts, m, BEAM_METRIC_ELEMENTS, p->collections[i], b->elements[i]);
    beam_counts_add(ret_counts, m, BEAM_METRIC_READ_INDEX, p->steps[p->source].id, b->read);
}

/* Whatever order the runner reads them in: outputs are complete before the answer leaves. */
static void answer(struct beam_bundle *b)
{
    struct beam_worker *w = b->worker;
    if (w->phase == WORKER_ENDING) {
        beam_bundle_failf(b, "the worker lost a stream of its runner: what the bundle put out may be lost with it");
        return;
    }
    struct beam_counts counts = { 0 };
    Beam__ProcessBundleResponse done = BEAM__PROCESS_BUNDLE_RESPONSE__INIT;
    Beam__InstructionResponse r = BEAM__INSTRUCTION_RESPONSE__INIT;
    beam_chain_flush(b, true);
    beam_bundle_counts(b, &counts);
    done.n_monitoring_infos = done.n_monitoring_data = counts.count;
    done.monitoring_infos = counts.infos;
    done.monitoring_data = counts.data;
    bool ours = b->process != BEAM_NO_STEP && b->group != 0;
    done.requires_finalization = ours;
    beam_source_residuals(b, &done);
    if (ours)
        beam_answered_add(&w->answered, b->instruction, b->group, loop_now(w->loop), beam_mover_policy(w)->finalize_cap_us);
    r.instruction_id = b->instruction;
    r.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_PROCESS_BUNDLE;
    r.process_bundle = &done;
    LOG(w->log, BUNDLE_DONE, LOG_NAME_STR("instruction", b->instruction), LOG_INT("elements", b->read),
        LOG_INT("taken", b->taken), LOG_US("took_s", loop_now(w->loop) - b->came_us));
    beam_control_answer(w, &r);
    beam_source_residuals_fini(&done);
    beam_counts_fini(&counts);
    beam_bundle_free(b);
}

void beam_bundle_look(struct beam_bundle *b)
{
    if (!b->running || !b->input_last || b->polling || b->group_full)
        return;
    if (b->group == 0) {
        answer(b);
        return;
    }
    b->group_full = true;
    driver_group_full(b->worker->mover.a.driver, b->group);
}

void beam_bundle_group_done(struct beam_bundle *b, bool failed)
{
    if (!failed) {
        answer(b);
        return;
    }
    b->group = 0;    /* answered by the engine: there is nothing to abandon */
    beam_bundle_failf(b, "not every message of the bundle could be delivered or put into a dead letter in time (the worker's "
                         "log names the service that holds it, or says that the worker is stopping): nothing of the bundle "
                         "may be acknowledged");
}
