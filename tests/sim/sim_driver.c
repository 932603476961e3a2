/* Feeds an engine and does what it asks, as adapters/ and run/ do with sockets. */
#include "sim.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"

#include <stdio.h>

static void name_of(uint32_t message, char name[SIM_NAME_LEN])
{
    snprintf(name, SIM_NAME_LEN, "projects/p/messages/%08x", message);
}

static uint32_t message_of(struct bytes name)
{
    uint32_t n = 0;
    CHECK(name.len >= 8);
    for (size_t i = name.len - 8; i < name.len; i++)
        n = n * 16 + (uint32_t) (name.ptr[i] <= '9' ? name.ptr[i] - '0' : name.ptr[i] - 'a' + 10);
    return n;
}

bool sim_is_current(const struct sim *s, const struct sim_event *e)
{
    return s->relay[e->relay].r != NULL && s->relay[e->relay].generation == e->generation;
}

void sim_relay_start(struct sim *s, uint32_t index)
{
    struct sim_relay *sr = &s->relay[index];
    if (sr->r != NULL)
        return;
    uint32_t generation = sr->generation + 1;
    *sr = (struct sim_relay) { .generation = generation, .policy = s->plan.policy, .lease_free = SIM_NONE,
                               .body_free = SIM_NONE, .tick_us = US_NEVER };
    sr->r = relay_make(&sr->policy, rnd_u64(&s->rnd), s->now_us);
    sim_feed(s, index, (struct relay_event) { .kind = EV_TICK });
}

void sim_relay_stop(struct sim *s, uint32_t index)
{
    struct sim_relay *sr = &s->relay[index];
    if (sr->r == NULL)
        return;
    relay_free(sr->r);
    sr->r = NULL;
    mem_free(sr->leases);
    mem_free(sr->bodies);
    mem_free(sr->jobs);
    sr->leases = NULL;
    sr->bodies = NULL;
    sr->jobs = NULL;
    sr->leases_len = sr->bodies_len = sr->jobs_len = 0;
    if (s->plan.groups != GROUPS_RUNNER)
        return;
    for (uint32_t i = 0; i < s->deliveries_len; i++) {    /* the runner learns at once that its worker is gone */
        if (s->deliveries[i].relay == index && s->deliveries[i].live)
            sim_give_back(s, i, s->now_us + US_PER_S);
    }
}

static struct sim_job *job_at(struct sim_relay *sr, uint32_t slot)
{
    if (slot >= sr->jobs_len) {
        uint32_t len = MAX(sr->jobs_len * 2, 64u);
        while (len <= slot)
            len *= 2;
        sr->jobs = mem_grow(sr->jobs, len * sizeof(sr->jobs[0]));
        memset(sr->jobs + sr->jobs_len, 0, (len - sr->jobs_len) * sizeof(sr->jobs[0]));
        sr->jobs_len = len;
    }
    return &sr->jobs[slot];
}

static relay_id lease_make(struct sim_relay *sr, uint32_t delivery, us_t until_us)
{
    uint32_t slot = sr->lease_free;
    if (slot != SIM_NONE) {
        sr->lease_free = sr->leases[slot].next_free;
    } else {
        slot = sr->leases_len;
        sr->leases = mem_grow(sr->leases, (slot + 64) * sizeof(sr->leases[0]));
        memset(sr->leases + slot, 0, 64 * sizeof(sr->leases[0]));
        sr->leases_len += 64;
        for (uint32_t i = slot + 63; i > slot; i--) {
            sr->leases[i].next_free = sr->lease_free;
            sr->lease_free = i;
        }
    }
    uint32_t gen = sr->leases[slot].gen + 1;
    sr->leases[slot] = (struct sim_lease) { .used = true, .gen = gen, .delivery = delivery, .until_us = until_us };
    return (relay_id) { slot, gen };
}

static struct sim_lease *lease_find(struct sim *s, struct sim_relay *sr, relay_id id)
{
    if (id.slot >= sr->leases_len || !sr->leases[id.slot].used || sr->leases[id.slot].gen != id.gen) {
        sim_fail(s, "an action names a lease that was forgotten");
        return NULL;
    }
    return &sr->leases[id.slot];
}

