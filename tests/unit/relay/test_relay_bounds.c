/* Memory, the storm guard, back-pressure, and no allocation once warm. */
#include "relay_rig.h"

#include "base/mem.h"

static struct relay_policy tight(uint64_t bytes)
{
    struct relay_policy p = rig_policy();
    p.body_bytes_max = bytes;
    p.message_bytes_max = 1 << 20;
    return p;
}

static void a_fetch_reserves_its_first_window(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, tight(40 << 10));    /* room for two windows */
    rig_deliver(&g, 1);
    struct relay_action one = rig_want_attempt(&g, OP_FETCH);
    assert_int_equal(rig_stats(&g).body_bytes, LIMIT_STREAM_WINDOW);
    rig_deliver(&g, 2);
    struct relay_action two = rig_want_attempt(&g, OP_FETCH);
    rig_deliver(&g, 3);
    struct relay_action *third = rig_attempt(&g, OP_FETCH);
    assert_non_null(third);    /* the one that may go beyond */
    rig_deliver(&g, 4);
    assert_null(rig_attempt(&g, OP_FETCH));
    rig_done(&g, one, ERR_OK);
    assert_int_equal(rig_stats(&g).body_bytes, 2 * LIMIT_STREAM_WINDOW + 4000);    /* its true size */
    rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
    assert_null(rig_attempt(&g, OP_FETCH));
    rig_done(&g, two, ERR_OK);
    assert_non_null(rig_attempt(&g, OP_FETCH));
    rig_end(&g);
}

static void want(struct rig *g, struct relay_action fetch, uint64_t bytes)
{
    rig_feed(g, (struct relay_event) { .kind = EV_WANT, .job = fetch.job, .body_bytes = bytes });
}

static void long_replies_wait_their_turn_oldest_first(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, tight(100 << 10));
    struct relay_action fetch[3];
    for (uint32_t i = 0; i < 3; i++) {
        rig_deliver(&g, i);
        fetch[i] = rig_want_attempt(&g, OP_FETCH);
    }
    want(&g, fetch[2], 40 << 10);    /* fits */
    assert_int_equal(rig_nth(&g, ACT_GRANT, 0)->body_bytes, 40 << 10);
    want(&g, fetch[1], 60 << 10);    /* does not: one may go beyond the budget */
    assert_int_equal(rig_count(&g, ACT_GRANT), 1);
    want(&g, fetch[0], 60 << 10);    /* older, but the exemption is taken */
    assert_int_equal(rig_count(&g, ACT_GRANT), 0);
    assert_int_equal(rig_stats(&g).wants, 1);
    rig_done(&g, fetch[1], ERR_TRANSIENT);
    assert_int_equal(rig_nth(&g, ACT_GRANT, 0)->job.slot, fetch[0].job.slot);
    rig_end(&g);
}

static void a_message_beyond_the_limit_gets_no_grant(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, tight(10 << 20));
    rig_deliver(&g, 1);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    want(&g, fetch, 1 << 20);
    assert_int_equal(rig_nth(&g, ACT_GRANT, 0)->body_bytes, 1 << 20);
    want(&g, fetch, 1);
    assert_int_equal(rig_nth(&g, ACT_GRANT, 0)->body_bytes, 0);
    rig_done(&g, fetch, ERR_TOO_LARGE);
    assert_int_equal(rig_want_attempt(&g, OP_BURY).reason, REASON_TOO_LARGE);
    rig_end(&g);
}

static void bodies_that_wait_are_dropped_youngest_first(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, tight(60 << 10));
    for (uint32_t i = 0; i < 2; i++) {    /* two bodies of 20 KiB are held: the destination refuses us */
        rig_deliver(&g, i);
        struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
        struct relay_event ev = rig_answer(&fetch, ERR_OK);
        ev.body_bytes = 20 << 10;
        rig_feed(&g, ev);
        rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_FORBIDDEN);
    }
    rig_deliver(&g, 2);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 0);
    want(&g, fetch, 10 << 10);
    struct relay_action *dropped = rig_nth(&g, ACT_DROP_BODY, 0);
    assert_non_null(dropped);
    assert_int_equal(dropped->body.slot, 2);    /* of the second job */
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 1);
    assert_int_equal(rig_count(&g, ACT_GRANT), 1);
    rig_done(&g, fetch, ERR_TRANSIENT);
    rig_pass(&g, 3 * US_PER_S);
    assert_non_null(rig_attempt(&g, OP_FETCH));    /* the second job begins with its fetch again */
    assert_int_equal(rig_stats(&g).bodies_dropped, 1);
    rig_end(&g);
}

static void a_body_that_waits_for_another_try_may_be_dropped_too(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, tight(40 << 10));
    rig_deliver(&g, 0);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    struct relay_event ev = rig_answer(&fetch, ERR_OK);
    ev.body_bytes = 20 << 10;
    rig_feed(&g, ev);
    rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_TRANSIENT);
    assert_int_equal(rig_stats(&g).waiting, 1);
    rig_deliver(&g, 1);
    want(&g, rig_want_attempt(&g, OP_FETCH), 10 << 10);
    assert_int_equal(rig_count(&g, ACT_DROP_BODY), 1);
    assert_int_equal(rig_count(&g, ACT_GRANT), 1);
    rig_end(&g);
}

static void a_slow_destination_pushes_back(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.limit_start = 4;
    p.limit_max[AT_SOURCE] = 1000;
    p.limit_max[AT_DEST] = 4;
    p.deliveries_max = 100;
    rig_start(&g, p);
    for (uint32_t i = 0; i < 60; i++) {
        rig_deliver(&g, i);
        struct relay_action *fetch = rig_attempt(&g, OP_FETCH);
        if (fetch != NULL)
            rig_done(&g, *fetch, ERR_OK);
    }
    struct relay_stats s = rig_stats(&g);
    assert_int_equal(s.target[AT_DEST].in_flight, 4);
    assert_true(s.target[AT_DEST].ready <= 5);
    assert_true(s.queued > 40);
    assert_true(s.flow <= 40);
    rig_end(&g);
}

