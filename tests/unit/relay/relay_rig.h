/*
 * An engine on a table: events go in by hand, actions are looked at. Time moves
 * only when a test says so.
 */
#ifndef RELAY_RIG_H
#define RELAY_RIG_H

#include "../unit.h"
#include "relay/engine.h"

#include <stdio.h>

enum { RIG_ACTIONS = 4096 };

struct rig {
    struct relay *r;
    struct relay_policy policy;
    us_t now;
    struct relay_action got[RIG_ACTIONS];
    size_t count;
    uint32_t leases;
};

static inline struct relay_policy rig_policy(void)
{
    struct relay_policy p = relay_policy_default();
    p.sink = true;
    return p;
}

/* Takes what the engine wants done; appended to what is there already. */
static inline void rig_take(struct rig *g)
{
    size_t n;
    while ((n = relay_take(g->r, g->got + g->count, RIG_ACTIONS - g->count)) > 0)
        g->count += n;
    assert_true(g->count < RIG_ACTIONS);
}

static inline void rig_start(struct rig *g, struct relay_policy policy)
{
    *g = (struct rig) { .policy = policy, .now = 1000 * US_PER_S };
    g->r = relay_make(&g->policy, 7, g->now);
    rig_take(g);
}

static inline void rig_end(struct rig *g)
{
    struct relay_ledger l = relay_ledger(g->r);
    assert_int_equal(l.received, l.delivered + l.dead + l.skipped + l.coalesced + l.released + l.in_flight);
    relay_free(g->r);
}

static inline void rig_feed(struct rig *g, struct relay_event ev)
{
    g->count = 0;
    relay_feed(g->r, &ev, g->now);
    rig_take(g);
}

/* Lets time pass, ticking when the engine wants it; what it did is in got. */
static inline void rig_pass(struct rig *g, us_t us)
{
    us_t until = g->now + us;
    g->count = 0;
    const struct relay_event tick = { .kind = EV_TICK };
    while (relay_due(g->r) <= until) {
        g->now = MAX(g->now, relay_due(g->r));
        relay_feed(g->r, &tick, g->now);
        rig_take(g);
    }
    g->now = until;
    relay_feed(g->r, &tick, g->now);
    rig_take(g);
}

static inline struct bytes rig_name(uint32_t n)
{
    static char text[64][64];
    char *s = text[n % 64];
    snprintf(s, 64, "projects/p/messages/%u", n);
    return bytes_str(s);
}

static inline relay_id rig_deliver_as(struct rig *g, struct relay_event ev)
{
    ev.kind = EV_DELIVERY;
    if (slot_id_is_none(ev.lease))
        ev.lease = (relay_id) { g->leases++, 1 };
    if (ev.until_us == 0)
        ev.until_us = g->now + 600 * US_PER_S;
    rig_feed(g, ev);
    return ev.lease;
}

static inline relay_id rig_deliver(struct rig *g, uint32_t name)
{
    return rig_deliver_as(g, (struct relay_event) { .name = rig_name(name) });
}

/* The nth action of a kind, NULL if there are fewer. */
static inline struct relay_action *rig_nth(struct rig *g, enum relay_action_kind kind, size_t n)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->got[i].kind == kind && n-- == 0)
            return &g->got[i];
    }
    return NULL;
}

static inline size_t rig_count(struct rig *g, enum relay_action_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < g->count; i++)
        n += g->got[i].kind == kind;
    return n;
}

static inline struct relay_action *rig_attempt(struct rig *g, enum relay_op op)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->got[i].kind == ACT_ATTEMPT && g->got[i].op == op)
            return &g->got[i];
    }
    return NULL;
}

static inline struct relay_action rig_want_attempt(struct rig *g, enum relay_op op)
{
    struct relay_action *a = rig_attempt(g, op);
    assert_non_null(a);
    return *a;
}

static inline struct relay_action rig_want_outcome(struct rig *g, enum relay_outcome outcome)
{
    struct relay_action *a = rig_nth(g, ACT_OUTCOME, 0);
    assert_non_null(a);
    assert_int_equal(a->outcome, outcome);
    return *a;
}

static inline struct relay_event rig_answer(const struct relay_action *attempt, enum err_class class)
{
    struct relay_event ev = { .kind = EV_DONE, .job = attempt->job, .op = attempt->op, .target = attempt->target };
    ev.answer = (struct relay_answer) { .class = (uint16_t) class, .reach = ANSWERED,
                                        .token_gen = attempt->token_gen };
    if (attempt->op == OP_FETCH && class == ERR_OK) {
        ev.body = (relay_id) { attempt->job.slot + 1, 1 };
        ev.body_bytes = 4000;
    }
    return ev;
}

static inline void rig_done(struct rig *g, struct relay_action attempt, enum err_class class)
{
    rig_feed(g, rig_answer(&attempt, class));
}

static inline void rig_acked(struct rig *g, relay_id lease, enum err_class class)
{
    rig_feed(g, (struct relay_event) { .kind = EV_ACKED, .lease = lease, .answer.class = (uint16_t) class });
}

static inline struct relay_stats rig_stats(struct rig *g)
{
    struct relay_stats s;
    relay_stats(g->r, &s);
    return s;
}

/* One message from delivery to acknowledgement, to be evidence or traffic. */
static inline void rig_move_one(struct rig *g, uint32_t name)
{
    relay_id lease = rig_deliver(g, name);
    rig_done(g, rig_want_attempt(g, OP_FETCH), ERR_OK);
    rig_done(g, rig_want_attempt(g, OP_INGEST), ERR_OK);
    rig_acked(g, lease, ERR_OK);
}

#endif
