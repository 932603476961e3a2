#include "adapters/sink_file.h"

#include "adapters/dead_record.h"
#include "adapters/sink_segment.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "loop/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 *  loop's thread                        writer's thread
 *  put ── job ──► mailbox to_writer ──► gather (all that came in one pass)
 *                                       write, one fsync (group commit)
 *  done ◄── job ── mailbox to_loop ◄──  answer
 */
enum sink_job_kind { JOB_PUT, JOB_PROBE, JOB_STOP };

struct sink_job {
    struct list_link link;
    enum sink_job_kind kind;
    struct buf line;
    sink_done_fn *done;
    void *ctx;
    struct err err;
};

struct sink_file {
    struct sink sink;
    struct loop *loop;
    struct mailbox *to_loop;
    size_t pending;
    struct list refused;               /* jobs that found the writer's mailbox full: answered from a task */
    struct loop_task refuse;
    int dir_fd, lock_fd;

    struct loop *writer_loop;          /* the writer's from here on, once it runs */
    struct mailbox *to_writer;
    struct loop_hook commit;
    struct list gathered;
    struct segment segment;
    bool stop;
    pthread_t thread;
};

static void put(struct sink *s, const struct sink_record *r, sink_done_fn *done, void *ctx);
static void probe(struct sink *s, sink_done_fn *done, void *ctx);
static void close_sink(struct sink *s);
static size_t pending(const struct sink *s);
static void post(struct sink_file *f, struct sink_job *job);
static void refuse_all(struct loop_task *t);
static void answered(void *ctx, void *mail);
static void job_free(struct sink_job *job);
static bool open_dir(struct sink_file *f, const char *dir, struct err *err);
static bool make_dir(const char *dir);
static unsigned last_segment(int dir_fd);
static void *write_forever(void *arg);
static void gather(void *ctx, void *mail);
static void commit(struct loop_hook *h);

struct sink *sink_file_open(struct loop *l, const char *dir, struct err *err)
{
    return sink_file_open_on(l, dir, &sink_disk_system, err);
}

struct sink *sink_file_open_on(struct loop *l, const char *dir, const struct sink_disk *disk, struct err *err)
{
    struct sink_file *f = mem_alloc(sizeof(*f));
    f->sink = (struct sink) { put, probe, close_sink, pending };
    f->loop = l;
    f->dir_fd = f->lock_fd = -1;
    f->refuse.fn = refuse_all;
    list_init(&f->refused);
    list_init(&f->gathered);
    if (!open_dir(f, dir, err) || (f->writer_loop = loop_make(err)) == NULL) {
        if (f->lock_fd >= 0)
            close(f->lock_fd);
        if (f->dir_fd >= 0)
            close(f->dir_fd);
        mem_free(f);
        return NULL;
    }
    segment_init(&f->segment, disk, f->dir_fd, last_segment(f->dir_fd));
    f->to_loop = mailbox_make(l, LIMIT_DEAD_PENDING + 1, answered, f);
    f->to_writer = mailbox_make(f->writer_loop, LIMIT_DEAD_PENDING + 1, gather, f);
    f->commit.fn = commit;
    loop_hook_add(f->writer_loop, &f->commit);
    sigset_t all, before;    /* signals are the loop's thread's affair */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&f->thread, NULL, write_forever, f) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return &f->sink;
}

static void put(struct sink *s, const struct sink_record *r, sink_done_fn *done, void *ctx)
{
    struct sink_file *f = CONTAINER_OF(s, struct sink_file, sink);
    struct sink_job *job = mem_alloc(sizeof(*job));
    *job = (struct sink_job) { .kind = JOB_PUT, .done = done, .ctx = ctx };
    dead_record_put(r, loop_wall(f->loop), &job->line);
    post(f, job);
}

static void probe(struct sink *s, sink_done_fn *done, void *ctx)
{
    struct sink_file *f = CONTAINER_OF(s, struct sink_file, sink);
    struct sink_job *job = mem_alloc(sizeof(*job));
    *job = (struct sink_job) { .kind = JOB_PROBE, .done = done, .ctx = ctx };
    post(f, job);
}

static size_t pending(const struct sink *s)
{
    return CONTAINER_OF(s, struct sink_file, sink)->pending;
}

/* pending bounds what is on the way in either mailbox, so that the writer's answers always find room. */
static void post(struct sink_file *f, struct sink_job *job)
{
    f->pending++;
    if (f->pending <= LIMIT_DEAD_PENDING && mailbox_post(f->to_writer, job))
        return;
    err_set(&job->err, ERR_DISK, "more than %d dead letters wait for the disk", LIMIT_DEAD_PENDING);
    list_push_back(&f->refused, &job->link);
    loop_task_post(f->loop, &f->refuse);
}