static void bury_one(struct rig *g, uint32_t n)
{
    rig_deliver_as(g, (struct relay_event) { .name = rig_name(n), .reason = REASON_FOREIGN_STORE });
}

static void the_storm_guard_holds_after_twenty(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    for (uint32_t i = 0; i < 20; i++) {
        bury_one(&g, i);
        rig_done(&g, rig_want_attempt(&g, OP_BURY), ERR_OK);
        rig_want_outcome(&g, OUTCOME_DEAD);
    }
    assert_false(rig_stats(&g).storm_held);
    bury_one(&g, 20);
    assert_null(rig_attempt(&g, OP_BURY));
    assert_true(rig_stats(&g).storm_held);
    assert_true(rig_stats(&g).notice[NOTICE_STORM_GUARD]);
    assert_int_equal(rig_stats(&g).flow, 0);
    rig_deliver(&g, 30);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);    /* the relay holds, good messages too */
    rig_feed(&g, (struct relay_event) { .kind = EV_STORM_ACCEPT });
    assert_non_null(rig_attempt(&g, OP_BURY));
    assert_non_null(rig_attempt(&g, OP_FETCH));
    assert_false(rig_stats(&g).notice[NOTICE_STORM_GUARD]);
    rig_end(&g);
}

static void dead_letters_under_way_count_for_the_guard(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    uint32_t started = 0;
    for (uint32_t i = 0; i < 50; i++) {
        bury_one(&g, i);
        started += rig_attempt(&g, OP_BURY) != NULL;
    }
    assert_int_equal(started, 20);
    rig_end(&g);
}

static void a_small_share_does_not_hold(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.storm_share = 0.05;
    rig_start(&g, p);
    for (uint32_t i = 0; i < 30; i++) {
        for (uint32_t n = 0; n < 30; n++)
            rig_move_one(&g, 1000 + n);
        bury_one(&g, i);
        rig_done(&g, rig_want_attempt(&g, OP_BURY), ERR_OK);
    }
    assert_int_equal(relay_ledger(g.r).dead, 30);
    rig_end(&g);
}

static void a_restart_does_not_reset_the_guard(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.storm_held_at_start = true;
    rig_start(&g, p);
    rig_deliver(&g, 1);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    rig_end(&g);
    p.storm_held_at_start = false;
    p.storm_dead_at_start = 19;
    p.storm_outcomes_at_start = 100;
    rig_start(&g, p);
    bury_one(&g, 1);
    assert_non_null(rig_attempt(&g, OP_BURY));
    bury_one(&g, 2);
    assert_null(rig_attempt(&g, OP_BURY));
    rig_end(&g);
}

static void off_for_one_run(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.storm_on = false;
    rig_start(&g, p);
    for (uint32_t i = 0; i < 60; i++) {
        bury_one(&g, i);
        rig_done(&g, rig_want_attempt(&g, OP_BURY), ERR_OK);
    }
    assert_int_equal(relay_ledger(g.r).dead, 60);
    rig_end(&g);
}

static void nothing_is_allocated_once_warm(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    for (uint32_t i = 0; i < 300; i++)
        rig_move_one(&g, i);
    g.leases = 0;
    uint64_t before = mem_count();
    for (uint32_t round = 0; round < 20; round++) {
        g.leases = 0;
        for (uint32_t i = 0; i < 300; i++)
            rig_move_one(&g, i);
    }
    assert_int_equal(mem_count() - before, 0);
    rig_end(&g);
}

static void the_index_finds_what_is_there(void **state UNUSED)
{
    struct relay_index ix = { 0 };
    static uint64_t keys[2000];
    static bool in[2000];
    struct rnd rnd;
    rnd_seed(&rnd, 3);
    for (uint32_t i = 0; i < 2000; i++)
        keys[i] = rnd_below(&rnd, 700);    /* keys that repeat, and lie close together */
    for (uint32_t step = 0; step < 100000; step++) {
        uint32_t i = (uint32_t) rnd_below(&rnd, 2000);
        if (in[i])
            relay_index_drop(&ix, keys[i], &keys[i]);
        else
            relay_index_put(&ix, keys[i], &keys[i]);
        in[i] = !in[i];
        uint32_t look = (uint32_t) rnd_below(&rnd, 2000), cursor = UINT32_MAX;
        const void *found;
        bool seen = false;
        while ((found = relay_index_next(&ix, keys[look], &cursor)) != NULL)
            seen |= found == &keys[look];
        assert_int_equal(seen, in[look]);
    }
    relay_index_fini(&ix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fetch_reserves_its_first_window),
        cmocka_unit_test(long_replies_wait_their_turn_oldest_first),
        cmocka_unit_test(a_message_beyond_the_limit_gets_no_grant),
        cmocka_unit_test(bodies_that_wait_are_dropped_youngest_first),
        cmocka_unit_test(a_body_that_waits_for_another_try_may_be_dropped_too),
        cmocka_unit_test(a_slow_destination_pushes_back),
        cmocka_unit_test(the_storm_guard_holds_after_twenty),
        cmocka_unit_test(dead_letters_under_way_count_for_the_guard),
        cmocka_unit_test(a_small_share_does_not_hold),
        cmocka_unit_test(a_restart_does_not_reset_the_guard),
        cmocka_unit_test(off_for_one_run),
        cmocka_unit_test(nothing_is_allocated_once_warm),
        cmocka_unit_test(the_index_finds_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
