#include "run/direct.h"

#include "adapters/storm_file.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "loop/huge_heap.h"
#include "relay/stats.h"
#include "run/assemble.h"
#include "run/log_drain.h"
#include "run/retention.h"
#include "run/progress.h"
#include "run/signals.h"
#include "run/sink_proof.h"
#include "run/status.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* How long the first token, or a subscription that refuses us from the start, is waited for. */
static const us_t first_answer_us = 15 * US_PER_S;
/* How long a fast exit waits for acknowledgements that are due. */
static const us_t fast_exit_us = 1 * US_PER_S;
static const us_t stats_every_us = 60 * US_PER_S;
/* How often a relay held by the storm guard looks whether `dead accept` was called. */
static const us_t accept_look_us = 1 * US_PER_S;
/* How long after a dead letter the storm guard's counts are kept, with all that came meanwhile. */
static const us_t keep_counts_us = 100 * US_PER_MS;

enum phase { STARTING, RUNNING, DRAINING, LEAVING };

struct direct {
    const struct direct_conf *conf;
    struct assembly a;
    struct log_drain *log_drain;
    struct signals *signals;
    struct status *status;
    struct progress *progress;      /* NULL: none */
    struct loop_hook hook;
    struct loop_timer deadline;     /* of the phase */
    struct loop_timer stats, storm, quiet, counts;
    uint64_t dead_seen;             /* dead letters of this run that the counts on disk know of */
    bool counts_due;
    struct auth_watcher first_token;
    struct retention *retention;    /* from the first open stream on */
    struct sink_proof *sink_proof;  /* NULL: none under way */
    enum phase phase;
    enum direct_end end;
    struct err *err;
};

static void finish(struct direct *d, enum direct_end end)
{
    d->end = end;
    loop_stop(d->a.loop);
}

static void log_stats_line(struct direct *d, enum log_event event)
{
    struct relay_ledger l = d->a.driver != NULL ? relay_ledger(driver_relay(d->a.driver)) : (struct relay_ledger) { 0 };
    const struct metrics *m = d->a.metrics;
    const struct log_field fields[] = {
        LOG_INT("received", l.received), LOG_INT("delivered", l.delivered), LOG_INT("dead", l.dead),
        LOG_INT("skipped", l.skipped), LOG_INT("coalesced", l.coalesced), LOG_INT("released", l.released),
        LOG_INT("in_flight", l.in_flight), LOG_INT("Fetched", metric_get(m, METRIC_FETCHED, 0, 0)),
        LOG_INT("FailedFetch", metric_get(m, METRIC_FAILED_FETCH, 0, 0)),
        LOG_INT("Ingested", metric_get(m, METRIC_INGESTED, 0, 0)),
        LOG_INT("FailedIngest", metric_get(m, METRIC_FAILED_INGEST, 0, 0)),
    };
    log_event(d->a.log, event, fields, ARRAY_LEN(fields));
}

static void begin_drain(struct direct *d)
{
    us_t now = loop_now(d->a.loop);
    d->phase = DRAINING;
    LOG(d->a.log, DRAINING);
    driver_drain(d->a.driver, now + d->conf->config->shutdown_drain_timeout);
    /* The engine has let go by then; the rest is for acknowledgements that nobody answers. */
    loop_timer_set(d->a.loop, &d->deadline, now + d->conf->config->shutdown_drain_timeout + fast_exit_us);
}

static void leave_fast(struct direct *d)
{
    d->phase = LEAVING;
    driver_flush(d->a.driver);
    loop_timer_set(d->a.loop, &d->deadline, loop_now(d->a.loop) + fast_exit_us);
}

static void reload(struct direct *d)
{
    struct err err;
    const struct config *before = d->conf->config;
    struct config *after = d->conf->reload(d->conf->ctx, &err);
    if (after == NULL) {
        LOG(d->a.log, CONFIG_REFUSED, LOG_ERR(&err));
        return;
    }
    const char *names[32];
    size_t count = config_restart_keys(before, after, names, ARRAY_LEN(names));
    for (size_t i = 0; i < count; i++)
        LOG(d->a.log, CONFIG_NEEDS_RESTART, LOG_NAME_STR("key", names[i]));
    struct relay_policy policy = run_policy(after, &d->a.facts);
    /* Pools were made for the start's sizes. */
    policy.deliveries_max = MIN(policy.deliveries_max, d->a.policy.deliveries_max);
    policy.jobs_max = MIN(policy.jobs_max, d->a.policy.jobs_max);
    driver_set_policy(d->a.driver, &policy);
    if (opt_int(before->values, OPT_log_level) != opt_int(after->values, OPT_log_level))    /* else -v and -q stay */
        log_set_level(d->a.log, (enum log_severity) opt_int(after->values, OPT_log_level));
    log_set_per_message(d->a.log, after->log_per_message);
    config_free(after);
    LOG(d->a.log, CONFIG_RELOADED);
}

