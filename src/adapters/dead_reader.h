/*
 * Reads a dead-letter directory, also while a relay writes there: every record
 * in order, and a word about each place that holds none.
 */
#ifndef ADAPTERS_DEAD_READER_H
#define ADAPTERS_DEAD_READER_H

#include "adapters/dead_record.h"

struct dead_place {
    const char *file;
    uint64_t offset;
};

struct dead_reader_events {
    /* A record of any kind; its strings live until this returns. False: stop. */
    bool (*on_record)(void *ctx, const struct dead_record *r, struct dead_place at);
    /* A line that is no record. torn: the last of its segment, never confirmed to anybody. May be NULL. */
    void (*on_damage)(void *ctx, struct dead_place at, bool torn, const struct err *why);
};

/* Class DISK: the directory or a file in it cannot be read. No directory, no records: true. */
bool dead_reader_run(const char *dir, const struct dead_reader_events *events, void *ctx, struct err *err) MUST_USE;
/* The same over the bytes of one segment. False: on_record said stop. */
bool dead_reader_lines(const char *file, struct bytes text, const struct dead_reader_events *events, void *ctx);

#endif
