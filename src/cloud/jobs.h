/*
 * Work of the stores that goes on for many passes of the loop: exports, imports, counts. What blocks (files) is
 * done by one thread of its own, a chore at a time:
 *
 *   loop thread:    cloud_jobs_chore(chore)                    chore->then()
 *                            |  queue                               ^  mailbox
 *   jobs' thread:            v               chore->work()  --------+
 *
 * A chore belongs to the thread from the one call to the other; it lies in its job, which must live as long.
 */
#ifndef CLOUD_JOBS_H
#define CLOUD_JOBS_H

#include "base/list.h"
#include "loop/loop.h"

struct cloud_jobs;

struct cloud_job {
    struct list_link link;
    bool is_operation; /* it lies in a struct cloud_operation */
    void (*drop)(struct cloud_job *job); /* frees it, wherever it is; no chore of it is under way */
};

struct cloud_chore {
    void (*work)(struct cloud_chore *chore);
    void (*then)(struct cloud_chore *chore);
    struct cloud_chore *next;
};

struct cloud_jobs *cloud_jobs_make(struct loop *l);
/* Ends the thread after the chore that it does. From here on nothing goes forward: then() is not called any more,
 * and callbacks of jobs return at once when cloud_jobs_are_over() says so. */
void cloud_jobs_stop(struct cloud_jobs *jobs);
bool cloud_jobs_are_over(const struct cloud_jobs *jobs);
/* Drops what is left. After cloud_jobs_stop(), and when no callback of a job is outstanding. NULL: no effect. */
void cloud_jobs_free(struct cloud_jobs *jobs);

/* False: LIMIT_CLOUD_JOBS run already. */
bool cloud_jobs_have_room(const struct cloud_jobs *jobs);
void cloud_jobs_add(struct cloud_jobs *jobs, struct cloud_job *job);
void cloud_jobs_remove(struct cloud_jobs *jobs, struct cloud_job *job);
void cloud_jobs_chore(struct cloud_jobs *jobs, struct cloud_chore *chore);
/* For walks over all: the first; the next of job. NULL: none. */
struct cloud_job *cloud_jobs_next(const struct cloud_jobs *jobs, const struct cloud_job *job);

#endif
