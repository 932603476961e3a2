/*
 * The segments of a dead-letter directory, written by one thread: durable when
 * segment_commit() says so, and cut back to what was durable when it does not.
 * Knows no loop and no thread; sink_file.c gives it one.
 */
#ifndef ADAPTERS_SINK_SEGMENT_H
#define ADAPTERS_SINK_SEGMENT_H

#include "adapters/sink_disk.h"
#include "base/buf.h"
#include "base/err.h"

struct segment {
    const struct sink_disk *disk;
    int dir_fd, fd;          /* fd -1: none is open */
    unsigned number;         /* of the open or last segment */
    size_t durable;          /* bytes of the open segment that are on disk for sure */
    char name[32];
};

/* dir_fd: an open directory. last_number: the highest there is. */
void segment_init(struct segment *s, const struct sink_disk *disk, int dir_fd, unsigned last_number);
void segment_fini(struct segment *s);
/* Appends whole lines and makes them durable. Class DISK: none of them may be taken for durable. wall_us: for a new
 * segment's first line. */
bool segment_commit(struct segment *s, struct bytes lines, us_t wall_us, struct err *err) MUST_USE;
/* Can a write be made durable? Opens a segment where none is open. */
bool segment_probe(struct segment *s, us_t wall_us, struct err *err) MUST_USE;
/* The number in "segment-00000007.dlq"; 0: another file. */
unsigned segment_number(const char *name);

#endif
