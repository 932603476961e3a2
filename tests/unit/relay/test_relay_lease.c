/* Leases: extension, loss, the bound without progress; drain. The first walk. */
#include "relay_rig.h"

static relay_id deliver_until(struct rig *g, uint32_t name, us_t lease_us)
{
    return rig_deliver_as(g, (struct relay_event) { .name = rig_name(name), .until_us = g->now + lease_us });
}

static void confirm(struct rig *g, relay_id lease, us_t until_us)
{
    rig_feed(g, (struct relay_event) { .kind = EV_LEASE, .lease = lease, .until_us = until_us });
}

static void extended_from_receipt_to_outcome(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    relay_id lease = deliver_until(&g, 1, 10 * US_PER_S);
    for (int i = 0; i < 20; i++) {    /* the fetch takes its time */
        rig_pass(&g, 2600 * US_PER_MS);
        struct relay_action *extend = rig_nth(&g, ACT_EXTEND, 0);
        if (extend != NULL) {
            assert_true(extend->until_us >= g.now + 7 * US_PER_S);
            confirm(&g, lease, g.now + 10 * US_PER_S);
        }
    }
    assert_int_equal(rig_stats(&g).leases_lost, 0);
    assert_true(rig_stats(&g).extensions >= 10);
    rig_end(&g);
}

static void extensions_grow_with_age_and_stay_in_bounds(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    assert_int_equal(relay_lease_extension(g.r, 0), 10 * US_PER_S);
    assert_int_equal(relay_lease_extension(g.r, 100 * US_PER_S), 200 * US_PER_S);
    assert_int_equal(relay_lease_extension(g.r, 7200 * US_PER_S), 600 * US_PER_S);
    struct relay_policy p = rig_policy();
    p.exactly_once = true;
    rig_feed(&g, (struct relay_event) { .kind = EV_POLICY, .policy = &p });
    assert_int_equal(relay_lease_extension(g.r, 0), 60 * US_PER_S);
    for (int i = 0; i < 1000; i++) {    /* what messages take sets the least */
        struct delivery d = { .received_us = g.r->now_us - (i < 985 ? 20 : 150) * US_PER_S };
        relay_lease_settled(g.r, &d);
    }
    assert_in_range(relay_lease_extension(g.r, 0), 150 * US_PER_S, 230 * US_PER_S);
    rig_end(&g);
}

static void unanswered_extensions_are_sent_again(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    deliver_until(&g, 1, 30 * US_PER_S);
    rig_pass(&g, 24 * US_PER_S);
    assert_true(rig_count(&g, ACT_EXTEND) >= 4);
    assert_int_equal(rig_stats(&g).leases_lost, 0);
    rig_pass(&g, 2 * US_PER_S);
    assert_int_equal(rig_stats(&g).leases_lost, 1);
    rig_end(&g);
}

/* The first walk, relay A: the lease ends while the ingest is under way. */
static struct relay_action lose_during_ingest(struct rig *g)
{
    deliver_until(g, 1, 30 * US_PER_S);
    rig_done(g, rig_want_attempt(g, OP_FETCH), ERR_OK);
    struct relay_action ingest = rig_want_attempt(g, OP_INGEST);
    rig_pass(g, 26 * US_PER_S);    /* past the end less grace */
    assert_int_equal(rig_count(g, ACT_OUTCOME), 0);
    assert_int_equal(rig_stats(g).jobs, 1);
    return ingest;
}

static void a_late_success_still_counts(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_done(&g, lose_during_ingest(&g), ERR_OK);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    assert_int_equal(rig_count(&g, ACT_ACK), 1);
    rig_acked(&g, (relay_id) { 0, 1 }, ERR_LOST_LEASE);
    assert_int_equal(rig_count(&g, ACT_FORGET), 1);
    rig_end(&g);
}

static void anything_else_releases_and_never_buries(void **state UNUSED)
{
    const enum err_class others[] = { ERR_TRANSIENT, ERR_NACKED, ERR_REFUSED, ERR_FORBIDDEN, ERR_UNAUTHENTICATED,
                                      ERR_TOO_LARGE, ERR_TIMEOUT };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct rig g;
        rig_start(&g, rig_policy());
        rig_done(&g, lose_during_ingest(&g), others[i]);
        assert_int_equal(rig_want_outcome(&g, OUTCOME_RELEASED).reason, REASON_LEASE_LOST);
        assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
        assert_int_equal(rig_count(&g, ACT_DROP_BODY), 1);
        assert_int_equal(rig_stats(&g).leases, 0);
        rig_end(&g);
    }
}

static void a_redelivery_makes_the_job_live_again(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    struct relay_action ingest = lose_during_ingest(&g);
    deliver_until(&g, 1, 60 * US_PER_S);
    rig_want_outcome(&g, OUTCOME_COALESCED);
    rig_done(&g, ingest, ERR_NACKED);
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_OK);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    assert_int_equal(rig_count(&g, ACT_ACK), 2);
    rig_end(&g);
}

static void a_burial_under_way_still_counts(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    relay_id lease = deliver_until(&g, 1, 60 * US_PER_S);
    rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_TOO_LARGE);
    struct relay_action bury = rig_want_attempt(&g, OP_BURY);
    confirm(&g, lease, 0);
    rig_done(&g, bury, ERR_OK);
    rig_want_outcome(&g, OUTCOME_DEAD);
    rig_end(&g);
}

