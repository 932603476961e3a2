/*
 * The worker's life:
 *
 *      STARTING  provision info, then logging and control streams
 *      RUNNING   until the control stream ends or SIGTERM
 *      ENDING    leases are given back, logs leave, exit; nothing depends on getting this far (SIGKILL is usual)
 */
#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "loop/resolve.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const us_t provision_us = 60 * US_PER_S;
/* A runner kills its worker soon after it closed the control stream: what can be given back is given back at once. */
static const us_t leave_us = 500 * US_PER_MS;
static const us_t leave_max_us = 2 * US_PER_S;

static void finish(struct beam_worker *w)
{
    loop_stop(w->loop);
}

void beam_worker_leave(struct beam_worker *w, const struct err *err)
{
    if (w->phase == WORKER_ENDING)
        return;
    w->phase = WORKER_ENDING;
    w->stopping = true;
    w->end = BEAM_WORKER_STOPPED;
    if (err != NULL) {
        *w->err = *err;
        err_wrap(w->err, "the runner's streams");
        w->end = BEAM_WORKER_FAILED;
        LOG(w->log, RUNNER_LOST, LOG_ERR(err));
    }
    us_t now = loop_now(w->loop);
    if (w->mover.a.driver != NULL)
        driver_drain(w->mover.a.driver, now + leave_us);
    loop_timer_set(w->loop, &w->deadline, now + leave_max_us);
}

/* SIGTERM: bundles that are open are finished within the time of the configuration, or answered with an error. */
static void stop(struct beam_worker *w)
{
    if (w->stopping || w->phase != WORKER_RUNNING) {
        if (w->phase != WORKER_ENDING)
            w->end = BEAM_WORKER_STOPPED;
        finish(w);
        return;
    }
    w->stopping = true;
    LOG(w->log, DRAINING);
    us_t now = loop_now(w->loop);
    us_t wait_us = w->mover.config != NULL ? w->mover.config->shutdown_drain_timeout : 0;
    if (w->mover.a.driver != NULL)
        driver_drain(w->mover.a.driver, now + wait_us);
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (b->polling)
            beam_source_look(b);
    }
    loop_timer_set(w->loop, &w->deadline, now + wait_us + leave_us);
}

static void on_signal(void *ctx, int signo)
{
    struct beam_worker *w = ctx;
    if (signo == SIGTERM || signo == SIGINT)
        stop(w);
}

static void on_deadline(struct loop_timer *t)
{
    struct beam_worker *w = CONTAINER_OF(t, struct beam_worker, deadline);
    if (w->phase == WORKER_ENDING) {
        finish(w);
        return;
    }
    LIST_EACH(&w->bundles, link, after)    /* SIGTERM, and the time is over */
        beam_bundle_failf(CONTAINER_OF(link, struct beam_bundle, link), "the worker is stopping");
    beam_worker_leave(w, NULL);
}

static void on_pass(struct loop_hook *h)
{
    struct beam_worker *w = CONTAINER_OF(h, struct beam_worker, hook);
    beam_data_hold(w);
    if (w->phase == WORKER_RUNNING && w->stopping && list_is_empty(&w->bundles) && beam_mover_is_drained(w)) {
        if (w->control != NULL)
            grpc_call_send_end(w->control);
        beam_worker_leave(w, NULL);
    }
    if (w->phase == WORKER_ENDING && beam_mover_is_drained(w) && fn_log_is_over(w->fn_log) &&
        (w->control == NULL || grpc_call_unsent(w->control) == 0))
        finish(w);
}

/* Data without an instruction waits; what waits too long belongs to a bundle that the runner gave up. */
static void on_early(struct loop_timer *t)
{
    struct beam_worker *w = CONTAINER_OF(t, struct beam_worker, early);
    us_t now = loop_now(w->loop);
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *b = CONTAINER_OF(link, struct beam_bundle, link);
        if (b->asked || b->came_us + LIMIT_BEAM_EARLY_S * US_PER_S > now)
            continue;
        LOG(w->log, EARLY_DATA_DROPPED, LOG_NAME_STR("instruction", b->instruction));
        beam_bundle_free(b);
    }
    loop_timer_set(w->loop, t, now + US_PER_S * LIMIT_BEAM_EARLY_S / 6);
}

/* ---- the start ------------------------------------------------------------ */

static void take_url(const Beam__ApiServiceDescriptor *d, const char *flag, char *out, size_t len)
{
    const char *url = d != NULL && d->url[0] != '\0' ? d->url : flag;
    snprintf(out, len, "%s", url);
}

static const char *metadata_of(const Beam__ProvisionInfo *info, const char *key)
{
    for (size_t i = 0; i < info->n_metadata; i++)
        if (strcmp(info->metadata[i]->key, key) == 0)
            return info->metadata[i]->value;
    return "";
}

