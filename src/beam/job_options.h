/*
 * Pipeline options of a Job API submission: names as in the Python SDK, as the
 * Struct of Prepare ("beam:option:<name>:v1").
 */
#ifndef BEAM_JOB_OPTIONS_H
#define BEAM_JOB_OPTIONS_H

#include "beam/keep.h"
#include "beam/runners.h"
#include "conf/config.h"
#include "json/write.h"
#include "proto/beam.pb-c.h"

Beam__Struct *job_options_build(struct keep *k, const struct config *c, enum beam_runner runner);
/* A Struct as the JSON object that it stands for. */
void job_options_write(struct json_writer *w, const char *key, const Beam__Struct *s);

#endif
