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

/* Of the connection, not of the request: a cut answers all that it carried at once, and is one fault. */
static bool is_of_connection(const struct relay_answer *answer)
{
    return answer->class == ERR_RESET || answer->reach == NOT_SENT;
}

static void open_now(struct relay *r, enum relay_target target, const struct relay_answer *answer)
{
    struct target *t = &r->target[target];
    t->open = true;
    t->probe_us = r->now_us + r->policy->probe_every_us;
    t->notice = notice_of(target, answer->class);
    relay_notice(r, t->notice, target, true, answer);
}

void relay_breaker_fault(struct relay *r, enum relay_target target, const struct relay_answer *answer)
{
    struct target *t = &r->target[target];
    t->stats.faults++;
    if (t->open)
        return;    /* what was under way when it opened */
    if (is_of_connection(answer)) {
        if (t->cut_us == r->now_us)
            return;
        t->cut_us = r->now_us;
    }
    t->row++;
    relay_window_add(&t->faults, true);
    if (must_open(r, t))
        open_now(r, target, answer);
}

void relay_breaker_due(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    if (!t->open || t->probing || t->token_wait || t->probe_us > r->now_us || r->drain_over)
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

static void close_now(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    t->open = false;
    t->unproven = true;
    t->row = 0;
    relay_window_init(&t->faults, t->faults.len);
    relay_limit_restart(r, target, 1);
    relay_notice(r, t->notice, target, false, NULL);
}

/*
 * The pull stream is work and probe in one: it tells unasked when it was opened and when it ended with a
 * fault, and one such end is enough. A 401 to an older token has it opened again by the next probe.
 */
static void stream_ended(struct relay *r, const struct relay_event *ev)
{
    if (r->target[AT_SUBSCRIPTION].open)
        return;
    bool fault = false;
    if (ev->answer.class == ERR_UNAUTHENTICATED)
        relay_bearer_refused(r, AT_SUBSCRIPTION, ev->answer.token_gen, &fault);
    open_now(r, AT_SUBSCRIPTION, &ev->answer);
}

void relay_breaker_probed(struct relay *r, const struct relay_event *ev)
{
    struct target *t = &r->target[ev->target];
    bool asked = t->probing;
    if (!asked && ev->target != AT_SUBSCRIPTION) {
        r->counters.strays++;
        return;
    }
    t->probing = false;
    if (ev->answer.class == ERR_OK && ev->answer.token_gen == t->token_gen)
        t->token_proven = true;
    if (ev->answer.class == ERR_OK && t->open && !MUTANT(NEVER_CLOSE)) {
        close_now(r, ev->target);
        return;
    }
    if (ev->answer.class != ERR_OK && !asked) {
        stream_ended(r, ev);
        return;
    }
    bool fault;
    if (t->open && ev->answer.class == ERR_UNAUTHENTICATED)
        relay_bearer_refused(r, ev->target, ev->answer.token_gen, &fault);
    if (ev->answer.class == ERR_THROTTLED)
        t->probe_us = MAX(t->probe_us, r->now_us + MIN(ev->answer.wait_us, LIMIT_RETRY_AFTER_S * US_PER_S));
}
