/*
 * The request that makes a Dataflow job (Dataflow API v1b3, projects.locations.jobs.create),
 * as the Python SDK's own client makes it from the same options and pipeline. No I/O.
 */
#ifndef BEAM_DATAFLOW_JOB_H
#define BEAM_DATAFLOW_JOB_H

#include "base/buf.h"
#include "beam/graph.h"

struct dataflow_job {
    const struct config *config;
    const char *image;             /* of the workers */
    us_t wall_us;                  /* folders of this submission are named by it */
    const char *request_id;        /* of the client; the answer must repeat it */
};

/* "gs://bucket/staging/NAME.1700000000.000000", the folder of this submission below `location`. */
void dataflow_job_folder(const struct dataflow_job *j, const char *location, struct buf *out);
/* The folder's parts: the bucket, and the object `file` in it. */
void dataflow_job_object(const struct dataflow_job *j, const char *file, struct buf *ret_bucket, struct buf *ret_object);
/* The body of jobs.create for this pipeline, which is uploaded before. */
void dataflow_job_write(const struct dataflow_job *j, struct bytes pipeline, struct buf *out);

#endif
