/* The way of one message, and what may end it. */
#include "relay_rig.h"

static void moves_and_acknowledges(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    relay_id lease = rig_deliver(&g, 1);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    assert_bytes_equal(fetch.name, "projects/p/messages/1");
    assert_int_equal(fetch.target, AT_SOURCE);
    assert_int_equal(fetch.until_us, g.now + 60 * US_PER_S);
    rig_done(&g, fetch, ERR_OK);
    struct relay_action ingest = rig_want_attempt(&g, OP_INGEST);
    assert_int_equal(ingest.target, AT_DEST);
    assert_int_equal(ingest.body_bytes, 4000);
    assert_int_equal(ingest.body.slot, fetch.job.slot + 1);
    assert_int_equal(rig_count(&g, ACT_ACK), 0);
    rig_done(&g, ingest, ERR_OK);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    assert_int_equal(rig_count(&g, ACT_ACK), 1);
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 1);
    assert_int_equal(rig_count(&g, ACT_FORGET), 0);
    rig_acked(&g, lease, ERR_OK);
    assert_int_equal(rig_count(&g, ACT_FORGET), 1);
    struct relay_stats s = rig_stats(&g);
    assert_int_equal(s.leases, 0);
    assert_int_equal(s.jobs, 0);
    assert_int_equal(s.body_bytes, 0);
    assert_int_equal(s.ledger.delivered, 1);
    rig_end(&g);
}

static void a_repeat_joins_the_running_job(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    rig_deliver(&g, 1);
    assert_null(rig_attempt(&g, OP_FETCH));
    struct relay_action coalesced = rig_want_outcome(&g, OUTCOME_COALESCED);
    assert_int_equal(coalesced.lease.slot, 1);
    rig_done(&g, fetch, ERR_OK);
    rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
    assert_int_equal(rig_count(&g, ACT_OUTCOME), 1);
    assert_int_equal(rig_count(&g, ACT_ACK), 2);
    assert_int_equal(relay_ledger(g.r).coalesced, 1);
    rig_end(&g);
}

static void nothing_is_remembered_of_what_is_done(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    rig_move_one(&g, 1);
    rig_move_one(&g, 1);
    assert_int_equal(relay_ledger(g.r).delivered, 2);
    rig_end(&g);
}

static void refused_names_are_buried_without_a_call(void **state)
{
    (void) state;
    const enum relay_reason refused[] = { REASON_BAD_PATH, REASON_FOREIGN_STORE, REASON_DECODE_ERROR };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct rig g;
        rig_start(&g, rig_policy());
        rig_deliver_as(&g, (struct relay_event) { .name = BYTES_LIT("junk"), .reason = refused[i] });
        struct relay_action bury = rig_want_attempt(&g, OP_BURY);
        assert_int_equal(rig_count(&g, ACT_ATTEMPT), 1);
        assert_int_equal(bury.lease.gen, 1);    /* the notification's, and when it came */
        assert_int_equal(bury.first_us, g.now);
        assert_int_equal(bury.outcome, OUTCOME_DEAD);
        assert_int_equal(bury.reason, refused[i]);
        assert_int_equal(bury.stage, OP_BURY);
        assert_int_equal(rig_count(&g, ACT_ACK), 0);
        rig_done(&g, bury, ERR_OK);
        assert_int_equal(rig_want_outcome(&g, OUTCOME_DEAD).reason, refused[i]);
        assert_int_equal(rig_count(&g, ACT_ACK), 1);
        rig_end(&g);
    }
}

static void an_empty_notification_is_skipped_on_record(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver_as(&g, (struct relay_event) { .reason = REASON_EMPTY_NOTIFICATION });
    struct relay_action bury = rig_want_attempt(&g, OP_BURY);
    assert_int_equal(bury.outcome, OUTCOME_SKIPPED);
    rig_done(&g, bury, ERR_OK);
    rig_want_outcome(&g, OUTCOME_SKIPPED);
    rig_end(&g);
}

