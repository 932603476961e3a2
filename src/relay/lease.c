/*
 * Leases are kept from receipt to settlement, queued or not, held or not.
 *
 *   now        half way         until - grace      until
 *    |------------|------------------|---------------|
 *              ACT_EXTEND (again,   lost: no further attempt, no dead letter
 *              at half of the rest, until EV_LEASE answers)
 *
 * An extension is as long as 99 % of messages took, or twice the delivery's own
 * age if that is more: 400,000 queued leases cost few requests each.
 */
#include "relay/engine.h"

enum { TIMES_KEPT = 4096, EXTENSIONS_BEFORE_TIMES = 100 };
static const us_t retry_us = 100 * US_PER_MS;
static const us_t exactly_once_min_us = 60 * US_PER_S;

static uint32_t size_of(us_t us)    /* two sizes an octave of milliseconds */
{
    uint64_t ms = (uint64_t) MAX(us, 0) / 1000 + 1;
    uint32_t octave = 63 - (uint32_t) __builtin_clzll(ms);
    uint32_t half = octave > 0 ? (ms >> (octave - 1)) & 1 : 0;
    return MIN(octave * 2 + half, 63u);
}

void relay_lease_settled(struct relay *r, const struct delivery *d)
{
    r->ack_times[size_of(r->now_us - d->received_us)]++;
    if (++r->ack_times_count < TIMES_KEPT)
        return;
    r->ack_times_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(r->ack_times); i++) {
        r->ack_times[i] /= 2;    /* what is old weighs less */
        r->ack_times_count += r->ack_times[i];
    }
}

static us_t slowest(const struct relay *r)
{
    if (r->ack_times_count < EXTENSIONS_BEFORE_TIMES)
        return 0;
    uint32_t above = 0;
    for (uint32_t i = 63; i > 0; i--) {
        above += r->ack_times[i];
        if (above * 100 >= r->ack_times_count) {
            us_t octave_us = (us_t) 1000 << MIN((i + 1) / 2, 40u);
            return (i + 1) % 2 == 0 ? octave_us : octave_us + octave_us / 2;
        }
    }
    return 0;
}

us_t relay_lease_extension(const struct relay *r, us_t age_us)
{
    us_t wanted = MAX(slowest(r), 2 * age_us);
    us_t least = r->policy->extend_min_us;
    if (r->policy->exactly_once)
        least = MAX(least, exactly_once_min_us);
    return MIN(MAX(wanted, least), MAX(r->policy->extend_max_us, least));
}

/* How long the delivery has been without progress, times of a held relay not counted. */
static us_t idle(const struct relay *r, const struct delivery *d)
{
    if (d->state == DELIVERY_SETTLED)
        return 0;    /* finalize_cap_us bounds those */
    if (!d->group->always)
        return r->now_us - d->received_us;    /* no hold of any kind may keep a bundle open for longer */
    if (d->state == DELIVERY_JOINED)
        return relay_job_idle(r, d->job);
    return r->now_us - d->received_us - (r->hold_clock_us - d->hold_mark_us);
}

void relay_lease_watch(struct relay *r, struct delivery *d)
{
    us_t hold_us = MAX(r->policy->max_hold_us - idle(r, d), retry_us);
    us_t at_us = r->now_us + hold_us;
    if (d->until_us != US_NEVER) {
        us_t lost_us = d->until_us - r->policy->grace_us;
        us_t half_us = r->now_us + MAX((lost_us - r->now_us) / 2, retry_us);
        at_us = MIN(at_us, MIN(half_us, lost_us));
    }
    heap_set(&r->lease_timers, &d->timer, at_us);
}

void relay_lease_event(struct relay *r, const struct relay_event *ev)
{
    struct delivery *d = relay_delivery_find(r, ev->lease);
    if (d == NULL) {
        r->counters.strays++;
        return;
    }
    if (d->lost || d->state == DELIVERY_ACKING || d->group->runner_leases)
        return;
    if (ev->until_us == 0) {
        relay_lease_lose(r, d);
        return;
    }
    d->until_us = ev->until_us;
    relay_lease_watch(r, d);
}

void relay_lease_lose(struct relay *r, struct delivery *d)
{
    if (d->lost || d->state == DELIVERY_ACKING)
        return;
    r->counters.leases_lost++;
    heap_remove(&r->lease_timers, &d->timer);
    if (d->state == DELIVERY_QUEUED || d->state == DELIVERY_BEHIND) {
        d->lost = true;
        relay_delivery_release(r, d, REASON_LEASE_LOST);
        return;
    }
    d->lost = true;
    if (d->state != DELIVERY_JOINED)
        return;    /* SETTLED: the permit may still come, a late acknowledgement may still be taken */
    struct job *job = d->job;
    CHECK(job->live > 0);
    if (--job->live == 0)
        relay_job_orphaned(r, job, REASON_LEASE_LOST);
}

static void give_up(struct relay *r, struct delivery *d)
{
    if (d->state == DELIVERY_JOINED && d->job->attempt_out) {
        heap_set(&r->lease_timers, &d->timer, r->now_us + US_PER_S);    /* its answer is awaited first */
        return;
    }
    relay_notice(r, NOTICE_MAX_HOLD, AT_SUBSCRIPTION, true, NULL);
    relay_notice(r, NOTICE_MAX_HOLD, AT_SUBSCRIPTION, false, NULL);
    if (d->state == DELIVERY_JOINED)
        relay_settle(r, d->job, OUTCOME_RELEASED, REASON_HELD_TOO_LONG, false);
    else
        relay_delivery_release(r, d, REASON_HELD_TOO_LONG);
}

static bool forgotten(const struct delivery *d)
{
    return (MUTANT(NO_EXTEND_WAITING) && d->state == DELIVERY_JOINED && d->job->state == JOB_WAITING) ||
           (MUTANT(NO_EXTEND_QUEUED) && (d->state == DELIVERY_QUEUED || d->state == DELIVERY_BEHIND));
}

void relay_lease_due(struct relay *r, struct delivery *d)
{
    if (d->state == DELIVERY_ACKING) {
        relay_settle_due(r, d);
        return;
    }
    if (d->until_us != US_NEVER && r->now_us >= d->until_us - r->policy->grace_us) {
        /* What stands behind it in its lane is given back: so that this one comes again first, it is too. */
        if (d->lane != NULL || (d->job != NULL && d->job->lane != NULL))
            relay_act_lease(r, ACT_RELEASE, d);
        relay_lease_lose(r, d);
        return;
    }
    if (idle(r, d) >= r->policy->max_hold_us) {
        give_up(r, d);
        return;
    }
    if (d->until_us != US_NEVER && !forgotten(d)) {
        r->counters.extensions++;
        relay_act_lease(r, ACT_EXTEND, d)->until_us =
            r->now_us + relay_lease_extension(r, r->now_us - d->received_us);
    }
    relay_lease_watch(r, d);
}
