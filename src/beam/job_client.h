/*
 * A client of Beam's Job API (beam_job_api.proto, JobService): Prism, Flink's and
 * Python's job servers. Clear text, as these speak it; never re-sends.
 *
 * Calls block: they run the loop until they are answered, or *stop is set
 * (CANCELLED). The message stream runs beside them, by callbacks.
 */
#ifndef BEAM_JOB_CLIENT_H
#define BEAM_JOB_CLIENT_H

#include "base/buf.h"
#include "beam/beam_wire.h"
#include "loop/loop.h"
#include "proto/beam.pb-c.h"

struct job_client;

/* stop may be NULL; a signal handler may set it. */
struct job_client *job_client_make(struct loop *l, const char *host, uint16_t port, const volatile int *stop);
void job_client_free(struct job_client *j);

/* The runner's own words about a refusal stand in the error, without control characters, cut. */
bool job_client_prepare(struct job_client *j, struct bytes pipeline, const Beam__Struct *options,
                        const char *name, struct buf *ret_preparation, struct err *err) MUST_USE;
bool job_client_run(struct job_client *j, const char *preparation, struct buf *ret_job, struct err *err) MUST_USE;
bool job_client_state(struct job_client *j, const char *job, enum beam_job_state *ret_state, struct err *err) MUST_USE;
bool job_client_cancel(struct job_client *j, const char *job, struct err *err) MUST_USE;
bool job_client_drain(struct job_client *j, const char *job, struct err *err) MUST_USE;

/* The four counters, each summed over all steps that report it. */
struct job_counters {
    bool any;              /* at least one was reported */
    uint64_t fetched, failed_fetch, ingested, failed_ingest;
};
bool job_client_counters(struct job_client *j, const char *job, struct job_counters *ret_counters, struct err *err) MUST_USE;
/* What a reply of GetJobMetrics says. False: it cannot be read. */
bool job_counters_read(struct bytes reply, struct job_counters *ret_counters);

struct job_info {
    char *id, *name;
    enum beam_job_state state;
};
/* fn once for each job. */
bool job_client_list(struct job_client *j, void (*fn)(void *ctx, const struct job_info *info), void *ctx, struct err *err) MUST_USE;

struct job_watch_events {
    void (*on_message)(void *ctx, int importance, const char *text);    /* 1 debug .. 5 error; made safe for a terminal */
    void (*on_state)(void *ctx, enum beam_job_state state);
    void (*on_end)(void *ctx, const struct err *err);                   /* the stream ended; OK, or why */
};
/* One watch a client. */
void job_client_watch(struct job_client *j, const char *job, const struct job_watch_events *events, void *ctx);

const char *job_state_name(enum beam_job_state state);    /* "RUNNING" */
bool job_state_is_end(enum beam_job_state state);
/* Text of a far side for people: no control characters, at most max bytes. */
void job_text_clean(struct bytes text, size_t max, struct buf *out);

#endif
