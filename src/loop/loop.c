#include "loop/loop.h"

#include "base/mem.h"
#include "loop/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/*
 * Descriptors served in one pass; the rest are ready still in the next. Few: what a pass reads is looked at,
 * answered and written before it ends, and should still be in the processor's cache then.
 */
enum { EVENTS = 8 };

struct loop {
    int epoll_fd;
    bool stop, in_pass;
    us_t now_us, wall_us, tick_us;
    uint32_t ios;
    struct heap timers;
    struct list tasks, hooks;
    struct list_link tasks_end;        /* tasks behind it were posted by tasks of this pass */
    struct list_link *hook_next;       /* so that a hook may remove any hook */
    uint32_t events_count, events_at;
    uint32_t answers;                  /* what this pass brought, for the tick */
    bool more;                         /* as many descriptors were ready as one pass serves */
    struct epoll_event events[EVENTS];
};

struct loop *loop_make(struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        FAIL(err, INTERNAL, "cannot make an epoll descriptor: %s; raise the limit of open files (ulimit -n)",
             strerror(errno));
        return NULL;
    }
    struct loop *l = mem_alloc(sizeof(*l));
    l->epoll_fd = fd;
    list_init(&l->tasks);
    list_init(&l->hooks);
    l->now_us = clock_now();
    l->wall_us = clock_wall();
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    CHECK(!l->in_pass);
    CHECK(l->ios == 0);
    CHECK(l->timers.count == 0);
    CHECK(list_is_empty(&l->tasks));
    CHECK(list_is_empty(&l->hooks));
    heap_fini(&l->timers);
    close(l->epoll_fd);
    mem_free(l);
}

/* When a wake brought several answers, the next come soon: one wake for many of them costs a
 * fraction of one wake each. Alone or late, an answer is never kept waiting. */
static void gather(struct loop *l)
{
    if (l->tick_us == 0 || l->answers < 2 || l->more || !list_is_empty(&l->tasks))
        return;
    us_t now = clock_now();
    us_t until = MIN(l->now_us + l->tick_us, heap_due(&l->timers));
    if (until <= now)
        return;
    struct timespec ts = { .tv_sec = (until - now) / US_PER_S, .tv_nsec = (until - now) % US_PER_S * 1000 };
    nanosleep(&ts, NULL);    /* cut short by a signal: as good */
}

static us_t time_to_wait(const struct loop *l, us_t wait_us)
{
    if (wait_us <= 0 || l->stop || !list_is_empty(&l->tasks))
        return 0;
    us_t due = heap_due(&l->timers);
    if (due == US_NEVER)
        return wait_us;
    us_t now = clock_now();
    return MIN(wait_us, due > now ? due - now : 0);
}

static void wait_for_events(struct loop *l, us_t wait_us)
{
    struct timespec ts = { .tv_sec = wait_us / US_PER_S, .tv_nsec = wait_us % US_PER_S * 1000 };
    int n = epoll_pwait2(l->epoll_fd, l->events, EVENTS, wait_us == US_NEVER ? NULL : &ts, NULL);
    if (n < 0 && (errno == ENOSYS || errno == EPERM)) {    /* an old kernel, a strict sandbox */
        us_t ms = wait_us == US_NEVER ? -1 : MIN((wait_us + 999) / 1000, (us_t) INT32_MAX);
        n = epoll_wait(l->epoll_fd, l->events, EVENTS, (int) ms);
    }
    CHECK(n >= 0 || errno == EINTR);
    l->events_count = n > 0 ? (uint32_t) n : 0;
    l->answers = l->events_count;
    l->more = l->events_count == EVENTS;
    l->now_us = clock_now();
    l->wall_us = clock_wall();
}

static void run_io(struct loop *l)
{
    for (l->events_at = 0; l->events_at < l->events_count;) {
        struct epoll_event *e = &l->events[l->events_at++];
        struct loop_io *io = e->data.ptr;
        if (io == NULL)    /* removed since the wait */
            continue;
        unsigned ready = 0;
        if (e->events & EPOLLIN)
            ready |= LOOP_READ;
        if (e->events & EPOLLOUT)
            ready |= LOOP_WRITE;
        if (e->events & (EPOLLHUP | EPOLLERR))
            ready |= LOOP_HANGUP;
        io->fn(io, ready);
    }
    l->events_count = 0;
}