static void no_burial_is_begun_without_a_lease(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    relay_id lease = deliver_until(&g, 1, 60 * US_PER_S);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    confirm(&g, lease, 0);
    rig_done(&g, fetch, ERR_TOO_LARGE);
    assert_null(rig_attempt(&g, OP_BURY));
    rig_want_outcome(&g, OUTCOME_RELEASED);
    rig_end(&g);
}

static void a_suspended_process_trusts_no_lease(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    for (uint32_t i = 0; i < 50; i++)
        deliver_until(&g, i, 60 * US_PER_S);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    g.now += 7200 * US_PER_S;
    rig_done(&g, fetch, ERR_OK);
    assert_int_equal(rig_stats(&g).leases_lost, 50);
    assert_int_equal(rig_count(&g, ACT_EXTEND), 0);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    rig_end(&g);
}

static void keep_leases(struct rig *g, us_t us)
{
    us_t until_us = g->now + us;
    while (g->now < until_us) {
        rig_pass(g, 20 * US_PER_S);
        static struct relay_action extends[64];
        size_t n = 0;
        for (size_t i = 0; i < g->count && n < 64; i++) {
            if (g->got[i].kind == ACT_EXTEND)
                extends[n++] = g->got[i];
        }
        for (size_t i = 0; i < n; i++)
            confirm(g, extends[i].lease, g->now + 600 * US_PER_S);
    }
}

static void max_hold_bounds_what_does_not_come_on(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.limit_max[AT_SOURCE] = 1;
    p.limit_start = 1;
    rig_start(&g, p);
    deliver_until(&g, 1, 600 * US_PER_S);    /* its fetch never answers: the only slot is taken */
    deliver_until(&g, 2, 600 * US_PER_S);
    keep_leases(&g, 59 * US_PER_MIN);
    assert_int_equal(relay_ledger(g.r).released, 0);
    keep_leases(&g, 2 * US_PER_MIN);
    assert_int_equal(relay_ledger(g.r).released, 1);
    assert_int_equal(rig_stats(&g).leases_lost, 0);
    rig_end(&g);
}

static void a_held_relay_does_not_count(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    relay_storm_hold(g.r);
    deliver_until(&g, 1, 600 * US_PER_S);
    keep_leases(&g, 180 * US_PER_MIN);
    assert_int_equal(relay_ledger(g.r).released, 0);
    rig_feed(&g, (struct relay_event) { .kind = EV_STORM_ACCEPT });
    assert_non_null(rig_attempt(&g, OP_FETCH));
    rig_end(&g);
}

static void drain_releases_what_is_not_begun_and_ends_what_is(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.limit_start = 2;
    rig_start(&g, p);
    struct relay_action fetch[2];
    for (uint32_t i = 0; i < 10; i++) {
        deliver_until(&g, i, 600 * US_PER_S);
        if (i < 2)
            fetch[i] = rig_want_attempt(&g, OP_FETCH);
    }
    rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + 20 * US_PER_S });
    assert_int_equal(rig_count(&g, ACT_RELEASE), 8);
    assert_int_equal(rig_nth(&g, ACT_FLOW, 0)->count, 0);
    deliver_until(&g, 20, 600 * US_PER_S);    /* what was still on its way */
    assert_int_equal(rig_count(&g, ACT_RELEASE), 1);
    rig_done(&g, fetch[0], ERR_OK);
    rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    rig_done(&g, fetch[1], ERR_TRANSIENT);    /* no time for a retry */
    assert_int_equal(rig_want_outcome(&g, OUTCOME_RELEASED).reason, REASON_DRAINING);
    assert_false(relay_is_drained(g.r));
    rig_acked(&g, (relay_id) { 0, 1 }, ERR_OK);
    assert_true(relay_is_drained(g.r));
    rig_end(&g);
}

static void the_end_of_the_drain_waits_for_nobody(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    deliver_until(&g, 1, 600 * US_PER_S);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    rig_done(&g, fetch, ERR_OK);
    struct relay_action ingest = rig_want_attempt(&g, OP_INGEST);
    rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + 20 * US_PER_S });
    rig_pass(&g, 21 * US_PER_S);
    assert_int_equal(rig_want_outcome(&g, OUTCOME_RELEASED).reason, REASON_DRAINING);
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 0);    /* an attempt still uses it */
    assert_true(relay_is_drained(g.r));
    rig_done(&g, ingest, ERR_OK);
    assert_int_equal(rig_count(&g, ACT_OUTCOME), 0);      /* told already */
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 1);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extended_from_receipt_to_outcome),
        cmocka_unit_test(extensions_grow_with_age_and_stay_in_bounds),
        cmocka_unit_test(unanswered_extensions_are_sent_again),
        cmocka_unit_test(a_late_success_still_counts),
        cmocka_unit_test(anything_else_releases_and_never_buries),
        cmocka_unit_test(a_redelivery_makes_the_job_live_again),
        cmocka_unit_test(a_burial_under_way_still_counts),
        cmocka_unit_test(no_burial_is_begun_without_a_lease),
        cmocka_unit_test(a_suspended_process_trusts_no_lease),
        cmocka_unit_test(max_hold_bounds_what_does_not_come_on),
        cmocka_unit_test(a_held_relay_does_not_count),
        cmocka_unit_test(drain_releases_what_is_not_begun_and_ends_what_is),
        cmocka_unit_test(the_end_of_the_drain_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
