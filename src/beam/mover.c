/*
 * The one engine of a worker, made from the settings that the pipeline carries
 * when the first stage that moves messages comes. Credentials are those of the
 * worker's own environment, as for `run`.
 */
#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/clock.h"

#include <stdlib.h>

static const char *env(const char *name)
{
    return getenv(name);
}

const struct beam_runner_policy *beam_mover_policy(const struct beam_worker *w)
{
    return beam_runner_policy(w->mover.runner);
}

/* Several bundles may wait for one message: the first that still polls gets it. */
static void on_parked(void *ctx)
{
    struct beam_worker *w = ctx;
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (driver_parked(w->mover.a.driver) == 0)
            return;
        beam_source_look(b);
    }
}

static void on_outcome(void *ctx, const struct relay_action *a, uint32_t mark)
{
    struct beam_bundle *b = beam_bundle_of_group(ctx, a->group);
    if (b != NULL)
        beam_chain_outcome(b, a, mark);
}

static void on_group_done(void *ctx, uint32_t group, bool failed)
{
    struct beam_bundle *b = beam_bundle_of_group(ctx, group);
    if (b != NULL)
        beam_bundle_group_done(b, failed);
}

/* The bundles that wait for the engine may end, one by one, others not. */
static void tell_waiting(struct beam_worker *w, const struct err *err)
{
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (b->plan == NULL || b->running)
            continue;
        if (err != NULL)
            beam_bundle_fail(b, err);
        else
            beam_bundle_go_on(b);
    }
}

static void give_up(struct beam_worker *w, const struct err *err)
{
    tell_waiting(w, err);
    loop_task_post(w->loop, &w->mover.fini);    /* the next bundle begins anew */
}

static void on_sink_proved(void *ctx, const struct err *err)
{
    struct beam_worker *w = ctx;
    sink_proof_free(w->mover.sink_proof);
    w->mover.sink_proof = NULL;
    if (err->class != ERR_OK) {
        give_up(w, err);
        return;
    }
    assembly_drive(&w->mover.a, NULL, NULL);
    w->mover.state = MOVER_READY;
    tell_waiting(w, NULL);
}

/* Nothing is taken before it is known that dead letters would be kept. */
static void prove_sink(struct beam_worker *w)
{
    struct beam_mover *m = &w->mover;
    m->sink_proof = sink_proof_start(&m->a, on_sink_proved, w);
    if (m->sink_proof != NULL)
        return;
    assembly_drive(&m->a, NULL, NULL);
    m->state = MOVER_READY;
}

static void on_fini(struct loop_task *t)
{
    beam_mover_close(CONTAINER_OF(t, struct beam_worker, mover.fini));
}

static void on_first_token(struct auth_watcher *watcher, uint32_t gen UNUSED, const struct err *err)
{
    struct beam_worker *w = CONTAINER_OF(watcher, struct beam_worker, mover.first_token);
    auth_unwatch(w->mover.a.auth, watcher);
    if (err->class != ERR_OK) {
        LOG(w->log, TOKEN_FAILED, LOG_ERR(err));
        give_up(w, err);
        return;
    }
    prove_sink(w);
    if (w->mover.state == MOVER_READY)
        tell_waiting(w, NULL);
}

static bool read_settings(struct beam_mover *m, struct bytes settings, struct err *err)
{
    struct conf_faults faults = { 0 };
    m->config = config_read(&(struct conf_input) {
        .env = env, .wall_us = clock_wall(), .parse_time = clock_parse_rfc3339,
    }, "the settings of the pipeline", settings, &faults, err);
    if (m->config == NULL)
        return false;
    if (m->config->sink == CONF_SINK_FILE && !m->config->dead_letter_kept_volume)
        return FAIL(err, CONFIG, "dead letters would be written to a disk that goes with the worker: name a dead_letter.topic, or "
                                 "set dead_letter.kept_volume where that disk is kept");
    return true;
}

/* What bundles need of the policy, from the runner's row. */
static void fit_policy(struct relay_policy *p, const struct beam_runner_policy *runner, const struct beam_dofn *dofn)
{
    p->max_hold_us = MIN(p->max_hold_us, runner->open_max_us);    /* lease.max_hold may be shorter */
    if (dofn->open_ms > 0)
        p->max_hold_us = MIN(p->max_hold_us, (us_t) dofn->open_ms * US_PER_MS);
    p->finalize_cap_us = runner->finalize_cap_us;
    p->settled_max = runner->settled_max;
    p->deliveries_max = MIN(p->deliveries_max + runner->settled_max, (uint32_t) LIMIT_OUTSTANDING);
}

static bool make(struct beam_worker *w, const struct beam_plan *plan, struct err *err)
{
    struct beam_mover *m = &w->mover;
    const struct beam_runner_policy *runner = beam_runner_policy(plan->settings->runner);
    TRY(read_settings(m, plan->settings->settings, err));
    m->runner = plan->settings->runner;
    m->events = (struct driver_bundles) { runner->park_us, on_parked, on_outcome, on_group_done, w };
    m->a = (struct assembly) {
        .conf = m->config, .loop = w->loop, .log = w->log, .metrics = w->metrics, .bundles = &m->events,
        .started_us = loop_now(w->loop),
    };
    m->a.pushed = true;
    for (uint32_t i = 0; i < plan->steps_count; i++)
        m->a.pushed &= plan->steps[i].kind != BEAM_STEP_PROCESS;
    TRY(assembly_make(&m->a, true, err));
    fit_policy(&m->a.policy, runner, plan->settings);
    return true;
}

bool beam_mover_open(struct beam_worker *w, const struct beam_plan *plan, struct err *err)
{
    struct beam_mover *m = &w->mover;
    bool pulls = false;
    for (uint32_t i = 0; i < plan->steps_count; i++)
        pulls |= plan->steps[i].kind == BEAM_STEP_PROCESS;
    if (m->state != MOVER_NONE) {
        if (!bytes_eq(bytes_str(m->settings), plan->settings->settings) || m->runner != plan->settings->runner)
            return FAIL(err, CONFIG, "this worker runs another pipeline already; each needs a worker of its own");
        if (pulls && m->a.pushed)
            return FAIL(err, CONFIG, "one pipeline has a source of its own and elements of the runner's: submit them apart");
        return true;
    }
    m->fini.fn = on_fini;
    if (!make(w, plan, err)) {
        beam_mover_close(w);
        return false;
    }
    m->settings = mem_dup(plan->settings->settings);
    m->status = status_open(&m->a);
    m->state = MOVER_WAITS;
    if (m->a.auth == NULL) {
        prove_sink(w);
        return true;
    }
    m->first_token.fn = on_first_token;
    auth_watch(m->a.auth, &m->first_token);
    auth_refresh(m->a.auth, 0);
    return true;
}

void beam_mover_close(struct beam_worker *w)
{
    struct beam_mover *m = &w->mover;
    loop_task_cancel(w->loop, &m->fini);
    if (list_is_linked(&m->first_token.link))
        auth_unwatch(m->a.auth, &m->first_token);
    sink_proof_free(m->sink_proof);
    m->sink_proof = NULL;
    status_close(m->status);
    if (m->config != NULL)
        assembly_fini(&m->a);
    config_free(m->config);
    mem_free(m->settings);
    m->a = (struct assembly) { 0 };
    m->status = NULL;
    m->config = NULL;
    m->settings = NULL;
    m->state = MOVER_NONE;
}

bool beam_mover_is_drained(const struct beam_worker *w)
{
    return w->mover.a.driver == NULL || driver_is_drained(w->mover.a.driver);
}
