#include "run/signals.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
    struct loop *loop;
    struct loop_io io;
    signals_fn *fn;
    void *ctx;
    sigset_t was;
};

static void on_ready(struct loop_io *io, unsigned ready UNUSED)
{
    struct signals *s = CONTAINER_OF(io, struct signals, io);
    struct signalfd_siginfo info;
    while (read(io->fd, &info, sizeof(info)) == (ssize_t) sizeof(info))
        s->fn(s->ctx, (int) info.ssi_signo);
}

struct signals *signals_make(struct loop *l, signals_fn *fn, void *ctx, struct err *err)
{
    static const int taken[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };
    struct signals *s = mem_alloc(sizeof(*s));
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        sigaddset(&set, taken[i]);
    signal(SIGPIPE, SIG_IGN);
    int fd = -1;
    if (sigprocmask(SIG_BLOCK, &set, &s->was) != 0 || (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0) {
        FAIL(err, INTERNAL, "signals cannot be received: %s", strerror(errno));
        mem_free(s);
        return NULL;
    }
    s->loop = l;
    s->fn = fn;
    s->ctx = ctx;
    s->io = (struct loop_io) { .fd = fd, .fn = on_ready };
    loop_io_add(l, &s->io, LOOP_READ);
    return s;
}

void signals_free(struct signals *s)
{
    if (s == NULL)
        return;
    loop_io_remove(s->loop, &s->io);
    close(s->io.fd);
    sigprocmask(SIG_SETMASK, &s->was, NULL);
    mem_free(s);
}