relay_id sim_body_make(struct sim *s, struct sim_relay *sr, uint64_t content, uint32_t bytes)
{
    (void) s;
    uint32_t slot = sr->body_free;
    if (slot != SIM_NONE) {
        sr->body_free = sr->bodies[slot].next_free;
    } else {
        slot = sr->bodies_len++;
        sr->bodies = mem_grow(sr->bodies, sr->bodies_len * sizeof(sr->bodies[0]));
        sr->bodies[slot].gen = 0;
    }
    uint32_t gen = sr->bodies[slot].gen + 1;
    sr->bodies[slot] = (struct sim_body) { .used = true, .gen = gen, .bytes = bytes, .content = content };
    sr->body_bytes += bytes;
    return (relay_id) { slot, gen };
}

static void body_drop(struct sim *s, struct sim_relay *sr, relay_id id)
{
    if (id.slot >= sr->bodies_len || !sr->bodies[id.slot].used || sr->bodies[id.slot].gen != id.gen) {
        sim_fail(s, "a body is dropped twice");
        return;
    }
    for (uint32_t i = 0; i < sr->jobs_len; i++) {
        if (sr->jobs[i].out && sr->jobs[i].uses_body && sr->jobs[i].body == id.slot)
            sim_fail(s, "a body is dropped while an attempt uses it");
    }
    struct sim_body *b = &sr->bodies[id.slot];
    b->used = false;
    sr->body_bytes -= b->bytes;
    b->next_free = sr->body_free;
    sr->body_free = id.slot;
}

/* ---- groups ---- */

void sim_group_close(struct sim *s, uint32_t relay)
{
    struct sim_relay *sr = &s->relay[relay];
    if (sr->group.id == 0)
        return;
    uint32_t id = sr->group.id;
    sr->group.id = 0;
    sim_feed(s, relay, (struct relay_event) { .kind = EV_GROUP_FULL, .group = id });
}

static uint32_t group_for(struct sim *s, uint32_t relay)
{
    struct sim_relay *sr = &s->relay[relay];
    if (s->plan.groups == GROUPS_NONE)
        return 0;
    if (sr->group.id == 0) {
        uint32_t id = ++s->groups_len;
        s->group_permitted = mem_grow(s->group_permitted, id + 1);
        s->group_permitted[id] = false;
        sr->group = (struct sim_group) { .id = id, .size = 1 + (uint32_t) rnd_below(&s->rnd, 20) };
        sim_feed(s, relay, (struct relay_event) { .kind = EV_GROUP, .group = id,
                                                  .runner_leases = s->plan.groups == GROUPS_RUNNER });
        struct sim_event *close = sim_event_new(s, SIM_GROUP_END, s->now_us + US_PER_S);
        close->relay = relay;
        close->generation = sr->generation;
        close->feed = (struct relay_event) { .kind = EV_GROUP_FULL, .group = id };
    }
    return sr->group.id;
}

static void group_done(struct sim *s, uint32_t relay, const struct relay_action *a)
{
    struct sim_relay *sr = &s->relay[relay];
    bool runner = s->plan.groups == GROUPS_RUNNER;
    if (runner) {
        for (uint32_t i = 0; i < s->deliveries_len; i++) {
            struct sim_delivery *d = &s->deliveries[i];
            if (!d->live || d->group != a->group)
                continue;
            struct sim_message *m = &s->messages[d->message];
            if (!a->failed) {
                if (!sim_has_ended(m))
                    sim_fail(s, "a runner's bundle is answered OK with message %u not settled", d->message);
                if (!m->acked) {
                    m->acked = true;
                    sim_message_ended(s, d->message);
                }
            }
            sim_give_back(s, i, s->now_us + US_PER_S);
        }
        return;
    }
    if (!sim_calm(s) && rnd_chance(&s->rnd, 0.2))
        return;    /* its finalization never comes */
    struct sim_event *e = sim_event_new(s, SIM_GROUP_END, s->now_us + (us_t) rnd_below(&s->rnd, 5 * US_PER_S));
    e->relay = relay;
    e->generation = sr->generation;
    e->index = a->group;
    bool abandon = !sim_calm(s) && rnd_chance(&s->rnd, 0.2);
    e->feed = (struct relay_event) { .kind = abandon ? EV_ABANDON : EV_PERMIT, .group = a->group };
}

