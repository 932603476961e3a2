/* The invariants of docs/RELIABILITY.md; numbers as there (I1 ... I16). */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>

void sim_fail(struct sim *s, const char *fmt, ...)
{
    if (s->failed)
        return;
    s->failed = true;
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->failure, sizeof(s->failure), fmt, args);
    va_end(args);
}

bool sim_is_held_kind(enum sim_kind kind)
{
    return kind == KIND_DIFFERENT || kind == KIND_OTHER_ID_DIFFERENT || kind == KIND_FOREIGN_PROJECT;
}

bool sim_has_ended(const struct sim_message *m)
{
    return (m->in_dest && m->dest_content == m->content) || m->dead || m->skipped;
}

/* I8: the ledger, by the engine's tables and by the driver's own count. I10: bounds. */
void sim_check_step(struct sim *s, struct sim_relay *sr)
{
    if (s->failed)
        return;
    struct relay_ledger l = relay_ledger(sr->r);
    const uint64_t *own = sr->outcomes;
    uint64_t told = 0;
    for (int i = 0; i < RELAY_OUTCOMES; i++)
        told += own[i];
    if (l.received != l.delivered + l.dead + l.skipped + l.coalesced + l.released + l.in_flight)
        sim_fail(s, "I8: the ledger does not add up");
    if (l.received != sr->received || l.in_flight != sr->received - told || l.delivered != own[OUTCOME_DELIVERED] ||
        l.dead != own[OUTCOME_DEAD] || l.skipped != own[OUTCOME_SKIPPED] ||
        l.coalesced != own[OUTCOME_COALESCED] || l.released != own[OUTCOME_RELEASED])
        sim_fail(s, "I8: the ledger is not what the driver counted");
    if (sr->body_bytes > sr->policy.body_bytes_max + sr->policy.message_bytes_max)
        sim_fail(s, "I10: %llu bytes of bodies", (unsigned long long) sr->body_bytes);
    struct relay_stats st = { 0 };
    if (s->plan.lanes)
        relay_stats(sr->r, &st);
    if (st.parked > st.behind)
        sim_fail(s, "I10: %u deliveries behind stuck heads, of %u behind any", st.parked, st.behind);
    for (int t = 0; t < RELAY_TARGETS; t++) {
        if (sr->in_flight[t] > sr->policy.limit_max[t])
            sim_fail(s, "I10: %u attempts at target %d", sr->in_flight[t], t);
    }
}

/* I1, I2: what is acknowledged has ended durably, already when the acknowledgement is sent. */
void sim_check_ack(struct sim *s, struct sim_relay *sr, const struct sim_lease *lease)
{
    (void) sr;
    const struct sim_delivery *d = &s->deliveries[lease->delivery];
    if (!sim_has_ended(&s->messages[d->message]))
        sim_fail(s, "I1: message %u (%s) is acknowledged and nowhere", d->message,
                 sim_kind_name(s->messages[d->message].kind));
    if (s->plan.groups == GROUPS_OURS && !s->group_permitted[d->group])
        sim_fail(s, "a delivery of a group that is not finalized is acknowledged");
    if (s->plan.groups == GROUPS_RUNNER)
        sim_fail(s, "a lease of the runner is acknowledged");
}

static bool has_live_lease(const struct sim *s, const struct sim_relay *sr, uint32_t message)
{
    for (uint32_t i = 0; i < sr->leases_len; i++) {
        const struct sim_lease *l = &sr->leases[i];
        if (l->used && l->until_us > s->now_us && s->deliveries[l->delivery].message == message)
            return true;
    }
    return false;
}

static bool may_die(const struct sim *s, const struct sim_message *m, enum relay_reason why)
{
    switch (m->kind) {
    case KIND_GONE:
        return why == REASON_SOURCE_NOT_FOUND;
    case KIND_GONE_410:
        return why == REASON_SOURCE_GONE || why == REASON_SOURCE_NOT_FOUND;
    case KIND_NACK:
        return why == REASON_DEST_NACK;
    case KIND_REJECT:
        return why == REASON_DEST_REJECTED;
    case KIND_BAD_PAYLOAD:
        return why == REASON_BAD_SOURCE_PAYLOAD;
    case KIND_TOO_LARGE:
        return why == REASON_TOO_LARGE;
    case KIND_POISON_FETCH:
    case KIND_POISON_INGEST:
        return why == REASON_ATTEMPTS_EXHAUSTED;
    case KIND_BAD_PATH:
        return why == REASON_BAD_PATH;
    case KIND_FOREIGN_STORE:
        return why == REASON_FOREIGN_STORE;
    default:
        (void) s;
        return false;
    }
}

static void check_bury(struct sim *s, struct sim_relay *sr, const struct relay_action *a, const struct sim_message *m)
{
    if (a->outcome == OUTCOME_SKIPPED) {
        if (m->kind != KIND_EMPTY)
            sim_fail(s, "a message with a name is skipped");
        return;
    }
    if (!may_die(s, m, a->reason))
        sim_fail(s, "I6: a message of kind %s is buried, reason %d", sim_kind_name(m->kind), a->reason);
    if (a->reason == REASON_ATTEMPTS_EXHAUSTED &&
        (a->count < sr->policy.attempts_max || s->now_us - a->first_us < sr->policy.give_up_after_us))
        sim_fail(s, "given up after %u counted attempts and %lld s", a->count,
                 (long long) ((s->now_us - a->first_us) / US_PER_S));
}

