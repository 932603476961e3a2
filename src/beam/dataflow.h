/*
 * A client of Dataflow (v1b3) and of Cloud Storage's upload: cold calls with the
 * configuration's credentials. A token goes to https only.
 *
 * Calls block, running the loop, until answered or *stop is set (CANCELLED). What
 * is merely late (429, 5xx, transport) is asked again a few times: all calls here
 * are safe to repeat, jobs.create by its clientRequestId.
 */
#ifndef BEAM_DATAFLOW_H
#define BEAM_DATAFLOW_H

#include "base/buf.h"
#include "beam/job_client.h"
#include "conf/config.h"

struct dataflow;

/* NULL and why: credentials or certificates cannot be read (CONFIG, TLS). */
struct dataflow *dataflow_make(struct loop *l, const struct config *c, const volatile int *stop, struct err *err);
void dataflow_free(struct dataflow *d);

bool dataflow_upload(struct dataflow *d, struct bytes bucket, struct bytes object, struct bytes content, struct err *err) MUST_USE;
/* ALREADY_EXISTS: a job of that name runs; the text names it. */
bool dataflow_create(struct dataflow *d, struct bytes body, const char *request_id, struct buf *ret_job, struct err *err) MUST_USE;

struct dataflow_state {
    char name[40];                /* "JOB_STATE_RUNNING" */
    char job_name[128];
    enum beam_job_state state;    /* the nearest */
};
bool dataflow_get(struct dataflow *d, const char *job, struct dataflow_state *ret_state, struct err *err) MUST_USE;
/* "JOB_STATE_DRAINING", "JOB_STATE_CANCELLED" */
bool dataflow_request(struct dataflow *d, const char *job, const char *state, struct err *err) MUST_USE;
bool dataflow_list(struct dataflow *d, void (*fn)(void *ctx, const char *id, const struct dataflow_state *state), void *ctx,
                   struct err *err) MUST_USE;
bool dataflow_counters(struct dataflow *d, const char *job, struct job_counters *ret_counters, struct err *err) MUST_USE;
/* Messages after *since (RFC 3339, "" from the beginning), which moves on. */
bool dataflow_messages(struct dataflow *d, const char *job, struct buf *since,
                       void (*fn)(void *ctx, int importance, const char *text), void *ctx, struct err *err) MUST_USE;

/* "https://dataflow.googleapis.com/v1b3/projects/P/locations/R/jobs" */
void dataflow_jobs_url(const struct config *c, struct buf *out);
void dataflow_upload_url(const struct config *c, struct bytes bucket, struct bytes object, struct buf *out);

#endif
