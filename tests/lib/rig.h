/*
 * For tests of what lives on a loop: the loop, and waiting for a condition with
 * an end to it (a test that waits for ever says nothing).
 */
#ifndef LIB_RIG_H
#define LIB_RIG_H

#include "loop/clock.h"
#include "loop/loop.h"

/* Runs passes until the condition holds; CHECKs after ten seconds. */
#define RIG_UNTIL(loop, condition)                                    \
    do {                                                              \
        us_t rig_end_ = clock_now() + 10 * US_PER_S;                  \
        while (!(condition)) {                                        \
            CHECK(clock_now() < rig_end_);                            \
            loop_pass((loop), 50 * US_PER_MS);                        \
        }                                                             \
    } while (0)

/* A listening socket on 127.0.0.1, any free port. */
int rig_listen(uint16_t *ret_port);

#endif
