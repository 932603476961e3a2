/*
 * Deadlines of calls. Almost every call ends long before its deadline, so what
 * must be cheap is to forget one: a watch is noted at the end of an array and
 * never taken out; when its call has ended, the count of the call's lives tells
 * so. One timer stands at the earliest watch. Stale ones are swept out when the
 * array is full or the timer fires, so each costs one look in its life.
 */
#include "net/h2_client_internal.h"

#include "base/mem.h"

enum { WATCHES_LEAST = 256 };

static bool is_live(const struct h2_watch *w)
{
    return w->call->gen == w->gen;
}

static void set_timer(struct h2_pool *p, us_t at_us)
{
    p->watch_us = at_us;
    loop_timer_set(p->loop, &p->watch_timer, at_us);
}

static void note(struct h2_pool *p, struct h2_watch w)
{
    p->watches[p->watches_count++] = w;
    if (w.at_us < p->watch_us)
        set_timer(p, w.at_us);
}

/* Drops the stale ones; grows when most are not. */
static void make_room(struct h2_pool *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->watches_count; i++) {
        if (is_live(&p->watches[i]))
            p->watches[kept++] = p->watches[i];
    }
    p->watches_count = kept;
    if (kept * 2 <= p->watches_cap && p->watches_cap > 0)
        return;
    p->watches_cap = MAX(p->watches_cap * 2, (size_t) WATCHES_LEAST);
    p->watches = mem_grow(p->watches, p->watches_cap * sizeof(p->watches[0]));
}

void h2_pool_watch(struct h2_pool *p, struct h2_call *c, us_t at_us)
{
    if (at_us == US_NEVER)
        return;
    if (p->watches_count == p->watches_cap)
        make_room(p);
    note(p, (struct h2_watch) { at_us, c, c->gen });
}

/* Callbacks of calls that end here may start others: all is taken out first, and noted again. */
static void on_watch(struct loop_timer *t)
{
    struct h2_pool *p = CONTAINER_OF(t, struct h2_pool, watch_timer);
    struct h2_watch *all = TAKE(p->watches);
    size_t count = p->watches_count;
    us_t now = loop_now(p->loop);
    p->watches_count = p->watches_cap = 0;
    p->watch_us = US_NEVER;
    for (size_t i = 0; i < count; i++) {
        if (!is_live(&all[i]))
            continue;
        if (all[i].at_us > now)
            h2_pool_watch(p, all[i].call, all[i].at_us);
        else
            h2_call_look(all[i].call);
    }
    mem_free(all);
}

void h2_pool_watch_init(struct h2_pool *p)
{
    p->watch_us = US_NEVER;
    p->watch_timer.fn = on_watch;
}

void h2_pool_watch_fini(struct h2_pool *p)
{
    loop_timer_stop(p->loop, &p->watch_timer);
    mem_free(p->watches);
}
