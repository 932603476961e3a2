/* Whom a failure counts against, and when it is enough. */
#include "relay_rig.h"

/* Starts an attempt for message 1, lets `others` succeed meanwhile, and fails it. */
static void fail_with_others(struct rig *g, struct relay_action *attempt, uint32_t others, enum err_class class)
{
    static uint32_t name = 100;
    struct relay_action mine = *attempt;
    for (uint32_t i = 0; i < others; i++)
        rig_move_one(g, name++);
    rig_done(g, mine, class);
}

static struct relay_action next_attempt(struct rig *g, enum relay_op op)
{
    for (int i = 0; i < 200; i++) {
        struct relay_action *a = rig_attempt(g, op);
        if (a != NULL)
            return *a;
        rig_pass(g, US_PER_S);
    }
    fail_msg("no further attempt");
    return (struct relay_action) { 0 };
}

static void counts_only_with_three_others(void **state UNUSED)
{
    const enum err_class transient[] = { ERR_TRANSIENT, ERR_TIMEOUT, ERR_RESET, ERR_BAD_REPLY };
    for (uint32_t others = 0; others < 5; others++) {
        for (size_t c = 0; c < ARRAY_LEN(transient); c++) {
            struct rig g;
            rig_start(&g, rig_policy());
            rig_deliver(&g, 1);
            struct relay_action a = rig_want_attempt(&g, OP_FETCH);
            fail_with_others(&g, &a, others, transient[c]);
            assert_int_equal(rig_stats(&g).attempts_counted, others >= 3);
            assert_int_equal(rig_stats(&g).target[AT_SOURCE].faults, others < 3);
            rig_end(&g);
        }
    }
}

static void system_faults_never_count(void **state UNUSED)
{
    const enum err_class system[] = { ERR_THROTTLED, ERR_FORBIDDEN, ERR_DNS, ERR_TLS, ERR_REFUSED_CONNECT, ERR_NOT_API };
    for (size_t c = 0; c < ARRAY_LEN(system); c++) {
        struct rig g;
        rig_start(&g, rig_policy());
        rig_deliver(&g, 1);
        struct relay_action a = rig_want_attempt(&g, OP_FETCH);
        fail_with_others(&g, &a, 5, system[c]);
        assert_int_equal(rig_stats(&g).attempts_counted, 0);
        assert_int_equal(rig_count(&g, ACT_OUTCOME), 0);
        rig_end(&g);
    }
}

/* Success of another operation, or at another target, shows nothing. */
static void evidence_is_of_the_same_operation(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_OK);
    struct relay_action ingest = rig_want_attempt(&g, OP_INGEST);
    for (uint32_t n = 10; n < 20; n++) {    /* fetches succeed, ingests stay under way */
        rig_deliver(&g, n);
        rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_OK);
    }
    rig_done(&g, ingest, ERR_TRANSIENT);
    assert_int_equal(rig_stats(&g).attempts_counted, 0);
    rig_end(&g);
}

static void gives_up_after_enough_attempts_and_enough_time(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.attempts_max = 4;
    rig_start(&g, p);
    rig_deliver_as(&g, (struct relay_event) { .name = rig_name(1), .until_us = g.now + 7200 * US_PER_S });
    us_t began_us = g.now;
    uint32_t counted = 0;
    while (rig_attempt(&g, OP_BURY) == NULL) {
        struct relay_action a = next_attempt(&g, OP_FETCH);
        fail_with_others(&g, &a, 3, ERR_TRANSIENT);
        counted++;
        assert_true(counted < 1000);
    }
    struct relay_action bury = rig_want_attempt(&g, OP_BURY);
    assert_int_equal(bury.reason, REASON_ATTEMPTS_EXHAUSTED);
    assert_int_equal(bury.stage, OP_FETCH);
    assert_true(counted > 4);
    assert_true(g.now - began_us >= 15 * US_PER_MIN);
    assert_true(g.now - began_us < 16 * US_PER_MIN);
    rig_end(&g);
}

