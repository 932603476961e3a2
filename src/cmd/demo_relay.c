#include "cmd/demo.h"

#include "json/scan.h"
#include "loop/clock.h"

#include <signal.h>
#include <stdio.h>

/* Nothing moves any more for so long: then there is nothing left to move, or it is lost. Longer than a lease
 * and the longest wait before a proof. */
enum { DEMO_STILL_S = 25, DEMO_LOOK_MS = 20, DEMO_SAME_LOOKS = 3 };

/* Each page must add up in itself: it is made between two steps of the engine. */
static bool look(struct demo *d, struct demo_counters *c)
{
    CLEANUP(buf_fini) struct buf page = { 0 };
    if (d->beam)
        return demo_beam_counters(d, c), true;
    if (!child_http_get(d->status_port, "/metrics", &page))
        return false;
    demo_counters_of_page(buf_bytes(&page), c);
    d->unbalanced += !demo_counters_add_up(c);
    return true;
}

/* What operators look at while it runs is written, too: it will be swept. */
static void keep_pages(struct demo *d)
{
    static const char *const pages[] = { "/", "/metrics", "/status.json", "/livez", "/readyz" };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        CLEANUP(buf_fini) struct buf page = { 0 }, inside = { 0 }, path = { 0 };
        if (!child_http_get(d->status_port, pages[i], &page))
            continue;
        struct err ignored;    /* the sweep needs what there is */
        buf_printf(&inside, "pages/%u-%zu", d->pages, i);
        demo_path(d, buf_str(&inside), &path);
        child_write_file(buf_str(&path), buf_bytes(&page), &ignored);
    }
    d->pages++;
}

static void keep_arguments(struct demo *d)
{
    static const char *const what[] = { "cmdline", "environ" };
    for (size_t i = 0; i < ARRAY_LEN(what); i++) {
        CLEANUP(buf_fini) struct buf from = { 0 }, text = { 0 }, inside = { 0 }, to = { 0 };
        struct err ignored;
        buf_printf(&from, "/proc/%d/%s", d->relay.pid, what[i]);
        buf_printf(&inside, "pages/relay-%s", what[i]);
        demo_path(d, buf_str(&inside), &to);
        if (child_read_file(buf_str(&from), &text, &ignored))
            child_write_file(buf_str(&to), buf_bytes(&text), &ignored);
    }
}

/* How many announcements nobody has acknowledged yet: the local cloud's own count, not the relay's. */
static bool look_at_backlog(struct demo *d, size_t *ret_unacked, struct err *err)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    struct json_field unacked = { .key = "unacked" };
    int64_t n;
    uint16_t status = rest_ask(&d->rest, "GET", BYTES_LIT("/v1/" DEMO_SUBSCRIPTION ":backlog"), BYTES_LIT(""), &body, err);
    if (status == 0)
        return false;
    if (status != 200 || !json_scan_object(buf_bytes(&body), &unacked, 1, err) || !json_to_i64(&unacked.value, &n))
        return FAIL(err, INTERNAL, "demo: the local cloud does not tell its backlog (HTTP %u)", status);
    *ret_unacked = (size_t) n;
    return true;
}

struct watching {
    struct demo_counters c;
    size_t unacked;
    uint64_t last;       /* sum of what moves */
    us_t moved_us;       /* when it moved last */
};

static bool watch(struct demo *d, struct watching *w, struct err *err)
{
    if (!child_is_running(&d->relay))
        return FAIL(err, INTERNAL, "demo: the relay ended by itself (exit code %d); see %s", child_exit_code(&d->relay),
                    d->relay.out);
    TRY(look_at_backlog(d, &w->unacked, err));
    look(d, &w->c);
    uint64_t moves = w->c.received + w->c.delivered + w->c.dead + w->c.skipped + (d->count - w->unacked);
    if (moves != w->last) {
        w->last = moves;
        w->moved_us = clock_now();
    }
    demo_say_progress(d, "relay", d->count - w->unacked, d->count);
    return true;
}

