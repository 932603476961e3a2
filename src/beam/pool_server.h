/*
 * The pool of an EXTERNAL environment: a runner asks it for workers
 * (BeamFnExternalWorkerPool, beam_fn_api.proto) and tells them where it is.
 *
 * StartWorker starts this very program as `beam-worker` with the endpoints of
 * the request, answers at once, and starts nothing for an id that runs.
 * StopWorker sends SIGTERM, and SIGKILL when that has not helped in a minute.
 * SIGTERM to the pool stops all of them and then the pool; they also end when
 * the pool is killed.
 */
#ifndef BEAM_POOL_SERVER_H
#define BEAM_POOL_SERVER_H

#include "base/err.h"
#include "obs/log.h"

struct beam_pool_conf {
    const char *host;             /* a literal address or name */
    uint16_t port;                /* 0: any free one */
    enum log_format log_format;
    enum log_severity log_level;
    /* Is told the port when the pool listens. */
    void (*on_listening)(void *ctx, const char *host, uint16_t port);
    void *ctx;
};

/* Until SIGTERM or SIGINT. False: it could not start; class REFUSED_CONNECT: the port is taken. */
bool beam_pool_run(const struct beam_pool_conf *conf, struct err *err);

#endif