/* ---- deliveries ---- */

void sim_deliver(struct sim *s, uint32_t relay, uint32_t message)
{
    static const enum relay_reason refused[KINDS] = {
        [KIND_BAD_PATH] = REASON_BAD_PATH, [KIND_FOREIGN_STORE] = REASON_FOREIGN_STORE,
        [KIND_EMPTY] = REASON_EMPTY_NOTIFICATION, [KIND_FOREIGN_PROJECT] = REASON_FOREIGN_PROJECT,
    };
    struct sim_relay *sr = &s->relay[relay];
    if (s->deliveries_len == s->deliveries_cap) {
        s->deliveries_cap = MAX(s->deliveries_cap * 2, 1024u);
        s->deliveries = mem_grow(s->deliveries, s->deliveries_cap * sizeof(s->deliveries[0]));
    }
    uint32_t group = group_for(s, relay);
    if (s->failed || sr->r == NULL)
        return;
    uint32_t index = s->deliveries_len++;
    bool runner = s->plan.groups == GROUPS_RUNNER;
    us_t deadline_us = runner ? US_NEVER : s->now_us + s->plan.ack_deadline_us;
    s->deliveries[index] = (struct sim_delivery) { .message = message, .relay = relay, .group = group,
        .generation = sr->generation, .deadline_us = deadline_us, .live = true };
    struct sim_message *m = &s->messages[message];
    m->handed_out++;
    m->last_delivery = index;
    if (!runner)
        sim_event_new(s, SIM_EXPIRE, deadline_us)->index = index;
    char name[SIM_NAME_LEN];
    name_of(message, name);
    sr->received++;
    sr->flow -= sr->flow > 0;
    sr->group.count++;
    struct relay_event ev = { .kind = EV_DELIVERY, .lease = lease_make(sr, index, deadline_us), .group = group,
                              .until_us = deadline_us, .lane = m->lane, .name = bytes_str(name),
                              .reason = refused[m->kind] };
    sim_feed(s, relay, ev);
    if (group != 0 && sr->group.id == group && sr->group.count >= sr->group.size)
        sim_group_close(s, relay);
}

/* ---- actions ---- */

static void attempt(struct sim *s, uint32_t relay, const struct relay_action *a)
{
    struct sim_relay *sr = &s->relay[relay];
    uint32_t message = SIM_NONE;
    struct sim_event *e = sim_event_new(s, SIM_ARRIVE, s->now_us + sim_latency(s));
    e->relay = relay;
    e->generation = sr->generation;
    e->action = *a;
    if (a->op != OP_PROBE) {
        message = message_of(a->name);
        struct sim_job *job = job_at(sr, a->job.slot);
        if (job->gen != a->job.gen)
            *job = (struct sim_job) { .gen = a->job.gen, .message = message };
        if (job->out)
            sim_fail(s, "a second attempt is begun while one is under way");
        job->out = true;
        job->op = a->op;
        job->granted = 0;
        job->wanting = NULL;
        job->until_us = a->until_us;
        job->uses_body = a->op == OP_INGEST && !slot_id_is_none(a->body);
        job->body = a->body.slot;
        if (a->op == OP_INGEST) {
            if (!job->uses_body || !sr->bodies[a->body.slot].used || sr->bodies[a->body.slot].gen != a->body.gen)
                sim_fail(s, "an ingest without a body");
            else
                e->body_left = sr->bodies[a->body.slot].content;
        }
        sr->in_flight[a->target]++;
    }
    e->message = message;
    sim_check_attempt(s, sr, a, message);
    e->action.name = (struct bytes) { 0 };
}

