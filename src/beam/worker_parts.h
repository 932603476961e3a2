/*
 * The worker's inside, shared by its files and by nobody else:
 *
 *      worker.c      life: provision, streams, signals, the end
 *      control.c     instructions in, answers out
 *      data_plane.c  elements in and out
 *      stage.c       descriptors: fetched once, compiled, kept
 *      bundle.c      one bundle: from its instruction to its answer
 *      chain.c       an element through the steps of a stage
 *      source.c      the C source: what a bundle takes of what was pulled
 *      mover.c       the one engine, made from the pipeline's settings
 *      answered.c    answered bundles that wait to be finalized
 */
#ifndef BEAM_WORKER_PARTS_H
#define BEAM_WORKER_PARTS_H

#include "beam/beam_metrics.h"
#include "beam/endpoint.h"
#include "beam/fn_log.h"
#include "beam/plan.h"
#include "beam/worker.h"
#include "run/assemble.h"
#include "run/log_drain.h"
#include "run/signals.h"
#include "run/sink_proof.h"
#include "run/status.h"

struct beam_worker;

/* ---- mover.c: the engine ---- */

enum mover_state { MOVER_NONE, MOVER_WAITS, MOVER_READY };

struct beam_mover {
    enum mover_state state;
    char *settings;                          /* of the pipeline: another set is refused */
    enum beam_runner runner;
    struct config *config;
    struct assembly a;
    struct status *status;
    struct driver_bundles events;
    struct auth_watcher first_token;
    struct sink_proof *sink_proof;
    struct loop_task fini;                   /* after a token that could not be had */
    uint32_t groups;                         /* ids given */
    uint64_t taken;                          /* messages taken by bundles, for a source with an end */
};

/* Makes the engine if there is none. False: the bundle fails. */
bool beam_mover_open(struct beam_worker *w, const struct beam_plan *plan, struct err *err);
const struct beam_runner_policy *beam_mover_policy(const struct beam_worker *w);
void beam_mover_close(struct beam_worker *w);
bool beam_mover_is_drained(const struct beam_worker *w);

/* ---- bundle.c ---- */

/* A header that an element came with, and the steps that its message goes through. */
struct beam_kept {
    size_t header_at, header_len;    /* in bundle->headers */
    uint32_t fetch, ingest;          /* BEAM_NO_STEP: not in this stage */
};

struct beam_bundle {
    struct list_link link;           /* of w->bundles */
    struct beam_worker *worker;
    char *instruction;
    us_t came_us;
    bool asked;                      /* its process_bundle came; else only data did */
    char *stage;                     /* the descriptor's id, when asked */
    const struct beam_plan *plan;    /* NULL: not yet there */
    bool running;
    struct buf in;                   /* input that is not parsed yet */
    bool input_last;
    uint64_t read;                   /* elements taken in */
    struct buf *out;                 /* one a sink */
    uint64_t *elements;              /* one a collection of the plan */
    uint64_t counters[4];            /* BEAM_METRIC_FETCHED .. FAILED_INGEST */
    uint32_t counter_steps[2];       /* whose they are: fetch, ingest */

    uint32_t group;                  /* 0: none is open */
    bool group_full;
    struct buf headers;
    struct beam_kept *kept;          /* mark - 1 */
    uint32_t kept_count, kept_cap;

    /* the C source */
    uint32_t process;                /* the PROCESS step; BEAM_NO_STEP: none */
    struct buf *shards;              /* the elements as they came, header and all: what comes back as residuals */
    uint32_t shards_count;
    bool polling;
    uint32_t taken;
    us_t poll_from_us, took_us;
    struct loop_timer poll;
};

