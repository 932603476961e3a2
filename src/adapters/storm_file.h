/*
 * The storm guard's state: one small file beside the dead letters, so that a
 * restart does not release the guard. `hl7relay dead accept` does.
 */
#ifndef ADAPTERS_STORM_FILE_H
#define ADAPTERS_STORM_FILE_H

#include "base/err.h"

/* Held since (wall); 0: not held. No file, no directory: not held. */
bool storm_state_read(const char *dir, us_t *ret_held_since, struct err *err);
/* Durable when this returns. Rare: it blocks for one fsync. */
bool storm_state_write(const char *dir, us_t held_since, struct err *err);

#endif
