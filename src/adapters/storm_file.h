/*
 * The storm guard's state: two small files beside the dead letters, so that a
 * restart neither releases the guard nor begins to count anew. `hl7relay dead
 * accept` does both.
 *
 *      storm-guard     it holds, and since when          durable before it is told
 *      storm-counts    what it has counted so far        outlives the process, not the machine
 */
#ifndef ADAPTERS_STORM_FILE_H
#define ADAPTERS_STORM_FILE_H

#include "base/err.h"

/* Held since (wall); 0: not held. No file, no directory: not held. */
bool storm_state_read(const char *dir, us_t *ret_held_since, struct err *err);
/* Durable when this returns. Rare: it blocks for one fsync. Not held any more (0): the counts go, too. */
bool storm_state_write(const char *dir, us_t held_since, struct err *err);

/* The last outcomes, as relay_stats() tells them. */
struct storm_counts {
    uint32_t dead, outcomes;
};

/* No file, or one that cannot be read as such: nothing counted. */
struct storm_counts storm_counts_read(const char *dir);
/* Replaced as a whole, but not fsynced: a guard that counts anew after a power cut is no harm. */
bool storm_counts_write(const char *dir, struct storm_counts counts, struct err *err);

#endif
