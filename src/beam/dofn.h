/* The text that the submitter put into one of our steps (beam_wire.h), taken apart. Slices of the text. */
#ifndef BEAM_DOFN_H
#define BEAM_DOFN_H

#include "beam/runners.h"
#include "json/scan.h"

enum beam_do {
    BEAM_DO_SHARDS, BEAM_DO_PULL, BEAM_DO_CREATE, BEAM_DO_LOG, BEAM_DO_FETCH, BEAM_DO_INGEST, BEAM_DO_DEAD_FETCH,
    BEAM_DO_DEAD_INGEST
};

enum { BEAM_SHARDS_MAX = 1000 };

struct beam_dofn {
    enum beam_do what;
    enum beam_runner runner;
    bool with_attributes;
    struct bytes settings;       /* a JSON object; empty: none */
    uint32_t shards;             /* BEAM_DO_SHARDS: 1..BEAM_SHARDS_MAX */
    struct json_value names;     /* BEAM_DO_CREATE: an array of strings */
    uint64_t messages;           /* BEAM_DO_PULL; 0: for ever */
    uint64_t open_ms;            /* a bundle is open for at most this long; 0: as the runner's row says */
};

/* Class BAD_INPUT. */
bool beam_dofn_parse(struct bytes text, struct beam_dofn *ret_dofn, struct err *err) MUST_USE;
const char *beam_do_name(enum beam_do what);    /* "fetch" */

#endif
