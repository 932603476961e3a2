/*
 * Signals as events of the loop (signalfd). Made before any thread is started,
 * so that every thread inherits the mask.
 */
#ifndef RUN_SIGNALS_H
#define RUN_SIGNALS_H

#include "loop/loop.h"

struct signals;

typedef void signals_fn(void *ctx, int signo);

/* Takes SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 for itself; SIGPIPE is ignored. */
struct signals *signals_make(struct loop *l, signals_fn *fn, void *ctx, struct err *err);
void signals_free(struct signals *s);

#endif
