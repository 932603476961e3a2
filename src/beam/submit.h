/*
 * A job of a Beam runner, from a configuration to its end: over the Job API
 * (Prism, Flink, Python's runner) or at Dataflow (beam/dataflow.h).
 *
 *   prepare ─► run ─► messages, states, counters ─► DONE | FAILED | CANCELLED | DRAINED
 *                              │ Ctrl-C: cancel, drain, or leave it running
 *                              │ deadline, workers of ours gone: cancel
 *
 * A state alone proves little (docs/BEAM.md): a runner may say RUNNING for ever
 * with no worker left, so counters that do not move are told about.
 * Blocks; callbacks run from the loop.
 */
#ifndef BEAM_SUBMIT_H
#define BEAM_SUBMIT_H

#include "beam/graph.h"
#include "beam/job_client.h"

enum submit_interrupt { SUBMIT_CANCEL, SUBMIT_DRAIN, SUBMIT_DETACH };

/* All set. Texts are safe for a terminal. */
struct submit_events {
    void (*on_submitted)(void *ctx, const char *job);
    void (*on_state)(void *ctx, const char *state);
    void (*on_message)(void *ctx, int importance, const char *text);    /* the runner's */
    void (*on_counters)(void *ctx, const struct job_counters *counters);
    void (*on_notice)(void *ctx, const char *text);                     /* ours: what happens next, what looks wrong */
};

struct submit_conf {
    struct loop *loop;
    struct graph_conf graph;
    bool detach;
    enum submit_interrupt interrupt;
    us_t deadline_us;                  /* from now; 0: none */
    const volatile int *interrupts;    /* counted by a signal handler */
    bool (*workers_live)(void *ctx);   /* NULL: they are not ours */
    const struct submit_events *events;
    void *ctx;
};

struct submit_result {
    enum beam_job_state state;         /* the last one */
    bool detached, asked_to_stop;
    struct job_counters counters;
    struct buf job;                    /* id */
};

void submit_result_fini(struct submit_result *r);

/* False: the job could not be submitted or followed, or was given up (err). */
bool submit_job(const struct submit_conf *conf, struct submit_result *ret_result, struct err *err) MUST_USE;
/* Where the Job API of a configuration's runner is. */
void submit_endpoint(const struct config *c, enum beam_runner runner, const char **ret_host, uint16_t *ret_port);
/* What submit_job() would send, as files pipeline.pb and job.json in an existing folder; what it would call, as lines. */
bool submit_dry_run(const struct graph_conf *graph, const char *dir, struct buf *ret_calls, struct err *err) MUST_USE;
/* Writes one file; class DISK. */
bool submit_write_file(const char *dir, const char *name, struct bytes content, struct err *err) MUST_USE;

#endif
