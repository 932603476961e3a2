/*
 * What became of dead letters later, in a file of its own beside the segments
 * (replayed.dlq): sent again, or seen at the destination. One writer at a time.
 */
#ifndef CMD_DEAD_MARKS_H
#define CMD_DEAD_MARKS_H

#include "base/bytes.h"
#include "base/err.h"

/* The file, locked until it is closed; -1: class DISK. */
int dead_marks_open(const char *dir, struct err *err);
/* Framed lines of adapters/dead_record.h; durable when this returns. */
bool dead_marks_write(int fd, struct bytes lines, struct err *err) MUST_USE;

#endif
