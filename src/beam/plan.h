/*
 * A ProcessBundleDescriptor compiled: the steps of a fused stage, and for each
 * of their outputs who takes it. Immutable; kept for the life of the process.
 *
 * Ids in descriptors are the runner's: opaque bytes with spaces, slashes and
 * what else it likes. A step keeps the key of the descriptor's map, which is
 * what metrics and residuals must name.
 *
 * Refused, with a sentence for the runner's console: transforms and coders
 * that our pipelines do not have, several sources, loops.
 */
#ifndef BEAM_PLAN_H
#define BEAM_PLAN_H

#include "beam/coder.h"
#include "beam/dofn.h"

#include "proto/beam.pb-c.h"

enum beam_step_kind {
    BEAM_STEP_SOURCE, BEAM_STEP_SINK, BEAM_STEP_FLATTEN, BEAM_STEP_PAIR, BEAM_STEP_SPLIT, BEAM_STEP_TRUNCATE,
    BEAM_STEP_PROCESS,    /* the C source: our leases */
    BEAM_STEP_PARDO
};

enum beam_tag { BEAM_OUT, BEAM_OUT_FAILED_FETCH, BEAM_OUT_FAILED_INGEST, BEAM_TAGS };

struct beam_output {
    const char *name;          /* local; NULL: the step has no such output */
    uint32_t collection;       /* of plan->collections */
    uint32_t *takers;          /* steps */
    uint32_t takers_count;
};

struct beam_step {
    const char *id, *input;    /* key of the descriptor's map; local name of the input, or "" */
    enum beam_step_kind kind;
    struct beam_dofn dofn;     /* PARDO, and the SDF's steps */
    struct beam_output out[BEAM_TAGS];
    enum beam_element element; /* what comes in; SOURCE: what it brings */
    const char *url;           /* SOURCE, SINK: host:port of the data plane */
    uint32_t sink;             /* SINK: its number, 0.. */
    uint32_t ingest;           /* PARDO fetch: the step that writes, in this stage; else BEAM_NO_STEP */
    unsigned mark;             /* while it is compiled */
};

#define BEAM_NO_STEP UINT32_MAX

struct beam_plan {
    Beam__ProcessBundleDescriptor *descriptor;    /* owned: ids and texts point into it */
    const char *id;
    struct beam_step *steps;
    uint32_t steps_count, sinks_count;
    uint32_t source;
    const char **collections;    /* ids */
    uint32_t collections_count;
    const struct beam_dofn *settings;    /* the first step that has some, or NULL: nothing is moved in this stage */
};

/* Takes the descriptor, also when it fails (class BAD_INPUT). */
struct beam_plan *beam_plan_compile(Beam__ProcessBundleDescriptor *descriptor, struct err *err);
void beam_plan_free(struct beam_plan *p);

#endif
