/*
 * The direct run: one process, one loop, one engine.
 *
 *   start: configuration -> first token -> pull          (a fault here ends the process: nothing was taken)
 *   run:   until SIGTERM, or the subscription was quiet for until_empty_us, or messages_max are done
 *   stop:  drain (a second signal: leave fast), the ledger, exit
 */
#ifndef RUN_DIRECT_H
#define RUN_DIRECT_H

#include "conf/config.h"
#include "obs/log.h"

struct direct_conf {
    const struct config *config;
    /* SIGHUP: the configuration read anew, for the run to free; NULL and why: the old one stays in force. */
    struct config *(*reload)(void *ctx, struct err *err);
    void *ctx;
    enum log_format log_format;
    enum log_severity log_level;
    bool log_colour;
    bool progress;             /* a block of figures below the log; stderr is a terminal */
    us_t until_empty_us;       /* 0: never */
    uint64_t messages_max;     /* notifications to be taken, and then an end; 0: no end */
    bool storm_guard;
    const char *commit;        /* of this build, for the status page and hl7relay_build_info */
};

enum direct_end {
    DIRECT_STOPPED,            /* a clean drain, or quiet for until_empty_us */
    DIRECT_STOPPED_DEAD,       /* the same with until_empty or messages_max, and dead letters were written */
    DIRECT_INTERRUPTED,        /* a second signal */
    DIRECT_FAILED              /* could not start: err */
};

enum direct_end direct_run(const struct direct_conf *conf, struct err *err);

#endif
