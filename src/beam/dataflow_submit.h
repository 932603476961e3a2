/*
 * submit_job() at Dataflow: upload the pipeline, create the job, poll its state,
 * messages and counters. Same conf, same result (beam/submit.h).
 */
#ifndef BEAM_DATAFLOW_SUBMIT_H
#define BEAM_DATAFLOW_SUBMIT_H

#include "beam/submit.h"

bool dataflow_submit(const struct submit_conf *conf, struct submit_result *ret_result, struct err *err) MUST_USE;
bool dataflow_submit_dry_run(const struct graph_conf *graph, us_t wall_us, const char *dir, struct buf *ret_calls, struct err *err) MUST_USE;

#endif