/* What it sent with its last breath is still on its way: the number that stays is the one. */
static bool look_after_kill(struct demo *d, struct err *err)
{
    TRY(look_at_backlog(d, &d->unacked_at_kill, err));
    for (unsigned same = 0; same < DEMO_SAME_LOOKS && !demo_interrupted();) {
        size_t unacked;
        child_wait(&d->cloud, DEMO_LOOK_MS * US_PER_MS);
        TRY(look_at_backlog(d, &unacked, err));
        same = unacked == d->unacked_at_kill ? same + 1 : 0;
        d->unacked_at_kill = unacked;
    }
    return true;
}

static bool kill_and_restart(struct demo *d, struct watching *w, struct err *err)
{
    keep_pages(d);
    d->before_kill = w->c;
    d->unacked_seen = w->unacked;
    d->killed = true;
    if (d->beam)
        TRY(demo_beam_kill(d, err));
    child_kill(&d->relay);
    TRY(look_after_kill(d, err));
    TRY(demo_dead_last_segment(d, &d->segment_at_kill, err));
    us_t from = clock_now();
    TRY(demo_world_start_relay(d, err));
    d->restart_us = clock_now() - from;
    w->c = (struct demo_counters) { 0 };
    w->moved_us = clock_now();
    long long ms = d->restart_us / US_PER_MS;
    if (d->beam)
        demo_say(d, "        ... in the middle of a bundle its worker was killed with SIGKILL, on purpose ...    submitted again in %lld ms\n", ms);
    else
        demo_say(d, "        ... at message %s the relay was killed with SIGKILL, on purpose ...    restarted in %lld ms\n",
                 demo_number(d->count - w->unacked), ms);
    return true;
}

bool demo_relay_run(struct demo *d, struct err *err)
{
    us_t began = clock_now();
    struct watching w = { .moved_us = began };
    TRY(demo_world_start_relay(d, err));
    keep_arguments(d);
    while (!demo_interrupted()) {
        TRY(watch(d, &w, err));
        if (w.unacked == 0 && w.c.in_flight == 0)
            break;
        if (clock_now() - w.moved_us > DEMO_STILL_S * US_PER_S)
            break;    /* what is missing now will be counted as lost, or as still in the subscription */
        bool half = d->count - w.unacked >= d->count / 2;
        if (d->beam && d->faults && !d->killed)
            TRY(demo_beam_is_half_way(d, &half, err));
        if (d->faults && !d->killed && half)
            TRY(kill_and_restart(d, &w, err));
        child_wait(&d->relay, DEMO_LOOK_MS * US_PER_MS);
    }
    d->relay_us = w.moved_us - began;
    d->after = w.c;
    keep_pages(d);
    return !demo_interrupted() || FAIL(err, CANCELLED, "demo: interrupted");
}

bool demo_relay_drain(struct demo *d, struct err *err)
{
    us_t from = clock_now();
    uint64_t waiting = d->killed ? d->unacked_at_kill : d->count;
    for (us_t until = from + 10 * US_PER_S; d->beam && d->after.received + d->planted[DEMO_EMPTY] < waiting && clock_now() < until;) {
        child_wait(&d->relay, DEMO_LOOK_MS * US_PER_MS);    /* a runner tells its counters every few seconds */
        demo_beam_counters(d, &d->after);
    }
    child_signal(&d->relay, SIGTERM);
    if (!child_wait(&d->relay, 40 * US_PER_S))
        return FAIL(err, TIMEOUT, "demo: the relay did not stop on SIGTERM; see %s", d->relay.out);
    d->drain_us = clock_now() - from;
    if (d->beam)
        demo_beam_counters(d, &d->after);
    CLEANUP(buf_fini) struct buf log = { 0 };
    TRY(child_read_file(d->relay.out, &log, err));
    if (!d->beam)
        d->final_known = demo_counters_of_log(bytes_sub(buf_bytes(&log), d->relay.out_begins, SIZE_MAX), &d->after);
    d->relay_exit = child_exit_code(&d->relay);
    if (d->relay_exit != 0 && d->relay_exit != 3)    /* 3: dead letters were written */
        return FAIL(err, INTERNAL, "demo: the relay ended with exit code %d; see %s", d->relay_exit, d->relay.out);
    return true;
}
