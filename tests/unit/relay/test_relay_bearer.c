/* Tokens, by generation. The third walk: 8,000 in flight, all answered 401. */
#include "relay_rig.h"

enum { MANY = 8000 };

static struct rig g;
static struct relay_action attempts[MANY];

static void feed_token(uint32_t gen, enum err_class class)
{
    rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_SOURCE,
                                        .answer = { .class = (uint16_t) class, .token_gen = gen } });
}

static void start_with_tokens(uint32_t limit)
{
    struct relay_policy p = rig_policy();
    p.tokens = true;
    p.limit_start = limit;
    p.deliveries_max = 20000;
    p.probe_every_us = US_PER_S;
    rig_start(&g, p);
    assert_int_equal(rig_count(&g, ACT_REFRESH), 2);    /* source, destination */
    assert_int_equal(rig_nth(&g, ACT_REFRESH, 0)->token_gen, 0);
}

static void nothing_is_sent_without_a_token(void **state UNUSED)
{
    start_with_tokens(64);
    rig_deliver(&g, 1);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    feed_token(1, ERR_TRANSIENT);
    assert_true(rig_stats(&g).notice[NOTICE_CREDENTIALS]);
    rig_pass(&g, 3 * US_PER_S);
    assert_int_equal(rig_count(&g, ACT_REFRESH), 1);
    feed_token(1, ERR_OK);
    assert_false(rig_stats(&g).notice[NOTICE_CREDENTIALS]);
    rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_DEST, .answer.token_gen = 1 });
    assert_int_equal(rig_want_attempt(&g, OP_FETCH).token_gen, 1);
    rig_end(&g);
}

static void eight_thousand_refusals_make_one_refresh(void **state UNUSED)
{
    start_with_tokens(64);
    feed_token(1, ERR_OK);
    g.r->target[AT_SOURCE].limit = MANY;    /* grown long ago */
    rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_DEST, .answer.token_gen = 1 });
    for (uint32_t i = 0; i < MANY; i++) {
        char name[40];
        snprintf(name, sizeof(name), "projects/p/messages/%u", i);
        rig_deliver_as(&g, (struct relay_event) { .name = bytes_str(name) });
        attempts[i] = rig_want_attempt(&g, OP_FETCH);
    }
    size_t refreshes = 0;
    for (uint32_t i = 0; i < MANY - 100; i++) {
        rig_done(&g, attempts[i], ERR_UNAUTHENTICATED);
        refreshes += rig_count(&g, ACT_REFRESH);
        assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    }
    assert_int_equal(refreshes, 1);
    assert_int_equal(rig_stats(&g).held, MANY - 100);
    feed_token(2, ERR_OK);
    assert_int_equal(rig_stats(&g).attempts_counted, 0);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);    /* 100 are still under way: no burst */
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 64);
    size_t started = 0;
    for (uint32_t i = MANY - 100; i < MANY; i++) {    /* stragglers with the old one: again, no refresh */
        rig_done(&g, attempts[i], ERR_UNAUTHENTICATED);
        assert_int_equal(rig_count(&g, ACT_REFRESH), 0);
        started += rig_count(&g, ACT_ATTEMPT);
        if (rig_attempt(&g, OP_FETCH) != NULL)
            assert_int_equal(rig_want_attempt(&g, OP_FETCH).token_gen, 2);
    }
    assert_int_equal(started, 64);
    struct relay_stats s = rig_stats(&g);
    assert_int_equal(s.ledger.dead, 0);
    assert_int_equal(s.target[AT_SOURCE].faults, 0);
    assert_int_equal(s.held, 0);
    rig_end(&g);
}