static void grant(struct sim *s, uint32_t relay, const struct relay_action *a)
{
    struct sim_relay *sr = &s->relay[relay];
    struct sim_job *job = job_at(sr, a->job.slot);
    if (job->gen != a->job.gen || !job->out) {
        sim_fail(s, "a grant for nobody");
        return;
    }
    if (job->wanting == NULL)
        return;    /* its time was over; the answer is on its way */
    job->granted += (uint32_t) a->body_bytes;
    struct sim_event *e = job->wanting;
    heap_set(&s->events, &e->timer, s->now_us + sim_latency(s));
}

static void lease_action(struct sim *s, uint32_t relay, const struct relay_action *a)
{
    struct sim_relay *sr = &s->relay[relay];
    struct sim_lease *lease = lease_find(s, sr, a->lease);
    if (lease == NULL)
        return;
    if (a->kind == ACT_FORGET) {
        lease->used = false;
        lease->next_free = sr->lease_free;
        sr->lease_free = a->lease.slot;
        return;
    }
    if (a->kind == ACT_RELEASE) {
        lease->released = true;
        sim_give_back(s, lease->delivery, s->now_us + sim_latency(s));
        return;
    }
    if (a->kind == ACT_ACK)
        sim_check_ack(s, sr, lease);
    if (a->kind == ACT_EXTEND && lease->acked)
        sim_fail(s, "an extension is sent for a lease that was acknowledged");
    struct sim_event *e = sim_event_new(s, a->kind == ACT_ACK ? SIM_ACK : SIM_EXTEND, s->now_us + sim_latency(s));
    e->relay = relay;
    e->generation = sr->generation;
    e->index = lease->delivery;
    e->action = *a;
    e->until_us = a->until_us - s->now_us;
    lease->acked |= a->kind == ACT_ACK;
}

static void refresh(struct sim *s, uint32_t relay, const struct relay_action *a)
{
    struct sim_relay *sr = &s->relay[relay];
    if (sr->refreshing[a->target])
        sim_fail(s, "a second refresh is asked for while one is under way");
    if (a->token_gen > 0 && !sr->refresh_due[a->target])
        sim_fail(s, "a refresh is asked for though the current token was not refused");
    sr->refreshing[a->target] = true;
    struct sim_event *e = sim_event_new(s, SIM_TOKEN, s->now_us + 10 * sim_latency(s));
    e->relay = relay;
    e->generation = sr->generation;
    e->feed.target = a->target;
}

static void act(struct sim *s, uint32_t relay, const struct relay_action *a)
{
    struct sim_relay *sr = &s->relay[relay];
    switch (a->kind) {
    case ACT_ATTEMPT:
        attempt(s, relay, a);
        return;
    case ACT_GRANT:
        grant(s, relay, a);
        return;
    case ACT_DROP_BODY:
        body_drop(s, sr, a->body);
        return;
    case ACT_OUTCOME:
        sim_check_outcome(s, sr, a, a->name.len >= 8 ? message_of(a->name) : SIM_NONE);
        return;
    case ACT_EXTEND:
    case ACT_ACK:
    case ACT_RELEASE:
    case ACT_FORGET:
        lease_action(s, relay, a);
        return;
    case ACT_GROUP_DONE:
        group_done(s, relay, a);
        return;
    case ACT_REFRESH:
        refresh(s, relay, a);
        return;
    case ACT_FLOW:
        sr->flow = a->count;
        return;
    case ACT_NOTICE:
        if (a->notice == NOTICE_STORM_GUARD && a->on) {    /* a person looks, and accepts */
            struct sim_event *e = sim_event_new(s, SIM_FEED, s->now_us + 30 * US_PER_S);
            e->relay = relay;
            e->generation = sr->generation;
            e->feed = (struct relay_event) { .kind = EV_STORM_ACCEPT };
        }
        if (a->notice == NOTICE_STORM_GUARD)
            sr->storm_held = a->on;
        return;
    }
}

