#include "loop/mailbox.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    struct loop *loop;
    struct loop_io io;
    mailbox_fn *fn;
    void *ctx;

    pthread_mutex_t lock;    /* guards what follows */
    void **ring;             /*   first .. first+count-1, modulo max   */
    size_t max, first, count;
};

static void received(struct loop_io *io, unsigned ready UNUSED)
{
    struct mailbox *m = CONTAINER_OF(io, struct mailbox, io);
    uint64_t posts;
    ssize_t n = read(io->fd, &posts, sizeof(posts));
    CHECK(n == (ssize_t) sizeof(posts) || errno == EAGAIN || errno == EINTR);
    /* Only what is there now: a thread that posts all the time must not hold up the loop. */
    pthread_mutex_lock(&m->lock);
    size_t left = m->count;
    pthread_mutex_unlock(&m->lock);
    while (left-- > 0) {
        void *mail = mailbox_take(m);
        if (mail == NULL)
            break;
        m->fn(m->ctx, mail);
    }
}

struct mailbox *mailbox_make(struct loop *l, size_t max, mailbox_fn *fn, void *ctx)
{
    CHECK(max > 0 && fn != NULL);
    struct mailbox *m = mem_alloc(sizeof(*m));
    *m = (struct mailbox) { .loop = l, .fn = fn, .ctx = ctx, .max = max };
    m->ring = mem_alloc_n(max, sizeof(m->ring[0]));
    CHECK(pthread_mutex_init(&m->lock, NULL) == 0);
    m->io = (struct loop_io) { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .fn = received };
    CHECK(m->io.fd >= 0);
    loop_io_add(l, &m->io, LOOP_READ);
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (m == NULL)
        return;
    CHECK(m->count == 0);
    loop_io_remove(m->loop, &m->io);
    close(m->io.fd);
    pthread_mutex_destroy(&m->lock);
    mem_free(m->ring);
    mem_free(m);
}

bool mailbox_post(struct mailbox *m, void *mail)
{
    CHECK(mail != NULL);
    pthread_mutex_lock(&m->lock);
    bool room = m->count < m->max;
    if (room) {
        m->ring[(m->first + m->count) % m->max] = mail;
        m->count++;
        /* Under the lock: the loop may free the mailbox as soon as it has taken the last mail. */
        uint64_t one = 1;
        ssize_t n = write(m->io.fd, &one, sizeof(one));
        CHECK(n == (ssize_t) sizeof(one) || errno == EAGAIN);
    }
    pthread_mutex_unlock(&m->lock);
    return room;
}

void *mailbox_take(struct mailbox *m)
{
    void *mail = NULL;
    pthread_mutex_lock(&m->lock);
    if (m->count > 0) {
        mail = m->ring[m->first];
        m->first = (m->first + 1) % m->max;
        m->count--;
    }
    pthread_mutex_unlock(&m->lock);
    return mail;
}
