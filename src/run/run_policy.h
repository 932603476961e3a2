/* The configuration's words to the engine's numbers. */
#ifndef RUN_RUN_POLICY_H
#define RUN_RUN_POLICY_H

#include "conf/config.h"
#include "relay/policy.h"

struct run_facts {
    bool storm_guard;       /* --storm-guard off: false */
    bool storm_held;        /* as kept on disk, */
    uint32_t storm_dead, storm_outcomes;    /* and these, too */
    bool sink;
    bool tokens;
};

struct relay_policy run_policy(const struct config *c, const struct run_facts *facts);

#endif