static void on_signal(void *ctx, int signo)
{
    struct direct *d = ctx;
    switch (signo) {
    case SIGTERM:
    case SIGINT:
        if (d->phase == RUNNING)
            begin_drain(d);
        else if (d->phase == DRAINING)
            leave_fast(d);
        else
            finish(d, d->phase == STARTING ? DIRECT_STOPPED : DIRECT_INTERRUPTED);
        return;
    case SIGHUP:
        if (d->phase == RUNNING)
            reload(d);
        return;
    case SIGUSR1:
        log_stats_line(d, EVENT_STATS);
        return;
    case SIGUSR2:
        log_set_level(d->a.log, log_level(d->a.log) == LOG_DEBUG ? d->conf->log_level : LOG_DEBUG);
        return;
    }
}

/* The subscription refused us before it ever answered: that is a wrong configuration, told by the exit code. */
static bool refused_from_the_start(struct direct *d, const struct driver_facts *f)
{
    if (f->ever_open || f->pull != PULL_FAULT)
        return false;
    if (f->pull_fault.class == ERR_UNAUTHENTICATED && loop_now(d->a.loop) < d->deadline.entry.at_us)
        return false;
    *d->err = f->pull_fault;
    return true;
}

static bool is_quiet(struct direct *d, const struct driver_facts *f)
{
    if (f->pull == PULL_FAULT || !f->ever_open || f->acks_open > 0 ||
        relay_ledger(driver_relay(d->a.driver)).in_flight > 0)
        return false;
    us_t quiet_at = f->last_activity_us + d->conf->until_empty_us;
    if (loop_now(d->a.loop) >= quiet_at)
        return true;
    loop_timer_set(d->a.loop, &d->quiet, quiet_at);
    return false;
}

/* While it holds, the counts are those at which it began to: `dead accept` may have removed them by now. */
static void keep_counts(struct direct *d)
{
    struct relay_stats s;
    struct err err;
    relay_stats(driver_relay(d->a.driver), &s);
    if (d->a.sink != NULL && !s.storm_held && s.storm_outcomes > 0 &&
        !storm_counts_write(d->conf->config->storm_dir, (struct storm_counts) { s.storm_dead, s.storm_outcomes }, &err))
        LOG(d->a.log, SINK_FAILED, LOG_ERR(&err));
}

static void on_counts(struct loop_timer *t)
{
    struct direct *d = CONTAINER_OF(t, struct direct, counts);
    struct driver_facts f;
    driver_facts(d->a.driver, &f);
    d->dead_seen = f.dead;
    d->counts_due = false;
    keep_counts(d);
}

static void on_pass(struct loop_hook *h)
{
    struct direct *d = CONTAINER_OF(h, struct direct, hook);
    struct driver_facts f;
    if (d->phase == STARTING)
        return;
    if (d->phase == DRAINING && driver_is_drained(d->a.driver)) {
        driver_facts(d->a.driver, &f);
        finish(d, (d->conf->until_empty_us > 0 || d->conf->messages_max > 0) && f.dead > 0 ? DIRECT_STOPPED_DEAD : DIRECT_STOPPED);
        return;
    }
    driver_facts(d->a.driver, &f);
    if (f.ever_open && d->retention == NULL)
        d->retention = retention_watch(&d->a);
    if (f.dead != d->dead_seen && !d->counts_due) {
        d->counts_due = true;
        loop_timer_set(d->a.loop, &d->counts, loop_now(d->a.loop) + keep_counts_us);
    }
    if (d->phase == LEAVING && f.acks_open == 0)
        finish(d, DIRECT_INTERRUPTED);
    else if (d->phase == RUNNING && refused_from_the_start(d, &f))
        finish(d, DIRECT_FAILED);
    else if (d->phase == RUNNING && f.enough && f.acks_open == 0 && relay_ledger(driver_relay(d->a.driver)).in_flight == 0)
        begin_drain(d);
    else if (d->phase == RUNNING && d->conf->until_empty_us > 0 && is_quiet(d, &f))
        begin_drain(d);
}

