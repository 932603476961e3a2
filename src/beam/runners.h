/* The policies per runner (runners.def), for the worker and the submitter alike. */
#ifndef BEAM_RUNNERS_H
#define BEAM_RUNNERS_H

#include "base/bytes.h"

enum beam_runner {
#define RUNNER(NAME, ...) BEAM_RUNNER_##NAME,
#include "beam/runners.def"
#undef RUNNER
    BEAM_RUNNERS
};

struct beam_runner_policy {
    const char *name;
    bool reads_pubsub, c_source, needs_checkpoints;
    us_t poll_us, follow_us, poll_max_us, residual_delay_us, park_us, open_max_us, finalize_cap_us;
    uint32_t settled_max, bundle_messages;
    uint16_t job_port;
    bool live_counters;
    uint16_t shards;
    const char *why;
};

const struct beam_runner_policy *beam_runner_policy(enum beam_runner runner);
/* By its name in a configuration ("PrismRunner"). */
bool beam_runner_find(struct bytes name, enum beam_runner *ret_runner);

#endif
