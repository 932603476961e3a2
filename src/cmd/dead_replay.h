/* Publishes the names of dead letters again, to the topic of the configured subscription (docs/DEAD-LETTERS.md). */
#ifndef CMD_DEAD_REPLAY_H
#define CMD_DEAD_REPLAY_H

#include "cmd/dead_topic.h"
#include "conf/config.h"

struct dead_replay {
    const struct config *config;
    const char *dir;             /* of the file sink */
    struct dead_topic *topic;    /* else NULL */
    const struct dead_entries *entries;
    const struct dead_filter *filter;
    size_t limit;                /* 0: all */
    double per_second;           /* 0: no limit */
    size_t published, already, without_name;    /* out */
};

/* Blocks until all are published and marked, or something failed; what was published is marked either way. */
bool dead_replay_run(struct dead_replay *r, struct err *err) MUST_USE;

#endif