static void on_provision(void *ctx, struct bytes message)
{
    struct beam_worker *w = ctx;
    struct err err;
    Beam__GetProvisionInfoResponse *r =
        beam__get_provision_info_response__unpack(NULL, message.len, (const uint8_t *) message.ptr);
    if (r != NULL && r->info != NULL) {
        take_url(r->info->control_endpoint, w->conf->control, w->control_url, sizeof(w->control_url));
        take_url(r->info->logging_endpoint, w->conf->logging, w->logging_url, sizeof(w->logging_url));
    }
    if (w->control_url[0] == '\0') {
        FAIL(&err, CONFIG, "neither the provision service nor a flag says where the control service is");
        beam_worker_leave(w, &err);
    } else {
        LOG(w->log, WORKER_STARTED, LOG_CODE("version", HL7RELAY_VERSION), LOG_NAME_STR("id", w->conf->id),
            LOG_NAME_STR("runner", metadata_of(r->info, "runner")), LOG_NAME_STR("control", w->control_url));
    }
    if (r != NULL)
        beam__get_provision_info_response__free_unpacked(r, NULL);
}

static void open_streams(struct beam_worker *w)
{
    struct err err;
    struct h2_pool *logging = w->logging_url[0] != '\0' ? beam_endpoint(w->endpoints, w->logging_url, &err) : NULL;
    if (logging != NULL)
        fn_log_connect(w->fn_log, w->endpoints, logging);
    w->phase = WORKER_RUNNING;
    beam_control_open(w);
}

static void on_provisioned(void *ctx, const struct grpc_result *result)
{
    struct beam_worker *w = ctx;
    w->provision = NULL;
    if (w->phase != WORKER_STARTING)
        return;
    if (result->err.class != ERR_OK)
        beam_worker_leave(w, &result->err);
    else
        open_streams(w);
}

static bool ask_for_provision(struct beam_worker *w)
{
    static const struct grpc_call_events events = { .on_message = on_provision, .on_done = on_provisioned };
    struct h2_pool *pool = beam_endpoint(w->endpoints, w->conf->provision, w->err);
    if (pool == NULL)
        return false;
    struct grpc_call_conf conf =
        beam_endpoint_call(w->endpoints, "/org.apache.beam.model.fn_execution.v1.ProvisionService/GetProvisionInfo",
                           loop_now(w->loop) + provision_us);
    w->provision = grpc_call_unary(pool, &conf, BYTES_LIT(""), &events, w);
    return true;
}

static bool open_all(struct beam_worker *w)
{
    w->log_drain = log_drain_make(w->loop, w->log, STDERR_FILENO);
    w->signals = signals_make(w->loop, on_signal, w, w->err);
    if (w->signals == NULL)
        return false;
    w->resolver = resolver_make(w->loop);
    w->endpoints = beam_endpoints_make(w->loop, w->resolver, w->conf->id);
    w->counters = beam_metrics_make();
    w->hook.fn = on_pass;
    loop_hook_add(w->loop, &w->hook);
    loop_timer_set(w->loop, &w->early, loop_now(w->loop) + LIMIT_BEAM_EARLY_S * US_PER_S);
    return ask_for_provision(w);
}

static void close_all(struct beam_worker *w)
{
    for (struct list_link *link; (link = list_first(&w->bundles)) != NULL;)
        beam_bundle_free(CONTAINER_OF(link, struct beam_bundle, link));
    beam_mover_close(w);
    beam_stages_free(w);
    beam_data_free_all(w);
    beam_answered_fini(&w->answered);
    if (w->control != NULL)
        grpc_call_cancel(w->control);
    if (w->provision != NULL)
        grpc_call_cancel(w->provision);
    log_untap(w->log);
    fn_log_free(w->fn_log);
    beam_endpoints_free(w->endpoints);
    if (w->resolver != NULL)
        resolver_free(w->resolver);
    beam_metrics_free(w->counters);
    loop_timer_stop(w->loop, &w->early);
    loop_timer_stop(w->loop, &w->deadline);
    if (list_is_linked(&w->hook.link))
        loop_hook_remove(w->loop, &w->hook);
    signals_free(w->signals);
}

enum beam_worker_end beam_worker_run(const struct beam_worker_conf *conf, struct err *err)
{
    struct beam_worker w = {
        .conf = conf, .err = err, .end = BEAM_WORKER_FAILED, .early.fn = on_early, .deadline.fn = on_deadline,
    };
    w.loop = loop_make(err);
    if (w.loop == NULL)
        return BEAM_WORKER_FAILED;
    loop_set_tick(w.loop, 1 * US_PER_MS);
    list_init(&w.bundles);
    list_init(&w.stages);
    list_init(&w.data);
    beam_answered_init(&w.answered);
    w.fn_log = fn_log_make(w.loop);
    w.log = log_make(&(struct log_conf) {
        .format = conf->log_format, .level = conf->log_level, .per_message = true, .wall = clock_wall, .stamp = clock_rfc3339,
        .instance = conf->id, .tap = fn_log_line, .tap_ctx = w.fn_log,
    });
    w.metrics = metrics_make();
    METRIC_SET(w.metrics, START_TIME, 0, 0, clock_wall());
    if (open_all(&w))
        loop_run(w.loop);
    LOG(w.log, WORKER_STOPPED);
    close_all(&w);
    log_drain_end(w.log_drain, US_PER_S);
    metrics_free(w.metrics);
    log_free(w.log);
    loop_free(w.loop);
    return w.end;
}
