/*
 * A Beam SDK harness: the worker that a runner (Prism, Flink, Dataflow) starts
 * and hands bundles of our pipeline to. docs/BEAM.md tells the whole story.
 *
 *      provision info -> logging, control -> for each bundle: stage, data, group of the engine, answer
 *
 * One process, one loop, one engine, however many bundles are open: a bundle
 * is a group of the engine (relay/group.c). The engine is made when the first
 * stage that moves messages comes, from the settings that this stage carries.
 *
 * It ends when the runner closes the control stream, or on SIGTERM: bundles
 * that are open then are never answered as done.
 */
#ifndef BEAM_WORKER_H
#define BEAM_WORKER_H

#include "base/err.h"
#include "obs/log.h"

struct beam_worker_conf {
    const char *id;
    const char *provision, *control, *logging;    /* host:port; "": not given. provision must be */
    enum log_format log_format;
    enum log_severity log_level;
};

enum beam_worker_end {
    BEAM_WORKER_STOPPED,      /* the runner closed the control stream, or SIGTERM was obeyed */
    BEAM_WORKER_FAILED        /* err */
};

enum beam_worker_end beam_worker_run(const struct beam_worker_conf *conf, struct err *err);

#endif
