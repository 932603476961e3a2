/* Time and Pub/Sub. */
#include "sim.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"

enum { BLOCK = 64 };

struct sim_event *sim_event_new(struct sim *s, enum sim_event_kind kind, us_t at_us)
{
    if (s->event_free == NULL) {
        struct sim_event *block = mem_alloc_n(BLOCK, sizeof(*block));
        s->event_blocks = mem_grow(s->event_blocks, (s->event_blocks_count + 1) * sizeof(s->event_blocks[0]));
        s->event_blocks[s->event_blocks_count++] = block;
        for (int i = 0; i < BLOCK; i++) {
            block[i].next_free = s->event_free;
            s->event_free = &block[i];
        }
    }
    struct sim_event *e = s->event_free;
    s->event_free = e->next_free;
    *e = (struct sim_event) { .kind = kind };
    heap_set(&s->events, &e->timer, MAX(at_us, s->now_us));
    return e;
}

void sim_event_free(struct sim *s, struct sim_event *e)
{
    heap_remove(&s->events, &e->timer);
    e->next_free = s->event_free;
    s->event_free = e;
}

bool sim_calm(const struct sim *s)
{
    return s->now_us >= s->plan.calm_us;
}

us_t sim_latency(struct sim *s)
{
    return 200 + (us_t) rnd_below(&s->rnd, (uint64_t) s->plan.latency_us);
}

void sim_hand_out_later(struct sim *s, uint32_t message, us_t at_us)
{
    sim_event_new(s, SIM_HAND_OUT, at_us)->message = message;
}

/* A relay that has room; SIM_NONE: none now. */
static uint32_t pick_relay(struct sim *s)
{
    uint32_t first = (uint32_t) rnd_below(&s->rnd, s->plan.relays);
    for (uint32_t i = 0; i < s->plan.relays; i++) {
        const struct sim_relay *sr = &s->relay[(first + i) % s->plan.relays];
        if (sr->r != NULL && !sr->draining && sr->flow > 0 && sr->asleep_until_us <= s->now_us)
            return (first + i) % s->plan.relays;
    }
    return SIM_NONE;
}

/* What stands before it in the lane is with the relay that runs now, or done. */
static bool lane_is_there(const struct sim *s, const struct sim_message *m)
{
    for (uint32_t i = 0; i < m->lane_place; i++) {
        const struct sim_message *before = &s->messages[s->lane_members[m->lane][i]];
        const struct sim_delivery *d = &s->deliveries[before->last_delivery];
        if (!before->acked && (!d->live || d->generation != s->relay[d->relay].generation))
            return false;
    }
    return true;
}

/* A lane is handed out in its order; what was given back is handed out again with all that follows. */
static void hand_out_lane(struct sim *s, uint32_t lane)
{
    while (s->lane_next[lane] < s->lane_len[lane]) {
        uint32_t index = s->lane_members[lane][s->lane_next[lane]];
        const struct sim_message *m = &s->messages[index];
        if (!m->acked) {
            if (m->publish_us > s->now_us) {
                sim_hand_out_later(s, index, m->publish_us);
                return;
            }
            uint32_t relay = pick_relay(s);
            if (relay == SIM_NONE || !lane_is_there(s, m)) {
                sim_hand_out_later(s, index, s->now_us + 500 * US_PER_MS);
                return;
            }
            sim_deliver(s, relay, index);
        }
        s->lane_next[lane]++;
    }
}

static void hand_out(struct sim *s, uint32_t index)
{
    struct sim_message *m = &s->messages[index];
    if (m->lane != 0) {
        hand_out_lane(s, m->lane);
        return;
    }
    if (m->acked || (m->handed_out > 0 && !rnd_chance(&s->rnd, s->plan.duplicate)))
        return;
    uint32_t relay = pick_relay(s);
    if (relay == SIM_NONE) {
        sim_hand_out_later(s, index, s->now_us + 500 * US_PER_MS);
        return;
    }
    sim_deliver(s, relay, index);
    if (!sim_calm(s) && rnd_chance(&s->rnd, s->plan.duplicate))
        sim_hand_out_later(s, index, s->now_us + (us_t) rnd_below(&s->rnd, 5 * US_PER_S));
}