/* The one of this instruction, made if there is none; NULL: LIMIT_BEAM_BUNDLES are open. */
struct beam_bundle *beam_bundle_get(struct beam_worker *w, const char *instruction);
struct beam_bundle *beam_bundle_find(struct beam_worker *w, const char *instruction);
struct beam_bundle *beam_bundle_of_group(struct beam_worker *w, uint32_t group);
void beam_bundle_ask(struct beam_bundle *b, const char *stage);
void beam_bundle_data(struct beam_bundle *b, struct bytes data, bool last);
/* Its stage, or the engine, is there now, or has failed: goes on. */
void beam_bundle_go_on(struct beam_bundle *b);
/* Answers with an error; the bundle is gone. */
void beam_bundle_fail(struct beam_bundle *b, const struct err *err);
void beam_bundle_failf(struct beam_bundle *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Nothing is answered; the bundle is gone. */
void beam_bundle_free(struct beam_bundle *b);
/* All input is in, and the source has ended its poll: closes the group, or answers. The bundle may be gone after it. */
void beam_bundle_look(struct beam_bundle *b);
void beam_bundle_open_group(struct beam_bundle *b, bool runner_leases);
void beam_bundle_group_done(struct beam_bundle *b, bool failed);
/* Its counters so far. */
void beam_bundle_counts(const struct beam_bundle *b, struct beam_counts *ret_counts);

/* ---- chain.c ---- */

/* An element as it lies on the data plane, behind the header. */
bool beam_chain_take(struct beam_bundle *b, const struct beam_value *v, struct err *err);
/* What became of a message of the bundle. */
void beam_chain_outcome(struct beam_bundle *b, const struct relay_action *a, uint32_t mark);
void beam_chain_flush(struct beam_bundle *b, bool last);
/* `n` messages were taken by the source: counted as elements of what lies between it and the fetch. */
void beam_chain_count_taken(struct beam_bundle *b, uint32_t n);

/* ---- source.c ---- */

void beam_source_add(struct beam_bundle *b, uint32_t step, const struct beam_value *shard);
/* Takes what waits; ends the poll when its time has come. The bundle may be gone after it. */
void beam_source_look(struct beam_bundle *b);
void beam_source_stop(struct beam_bundle *b);
/* Where the shards go on, for the answer; for beam_source_residuals_fini(). */
void beam_source_residuals(struct beam_bundle *b, Beam__ProcessBundleResponse *r);
void beam_source_residuals_fini(Beam__ProcessBundleResponse *r);

/* ---- stage.c ---- */

struct beam_stage {
    struct list_link link;           /* of w->stages */
    struct beam_worker *worker;
    char *id;
    struct grpc_call *call;          /* under way */
    struct beam_plan *plan;          /* NULL: not yet, or refused */
    bool refused;
    struct err err;
};

/* The stage, being fetched if it is new. NULL: LIMIT_BEAM_PLANS are kept. */
struct beam_stage *beam_stage_get(struct beam_worker *w, const char *id);
/* One that came with a register request; taken. */
void beam_stage_put(struct beam_worker *w, Beam__ProcessBundleDescriptor *descriptor);
void beam_stages_free(struct beam_worker *w);

/* ---- data_plane.c ---- */

struct beam_data;

struct beam_data *beam_data_open(struct beam_worker *w, const char *url, struct err *err);
void beam_data_send(struct beam_data *d, const char *instruction, const char *transform, struct bytes data, bool last);
/* Runners push as fast as the window lets them: it closes while too much is under way. Control has a stream of its own. */
void beam_data_hold(struct beam_worker *w);
void beam_data_free_all(struct beam_worker *w);

/* ---- answered.c ---- */

struct beam_answered {
    struct list list;                /* of bundles, oldest answer first */
};

void beam_answered_init(struct beam_answered *a);
void beam_answered_fini(struct beam_answered *a);
/* cap_us: after that the engine has given its group up. */
void beam_answered_add(struct beam_answered *a, const char *instruction, uint32_t group, us_t now_us, us_t cap_us);
/* The group to permit, forgotten; 0: unknown. An empty instruction: the oldest, so that asking on gives all. */
uint32_t beam_answered_take(struct beam_answered *a, const char *instruction, us_t now_us);

/* ---- control.c ---- */

void beam_control_open(struct beam_worker *w);
void beam_control_answer(struct beam_worker *w, const Beam__InstructionResponse *response);

/* ---- worker.c ---- */

enum worker_phase { WORKER_STARTING, WORKER_RUNNING, WORKER_ENDING };

struct beam_worker {
    const struct beam_worker_conf *conf;
    struct loop *loop;
    struct log *log;
    struct log_drain *log_drain;
    struct fn_log *fn_log;
    struct metrics *metrics;
    struct signals *signals;
    struct resolver *resolver;
    struct beam_endpoints *endpoints;
    struct beam_metrics *counters;
    struct grpc_call *provision, *control;
    char control_url[300], logging_url[300];
    struct list bundles, stages, data;
    struct beam_answered answered;
    struct beam_mover mover;
    size_t early_bytes;              /* input of bundles that were not asked for yet */
    struct loop_timer early, deadline;
    struct loop_hook hook;
    enum worker_phase phase;
    bool stopping;                   /* SIGTERM: what is open is finished or failed, nothing new begun */
    enum beam_worker_end end;
    struct err *err;
};

/* A stream broke, or the runner closed: ends the worker. err NULL: as it should be. */
void beam_worker_leave(struct beam_worker *w, const struct err *err);

#endif
