/*
 * The breaker of a target: open after a row of system faults, or a share of the
 * last answers. While it is open nothing but one probe a second is sent; leases
 * are kept. A probe that succeeds closes it into the slow start from 1; until
 * real work has succeeded once, one more fault opens it again (a probe may be
 * allowed what the work is not).
 */
#include "relay/engine.h"

static enum relay_notice notice_of(enum relay_target target, uint16_t class)
{
    if (target == AT_SINK)
        return NOTICE_SINK_HELD;
    switch (class) {
    case ERR_FORBIDDEN:
        return NOTICE_FORBIDDEN;
    case ERR_NOT_FOUND:
        return NOTICE_STORE_MISSING;
    case ERR_UNAUTHENTICATED:
        return NOTICE_CREDENTIALS;
    default:
        return NOTICE_TARGET_HELD;
    }
}

void relay_breaker_success(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    t->row = 0;
    t->unproven = false;
    relay_window_add(&t->faults, false);
}

static bool must_open(const struct relay *r, const struct target *t)
{
    const struct relay_window *w = &t->faults;
    return t->unproven || t->row >= r->policy->breaker_row ||
           (w->seen == w->len && (double) w->set >= r->policy->breaker_share * w->len);
}

void relay_breaker_fault(struct relay *r, enum relay_target target, uint16_t class)
{
    struct target *t = &r->target[target];
    t->stats.faults++;
    if (t->open)
        return;    /* what was under way when it opened */
    t->row++;
    relay_window_add(&t->faults, true);
    if (!must_open(r, t))
        return;
    t->open = true;
    t->probe_us = r->now_us + r->policy->probe_every_us;
    t->notice = notice_of(target, class);
    relay_notice(r, t->notice, target, true);
}

void relay_breaker_due(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    if (!t->open || t->probing || t->probe_us > r->now_us || r->drain_over)
        return;
    t->probing = true;
    t->probe_us = r->now_us + (MUTANT(PROBE_STORM) ? 1000 : r->policy->probe_every_us);
    t->stats.probes++;
    struct relay_action *a = relay_act(r, ACT_ATTEMPT);
    a->op = OP_PROBE;
    a->target = target;
    a->token_gen = t->token_gen;
    a->until_us = r->now_us + r->policy->attempt_timeout_us;
}

void relay_breaker_probed(struct relay *r, const struct relay_event *ev)
{
    struct target *t = &r->target[ev->target];
    if (!t->probing) {
        r->counters.strays++;
        return;
    }
    t->probing = false;
    if (!t->open)
        return;
    bool fault;
    if (ev->answer.class == ERR_UNAUTHENTICATED)
        relay_bearer_refused(r, ev->target, ev->answer.token_gen, &fault);
    if (ev->answer.class == ERR_THROTTLED)
        t->probe_us = MAX(t->probe_us, r->now_us + MIN(ev->answer.wait_us, LIMIT_RETRY_AFTER_S * US_PER_S));
    if (ev->answer.class != ERR_OK || MUTANT(NEVER_CLOSE))
        return;
    if (ev->answer.token_gen == t->token_gen)
        t->token_proven = true;
    t->open = false;
    t->unproven = true;
    t->row = 0;
    relay_window_init(&t->faults, t->faults.len);
    relay_limit_restart(r, ev->target, 1);
    relay_notice(r, t->notice, ev->target, false);
}