void sim_give_back(struct sim *s, uint32_t delivery, us_t again_us)
{
    struct sim_delivery *d = &s->deliveries[delivery];
    if (!d->live)
        return;
    d->live = false;
    struct sim_message *m = &s->messages[d->message];
    CHECK(m->handed_out > 0);
    m->handed_out--;
    if (m->acked)
        return;
    if (m->lane != 0 && m->last_delivery != delivery && s->deliveries[m->last_delivery].live)
        return;    /* it was handed out again since, with those before it: the old lease's end means nothing */
    if (m->lane != 0)
        s->lane_next[m->lane] = MIN(s->lane_next[m->lane], m->lane_place);
    sim_hand_out_later(s, d->message, again_us);
}

void sim_message_ended(struct sim *s, uint32_t message)
{
    if (!sim_is_held_kind(s->messages[message].kind)) {
        CHECK(s->open > 0);
        s->open--;
    }
}

static void expire(struct sim *s, struct sim_event *e)
{
    struct sim_delivery *d = &s->deliveries[e->index];
    if (!d->live)
        return;
    if (d->deadline_us > s->now_us) {
        sim_event_new(s, SIM_EXPIRE, d->deadline_us)->index = e->index;
        return;
    }
    sim_check_expiry(s, d);
    sim_give_back(s, e->index, s->now_us);
}

/* An acknowledgement reaches the subscription; the answer goes back. */
static void ack(struct sim *s, struct sim_event *e)
{
    struct sim_delivery *d = &s->deliveries[e->index];
    struct sim_message *m = &s->messages[d->message];
    enum err_class class = ERR_OK;
    bool lost = !sim_calm(s) && rnd_chance(&s->rnd, s->plan.ack_lost);
    bool applied = !lost || rnd_chance(&s->rnd, 0.5);
    if (s->plan.exactly_once && !d->live) {
        class = ERR_LOST_LEASE;
        applied = false;
    } else if (lost) {
        class = ERR_TRANSIENT;
    }
    if (applied) {
        if (!m->acked) {
            m->acked = true;
            sim_message_ended(s, d->message);
        }
        if (d->live) {
            d->live = false;
            m->handed_out--;
        }
    }
    struct sim_event *back = sim_event_new(s, SIM_FEED, s->now_us + sim_latency(s));
    back->relay = e->relay;
    back->generation = e->generation;
    back->feed = (struct relay_event) { .kind = EV_ACKED, .lease = e->action.lease };
    back->feed.answer.class = (uint16_t) class;
}

static void extend(struct sim *s, struct sim_event *e)
{
    struct sim_delivery *d = &s->deliveries[e->index];
    if (!sim_calm(s) && rnd_chance(&s->rnd, s->plan.extend_lost)) {
        d->excused = true;
        return;
    }
    if (!d->live) {
        if (!s->plan.exactly_once)
            return;    /* accepted without effect */
    } else {
        d->deadline_us = MAX(s->now_us + e->until_us, s->now_us + 10 * US_PER_S);
    }
    struct sim_event *back = sim_event_new(s, SIM_FEED, s->now_us + sim_latency(s));
    back->relay = e->relay;
    back->generation = e->generation;
    back->feed = (struct relay_event) { .kind = EV_LEASE, .lease = e->action.lease,
                                        .until_us = d->live ? d->deadline_us : 0 };
}

static void token(struct sim *s, struct sim_event *e)
{
    struct relay_event ev = { .kind = EV_TOKEN, .target = e->feed.target };
    bool broken = s->now_us >= s->broken_from_us && s->now_us < s->broken_to_us;
    if (broken && rnd_chance(&s->rnd, 0.5)) {
        ev.answer.class = ERR_TRANSIENT;
    } else {
        s->newest_token++;
        ev.answer.token_gen = s->newest_token;
    }
    sim_feed(s, e->relay, ev);
}

static void crash(struct sim *s, uint32_t relay)
{
    if (s->relay[relay].r == NULL)
        return;
    sim_relay_stop(s, relay);
    us_t down_us = 100 * US_PER_MS + (us_t) rnd_below(&s->rnd, 20 * US_PER_S);
    sim_event_new(s, SIM_RESTART, s->now_us + down_us)->relay = relay;
}

static void drain(struct sim *s, uint32_t relay)
{
    struct sim_relay *sr = &s->relay[relay];
    if (sr->r == NULL || sr->draining || sr->asleep_until_us > s->now_us)
        return;
    us_t until_us = s->now_us + 20 * US_PER_S;
    sr->draining = true;
    struct sim_event *e = sim_event_new(s, SIM_DRAINED, until_us + 1);
    e->relay = relay;
    e->generation = sr->generation;
    sim_group_close(s, relay);
    sim_feed(s, relay, (struct relay_event) { .kind = EV_DRAIN, .until_us = until_us });
}