static void a_fresh_token_refused_is_a_system_fault(void **state UNUSED)
{
    start_with_tokens(64);
    feed_token(1, ERR_OK);
    rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_DEST, .answer.token_gen = 1 });
    for (uint32_t i = 0; i < 40; i++) {
        rig_deliver(&g, i);
        attempts[i] = rig_want_attempt(&g, OP_FETCH);
    }
    for (uint32_t i = 0; i < 40; i++)
        rig_done(&g, attempts[i], ERR_UNAUTHENTICATED);
    feed_token(2, ERR_OK);
    struct relay_action again[40];
    uint32_t n = 0;
    for (size_t i = 0; i < g.count; i++) {
        if (g.got[i].kind == ACT_ATTEMPT)
            again[n++] = g.got[i];
    }
    assert_int_equal(n, 40);
    for (uint32_t i = 0; i < n; i++)
        rig_done(&g, again[i], ERR_UNAUTHENTICATED);
    struct relay_stats s = rig_stats(&g);
    assert_true(s.target[AT_SOURCE].breaker_open);
    assert_true(s.notice[NOTICE_CREDENTIALS]);
    assert_int_equal(s.target[AT_SOURCE].refreshes, 2);
    rig_pass(&g, US_PER_S);
    struct relay_action probe = rig_want_attempt(&g, OP_PROBE);
    rig_done(&g, probe, ERR_UNAUTHENTICATED);
    rig_pass(&g, 10 * US_PER_S);    /* asked for again now and then: its maker may recover */
    assert_in_range(rig_stats(&g).target[AT_SOURCE].refreshes, 3, 6);
    rig_end(&g);
}

/* A driver that answers with a generation it never told of: held like any fault, not repeated at once for ever. */
static void a_token_nobody_told_of_does_not_spin(void **state UNUSED)
{
    start_with_tokens(64);
    rig_deliver_as(&g, (struct relay_event) { .name = BYTES_LIT("junk"), .reason = REASON_BAD_PATH });
    uint32_t attempts_made = 0;
    while (rig_attempt(&g, OP_BURY) != NULL) {
        struct relay_event ev = rig_answer(rig_attempt(&g, OP_BURY), ERR_UNAUTHENTICATED);
        ev.answer.token_gen = 5;
        rig_feed(&g, ev);
        assert_true(++attempts_made < 10);
    }
    assert_int_equal(rig_stats(&g).held, 1);
    assert_int_equal(rig_stats(&g).target[AT_SINK].faults, 1);
    rig_pass(&g, 60 * US_PER_S);
    assert_non_null(rig_attempt(&g, OP_BURY));
    rig_end(&g);
}

static void a_held_job_whose_lease_is_lost_is_never_started(void **state UNUSED)
{
    start_with_tokens(64);
    feed_token(1, ERR_OK);
    rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_DEST, .answer.token_gen = 1 });
    relay_id lease = rig_deliver(&g, 1);
    rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_UNAUTHENTICATED);
    rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = lease });
    assert_int_equal(rig_want_outcome(&g, OUTCOME_RELEASED).reason, REASON_LEASE_LOST);
    feed_token(2, ERR_OK);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    rig_end(&g);
}

static void an_acknowledgement_that_is_refused_asks_for_a_token(void **state UNUSED)
{
    static const enum err_class classes[] = { ERR_UNAUTHENTICATED, ERR_TRANSIENT };
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        start_with_tokens(64);
        feed_token(1, ERR_OK);
        rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_DEST, .answer.token_gen = 1 });
        rig_feed(&g, (struct relay_event) { .kind = EV_TOKEN, .target = AT_SUBSCRIPTION, .answer.token_gen = 1 });
        relay_id lease = rig_deliver(&g, 1);
        rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_OK);
        rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
        assert_int_equal(rig_count(&g, ACT_ACK), 1);
        rig_feed(&g, (struct relay_event) { .kind = EV_ACKED, .lease = lease,
                                            .answer = { .class = (uint16_t) classes[i], .token_gen = 1 } });
        assert_int_equal(rig_count(&g, ACT_REFRESH), classes[i] == ERR_UNAUTHENTICATED);
        rig_pass(&g, 60 * US_PER_S);
        assert_true(rig_count(&g, ACT_ACK) > 0);    /* and is sent again */
        rig_end(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_without_a_token),
        cmocka_unit_test(eight_thousand_refusals_make_one_refresh),
        cmocka_unit_test(an_acknowledgement_that_is_refused_asks_for_a_token),
        cmocka_unit_test(a_fresh_token_refused_is_a_system_fault),
        cmocka_unit_test(a_token_nobody_told_of_does_not_spin),
        cmocka_unit_test(a_held_job_whose_lease_is_lost_is_never_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
