/*
 * Tokens, by generation. A 401 to an older one says nothing: start again. To the
 * current one: one refresh, the target waits. To one that came after a 401 and
 * was never accepted: a system fault, and a refresh now and then in case the
 * token's maker recovers. Nothing below the engine sends anything again.
 */
#include "relay/engine.h"

static void refresh(struct relay *r, enum relay_target target)
{
    struct target *t = &r->target[target];
    if (t->refreshing)
        return;
    t->refreshing = true;
    t->refresh_us = US_NEVER;
    t->stats.refreshes++;
    struct relay_action *a = relay_act(r, ACT_REFRESH);
    a->target = target;
    a->token_gen = t->token_gen;
}

static void refresh_later(struct relay *r, struct target *t)
{
    if (!t->refreshing && t->refresh_us == US_NEVER)
        t->refresh_us = r->now_us + US_PER_S +
                        backoff_wait(&r->policy->backoff, t->refresh_row++, BACKOFF_EQUAL, &r->rnd);
}

void relay_bearer_start(struct relay *r)
{
    if (!r->policy->tokens)
        return;
    const enum relay_target needy[] = { AT_SOURCE, AT_DEST };
    for (size_t i = 0; i < ARRAY_LEN(needy); i++) {
        if (r->target[needy[i]].token_gen > 0)
            continue;
        r->target[needy[i]].token_wait = true;
        refresh(r, needy[i]);
    }
}

bool relay_bearer_refused(struct relay *r, enum relay_target target, uint32_t token_gen, bool *ret_fault)
{
    struct target *t = &r->target[target];
    *ret_fault = false;
    if (!r->policy->tokens) {
        *ret_fault = true;
        return false;
    }
    if (token_gen != t->token_gen) {
        if (MUTANT(STRAGGLER_REFRESH))
            refresh(r, target);
        return true;
    }
    if (t->token_fresh && !t->token_proven) {
        *ret_fault = true;
        refresh_later(r, t);
        return false;
    }
    t->token_wait = true;
    t->token_proven = false;
    if (t->refresh_us == US_NEVER)
        refresh(r, target);
    return false;
}

static void show_failed(struct relay *r, enum relay_target target, bool failed, const struct relay_answer *answer)
{
    struct target *t = &r->target[target];
    if (t->token_failed != failed)
        relay_notice(r, NOTICE_CREDENTIALS, target, failed, answer);
    t->token_failed = failed;
}

void relay_bearer_token(struct relay *r, const struct relay_event *ev)
{
    struct target *t = &r->target[ev->target];
    bool asked = t->refreshing;
    t->refreshing = false;
    if (ev->answer.class != ERR_OK) {
        show_failed(r, ev->target, true, &ev->answer);
        refresh_later(r, t);
        return;
    }
    show_failed(r, ev->target, false, NULL);
    if (ev->answer.token_gen <= t->token_gen) {    /* the same again: ask later, if it is still refused */
        if (t->token_wait || (asked && t->open))
            refresh_later(r, t);
        return;
    }
    bool waited = t->token_wait;
    t->token_fresh = asked && t->token_gen > 0;
    t->token_proven = false;
    t->token_gen = ev->answer.token_gen;
    t->token_wait = false;
    t->refresh_us = US_NEVER;
    t->refresh_row = 0;
    if (waited)
        relay_limit_restart(r, ev->target, (double) r->policy->limit_start);
}

void relay_bearer_due(struct relay *r, enum relay_target target)
{
    if (r->target[target].refresh_us <= r->now_us)
        refresh(r, target);
}