static void on_deadline(struct loop_timer *t)
{
    struct direct *d = CONTAINER_OF(t, struct direct, deadline);
    if (d->phase == DRAINING)
        finish(d, DIRECT_STOPPED);
    else if (d->phase == LEAVING)
        finish(d, DIRECT_INTERRUPTED);
}

static void on_stats(struct loop_timer *t)
{
    struct direct *d = CONTAINER_OF(t, struct direct, stats);
    log_stats_line(d, EVENT_STATS);
    loop_timer_set(d->a.loop, t, loop_now(d->a.loop) + stats_every_us);
}

static void on_quiet(struct loop_timer *t UNUSED)
{
    /* the pass that this begins ends in on_pass */
}

static void on_storm_look(struct loop_timer *t)
{
    struct direct *d = CONTAINER_OF(t, struct direct, storm);
    us_t held_since = 0;
    struct err err;
    if (storm_state_read(d->conf->config->storm_dir, &held_since, &err) && held_since == 0) {
        d->a.facts.storm_held = false;
        driver_accept_storm(d->a.driver);
        return;
    }
    loop_timer_set(d->a.loop, t, loop_now(d->a.loop) + accept_look_us);
}

static void on_storm(void *ctx, bool held)
{
    struct direct *d = ctx;
    struct err err;
    if (d->a.sink == NULL)
        return;
    if (!held) {
        loop_timer_stop(d->a.loop, &d->storm);
        return;
    }
    struct relay_stats s;
    relay_stats(driver_relay(d->a.driver), &s);
    if (!storm_counts_write(d->conf->config->storm_dir, (struct storm_counts) { s.storm_dead, s.storm_outcomes }, &err) ||
        !storm_state_write(d->conf->config->storm_dir, loop_wall(d->a.loop), &err))
        LOG(d->a.log, SINK_FAILED, LOG_ERR(&err));
    loop_timer_set(d->a.loop, &d->storm, loop_now(d->a.loop) + accept_look_us);
}

static void log_notes(struct direct *d)
{
    const struct config *c = d->conf->config;
    LOG(d->a.log, STARTED, LOG_CODE("version", HL7RELAY_VERSION), LOG_CODE("runner", "direct"),
        LOG_NAME_STR("source", c->source.name), LOG_NAME_STR("destination", c->dest.name),
        LOG_NAME_STR("subscription", c->pubsub_subscription), LOG_CODE("config_sha256", c->sha256));
    for (size_t i = 0; i < c->notes_count; i++) {
        const struct conf_note *n = &c->notes[i];
        if (n->kind == CONF_NOTE_NO_EFFECT)
            LOG(d->a.log, KEY_NO_EFFECT, LOG_NAME_STR("key", n->key));
        else if (n->kind == CONF_NOTE_PHI_ENDED)
            LOG(d->a.log, PHI_LOGGING_ENDED);
        else
            LOG(d->a.log, DEFAULT_DIFFERS, LOG_NAME_STR("key", n->key), LOG_NAME_STR("page", "docs/MIGRATING.md"));
    }
    if (!d->conf->storm_guard)
        LOG(d->a.log, UNSAFE_MODE, LOG_CODE("option", "storm_guard"));
    if (c->content_until_us != 0)
        LOG(d->a.log, PHI_LOGGING_ON);
    METRIC_SET(d->a.metrics, UNSAFE_MODE, 0, 0, !d->conf->storm_guard);
    METRIC_SET(d->a.metrics, PHI_LOGGING, 0, 0, c->content_until_us != 0);
}

static void start_pulling(struct direct *d)
{
    d->phase = RUNNING;
    loop_timer_set(d->a.loop, &d->deadline, loop_now(d->a.loop) + first_answer_us);
    assembly_drive(&d->a, on_storm, d);
    if (d->a.facts.storm_held && d->conf->storm_guard)
        on_storm(d, true);
}

static void on_sink_proved(void *ctx, const struct err *err)
{
    struct direct *d = ctx;
    sink_proof_free(d->sink_proof);
    d->sink_proof = NULL;
    if (err->class == ERR_OK) {
        start_pulling(d);
        return;
    }
    *d->err = *err;
    finish(d, DIRECT_FAILED);
}