static void another_project_holds(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver_as(&g, (struct relay_event) { .name = rig_name(1), .reason = REASON_FOREIGN_PROJECT });
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    assert_int_equal(rig_nth(&g, ACT_NOTICE, 0)->notice, NOTICE_FOREIGN_PROJECT);
    rig_pass(&g, 500 * US_PER_S);
    assert_true(rig_count(&g, ACT_EXTEND) > 0);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    assert_int_equal(rig_stats(&g).held, 1);
    rig_end(&g);
}

static void without_a_sink_message_faults_hold(void **state)
{
    (void) state;
    struct rig g;
    struct relay_policy p = rig_policy();
    p.sink = false;
    rig_start(&g, p);
    rig_deliver_as(&g, (struct relay_event) { .name = BYTES_LIT("junk"), .reason = REASON_BAD_PATH });
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    assert_int_equal(rig_nth(&g, ACT_NOTICE, 0)->notice, NOTICE_NO_SINK);
    struct relay_policy with = rig_policy();
    rig_feed(&g, (struct relay_event) { .kind = EV_POLICY, .policy = &with });
    assert_non_null(rig_attempt(&g, OP_BURY));
    rig_end(&g);
}

static void an_acknowledgement_is_sent_until_it_is_answered(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    relay_id lease = rig_deliver(&g, 1);
    rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_OK);
    rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
    rig_acked(&g, lease, ERR_TRANSIENT);
    assert_int_equal(rig_count(&g, ACT_ACK), 0);
    rig_pass(&g, US_PER_S);
    assert_int_equal(rig_count(&g, ACT_ACK), 1);
    assert_int_equal(rig_count(&g, ACT_EXTEND), 0);
    rig_acked(&g, lease, ERR_LOST_LEASE);
    assert_int_equal(rig_count(&g, ACT_FORGET), 1);
    assert_int_equal(rig_stats(&g).acks_invalid, 1);
    rig_end(&g);
}

static void dead_ids_are_dropped_and_counted(void **state)
{
    (void) state;
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    rig_done(&g, fetch, ERR_OK);
    rig_done(&g, fetch, ERR_OK);
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 1);
    fetch.job.gen += 2;
    rig_done(&g, fetch, ERR_OK);
    rig_acked(&g, (relay_id) { 99, 1 }, ERR_OK);
    rig_feed(&g, (struct relay_event) { .kind = EV_PERMIT, .group = 9 });
    assert_int_equal(rig_stats(&g).strays, 4);
    rig_end(&g);
}

static void a_new_policy_lowers_limits_at_once(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    assert_true(rig_stats(&g).target[AT_DEST].limit > 2);
    struct relay_policy less = rig_policy();
    less.limit_max[AT_SOURCE] = less.limit_max[AT_DEST] = 2;
    rig_feed(&g, (struct relay_event) { .kind = EV_POLICY, .policy = &less });
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 2);
    assert_int_equal(rig_stats(&g).target[AT_DEST].limit, 2);
    rig_end(&g);
}

static void a_second_drain_may_only_shorten_the_first(void **state UNUSED)
{
    static const us_t second_s[] = { 2, 60 };
    for (size_t i = 0; i < ARRAY_LEN(second_s); i++) {
        struct rig g;
        rig_start(&g, rig_policy());
        rig_deliver(&g, 1);
        rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + 20 * US_PER_S });
        rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + second_s[i] * US_PER_S });
        rig_pass(&g, 3 * US_PER_S);
        assert_int_equal(rig_stats(&g).leases, i == 0 ? 0 : 1);
        rig_pass(&g, 18 * US_PER_S);
        assert_int_equal(rig_stats(&g).leases, 0);
        rig_end(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_and_acknowledges),
        cmocka_unit_test(a_repeat_joins_the_running_job),
        cmocka_unit_test(nothing_is_remembered_of_what_is_done),
        cmocka_unit_test(refused_names_are_buried_without_a_call),
        cmocka_unit_test(an_empty_notification_is_skipped_on_record),
        cmocka_unit_test(another_project_holds),
        cmocka_unit_test(without_a_sink_message_faults_hold),
        cmocka_unit_test(an_acknowledgement_is_sent_until_it_is_answered),
        cmocka_unit_test(dead_ids_are_dropped_and_counted),
        cmocka_unit_test(a_new_policy_lowers_limits_at_once),
        cmocka_unit_test(a_second_drain_may_only_shorten_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
