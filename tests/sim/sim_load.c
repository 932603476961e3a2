/*
 * Two figures of docs/RELIABILITY.md, measured in a plain world: how many requests a
 * delivered message costs at an error rate p (at most 1.05 / (1 - p) of what it costs
 * without), and how soon after an outage the throughput is back.
 */
#include "sim.h"

#include <stdio.h>

enum { MESSAGES = 20000, RATE = 400, OUTAGE_S = 60, BACK_S = 15 };

bool sim_load(double share)
{
    static struct sim s;
    s = (struct sim) { .seed = 1 };
    sim_plan_plain(&s, MESSAGES, MESSAGES / RATE * US_PER_S,
                   (struct sim_fault) { .kind = FAULT_TRANSIENT, .to_us = 4 * 3600 * US_PER_S, .share = share });
    sim_relay_start(&s, 0);
    sim_run_events(&s);
    struct relay_stats st;
    relay_stats(s.relay[0].r, &st);
    double requests = (double) (st.target[AT_SOURCE].attempts + st.target[AT_DEST].attempts +
                                st.target[AT_SOURCE].probes + st.target[AT_DEST].probes);
    double each = requests / 2 / MESSAGES, bound = 1.05 / (1 - share);
    printf("error rate %.0f %%: %.3f requests a stage and message, at most %.3f; %llu dead%s%s\n", share * 100, each,
           bound, (unsigned long long) st.ledger.dead, s.failed ? "; " : "", s.failure);
    bool ok = !s.failed && each <= bound && st.ledger.dead == 0;
    sim_finish(&s);
    return ok;
}

/* Deliveries in the second that begins at at_us. */
static uint64_t one_second(struct sim *s, us_t at_us)
{
    struct relay_ledger before = relay_ledger(s->relay[0].r);
    while (!s->failed && heap_first(&s->events) != NULL && heap_due(&s->events) < at_us + US_PER_S) {
        struct sim_event *e = CONTAINER_OF(heap_first(&s->events), struct sim_event, timer);
        heap_remove(&s->events, &e->timer);
        s->now_us = MAX(s->now_us, e->timer.at_us);
        sim_world_step(s, e);
        sim_event_free(s, e);
    }
    return relay_ledger(s->relay[0].r).delivered - before.delivered;
}

bool sim_outage(void)
{
    static struct sim s;
    s = (struct sim) { .seed = 1 };
    us_t from_us = 30 * US_PER_S, to_us = from_us + OUTAGE_S * US_PER_S;
    sim_plan_plain(&s, 150 * RATE, 150 * US_PER_S,
                   (struct sim_fault) { .kind = FAULT_TRANSIENT, .from_us = from_us, .to_us = to_us, .share = 1 });
    us_t began_us = s.now_us;
    sim_relay_start(&s, 0);
    us_t back_us = -1;
    uint64_t requests = 0;
    struct relay_stats st;
    for (us_t t = 0; t < 140 * US_PER_S; t += US_PER_S) {
        uint64_t delivered = one_second(&s, began_us + t);
        relay_stats(s.relay[0].r, &st);
        if (t == from_us + 10 * US_PER_S)
            requests = st.target[AT_DEST].attempts + st.target[AT_DEST].probes;
        if (t == to_us - US_PER_S)
            requests = st.target[AT_DEST].attempts + st.target[AT_DEST].probes - requests;
        if (t >= to_us && back_us < 0 && delivered >= RATE * 95 / 100)
            back_us = t + US_PER_S - to_us;
    }
    printf("outage of %d s: %.2f requests a second while open; 95 %% of %d messages a second again after %.0f s; "
           "%llu dead, %llu leases lost\n", OUTAGE_S, (double) requests / (OUTAGE_S - 11), RATE, (double) back_us / 1e6,
           (unsigned long long) st.ledger.dead, (unsigned long long) st.leases_lost);
    bool ok = !s.failed && back_us > 0 && back_us <= BACK_S * US_PER_S && requests <= OUTAGE_S - 11 + 1 &&
              st.ledger.dead == 0 && st.leases_lost == 0;
    sim_finish(&s);
    return ok;
}
