/*
 * The file sink: segments in one directory, locked by one process, written and
 * fsynced by a thread of its own (group commit). docs/DEAD-LETTERS.md is the
 * format. The storm guard's state (storm_file.h) lies beside the segments.
 */
#ifndef ADAPTERS_SINK_FILE_H
#define ADAPTERS_SINK_FILE_H

#include "adapters/sink.h"
#include "adapters/sink_disk.h"
#include "loop/loop.h"

/* Makes the directory (0700) if it is not there and locks it. Class DISK: cannot be made, or another process has it. */
struct sink *sink_file_open(struct loop *l, const char *dir, struct err *err);
/* The same with disk calls of the test's. */
struct sink *sink_file_open_on(struct loop *l, const char *dir, const struct sink_disk *disk, struct err *err);

#endif
