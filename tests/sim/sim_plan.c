/* What a seed means. Each kind of trouble is there in some seeds only, so that every mixture comes up. */
#include "sim.h"

#include "base/mem.h"

static const char *const kind_names[] = {
    "good", "dup_there", "other_id", "late", "gone", "gone_410", "nack", "reject", "bad_payload", "too_large",
    "poison_fetch", "poison_ingest", "bad_path", "foreign_store", "empty", "different", "other_id_different",
    "foreign_project",
};

const char *sim_kind_name(enum sim_kind kind)
{
    return kind_names[kind];
}

static bool chance(struct sim *s, double p)
{
    return rnd_chance(&s->rnd, p);
}

static us_t between(struct sim *s, us_t least, us_t most)
{
    return least + (us_t) rnd_below(&s->rnd, (uint64_t) (most - least) + 1);
}

static void plan_policy(struct sim *s)
{
    struct sim_plan *p = &s->plan;
    struct relay_policy *y = &p->policy;
    *y = relay_policy_default();
    y->sink = true;
    y->tokens = p->tokens;
    y->exactly_once = p->exactly_once;
    y->lanes = p->lanes;
    y->attempts_max = (uint32_t) between(s, 5, 8);
    y->give_up_after_us = chance(s, 0.7) ? 2 * US_PER_MIN : 15 * US_PER_MIN;
    y->extend_max_us = 120 * US_PER_S;
    y->limit_start = (uint32_t) between(s, 1, 64);
    y->limit_max[AT_SOURCE] = y->limit_max[AT_DEST] = (uint32_t) between(s, 4, 200);
    y->deliveries_max = (uint32_t) between(s, 8, 600);
    y->jobs_max = (uint32_t) between(s, 4, 400);
    if (p->stuck_lane)
        y->deliveries_max = MIN(y->deliveries_max, 60u);
    if (p->has_poison) {
        y->deliveries_max = MAX(y->deliveries_max, 40u);
        y->jobs_max = MAX(y->jobs_max, 20u);
    }
    y->message_bytes_max = 256 << 10;
    y->body_bytes_max = chance(s, 0.3) ? (uint64_t) between(s, 64 << 10, 300 << 10) : 64 << 20;
    if (p->has_poison)    /* it must leave room for the traffic that shows whose fault it is */
        y->body_bytes_max = MAX(y->body_bytes_max, (uint64_t) 600 << 10);
    y->finalize_cap_us = 90 * US_PER_S;
    y->settled_max = (uint32_t) between(s, 10, 1000);
    y->max_hold_us = chance(s, 0.2) ? 5 * US_PER_MIN : 60 * US_PER_MIN;
    if (p->groups != GROUPS_NONE) {
        y->max_hold_us = 10 * US_PER_MIN;
        y->give_up_after_us = 2 * US_PER_MIN;
    }
    y->rate_per_s = chance(s, 0.1) ? 50 : 0;
    y->storm_on = chance(s, 0.2);
    y->fetch_timeout_us = chance(s, 0.2) ? US_PER_MIN : 0;
    y->ingest_timeout_us = chance(s, 0.2) ? US_PER_MIN : 0;
}

static void plan_faults(struct sim *s)
{
    struct sim_plan *p = &s->plan;
    double partial[RELAY_TARGETS] = { 0 };
    p->faults = (uint32_t) rnd_below(&s->rnd, 9);
    for (uint32_t i = 0; i < p->faults; i++) {
        struct sim_fault *f = &p->fault[i];
        f->kind = (enum sim_fault_kind) rnd_below(&s->rnd, FAULT_KINDS);
        f->target = f->kind == FAULT_DISK ? AT_SINK : (enum relay_target) between(s, AT_SOURCE, AT_DEST);
        if (f->kind == FAULT_PROOF_FORBIDDEN || f->kind == FAULT_NOT_ACCEPTED)
            f->target = AT_DEST;
        f->from_us = s->now_us + between(s, 0, p->spread_us);
        bool whole = f->kind == FAULT_STORE_MISSING || chance(s, 0.5);    /* an outage; else now and then, low enough for no message to die of it */
        f->to_us = MIN(f->from_us + (whole ? between(s, US_PER_S, p->spread_us) : p->spread_us), p->calm_us);
        f->share = 1.0;
        if (!whole) {
            bool slow = f->kind == FAULT_TIMEOUT || f->kind == FAULT_TIMEOUT_APPLIED;
            double left = 0.25 - partial[f->target];
            f->share = MIN(slow ? 0.03 : 0.02 + rnd_unit(&s->rnd) * 0.2, left);
            partial[f->target] += f->share;
        }
        f->wait_us = chance(s, 0.5) ? between(s, US_PER_S, 60 * US_PER_S) : 0;
    }
}