static void note(struct sim *s, const struct relay_action *a)
{
    const uint64_t words[] = { a->kind, a->op, a->outcome, a->reason, a->job.slot, a->job.gen, a->lease.slot,
                               a->lease.gen, (uint64_t) s->now_us, (uint64_t) a->until_us };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        s->hash = (s->hash ^ words[i]) * 0x100000001b3u;
    if (!s->verbose)
        return;
    static const char *const kinds[] = { "ATTEMPT", "GRANT", "DROP_BODY", "OUTCOME", "EXTEND", "ACK", "RELEASE",
                                         "FORGET", "GROUP_DONE", "REFRESH", "FLOW", "NOTICE" };
    static const char *const ops[] = { "FETCH", "INGEST", "PROVE", "PROBE", "BURY" };
    printf("%12.6f   -> %-10s", (double) (s->now_us - 1000000 * US_PER_S) / 1e6, kinds[a->kind]);
    if (a->kind == ACT_ATTEMPT)
        printf(" %s at %d job %u.%u %.*s", ops[a->op], a->target, a->job.slot, a->job.gen, BYTES_FMT(a->name));
    else if (a->kind == ACT_OUTCOME)
        printf(" outcome %d reason %d job %u.%u %.*s attempts %u", a->outcome, a->reason, a->job.slot, a->job.gen,
               BYTES_FMT(a->name), a->attempts);
    else if (a->kind == ACT_NOTICE)
        printf(" %d target %d %s", a->notice, a->target, a->on ? "on" : "off");
    else
        printf(" lease %u.%u group %u count %u", a->lease.slot, a->lease.gen, a->group, a->count);
    printf("\n");
}

static void before_feed(struct sim *s, struct sim_relay *sr, const struct relay_event *ev)
{
    if (s->verbose)
        printf("%12.6f event %d op %d job %u.%u lease %u.%u class %d until %.3f\n",
               (double) (s->now_us - 1000000 * US_PER_S) / 1e6, ev->kind, ev->op, ev->job.slot, ev->job.gen,
               ev->lease.slot, ev->lease.gen, ev->answer.class,
               ev->until_us > 0 ? (double) (ev->until_us - 1000000 * US_PER_S) / 1e6 : 0.0);
    if (ev->kind == EV_DONE && ev->op == OP_PROBE)
        sr->probing[ev->target] = false;
    if (ev->kind == EV_DONE && ev->op != OP_PROBE) {
        struct sim_job *job = job_at(sr, ev->job.slot);
        if (job->gen == ev->job.gen)
            job->out = false;
        sr->in_flight[ev->target]--;
    }
    if (ev->kind == EV_DONE && ev->answer.class == ERR_UNAUTHENTICATED &&
        ev->answer.token_gen == sr->token_gen[ev->target])
        sr->refresh_due[ev->target] = true;
    if (ev->kind == EV_TOKEN) {
        sr->refreshing[ev->target] = false;
        if (ev->answer.class == ERR_OK) {
            sr->token_gen[ev->target] = ev->answer.token_gen;
            sr->refresh_due[ev->target] = false;
        }
    }
    if (ev->kind == EV_LEASE && ev->until_us > 0 && ev->lease.slot < sr->leases_len)
        sr->leases[ev->lease.slot].until_us = ev->until_us;
}

void sim_feed(struct sim *s, uint32_t relay, struct relay_event ev)
{
    struct sim_relay *sr = &s->relay[relay];
    if (sr->r == NULL || s->failed)
        return;
    before_feed(s, sr, &ev);
    relay_feed(sr->r, &ev, s->now_us);
    struct relay_action out[64];
    size_t n;
    while (!s->failed && (n = relay_take(sr->r, out, ARRAY_LEN(out))) > 0) {
        for (size_t i = 0; i < n && !s->failed; i++) {
            note(s, &out[i]);
            act(s, relay, &out[i]);
        }
    }
    s->steps++;
    sim_check_step(s, sr);
    us_t due_us = relay_due(sr->r);
    if (due_us < sr->tick_us || sr->tick_us <= s->now_us) {
        sr->tick_us = due_us;
        if (due_us == US_NEVER)
            return;
        struct sim_event *e = sim_event_new(s, SIM_TICK, due_us);
        e->relay = relay;
        e->generation = sr->generation;
    }
}