static void refuse_all(struct loop_task *t)
{
    struct sink_file *f = CONTAINER_OF(t, struct sink_file, refuse);
    for (size_t n = f->refused.count; n > 0; n--)
        answered(f, CONTAINER_OF(list_pop_front(&f->refused), struct sink_job, link));
}

static void answered(void *ctx, void *mail)
{
    struct sink_file *f = ctx;
    struct sink_job *job = mail;
    f->pending--;
    job->done(job->ctx, &job->err);
    job_free(job);
}

static void close_sink(struct sink *s)
{
    struct sink_file *f = CONTAINER_OF(s, struct sink_file, sink);
    struct sink_job *stop = mem_alloc(sizeof(*stop)), *job;
    stop->kind = JOB_STOP;
    CHECK(mailbox_post(f->to_writer, stop));
    pthread_join(f->thread, NULL);
    while ((job = mailbox_take(f->to_loop)) != NULL)
        job_free(job);
    while (!list_is_empty(&f->refused))
        job_free(CONTAINER_OF(list_pop_front(&f->refused), struct sink_job, link));
    loop_task_cancel(f->loop, &f->refuse);
    mailbox_free(f->to_loop);
    mailbox_free(f->to_writer);
    loop_hook_remove(f->writer_loop, &f->commit);
    loop_free(f->writer_loop);
    segment_fini(&f->segment);
    close(f->lock_fd);
    close(f->dir_fd);
    mem_free(f);
}

static void job_free(struct sink_job *job)
{
    buf_fini(&job->line);
    mem_free(job);
}

static bool open_dir(struct sink_file *f, const char *dir, struct err *err)
{
    if (!make_dir(dir))
        return FAIL(err, DISK, "cannot make the dead-letter directory %s: %s", dir, strerror(errno));
    f->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir_fd < 0)
        return FAIL(err, DISK, "cannot open the dead-letter directory %s: %s", dir, strerror(errno));
    f->lock_fd = openat(f->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock_fd < 0)
        return FAIL(err, DISK, "cannot write in the dead-letter directory %s: %s", dir, strerror(errno));
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return FAIL(err, DISK, "another process has the dead-letter directory %s; each relay needs one of its own", dir);
    return true;
}

/* With the one above it, which is state_dir in most cases. */
static bool make_dir(const char *dir)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return true;
    const char *slash = strrchr(dir, '/');
    if (errno != ENOENT || slash == NULL || slash == dir)
        return false;
    CLEANUP(buf_fini) struct buf above = { 0 };
    buf_append(&above, bytes_of(dir, (size_t) (slash - dir)));
    return mkdir(buf_str(&above), 0700) == 0 && mkdir(dir, 0700) == 0;
}

static unsigned last_segment(int dir_fd)
{
    unsigned last = 0;
    DIR *d = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        last = MAX(last, segment_number(e->d_name));
    if (d != NULL)
        closedir(d);
    return last;
}

/* The writer's thread. */
static void *write_forever(void *arg)
{
    struct sink_file *f = arg;
    while (!f->stop)
        loop_pass(f->writer_loop, US_NEVER);
    return NULL;
}

static void gather(void *ctx, void *mail)
{
    struct sink_file *f = ctx;
    struct sink_job *job = mail;
    if (job->kind != JOB_STOP) {
        list_push_back(&f->gathered, &job->link);
        return;
    }
    f->stop = true;
    job_free(job);
}

/* One write and one fsync for all that came in this pass, in pieces of at most a segment. */
static void commit(struct loop_hook *h)
{
    struct sink_file *f = CONTAINER_OF(h, struct sink_file, commit);
    while (!list_is_empty(&f->gathered)) {
        CLEANUP(buf_fini) struct buf lines = { 0 };
        struct err err = { 0 };
        size_t count = 0;
        LIST_EACH (&f->gathered, link, after) {
            struct sink_job *job = CONTAINER_OF(link, struct sink_job, link);
            if (count > 0 && lines.len + job->line.len > LIMIT_DEAD_SEGMENT / 4)
                break;
            buf_append(&lines, buf_bytes(&job->line));
            count++;
        }
        bool ok = lines.len > 0 ? segment_commit(&f->segment, buf_bytes(&lines), loop_wall(f->writer_loop), &err)
                                : segment_probe(&f->segment, loop_wall(f->writer_loop), &err);
        for (; count > 0; count--) {
            struct sink_job *job = CONTAINER_OF(list_pop_front(&f->gathered), struct sink_job, link);
            job->err = err;
            CHECK(ok == (err.class == ERR_OK));
            CHECK(mailbox_post(f->to_loop, job));
        }
    }
}