static enum sim_kind pick_kind(struct sim *s, bool bad)
{
    static const enum sim_kind lane_kinds[] = { KIND_GOOD, KIND_GONE, KIND_NACK, KIND_DUP_THERE };
    if (!bad || !chance(s, 0.25))
        return KIND_GOOD;
    if (s->plan.lanes)
        return lane_kinds[rnd_below(&s->rnd, ARRAY_LEN(lane_kinds))];
    enum sim_kind kind = (enum sim_kind) rnd_below(&s->rnd, KINDS);
    bool poison = kind == KIND_POISON_FETCH || kind == KIND_POISON_INGEST;
    if (s->plan.groups != GROUPS_NONE && sim_is_held_kind(kind))
        return KIND_GOOD;    /* it would fail, or delay, every bundle that it is in, for ever */
    return poison ? KIND_GOOD : kind;    /* one of them is enough, and as many as there is room for are too many */
}

uint32_t sim_plan_message(struct sim *s, enum sim_kind kind, us_t at_us)
{
    if (s->messages_len == s->messages_cap) {
        s->messages_cap = MAX(s->messages_cap * 2, 256u);
        s->messages = mem_grow(s->messages, s->messages_cap * sizeof(s->messages[0]));
    }
    uint32_t index = s->messages_len++;
    struct sim_message *m = &s->messages[index];
    *m = (struct sim_message) { .kind = kind, .content = rnd_u64(&s->rnd) | 1, .publish_us = at_us };
    m->bytes = (uint32_t) between(s, 200, 8000);
    if (chance(s, 0.1))
        m->bytes = (uint32_t) between(s, 20 << 10, 250 << 10);
    if (kind == KIND_DUP_THERE || kind == KIND_DIFFERENT) {
        m->in_dest = true;
        m->dest_content = kind == KIND_DIFFERENT ? m->content + 2 : m->content;
    }
    bool stuck = s->plan.stuck_lane && kind == KIND_DIFFERENT;
    if (stuck || (s->plan.lanes && kind != KIND_POISON_FETCH && kind != KIND_POISON_INGEST && chance(s, 0.7))) {
        m->lane = stuck ? SIM_LANES - 1 : (uint32_t) between(s, 1, SIM_LANES - 1 - s->plan.stuck_lane);
        m->lane_place = s->lane_len[m->lane]++;
        s->lane_members[m->lane] = mem_grow(s->lane_members[m->lane],
                                            s->lane_len[m->lane] * sizeof(s->lane_members[0][0]));
        s->lane_members[m->lane][m->lane_place] = index;
    }
    if (!sim_is_held_kind(kind))
        s->open++;
    sim_event_new(s, SIM_PUBLISH, at_us)->message = index;
    return index;
}

static void plan_trouble(struct sim *s)
{
    struct sim_plan *p = &s->plan;
    p->crashes = chance(s, 0.4) ? (uint32_t) between(s, 1, 4) : 0;
    p->drains = chance(s, 0.3) ? (uint32_t) between(s, 1, 3) : 0;
    p->sleeps = chance(s, 0.2) ? 1 : 0;
    p->cuts = chance(s, 0.3) ? (uint32_t) between(s, 1, 20) : 0;
    p->revocations = p->tokens && chance(s, 0.7) ? (uint32_t) between(s, 1, 3) : 0;
    p->credentials_broken = p->tokens && chance(s, 0.2);
    const struct {
        uint32_t count;
        enum sim_event_kind kind;
    } rows[] = { { p->crashes, SIM_CRASH }, { p->drains, SIM_DRAIN }, { p->sleeps, SIM_SLEEP }, { p->cuts, SIM_CUT },
                 { p->revocations, SIM_REVOKE } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (uint32_t n = 0; n < rows[i].count; n++) {
            struct sim_event *e = sim_event_new(s, rows[i].kind, s->now_us + between(s, 0, p->spread_us));
            e->relay = (uint32_t) rnd_below(&s->rnd, p->relays);
            e->index = (uint32_t) between(s, AT_SOURCE, AT_DEST);
        }
    }
    if (p->credentials_broken) {
        s->broken_from_us = s->now_us + between(s, 0, p->spread_us);
        s->broken_to_us = MIN(s->broken_from_us + between(s, US_PER_S, p->spread_us), p->calm_us);
        sim_event_new(s, SIM_REVOKE, s->broken_from_us);
    }
}

