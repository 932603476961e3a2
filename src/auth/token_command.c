/* A program that prints a token: run without a shell, watched by the loop, ended after 10 s. */
#include "auth/source.h"
#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct auth_command {
    struct auth_source *source;
    pid_t pid;
    struct loop_io out, end;    /* its output; its pidfd */
    struct loop_timer timer;
    struct buf text;
    bool out_done, timed_out;
};

static void close_io(struct loop *l, struct loop_io *io)
{
    loop_io_remove(l, io);
    if (io->fd >= 0)
        close(io->fd);
    io->fd = -1;
}

/* The child is dead or about to be: wait for it, leave nothing behind. */
static int reap(struct auth_command *c)
{
    struct loop *l = c->source->loop;
    int status = -1;
    close_io(l, &c->out);
    close_io(l, &c->end);
    loop_timer_stop(l, &c->timer);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

void auth_source_stop_command(struct auth_source *a)
{
    struct auth_command *c = a->command;
    if (c == NULL)
        return;
    a->command = NULL;
    kill(c->pid, SIGKILL);
    reap(c);
    buf_fini(&c->text);
    mem_free(c);
}

static void finish(struct auth_command *c)
{
    struct auth_source *a = c->source;
    int status = reap(c);
    struct err err;
    a->command = NULL;
    if (c->timed_out)
        FAIL(&err, TIMEOUT, "token_command: the program did not end within %d s", AUTH_CALL_S);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL(&err, UNAUTHENTICATED, "token_command: the program failed (exit status %d)",
             WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    if (!c->timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        auth_source_got(a, bytes_trim(buf_bytes(&c->text)), AUTH_UNKNOWN_LIFE_S, AUTH_UNKNOWN_LIFE_S / 2);
    else
        auth_source_failed(a, &err);
    buf_fini(&c->text);
    mem_free(c);
}

static void read_output(struct auth_command *c)
{
    while (!c->out_done) {
        char *at = buf_reserve(&c->text, 4096);
        ssize_t got = read(c->out.fd, at, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        c->out_done = got <= 0 || c->text.len > LIMIT_TOKEN_LEN;
        c->text.len += got > 0 ? (size_t) got : 0;
    }
    loop_io_remove(c->source->loop, &c->out);
}

static void on_output(struct loop_io *io, unsigned ready)
{
    (void) ready;
    read_output(CONTAINER_OF(io, struct auth_command, out));
}

static void on_end(struct loop_io *io, unsigned ready)
{
    struct auth_command *c = CONTAINER_OF(io, struct auth_command, end);
    (void) ready;
    read_output(c);
    finish(c);
}

static void on_late(struct loop_timer *t)
{
    struct auth_command *c = CONTAINER_OF(t, struct auth_command, timer);
    c->timed_out = true;
    kill(c->pid, SIGKILL);
    finish(c);
}

enum { ARGS = 16 };

/* line is cut at its blanks. */
static bool spawn(char *line, int out, pid_t *ret_pid)
{
    char *argv[ARGS + 1] = { 0 }, *rest = line;
    size_t n = 0;
    for (char *arg; n < ARGS && (arg = strsep(&rest, " ")) != NULL;)
        if (arg[0] != '\0')
            argv[n++] = arg;
    posix_spawn_file_actions_t actions;
    if (n == 0 || argv[0][0] != '/' || posix_spawn_file_actions_init(&actions) != 0)
        return false;
    bool ok = posix_spawn_file_actions_adddup2(&actions, out, 1) == 0 &&
              posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
              posix_spawn(ret_pid, argv[0], &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return ok;
}

static struct auth_command *start(struct auth_source *a)
{
    int pipes[2];
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return NULL;
    CLEANUP(mem_free_ptr) char *line = mem_dup(buf_bytes(&a->path));
    bool ok = spawn(line, pipes[1], &pid);
    close(pipes[1]);
    if (!ok) {
        close(pipes[0]);
        return NULL;
    }
    /* Ours alone: what the program does with its end is its affair. */
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    struct auth_command *c = mem_alloc(sizeof(*c));
    c->source = a;
    c->pid = pid;
    c->out = (struct loop_io) { .fd = pipes[0], .fn = on_output };
    c->end = (struct loop_io) { .fd = (int) syscall(SYS_pidfd_open, pid, 0), .fn = on_end };
    c->timer.fn = on_late;
    return c;
}

void auth_source_fetch_command(struct auth_source *a)
{
    struct auth_command *c = start(a);
    if (c != NULL && c->end.fd < 0) {
        a->command = c;
        auth_source_stop_command(a);
        c = NULL;
    }
    if (c == NULL) {
        struct err err;
        FAIL(&err, CONFIG, "token_command: the program cannot be started: it must be an absolute path");
        auth_source_failed(a, &err);
        return;
    }
    a->command = c;
    loop_io_add(a->loop, &c->out, LOOP_READ);
    loop_io_add(a->loop, &c->end, LOOP_READ);
    loop_timer_set(a->loop, &c->timer, loop_now(a->loop) + AUTH_CALL_S * US_PER_S);
}
