#include "cmd/demo.h"

#include "loop/clock.h"

#include <signal.h>
#include <stdio.h>

/* Nothing moves any more for so long: then there is nothing left to move, or it is lost. Longer than a lease
 * and the longest wait before a proof. */
enum { DEMO_STILL_S = 25, DEMO_LOOK_MS = 20 };

/* The sum over all labels of a metric. */
static uint64_t metric(struct bytes page, const char *name)
{
    uint64_t sum = 0;
    while (page.len > 0) {
        struct bytes line = bytes_cut(&page, '\n');
        if (!bytes_starts(line, bytes_str(name)) || line.len <= strlen(name))
            continue;
        char next = line.ptr[strlen(name)];
        if (next != '{' && next != ' ')
            continue;
        size_t space = line.len;
        while (space > 0 && line.ptr[space - 1] != ' ')
            space--;
        uint64_t n = 0;
        if (bytes_to_u64(bytes_sub(line, space, SIZE_MAX), &n))
            sum += n;
    }
    return sum;
}

static bool look(struct demo *d, struct demo_counters *c)
{
    CLEANUP(buf_fini) struct buf page = { 0 };
    if (!child_http_get(d->status_port, "/metrics", &page))
        return false;
    struct bytes p = buf_bytes(&page);
    *c = (struct demo_counters) {
        .received = metric(p, "hl7relay_messages_received_total"),
        .delivered = metric(p, "hl7relay_messages_delivered_total"),
        .dead = metric(p, "hl7relay_messages_dead_total"),
        .skipped = metric(p, "hl7relay_messages_skipped_total"),
        .coalesced = metric(p, "hl7relay_messages_coalesced_total"),
        .released = metric(p, "hl7relay_messages_released_total"),
        .in_flight = metric(p, "hl7relay_in_flight"),
        .retries = metric(p, "hl7relay_retries_total"),
        .redelivered = metric(p, "hl7relay_redelivered_total"),
    };
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

static bool kill_and_restart(struct demo *d, const struct demo_counters *seen, struct err *err)
{
    keep_pages(d);
    d->before_kill = *seen;
    d->killed = true;
    child_kill(&d->relay);
    us_t from = clock_now();
    TRY(demo_world_start_relay(d, err));
    d->restart_us = clock_now() - from;
    demo_say(d, "        ... at message %s the relay was killed with SIGKILL, on purpose ...    restarted in %lld ms\n",
             demo_number(seen->delivered), (long long) (d->restart_us / US_PER_MS));
    return true;
}

/* All good ones are there, nothing is under way, and all the others have their record. */
static bool is_finished(struct demo *d, const struct demo_counters *c, struct err *err)
{
    if (c->in_flight > 0 || !demo_dead_read(d, err))
        return false;
    size_t recorded = 0;
    for (size_t i = 0; i < d->count; i++)
        recorded += d->messages[i].dead || d->messages[i].skipped;
    return recorded >= d->count - d->planted[DEMO_GOOD] && demo_count_at_dest(d, err) >= d->planted[DEMO_GOOD];
}

bool demo_relay_run(struct demo *d, struct err *err)
{
    us_t began = clock_now(), moved = began, looked = 0;
    TRY(demo_world_start_relay(d, err));
    keep_arguments(d);
    struct demo_counters c = { 0 };
    uint64_t last = 0;
    while (!demo_interrupted()) {
        bool there = look(d, &c);
        us_t now = clock_now();
        uint64_t moves = c.received + c.delivered + c.dead + c.skipped;
        if (there && moves != last) {
            last = moves;
            moved = now;
        }
        if (!child_is_running(&d->relay))
            return FAIL(err, INTERNAL, "demo: the relay ended by itself (exit code %d); see %s", child_exit_code(&d->relay),
                        d->relay.out);
        if (d->faults && !d->killed && c.delivered >= d->count / 2)
            TRY(kill_and_restart(d, &c, err));
        demo_say_progress(d, "relay", (size_t) (d->before_kill.delivered + c.delivered), d->count);
        bool quiet = c.in_flight == 0 && now - moved > 200 * US_PER_MS && now - looked > 200 * US_PER_MS;
        if (quiet) {
            looked = now;
            if (is_finished(d, &c, err))
                break;
        }
        if (now - moved > DEMO_STILL_S * US_PER_S)
            break;    /* what is missing now will be counted as lost, or as still in the subscription */
        child_wait(&d->relay, DEMO_LOOK_MS * US_PER_MS);
    }
    d->relay_us = moved - began;
    d->after = c;
    keep_pages(d);
    return !demo_interrupted() || FAIL(err, CANCELLED, "demo: interrupted");
}

bool demo_relay_drain(struct demo *d, struct err *err)
{
    us_t from = clock_now();
    child_signal(&d->relay, SIGTERM);
    if (!child_wait(&d->relay, 40 * US_PER_S))
        return FAIL(err, TIMEOUT, "demo: the relay did not stop on SIGTERM; see %s", d->relay.out);
    d->drain_us = clock_now() - from;
    d->relay_exit = child_exit_code(&d->relay);
    if (d->relay_exit != 0 && d->relay_exit != 3)    /* 3: dead letters were written */
        return FAIL(err, INTERNAL, "demo: the relay ended with exit code %d; see %s", d->relay_exit, d->relay.out);
    return true;
}