static void time_alone_is_not_enough(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver_as(&g, (struct relay_event) { .name = rig_name(1), .until_us = g.now + 7200 * US_PER_S });
    struct relay_action a = rig_want_attempt(&g, OP_FETCH);
    for (int i = 0; i < 7; i++) {
        fail_with_others(&g, &a, 3, ERR_TRANSIENT);
        rig_pass(&g, 200 * US_PER_S);
        a = rig_want_attempt(&g, OP_FETCH);
    }
    assert_int_equal(rig_stats(&g).attempts_counted, 7);
    fail_with_others(&g, &a, 0, ERR_TRANSIENT);    /* 23 minutes, seven counted, one that is not */
    assert_null(rig_attempt(&g, OP_BURY));
    rig_end(&g);
}

static void a_quiet_feed_waits_with_an_alarm(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.breaker_row = 1000;
    rig_start(&g, p);
    rig_deliver_as(&g, (struct relay_event) { .name = rig_name(1), .until_us = g.now + 7200 * US_PER_S });
    us_t began_us = g.now;
    bool alarmed = false;
    while (g.now - began_us < 30 * US_PER_MIN) {
        struct relay_action a = next_attempt(&g, OP_FETCH);
        rig_done(&g, a, ERR_TRANSIENT);
        assert_null(rig_attempt(&g, OP_BURY));
        struct relay_action *notice = rig_nth(&g, ACT_NOTICE, 0);
        alarmed |= notice != NULL && notice->notice == NOTICE_QUIET_FEED && notice->on;
    }
    assert_true(alarmed);
    assert_int_equal(rig_stats(&g).attempts_counted, 0);
    rig_end(&g);
}

/* The bound of a stage slows it down and raises the alarm; it cannot replace the evidence. */
static void a_stage_bound_does_not_bury(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.fetch_timeout_us = 5 * US_PER_S;
    p.breaker_row = 1000;
    rig_start(&g, p);
    rig_deliver(&g, 1);
    us_t last_us = g.now;
    for (int i = 0; i < 10; i++) {
        struct relay_action a = next_attempt(&g, OP_FETCH);
        last_us = g.now;
        rig_done(&g, a, ERR_TRANSIENT);
        assert_null(rig_attempt(&g, OP_BURY));
    }
    rig_pass(&g, 31 * US_PER_S);
    assert_null(rig_attempt(&g, OP_FETCH));
    rig_pass(&g, 2 * US_PER_S);
    assert_non_null(rig_attempt(&g, OP_FETCH));
    assert_true(g.now - last_us >= 32 * US_PER_S);
    assert_true(rig_stats(&g).notice[NOTICE_QUIET_FEED]);
    rig_end(&g);
}

static void a_throttled_job_waits_as_long_as_it_is_told(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    struct relay_event ev = rig_answer(&g.got[g.count - 1], ERR_THROTTLED);
    ev.answer.wait_us = 40 * US_PER_S;
    rig_feed(&g, ev);
    rig_pass(&g, 39 * US_PER_S);
    assert_null(rig_attempt(&g, OP_FETCH));
    rig_pass(&g, 2 * US_PER_S);
    assert_non_null(rig_attempt(&g, OP_FETCH));
    rig_end(&g);
}

static void a_bad_payload_is_fetched_once_more(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_BAD_PAYLOAD);
    assert_null(rig_attempt(&g, OP_BURY));
    struct relay_action again = next_attempt(&g, OP_FETCH);
    rig_done(&g, again, ERR_BAD_PAYLOAD);
    assert_int_equal(rig_want_attempt(&g, OP_BURY).reason, REASON_BAD_SOURCE_PAYLOAD);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_only_with_three_others),
        cmocka_unit_test(system_faults_never_count),
        cmocka_unit_test(evidence_is_of_the_same_operation),
        cmocka_unit_test(gives_up_after_enough_attempts_and_enough_time),
        cmocka_unit_test(time_alone_is_not_enough),
        cmocka_unit_test(a_quiet_feed_waits_with_an_alarm),
        cmocka_unit_test(a_stage_bound_does_not_bury),
        cmocka_unit_test(a_throttled_job_waits_as_long_as_it_is_told),
        cmocka_unit_test(a_bad_payload_is_fetched_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
