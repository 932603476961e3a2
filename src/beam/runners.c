#include "beam/runners.h"

#define MS(n) ((us_t) (n) * US_PER_MS)

static const struct beam_runner_policy policies[] = {
#define RUNNER(NAME, name, reads_pubsub, c_source, needs_checkpoints, poll, follow, poll_max, delay, park, open_max, \
               cap, settled, messages, port, live, shards, why)                                                                     \
    { name, reads_pubsub, c_source, needs_checkpoints, MS(poll), MS(follow), MS(poll_max), MS(delay), MS(park), \
      MS(open_max), MS(cap), settled, messages, port, live, shards, why },
#include "beam/runners.def"
#undef RUNNER
};

const struct beam_runner_policy *beam_runner_policy(enum beam_runner runner)
{
    return &policies[runner];
}

bool beam_runner_find(struct bytes name, enum beam_runner *ret_runner)
{
    for (unsigned i = 0; i < BEAM_RUNNERS; i++)
        if (bytes_eq(name, bytes_str(policies[i].name))) {
            *ret_runner = (enum beam_runner) i;
            return true;
        }
    return false;
}
