/*
 * Brings the log's ring to a descriptor without ever blocking the loop, and
 * without O_NONBLOCK, which would change the descriptor for everybody who
 * shares it (a shell, a parent).
 *
 * A pipe that poll(2) calls writable takes PIPE_BUF bytes at least; a socket is
 * written with MSG_DONTWAIT; a file or terminal takes what it is given. What
 * nobody reads stays in the ring, which drops and counts (obs/log.h).
 */
#ifndef RUN_LOG_DRAIN_H
#define RUN_LOG_DRAIN_H

#include "loop/loop.h"
#include "obs/log.h"

struct log_drain;

struct log_drain *log_drain_make(struct loop *l, struct log *log, int fd);
/*
 * Lines that stay below the log on a terminal (progress): drawn anew after every
 * line of the log and whenever they change. Copied; empty: none any more. Not a
 * terminal: no effect.
 */
void log_drain_footer(struct log_drain *d, struct bytes lines);
/* Writes what is left for at most wait_us, then lets it go. */
void log_drain_end(struct log_drain *d, us_t wait_us);

#endif