static void drained(struct sim *s, struct sim_event *e)
{
    if (!sim_is_current(s, e))
        return;
    sim_feed(s, e->relay, (struct relay_event) { .kind = EV_TICK });
    if (!s->failed && !relay_is_drained(s->relay[e->relay].r))
        sim_fail(s, "the drain is over and leases are still held");
    crash(s, e->relay);
}

/* Suspended: no event reaches it, its leases run out. */
static void sleep_now(struct sim *s, uint32_t relay)
{
    struct sim_relay *sr = &s->relay[relay];
    if (sr->r == NULL || sr->draining)
        return;
    sr->asleep_until_us = s->now_us + US_PER_S + (us_t) rnd_below(&s->rnd, 10 * US_PER_MIN);
    for (uint32_t i = 0; i < s->deliveries_len; i++) {
        if (s->deliveries[i].live && s->deliveries[i].relay == relay)
            s->deliveries[i].excused = true;
    }
    struct sim_event *e = sim_event_new(s, SIM_TICK, sr->asleep_until_us);
    e->relay = relay;
    e->generation = sr->generation;
}

static void group_end(struct sim *s, struct sim_event *e)
{
    if (!sim_is_current(s, e))
        return;
    if (e->feed.kind == EV_GROUP_FULL) {
        if (s->relay[e->relay].group.id == e->feed.group)
            sim_group_close(s, e->relay);
        return;
    }
    if (e->feed.kind == EV_PERMIT)
        s->group_permitted[e->index] = true;
    sim_feed(s, e->relay, e->feed);
}

/* While a poisoned message is left, traffic must give evidence against it. */
static void filler(struct sim *s)
{
    bool poison = false;
    for (uint32_t i = 0; i < s->messages_len && !poison; i++) {
        enum sim_kind kind = s->messages[i].kind;
        poison = (kind == KIND_POISON_FETCH || kind == KIND_POISON_INGEST) && !s->messages[i].acked;
    }
    if (!poison)
        return;
    sim_plan_message(s, KIND_GOOD, s->now_us);
    sim_event_new(s, SIM_FILLER, s->now_us + 2 * US_PER_S);
}

static bool is_for_relay(enum sim_event_kind kind)
{
    return kind == SIM_FEED || kind == SIM_TICK || kind == SIM_TOKEN || kind == SIM_WANT || kind == SIM_DRAINED ||
           kind == SIM_GROUP_END;
}

/* True: its relay is gone, or asleep and hears of it later. */
static bool is_not_now(struct sim *s, const struct sim_event *e)
{
    if (!is_for_relay(e->kind))
        return false;
    if (!sim_is_current(s, e))
        return true;
    us_t awake_us = s->relay[e->relay].asleep_until_us;
    if (awake_us <= s->now_us)
        return false;
    struct sim_event *later = sim_event_new(s, e->kind, awake_us);
    struct heap_entry timer = later->timer;
    *later = *e;
    later->timer = timer;
    return true;
}

void sim_world_step(struct sim *s, struct sim_event *e)
{
    if (is_not_now(s, e))
        return;
    switch (e->kind) {
    case SIM_PUBLISH:
    case SIM_HAND_OUT:
        hand_out(s, e->message);
        return;
    case SIM_EXPIRE:
        expire(s, e);
        return;
    case SIM_ARRIVE:
        sim_arrive(s, e);
        return;
    case SIM_FEED:
        sim_feed(s, e->relay, e->feed);
        return;
    case SIM_ACK:
        ack(s, e);
        return;
    case SIM_EXTEND:
        extend(s, e);
        return;
    case SIM_TICK:
        sim_feed(s, e->relay, (struct relay_event) { .kind = EV_TICK });
        return;
    case SIM_CRASH:
        crash(s, e->relay);
        return;
    case SIM_RESTART:
        sim_relay_start(s, e->relay);
        return;
    case SIM_DRAIN:
        drain(s, e->relay);
        return;
    case SIM_DRAINED:
        drained(s, e);
        return;
    case SIM_SLEEP:
        sleep_now(s, e->relay);
        return;
    case SIM_REVOKE:
        s->oldest_good_token = s->newest_token + 1;
        return;
    case SIM_TOKEN:
        token(s, e);
        return;
    case SIM_WANT:
        sim_body_step(s, e);
        return;
    case SIM_DURABLE:
        sim_durable(s, e);
        return;
    case SIM_GROUP_END:
        group_end(s, e);
        return;
    case SIM_CUT:
        sim_cut(s, e->relay, (enum relay_target) e->index);
        return;
    case SIM_FILLER:
        filler(s);
        return;
    }
}