/* Nothing is pulled before it is known that dead letters would be kept. */
static void prove_sink(struct direct *d)
{
    d->sink_proof = sink_proof_start(&d->a, on_sink_proved, d);
    if (d->sink_proof == NULL)
        start_pulling(d);
}

static void on_first_token(struct auth_watcher *w, uint32_t gen UNUSED, const struct err *err)
{
    struct direct *d = CONTAINER_OF(w, struct direct, first_token);
    auth_unwatch(d->a.auth, w);
    if (err->class == ERR_OK) {
        prove_sink(d);
        return;
    }
    *d->err = *err;
    finish(d, DIRECT_FAILED);
}

static bool open_all(struct direct *d)
{
    const struct direct_conf *conf = d->conf;
    d->signals = signals_make(d->a.loop, on_signal, d, d->err);
    if (d->signals == NULL || !assembly_make(&d->a, conf->storm_guard, d->err))
        return false;
    log_notes(d);
    d->status = status_open(&d->a);
    if (d->conf->progress)
        d->progress = progress_open(&d->a, d->log_drain, STDERR_FILENO);
    d->hook.fn = on_pass;
    loop_hook_add(d->a.loop, &d->hook);
    if (conf->log_format == LOG_JSON)
        loop_timer_set(d->a.loop, &d->stats, loop_now(d->a.loop) + stats_every_us);
    if (d->a.auth == NULL) {
        prove_sink(d);
        return true;
    }
    d->first_token.fn = on_first_token;
    auth_watch(d->a.auth, &d->first_token);
    auth_refresh(d->a.auth, 0);
    return true;
}

static void close_all(struct direct *d)
{
    retention_free(d->retention);
    struct loop_timer *const timers[] = { &d->deadline, &d->stats, &d->storm, &d->quiet, &d->counts };
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        loop_timer_stop(d->a.loop, timers[i]);
    if (list_is_linked(&d->hook.link))
        loop_hook_remove(d->a.loop, &d->hook);
    if (list_is_linked(&d->first_token.link))
        auth_unwatch(d->a.auth, &d->first_token);
    if (d->a.driver != NULL)
        keep_counts(d);
    sink_proof_free(d->sink_proof);
    progress_close(d->progress);
    status_close(d->status);
    assembly_fini(&d->a);
    signals_free(d->signals);
    log_drain_end(d->log_drain, fast_exit_us);
}

/* "relay-7f9c-4711": a container's host name is its own, a machine may run several. */
static void name_instance(struct assembly *a)
{
    char host[64] = "";
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    snprintf(a->instance, sizeof(a->instance), "%s-%d", host, (int) getpid());
}

enum direct_end direct_run(const struct direct_conf *conf, struct err *err)
{
    struct direct d = {
        .conf = conf, .err = err, .end = DIRECT_FAILED, .deadline.fn = on_deadline, .stats.fn = on_stats,
        .storm.fn = on_storm_look, .quiet.fn = on_quiet, .counts.fn = on_counts, .a = { .conf = conf->config },
    };
    d.a.loop = loop_make(err);
    if (d.a.loop == NULL)
        return DIRECT_FAILED;
    huge_heap_use();
    loop_set_tick(d.a.loop, 1 * US_PER_MS);
    d.a.log = log_make(&(struct log_conf) {
        .format = conf->log_format, .level = conf->log_level, .per_message = conf->config->log_per_message,
        .colour = conf->log_colour, .wall = clock_wall, .stamp = clock_rfc3339,
        .content_until_us = conf->config->content_until_us,
    });
    d.a.metrics = metrics_make();
    METRIC_SET(d.a.metrics, START_TIME, 0, 0, clock_wall());
    d.a.started_us = loop_now(d.a.loop);
    d.a.commit = conf->commit;
    d.a.messages_max = conf->messages_max;
    name_instance(&d.a);
    d.log_drain = log_drain_make(d.a.loop, d.a.log, STDERR_FILENO);
    if (open_all(&d))
        loop_run(d.a.loop);
    if (d.end != DIRECT_FAILED)
        log_stats_line(&d, EVENT_STOPPED);
    close_all(&d);
    metrics_free(d.a.metrics);
    log_free(d.a.log);
    loop_free(d.a.loop);
    return d.end;
}