/* A lane's message is touched only when all before it have ended. */
static void check_lane(struct sim *s, const struct sim_message *m)
{
    for (uint32_t i = 0; m->lane != 0 && i < m->lane_place; i++) {
        const struct sim_message *before = &s->messages[s->lane_members[m->lane][i]];
        if (!sim_has_ended(before))
            sim_fail(s, "lane %u: message %u is begun before message %u ahead of it has ended", m->lane,
                     s->lane_members[m->lane][m->lane_place], s->lane_members[m->lane][i]);
    }
}

/* I9: one probe a second. I14: no attempt and no burial without a lease. */
void sim_check_attempt(struct sim *s, struct sim_relay *sr, const struct relay_action *a, uint32_t message)
{
    if (a->op == OP_PROBE) {
        if (sr->probing[a->target] || s->now_us - sr->probed_us[a->target] < sr->policy.probe_every_us)
            sim_fail(s, "I9: more than one probe a second");
        sr->probing[a->target] = true;
        sr->probed_us[a->target] = s->now_us;
        return;
    }
    const struct sim_message *m = &s->messages[message];
    if (!has_live_lease(s, sr, message))
        sim_fail(s, "I14: an attempt (op %d) at message %u without a lease", a->op, message);
    if (a->op == OP_BURY)
        check_bury(s, sr, a, m);
    else if (m->kind == KIND_BAD_PATH || m->kind == KIND_FOREIGN_STORE || m->kind == KIND_EMPTY ||
             m->kind == KIND_FOREIGN_PROJECT)
        sim_fail(s, "I11: a call for a name that was refused");
    check_lane(s, m);
}

/* I5: one outcome for a job, and true when it is told. */
void sim_check_outcome(struct sim *s, struct sim_relay *sr, const struct relay_action *a, uint32_t message)
{
    sr->outcomes[a->outcome]++;
    if (a->outcome == OUTCOME_COALESCED || message == SIM_NONE)
        return;
    if (!slot_id_is_none(a->job) && a->job.slot < sr->jobs_len && sr->jobs[a->job.slot].gen == a->job.gen) {
        struct sim_job *job = &sr->jobs[a->job.slot];
        if (job->told)
            sim_fail(s, "I5: a second outcome for one job");
        job->told = true;
    }
    const struct sim_message *m = &s->messages[message];
    if (a->outcome == OUTCOME_DELIVERED && !(m->in_dest && m->dest_content == m->content))
        sim_fail(s, "I3: message %u (%s) is told delivered and is not there", message, sim_kind_name(m->kind));
    if (a->outcome == OUTCOME_DEAD && !m->dead)
        sim_fail(s, "I2: message %u (%s) is told dead and its record is not durable", message,
                 sim_kind_name(m->kind));
    if (a->outcome == OUTCOME_SKIPPED && !m->skipped)
        sim_fail(s, "I2: a skip is told and its record is not durable");
    if (a->outcome == OUTCOME_DEAD && sr->policy.storm_on) {
        bool guarded = a->reason == REASON_SOURCE_NOT_FOUND || a->reason == REASON_SOURCE_GONE ||
                       a->reason == REASON_DEST_NACK || a->reason == REASON_DEST_REJECTED ||
                       a->reason == REASON_FOREIGN_STORE;
        sr->storm_dead += guarded;
    }
}

/* I3, I4: only the message's own bytes reach the destination. */
void sim_check_stored(struct sim *s, uint32_t message, uint64_t content)
{
    if (message >= s->messages_len)
        sim_fail(s, "I4: a resource that was never announced");
    else if (s->messages[message].content != content)
        sim_fail(s, "I3: other bytes are stored for message %u", message);
}

/* A lease that runs out under a relay that lives, was awake and lost no extension was forgotten. */
void sim_check_expiry(struct sim *s, const struct sim_delivery *d)
{
    const struct sim_relay *sr = &s->relay[d->relay];
    if (d->excused || sr->r == NULL || sr->generation != d->generation || s->plan.groups == GROUPS_OURS)
        return;
    for (uint32_t i = 0; i < sr->leases_len; i++) {
        const struct sim_lease *l = &sr->leases[i];
        if (l->used && !l->acked && !l->released && &s->deliveries[l->delivery] == d) {
            sim_fail(s, "the lease of message %u runs out in a relay that is well", d->message);
            return;
        }
    }
    if (s->messages[d->message].acked)
        return;
    /* Forgotten by the engine without an end: given up as lost though nothing was wrong. */
    bool known = false;
    for (uint32_t i = 0; i < sr->leases_len && !known; i++)
        known = sr->leases[i].used && s->deliveries[sr->leases[i].delivery].message == d->message;
    if (!known && !sim_has_ended(&s->messages[d->message]))
        sim_fail(s, "the lease of message %u was let go of in a relay that is well", d->message);
}
