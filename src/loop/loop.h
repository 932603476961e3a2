/*
 * One thread's event loop: descriptors (epoll), timers, deferred work.
 *
 * A pass:  wait -> io callbacks -> timers that are due -> tasks -> end-of-pass hooks
 *
 * Callbacks of io and timers only note and submit; what they caused is written
 * out once, by the hooks at the end of the pass (one flush per connection and
 * pass). A callback never runs inside the call that asked for it.
 * Nothing here is thread-safe but mailbox.h.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"

struct loop;

struct loop *loop_make(struct err *err);
void loop_free(struct loop *l);    /* everything that was added must be gone: CHECKed */

/* Runs passes until loop_stop(). */
void loop_run(struct loop *l);
/* One pass; waits at most wait_us (0: polls, US_NEVER: as long as it takes). */
void loop_pass(struct loop *l, us_t wait_us);
void loop_stop(struct loop *l);

/* Monotonic time of this pass (read once after the wait). */
us_t loop_now(const struct loop *l);
/* Wall clock of this pass, microseconds since 1970; for stamps, never for timers. */
us_t loop_wall(const struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

struct loop_io {
    int fd;
    void (*fn)(struct loop_io *io, unsigned ready);
    unsigned wanted;    /* the loop's, */
    bool added;         /* both */
};

/* The descriptor stays the caller's. Level-triggered. LOOP_HANGUP (error or hang-up) is told
 * whether wanted or not. A callback may remove any io, its own too. */
void loop_io_add(struct loop *l, struct loop_io *io, unsigned wanted);
void loop_io_want(struct loop *l, struct loop_io *io, unsigned wanted);
void loop_io_remove(struct loop *l, struct loop_io *io);    /* not added: no effect */

struct loop_timer {
    struct heap_entry entry;
    void (*fn)(struct loop_timer *t);
};

void loop_timer_set(struct loop *l, struct loop_timer *t, us_t at_us);    /* monotonic; moves it if set */
void loop_timer_stop(struct loop *l, struct loop_timer *t);               /* not set: no effect */

/* Runs once, later in this pass (or, asked from a task or hook, in the next, without a wait). */
struct loop_task {
    struct list_link link;
    void (*fn)(struct loop_task *t);
};

void loop_task_post(struct loop *l, struct loop_task *t);      /* posted already: no effect */
void loop_task_cancel(struct loop *l, struct loop_task *t);    /* not posted: no effect */

/* Runs at the end of every pass, in order of adding. */
struct loop_hook {
    struct list_link link;
    void (*fn)(struct loop_hook *h);
};

void loop_hook_add(struct loop *l, struct loop_hook *h);
void loop_hook_remove(struct loop *l, struct loop_hook *h);

/*
 * The adaptive tick: when a wake brought several events, wait up to tick_us
 * more before the next wait, so that answers gather; never when idle or slow.
 * 0 (the default): off.
 */
void loop_set_tick(struct loop *l, us_t tick_us);
/* A ready descriptor counts as one event; who finds more answers behind it (a connection with
 * many streams) says so, inside an io callback. */
void loop_count_answers(struct loop *l, uint32_t count);

#endif
