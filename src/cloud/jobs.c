#include "cloud/jobs.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/mailbox.h"

#include <pthread.h>
#include <signal.h>

struct cloud_jobs {
    struct list jobs;
    struct mailbox *outbox;
    bool over, running; /* running: the thread was begun */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    struct cloud_chore *first, **end;
    bool quit;
};

static void received(void *ctx, void *mail)
{
    struct cloud_jobs *jobs = ctx;
    struct cloud_chore *chore = mail;
    if (!jobs->over)
        chore->then(chore);
}

struct cloud_jobs *cloud_jobs_make(struct loop *l)
{
    struct cloud_jobs *jobs = mem_alloc(sizeof(*jobs));
    list_init(&jobs->jobs);
    jobs->end = &jobs->first;
    jobs->outbox = mailbox_make(l, LIMIT_CLOUD_JOBS + 1, received, jobs);
    CHECK(pthread_mutex_init(&jobs->lock, NULL) == 0 && pthread_cond_init(&jobs->more, NULL) == 0);
    return jobs;
}

static void *thread_main(void *arg)
{
    struct cloud_jobs *jobs = arg;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->quit) {
        struct cloud_chore *chore = jobs->first;
        if (chore == NULL) {
            pthread_cond_wait(&jobs->more, &jobs->lock);
            continue;
        }
        jobs->first = chore->next;
        if (jobs->first == NULL)
            jobs->end = &jobs->first;
        pthread_mutex_unlock(&jobs->lock);
        chore->work(chore);
        /* A job has one chore at most under way, and there is room for one of each. */
        CHECK(mailbox_post(jobs->outbox, chore));
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* The thread begins with the first chore: most local clouds never export. It gets no signals. */
static void begin_thread(struct cloud_jobs *jobs)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&jobs->thread, NULL, thread_main, jobs) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    jobs->running = true;
}

void cloud_jobs_chore(struct cloud_jobs *jobs, struct cloud_chore *chore)
{
    if (jobs->over)
        return;
    if (!jobs->running)
        begin_thread(jobs);
    chore->next = NULL;
    pthread_mutex_lock(&jobs->lock);
    *jobs->end = chore;
    jobs->end = &chore->next;
    pthread_cond_signal(&jobs->more);
    pthread_mutex_unlock(&jobs->lock);
}

void cloud_jobs_stop(struct cloud_jobs *jobs)
{
    if (jobs == NULL || jobs->over)
        return;
    jobs->over = true;
    pthread_mutex_lock(&jobs->lock);
    jobs->quit = true;
    pthread_cond_signal(&jobs->more);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->running)
        pthread_join(jobs->thread, NULL);
}

bool cloud_jobs_are_over(const struct cloud_jobs *jobs)
{
    return jobs->over;
}

void cloud_jobs_free(struct cloud_jobs *jobs)
{
    if (jobs == NULL)
        return;
    CHECK(jobs->over);
    for (struct cloud_job *job; (job = cloud_jobs_next(jobs, NULL)) != NULL;) {
        cloud_jobs_remove(jobs, job);
        job->drop(job);
    }
    while (mailbox_take(jobs->outbox) != NULL)
        ;
    mailbox_free(jobs->outbox);
    pthread_cond_destroy(&jobs->more);
    pthread_mutex_destroy(&jobs->lock);
    mem_free(jobs);
}

bool cloud_jobs_have_room(const struct cloud_jobs *jobs)
{
    return jobs->jobs.count < LIMIT_CLOUD_JOBS;
}

void cloud_jobs_add(struct cloud_jobs *jobs, struct cloud_job *job)
{
    list_push_back(&jobs->jobs, &job->link);
}

void cloud_jobs_remove(struct cloud_jobs *jobs, struct cloud_job *job)
{
    list_remove(&jobs->jobs, &job->link);
}

struct cloud_job *cloud_jobs_next(const struct cloud_jobs *jobs, const struct cloud_job *job)
{
    const struct list_link *link = job == NULL ? jobs->jobs.head.next : job->link.next;
    return link == &jobs->jobs.head ? NULL : CONTAINER_OF((void *) (uintptr_t) link, struct cloud_job, link);
}
