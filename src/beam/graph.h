/*
 * The pipeline as Beam's Pipeline message, with the Python pipeline's step names:
 *
 *   Dataflow         [runner's Pub/Sub read] ─► log ─► fetch ─► ingest
 *   Prism, Flink     impulse ─► shards ─► pull (our splittable DoFn) ─► log ─► fetch ─► ingest
 *   bounded          impulse ─► create ─► log ─► fetch ─► ingest
 *                                                    └ failed_fetch  └ failed_ingest
 *
 * Only coders of the model, no composite transforms, maps sorted by key: the same
 * configuration gives the same bytes, whose digest Dataflow is told.
 */
#ifndef BEAM_GRAPH_H
#define BEAM_GRAPH_H

#include "base/buf.h"
#include "beam/runners.h"
#include "conf/config.h"

/* Where workers run: one of these is not NULL, or docker_image. */
struct graph_environment {
    const char *external_url;     /* "host:port" of a worker pool */
    const char *process_command;  /* a path, without arguments */
    const struct opt_map *process_env;    /* may be NULL */
    const char *docker_image;
};

struct graph_conf {
    const struct config *config;
    enum beam_runner runner;
    struct graph_environment environment;
    const struct bytes *names;    /* bounded: of messages */
    size_t names_count;
    uint64_t messages;            /* the source ends after so many; 0: never */
};

/* The serialized Pipeline, appended. */
void graph_build(const struct graph_conf *conf, struct buf *out);

/* Words of our environment: also for Dataflow's job request. */
extern const char *const graph_capabilities[];
size_t graph_capabilities_count(bool splittable);
#define GRAPH_ENVIRONMENT_ID "c_env"
#define GRAPH_STEP_READ "Read HL7v2 IDs from Pub/Sub"

#endif