static void run_timers(struct loop *l)
{
    /* Timers set by these callbacks wait for the next pass, however early they are due. */
    uint64_t fence = l->timers.next_seq;
    for (struct heap_entry *e; (e = heap_first(&l->timers)) != NULL;) {
        if (e->at_us > l->now_us || e->seq >= fence)
            break;
        heap_remove(&l->timers, e);
        struct loop_timer *t = CONTAINER_OF(e, struct loop_timer, entry);
        t->fn(t);
    }
}

static void run_tasks(struct loop *l)
{
    list_push_back(&l->tasks, &l->tasks_end);
    for (struct list_link *link; (link = list_pop_front(&l->tasks)) != &l->tasks_end;) {
        struct loop_task *t = CONTAINER_OF(link, struct loop_task, link);
        t->fn(t);
    }
}

static void run_hooks(struct loop *l)
{
    for (struct list_link *link = list_first(&l->hooks); link != NULL; link = l->hook_next) {
        l->hook_next = list_next(&l->hooks, link);
        struct loop_hook *h = CONTAINER_OF(link, struct loop_hook, link);
        h->fn(h);
    }
    l->hook_next = NULL;
}

void loop_pass(struct loop *l, us_t wait_us)
{
    CHECK(!l->in_pass);
    l->in_pass = true;
    if (wait_us > 0 && !l->stop)
        gather(l);
    wait_for_events(l, time_to_wait(l, wait_us));
    run_io(l);
    run_timers(l);
    run_tasks(l);
    run_hooks(l);
    l->in_pass = false;
}

void loop_run(struct loop *l)
{
    l->stop = false;
    while (!l->stop)
        loop_pass(l, US_NEVER);
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

us_t loop_now(const struct loop *l)
{
    return l->now_us;
}

us_t loop_wall(const struct loop *l)
{
    return l->wall_us;
}

static void control(struct loop *l, struct loop_io *io, int op, unsigned wanted)
{
    struct epoll_event e = { .data.ptr = io };
    if (wanted & LOOP_READ)
        e.events |= EPOLLIN;
    if (wanted & LOOP_WRITE)
        e.events |= EPOLLOUT;
    CHECK(epoll_ctl(l->epoll_fd, op, io->fd, &e) == 0);
}

void loop_io_add(struct loop *l, struct loop_io *io, unsigned wanted)
{
    CHECK(io->fn != NULL && !io->added);
    control(l, io, EPOLL_CTL_ADD, wanted);
    io->added = true;
    io->wanted = wanted;
    l->ios++;
}

void loop_io_want(struct loop *l, struct loop_io *io, unsigned wanted)
{
    CHECK(io->added);
    if (io->wanted == wanted)
        return;
    control(l, io, EPOLL_CTL_MOD, wanted);
    io->wanted = wanted;
}

void loop_io_remove(struct loop *l, struct loop_io *io)
{
    if (!io->added)
        return;
    CHECK(epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL) == 0);
    io->added = false;
    io->wanted = 0;
    l->ios--;
    for (uint32_t i = l->events_at; i < l->events_count; i++) {
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
    }
}

void loop_timer_set(struct loop *l, struct loop_timer *t, us_t at_us)
{
    CHECK(t->fn != NULL);
    /* Never into the past: a timer that is set again and again must not starve the others. */
    heap_set(&l->timers, &t->entry, MAX(at_us, l->now_us));
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    heap_remove(&l->timers, &t->entry);
}

void loop_task_post(struct loop *l, struct loop_task *t)
{
    CHECK(t->fn != NULL);
    if (!list_is_linked(&t->link))
        list_push_back(&l->tasks, &t->link);
}

void loop_task_cancel(struct loop *l, struct loop_task *t)
{
    if (list_is_linked(&t->link))
        list_remove(&l->tasks, &t->link);
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
    CHECK(h->fn != NULL);
    list_push_back(&l->hooks, &h->link);
}

void loop_hook_remove(struct loop *l, struct loop_hook *h)
{
    if (!list_is_linked(&h->link))
        return;
    if (l->hook_next == &h->link)
        l->hook_next = list_next(&l->hooks, &h->link);
    list_remove(&l->hooks, &h->link);
}

void loop_set_tick(struct loop *l, us_t tick_us)
{
    l->tick_us = tick_us;
}

void loop_count_answers(struct loop *l, uint32_t count)
{
    l->answers += count;
}
