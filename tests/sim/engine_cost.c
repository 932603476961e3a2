/*
 * What the engine costs alone: messages through a driver that answers at once, with so many in flight.
 *
 *   engine_cost [messages [in_flight [queued]]]     CPU time a message, actions, allocations once warm
 */
#include "base/mem.h"
#include "relay/policy.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BATCH = 256 };

struct bench {
    struct relay *r;
    us_t now_us;
    uint32_t *free_leases, free_count;
    uint32_t flow;
    struct relay_action *ring;    /* attempts that are under way, answered in order */
    uint32_t ring_len, head, tail;
    relay_id *acks;
    uint32_t acks_count;
    uint64_t delivered, actions, next_name;
    struct relay_action out[BATCH];
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void take(struct bench *b)
{
    struct relay_action *out = b->out;    /* not on the stack: hardened builds clear that at every call */
    size_t n;
    while ((n = relay_take(b->r, out, BATCH)) > 0) {
        b->actions += n;
        for (size_t i = 0; i < n; i++) {
            if (out[i].kind == ACT_ATTEMPT)
                b->ring[b->tail++ % b->ring_len] = out[i];
            else if (out[i].kind == ACT_ACK)
                b->acks[b->acks_count++] = out[i].lease;
            else if (out[i].kind == ACT_FORGET)
                b->free_leases[b->free_count++] = out[i].lease.slot;
            else if (out[i].kind == ACT_FLOW)
                b->flow = out[i].count;
            else if (out[i].kind == ACT_OUTCOME)
                b->delivered++;
        }
    }
}

static void deliver(struct bench *b)
{
    char name[160];
    int len = snprintf(name, sizeof(name),
                       "projects/my-hospital-project/locations/europe-west3/datasets/clinical/hl7V2Stores/source/"
                       "messages/%040llx=", (unsigned long long) b->next_name++);
    struct relay_event ev = { .kind = EV_DELIVERY, .name = bytes_of(name, (size_t) len),
                              .lease = { b->free_leases[--b->free_count], 1 },
                              .until_us = b->now_us + 60 * US_PER_S };
    b->flow--;
    relay_feed(b->r, &ev, b->now_us);
}

static void answer(struct bench *b)
{
    const struct relay_action *a = &b->ring[b->head++ % b->ring_len];
    struct relay_event ev = { .kind = EV_DONE, .job = a->job, .op = a->op, .target = a->target,
                              .answer = { .class = ERR_OK, .reach = ANSWERED, .http = 200 } };
    if (a->op == OP_FETCH) {
        ev.body = (relay_id) { 1, 1 };
        ev.body_bytes = 4000;
    }
    relay_feed(b->r, &ev, b->now_us);
}

static void move(struct bench *b, uint64_t messages, uint32_t in_flight)
{
    uint64_t until = b->delivered + messages;
    while (b->delivered < until) {
        b->now_us += 20;
        for (int i = 0; i < 16 && b->flow > 0 && b->free_count > 0; i++)
            deliver(b);
        take(b);
        if (b->tail - b->head >= in_flight || b->flow == 0 || b->free_count == 0) {
            for (int i = 0; i < 32 && b->head != b->tail; i++)
                answer(b);
        }
        take(b);
        for (uint32_t i = 0; i < b->acks_count; i++) {
            struct relay_event ev = { .kind = EV_ACKED, .lease = b->acks[i] };
            relay_feed(b->r, &ev, b->now_us);
        }
        b->acks_count = 0;
        take(b);
        if (relay_due(b->r) <= b->now_us) {
            struct relay_event ev = { .kind = EV_TICK };
            relay_feed(b->r, &ev, b->now_us);
            take(b);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t messages = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000000;
    uint32_t in_flight = argc > 2 ? (uint32_t) strtoul(argv[2], NULL, 0) : 8000;
    uint32_t deliveries = argc > 3 ? (uint32_t) strtoul(argv[3], NULL, 0) : 20000;
    struct relay_policy p = relay_policy_default();
    p.sink = true;
    p.deliveries_max = deliveries;
    p.limit_start = in_flight;
    p.limit_max[AT_SOURCE] = p.limit_max[AT_DEST] = in_flight;
    static struct bench b;
    b = (struct bench) { .now_us = US_PER_S, .ring_len = 65536 };
    b.free_leases = mem_alloc_n(deliveries + 1, sizeof(b.free_leases[0]));
    b.acks = mem_alloc_n(deliveries + 1, sizeof(b.acks[0]));
    b.ring = mem_alloc_n(b.ring_len, sizeof(b.ring[0]));
    for (uint32_t i = 0; i < deliveries; i++)
        b.free_leases[b.free_count++] = deliveries - i;
    b.r = relay_make(&p, 1, b.now_us);
    take(&b);
    move(&b, messages / 10 + 3ull * deliveries, in_flight);    /* warm: pools, tables, rings */
    uint64_t allocations = mem_count(), actions = b.actions;
    double began = cpu_s();
    move(&b, messages, in_flight);
    double took = cpu_s() - began;
    printf("%llu messages, %u in flight, %u leases: %.2f us CPU a message (driver of the test included), "
           "%.1f actions a message, %llu allocations\n", (unsigned long long) messages, in_flight, deliveries,
           took * 1e6 / (double) messages, (double) (b.actions - actions) / (double) messages,
           (unsigned long long) (mem_count() - allocations));
    relay_free(b.r);
    mem_free(b.free_leases);
    mem_free(b.acks);
    mem_free(b.ring);
    return 0;
}