void sim_plan_make(struct sim *s)
{
    struct sim_plan *p = &s->plan;
    rnd_seed(&s->rnd, s->seed);
    s->now_us = 1000000 * US_PER_S;
    p->lanes = chance(s, 0.2);
    p->relays = p->lanes || chance(s, 0.6) ? 1 : (uint32_t) between(s, 2, SIM_RELAYS);
    p->groups = p->lanes || chance(s, 0.7) ? GROUPS_NONE : chance(s, 0.5) ? GROUPS_OURS : GROUPS_RUNNER;
    p->stuck_lane = p->lanes && chance(s, 0.3);
    p->has_poison = p->groups == GROUPS_NONE && chance(s, 0.3);
    p->messages = (uint32_t) between(s, 5, chance(s, 0.3) ? 400 : 60);
    p->spread_us = chance(s, 0.5) ? between(s, US_PER_S, 60 * US_PER_S) : between(s, US_PER_MIN, 40 * US_PER_MIN);
    p->calm_us = s->now_us + p->spread_us + p->spread_us / 2;
    p->latency_us = between(s, 1000, 400 * US_PER_MS);
    p->ack_deadline_us = between(s, 10, 60) * US_PER_S;
    p->exactly_once = p->groups != GROUPS_RUNNER && chance(s, 0.3);
    p->reject_duplicates = chance(s, 0.5);
    p->tokens = chance(s, 0.5);
    p->duplicate = chance(s, 0.5) ? rnd_unit(&s->rnd) * 0.3 : 0;
    p->ack_lost = chance(s, 0.3) ? 0.2 : 0;
    p->extend_lost = chance(s, 0.2) ? 0.3 : 0;
    plan_policy(s);
    plan_faults(s);
    plan_trouble(s);
    bool bad = chance(s, 0.6);
    for (uint32_t i = 0; i < p->messages; i++)
        sim_plan_message(s, pick_kind(s, bad), s->now_us + between(s, 0, p->spread_us));
    if (p->stuck_lane)    /* more of them than there are places for all */
        for (us_t n = p->policy.deliveries_max + between(s, 1, 20); n > 0; n--)
            sim_plan_message(s, KIND_DIFFERENT, s->now_us + between(s, 0, p->spread_us / 4));
    if (p->has_poison)
        sim_plan_message(s, chance(s, 0.5) ? KIND_POISON_FETCH : KIND_POISON_INGEST, s->now_us);
    s->newest_token = s->oldest_good_token = 1;
}

void sim_plan_plain(struct sim *s, uint32_t messages, us_t spread_us, struct sim_fault fault)
{
    struct sim_plan *p = &s->plan;
    rnd_seed(&s->rnd, s->seed);
    s->now_us = 1000000 * US_PER_S;
    *p = (struct sim_plan) { .relays = 1, .messages = messages, .spread_us = spread_us,
                             .latency_us = 100 * US_PER_MS, .ack_deadline_us = 60 * US_PER_S, .faults = 2 };
    p->calm_us = s->now_us + 4 * 3600 * US_PER_S;
    p->policy = relay_policy_default();
    p->policy.sink = true;
    for (uint32_t i = 0; i < 2; i++) {
        p->fault[i] = fault;
        p->fault[i].target = i == 0 ? AT_SOURCE : AT_DEST;
        p->fault[i].from_us += s->now_us;
        p->fault[i].to_us += s->now_us;
    }
    for (uint32_t i = 0; i < messages; i++)
        sim_plan_message(s, KIND_GOOD, s->now_us + spread_us * i / messages);
}
