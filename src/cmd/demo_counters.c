/*
 * The relay's own counters, held against what others counted. Nothing is
 * granted for the kill: what was acknowledged between the last look at a page
 * and the kill is known from the local cloud, to the message.
 *
 *      look            kill, then ask      restart                      end
 *  ──┼───────────────┼───────────────────┼────────────────────────────┼──
 *   before_kill      unacked_at_kill      after: its last line in the log
 *   unacked_seen
 */
#include "cmd/demo.h"

#include "json/scan.h"

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

void demo_counters_of_page(struct bytes p, struct demo_counters *ret)
{
    *ret = (struct demo_counters) {
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
}

bool demo_counters_of_log(struct bytes log, struct demo_counters *ret)
{
    bool found = false;
    while (log.len > 0) {
        struct bytes line = bytes_cut(&log, '\n');
        struct json_field f[] = { { .key = "event" }, { .key = "received" }, { .key = "delivered" }, { .key = "dead" },
                                  { .key = "skipped" }, { .key = "coalesced" }, { .key = "released" }, { .key = "in_flight" } };
        int64_t n[ARRAY_LEN(f)] = { 0 };
        if (!json_scan_object(line, f, ARRAY_LEN(f), NULL) || !json_str_is(&f[0].value, "stopped"))
            continue;
        found = true;
        for (size_t i = 1; i < ARRAY_LEN(f); i++)
            found = found && json_to_i64(&f[i].value, &n[i]) && n[i] >= 0;
        ret->received = (uint64_t) n[1];
        ret->delivered = (uint64_t) n[2];
        ret->dead = (uint64_t) n[3];
        ret->skipped = (uint64_t) n[4];
        ret->coalesced = (uint64_t) n[5];
        ret->released = (uint64_t) n[6];
        ret->in_flight = (uint64_t) n[7];
    }
    return found;
}

static uint64_t buried(const struct demo_counters *c)
{
    return c->dead + c->skipped;
}

bool demo_counters_add_up(const struct demo_counters *c)
{
    return c->delivered + buried(c) + c->coalesced + c->released + c->in_flight == c->received;
}

bool demo_counters_agree(const struct demo *d, const struct demo_ledger *l)
{
    const struct demo_counters *before = &d->before_kill, *after = &d->after;
    if (d->unbalanced > 0 || !d->final_known || !demo_counters_add_up(after) || after->in_flight != 0)
        return false;
    /* At the look: what is acknowledged was settled before. Since then, and before the kill, `unseen` more were. */
    uint64_t acked = d->killed ? d->count - d->unacked_seen : 0;
    uint64_t unseen = d->killed ? d->unacked_seen - d->unacked_at_kill : 0;
    if (before->delivered + buried(before) < acked)
        return false;
    /* What was waiting when the last process came was settled by it. */
    uint64_t left = (d->killed ? d->unacked_at_kill : d->count) - l->pending;
    if (after->delivered + buried(after) < left || l->identical > before->delivered + unseen + after->delivered)
        return false;
    /* Each burial is one record, and none is told before it is there. */
    if (buried(after) != d->records_after || buried(before) > d->dead_records - d->records_after)
        return false;
    bool once = !d->killed && after->received == d->count;    /* nothing came twice: then it is exact by kind */
    return !once || (after->dead == l->dead && after->skipped == l->skipped &&
                     after->delivered == d->count - l->dead - l->skipped - l->pending);
}
