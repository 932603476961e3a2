#include "run/log_drain.h"

#include "base/buf.h"
#include "base/mem.h"
#include "loop/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a reader that fell behind is looked at again. */
static const us_t look_again_us = 50 * US_PER_MS;

struct log_drain {
    struct loop *loop;
    struct log *log;
    int fd;
    bool is_socket, is_file, is_terminal;
    struct buf footer;           /* what is to stand below the log */
    unsigned footer_drawn;       /* lines of it that stand there */
    bool footer_changed;
    struct loop_hook hook;
    struct loop_timer again;
    us_t ticked_us;
};

static ssize_t write_some(struct log_drain *d, struct bytes b)
{
    if (d->is_file)
        return write(d->fd, b.ptr, b.len);
    if (d->is_socket)
        return send(d->fd, b.ptr, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd p = { .fd = d->fd, .events = POLLOUT };
    if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) {
        errno = p.revents & (POLLERR | POLLHUP | POLLNVAL) ? EPIPE : EAGAIN;
        return -1;
    }
    return write(d->fd, b.ptr, MIN(b.len, (size_t) PIPE_BUF));
}

/* False: the reader is behind. A descriptor that is broken for good swallows everything. */
static bool drain(struct log_drain *d)
{
    for (struct bytes b; (b = log_peek(d->log)).len > 0;) {
        ssize_t n = write_some(d, b);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOSPC))
            return false;
        log_consume(d->log, n < 0 ? b.len : (size_t) n);
    }
    return true;
}

/* The terminal's block goes, lines of the log take its place, and it is drawn again: in one write, so that it does not flicker. */
static bool drain_terminal(struct log_drain *d)
{
    while (log_peek(d->log).len > 0 || d->footer_changed) {
        struct pollfd p = { .fd = d->fd, .events = POLLOUT };
        if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
            return (p.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        CLEANUP(buf_fini) struct buf out = { 0 };
        if (d->footer_drawn > 0)
            buf_printf(&out, "\033[%uF\033[J", d->footer_drawn);
        for (struct bytes b; (b = log_peek(d->log)).len > 0 && (out.len < PIPE_BUF || out.ptr[out.len - 1] != '\n');) {
            size_t n = bytes_find(b, 0, '\n') + 1;    /* a line that the ring's end cuts comes in two */
            buf_append(&out, bytes_sub(b, 0, n));
            log_consume(d->log, MIN(n, b.len));
        }
        d->footer_drawn = 0;
        for (size_t i = 0; i < d->footer.len; i++)
            d->footer_drawn += d->footer.ptr[i] == '\n';
        buf_append(&out, buf_bytes(&d->footer));
        d->footer_changed = false;
        for (struct bytes rest = buf_bytes(&out); rest.len > 0;) {
            ssize_t n = write(d->fd, rest.ptr, rest.len);
            if (n < 0 && errno != EINTR)
                break;
            rest = bytes_sub(rest, (size_t) MAX(n, 0), rest.len);
        }
    }
    return true;
}

static bool drain_all(struct log_drain *d)
{
    return d->is_terminal && (d->footer.len > 0 || d->footer_drawn > 0) ? drain_terminal(d) : drain(d);
}

static void on_pass(struct loop_hook *h)
{
    struct log_drain *d = CONTAINER_OF(h, struct log_drain, hook);
    us_t now = loop_now(d->loop);
    if (now - d->ticked_us >= US_PER_S) {
        d->ticked_us = now;
        log_tick(d->log);
    }
    if (!drain_all(d))
        loop_timer_set(d->loop, &d->again, now + look_again_us);
}

static void on_again(struct loop_timer *t UNUSED)
{
    /* the pass that this begins ends in on_pass */
}

struct log_drain *log_drain_make(struct loop *l, struct log *log, int fd)
{
    struct log_drain *d = mem_alloc(sizeof(*d));
    struct stat st;
    d->loop = l;
    d->log = log;
    d->fd = fd;
    if (fstat(fd, &st) == 0) {
        d->is_socket = S_ISSOCK(st.st_mode);
        d->is_file = S_ISREG(st.st_mode);
    }
    d->is_terminal = isatty(fd) == 1;
    d->hook.fn = on_pass;
    d->again.fn = on_again;
    loop_hook_add(l, &d->hook);
    return d;
}

void log_drain_footer(struct log_drain *d, struct bytes lines)
{
    if (!d->is_terminal || bytes_eq(buf_bytes(&d->footer), lines))
        return;
    buf_clear(&d->footer);
    buf_append(&d->footer, lines);
    d->footer_changed = true;
}

void log_drain_end(struct log_drain *d, us_t wait_us)
{
    if (d == NULL)
        return;
    log_drain_footer(d, BYTES_LIT(""));
    log_tick(d->log);
    for (us_t until = clock_now() + wait_us; !drain_all(d) && clock_now() < until;)
        poll(&(struct pollfd) { .fd = d->fd, .events = POLLOUT }, 1, 20);
    loop_hook_remove(d->loop, &d->hook);
    loop_timer_stop(d->loop, &d->again);
    buf_fini(&d->footer);
    mem_free(d);
}
