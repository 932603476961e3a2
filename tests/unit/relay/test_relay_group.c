/* Groups with our leases and the runner's (the second walk), and lanes. */
#include "relay_rig.h"

static void group_event(struct rig *g, enum relay_event_kind kind, uint32_t id, bool runner)
{
    rig_feed(g, (struct relay_event) { .kind = kind, .group = id, .runner_leases = runner });
}

static struct relay_action deliver_to(struct rig *g, uint32_t name, uint32_t group)
{
    rig_deliver_as(g, (struct relay_event) { .name = rig_name(name), .group = group });
    return rig_want_attempt(g, OP_FETCH);
}

static void move(struct rig *g, struct relay_action fetch)
{
    rig_done(g, fetch, ERR_OK);
    rig_done(g, rig_want_attempt(g, OP_INGEST), ERR_OK);
}

/* Opens group 7 with two messages, settles them: the bundle is answered, nothing is acknowledged. */
static void settle_two(struct rig *g)
{
    rig_start(g, rig_policy());
    group_event(g, EV_GROUP, 7, false);
    struct relay_action one = deliver_to(g, 1, 7);
    struct relay_action two = deliver_to(g, 2, 7);
    group_event(g, EV_GROUP_FULL, 7, false);
    move(g, one);
    assert_int_equal(rig_count(g, ACT_GROUP_DONE), 0);
    move(g, two);
    struct relay_action *done = rig_nth(g, ACT_GROUP_DONE, 0);
    assert_non_null(done);
    assert_int_equal(done->group, 7);
    assert_false(done->failed);
    assert_int_equal(rig_count(g, ACT_ACK), 0);
    struct relay_stats s = rig_stats(g);
    assert_int_equal(s.jobs, 0);    /* their slots are free at once */
    assert_int_equal(s.settled, 2);
}

static void ours_waits_for_the_permit_and_is_extended(void **state UNUSED)
{
    struct rig g;
    settle_two(&g);
    struct relay_event lease = { .kind = EV_LEASE, .lease = { 0, 1 }, .until_us = g.now + 30 * US_PER_S };
    rig_feed(&g, lease);
    rig_pass(&g, 20 * US_PER_S);
    assert_true(rig_count(&g, ACT_EXTEND) > 0);
    group_event(&g, EV_PERMIT, 7, false);
    assert_int_equal(rig_count(&g, ACT_ACK), 2);
    rig_acked(&g, (relay_id) { 0, 1 }, ERR_OK);
    rig_acked(&g, (relay_id) { 1, 1 }, ERR_OK);
    assert_int_equal(rig_stats(&g).groups, 1);    /* group 0 is left */
    rig_end(&g);
}

static void what_is_settled_and_not_permitted_is_given_back_in_the_end(void **state UNUSED)
{
    struct rig g;
    settle_two(&g);
    rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = { 0, 1 } });    /* the first one's lease is lost */
    rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + 20 * US_PER_S });
    assert_int_equal(rig_count(&g, ACT_RELEASE), 0);    /* the permit may still come */
    rig_pass(&g, 21 * US_PER_S);
    assert_int_equal(rig_count(&g, ACT_RELEASE), 1);
    assert_int_equal(rig_nth(&g, ACT_RELEASE, 0)->lease.slot, 1);
    assert_int_equal(rig_stats(&g).leases, 0);
    rig_end(&g);
}

static void a_finalization_that_never_comes_abandons(void **state UNUSED)
{
    struct rig g;
    settle_two(&g);
    rig_pass(&g, 9 * US_PER_MIN);
    assert_int_equal(rig_stats(&g).settled, 2);
    rig_pass(&g, 61 * US_PER_S);
    assert_int_equal(rig_count(&g, ACT_FORGET), 2);
    assert_int_equal(rig_count(&g, ACT_ACK), 0);
    assert_int_equal(rig_count(&g, ACT_RELEASE), 0);
    assert_int_equal(rig_stats(&g).groups, 1);
    uint64_t strays = rig_stats(&g).strays;
    group_event(&g, EV_PERMIT, 7, false);    /* late: it names no group */
    assert_int_equal(rig_count(&g, ACT_ACK), 0);
    assert_int_equal(rig_stats(&g).strays, strays + 1);
    rig_end(&g);
}

static void settled_deliveries_are_bounded(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = rig_policy();
    p.settled_max = 3;
    rig_start(&g, p);
    group_event(&g, EV_GROUP, 7, false);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rig_stats(&g).flow > 0);
        move(&g, deliver_to(&g, i, 7));
    }
    assert_int_equal(rig_stats(&g).flow, 0);
    group_event(&g, EV_PERMIT, 7, false);
    assert_true(rig_stats(&g).flow > 0);
    rig_end(&g);
}

static void abandoned_means_no_ack_no_extension_no_release(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    group_event(&g, EV_GROUP, 7, false);
    struct relay_action one = deliver_to(&g, 1, 7);
    struct relay_action two = deliver_to(&g, 2, 7);
    move(&g, one);
    group_event(&g, EV_ABANDON, 7, false);
    assert_int_equal(rig_count(&g, ACT_FORGET), 2);
    assert_int_equal(rig_count(&g, ACT_RELEASE) + rig_count(&g, ACT_ACK), 0);
    rig_done(&g, two, ERR_OK);    /* under way when it was abandoned: no further attempt */
    assert_int_equal(rig_want_outcome(&g, OUTCOME_RELEASED).reason, REASON_GROUP_ABANDONED);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    rig_deliver_as(&g, (struct relay_event) { .name = rig_name(3), .group = 7 });
    rig_want_outcome(&g, OUTCOME_RELEASED);
    rig_end(&g);
}

static void another_groups_delivery_keeps_the_job_alive(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    group_event(&g, EV_GROUP, 7, false);
    struct relay_action fetch = deliver_to(&g, 1, 7);
    rig_deliver(&g, 1);    /* in group 0 */
    group_event(&g, EV_ABANDON, 7, false);
    move(&g, fetch);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    assert_int_equal(rig_count(&g, ACT_ACK), 1);
    rig_end(&g);
}

static void the_runners_answer_is_the_acknowledgement(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    group_event(&g, EV_GROUP, 7, true);
    struct relay_action one = deliver_to(&g, 1, 7);
    struct relay_action two = deliver_to(&g, 2, 7);
    group_event(&g, EV_GROUP_FULL, 7, true);
    move(&g, one);
    assert_int_equal(rig_count(&g, ACT_ACK), 0);
    assert_int_equal(rig_count(&g, ACT_FORGET), 1);
    rig_done(&g, two, ERR_TOO_LARGE);
    rig_done(&g, rig_want_attempt(&g, OP_BURY), ERR_OK);
    assert_false(rig_nth(&g, ACT_GROUP_DONE, 0)->failed);    /* dead settles */
    rig_pass(&g, US_PER_MIN);
    assert_int_equal(rig_count(&g, ACT_EXTEND), 0);
    assert_int_equal(rig_stats(&g).groups, 1);
    rig_end(&g);
}

static void what_is_not_settled_fails_the_runners_bundle(void **state UNUSED)
{
    for (int way = 0; way < 2; way++) {
        struct rig g;
        rig_start(&g, rig_policy());
        group_event(&g, EV_GROUP, 7, true);
        struct relay_action one = deliver_to(&g, 1, 7);
        struct relay_action two = deliver_to(&g, 2, 7);
        group_event(&g, EV_GROUP_FULL, 7, true);
        move(&g, one);
        if (way == 0) {    /* drain */
            rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + 20 * US_PER_S });
            rig_done(&g, two, ERR_TRANSIENT);
        } else {           /* a hold that lasts too long */
            rig_done(&g, two, ERR_FORBIDDEN);
            for (int i = 0; i < 3700 && rig_count(&g, ACT_GROUP_DONE) == 0; i++) {
                rig_pass(&g, US_PER_S);
                struct relay_action *a = rig_attempt(&g, OP_FETCH);
                if (a != NULL && rig_count(&g, ACT_GROUP_DONE) == 0)
                    rig_done(&g, *a, ERR_FORBIDDEN);
                a = rig_attempt(&g, OP_PROBE);
                if (a != NULL && rig_count(&g, ACT_GROUP_DONE) == 0)
                    rig_done(&g, *a, ERR_FORBIDDEN);
            }
        }
        assert_int_equal(rig_count(&g, ACT_GROUP_DONE), 1);
        assert_true(rig_nth(&g, ACT_GROUP_DONE, 0)->failed);
        assert_int_equal(rig_count(&g, ACT_RELEASE), 0);
        rig_end(&g);
    }
}

static relay_id deliver_lane(struct rig *g, uint32_t name, uint64_t lane)
{
    return rig_deliver_as(g, (struct relay_event) { .name = rig_name(name), .lane = lane,
                                                    .until_us = g->now + 300 * US_PER_S });
}

static void a_lane_runs_one_at_a_time_in_order(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    deliver_lane(&g, 1, 99);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    for (uint32_t i = 2; i <= 4; i++) {
        deliver_lane(&g, i, 99);
        assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    }
    deliver_lane(&g, 10, 98);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 1);    /* another lane is free */
    for (uint32_t i = 1; i <= 4; i++) {
        assert_bytes_equal(fetch.name, rig_name(i).ptr);
        rig_done(&g, fetch, i == 2 ? ERR_TOO_LARGE : ERR_OK);
        if (i == 2)
            rig_done(&g, rig_want_attempt(&g, OP_BURY), ERR_OK);    /* dead, the lane goes on */
        else
            rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
        if (i < 4)
            fetch = rig_want_attempt(&g, OP_FETCH);
    }
    assert_int_equal(rig_stats(&g).lanes, 1);    /* of message 10 */
    rig_end(&g);
}

static void a_lost_head_takes_its_tail_along(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    relay_id head = deliver_lane(&g, 1, 99);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    deliver_lane(&g, 2, 99);
    deliver_lane(&g, 3, 99);
    rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = head });
    assert_int_equal(rig_count(&g, ACT_RELEASE), 2);
    assert_int_equal(rig_count(&g, ACT_OUTCOME), 2);
    deliver_lane(&g, 2, 99);    /* it comes again while the head still runs: behind it */
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    rig_done(&g, fetch, ERR_OK);
    assert_int_equal(rig_nth(&g, ACT_OUTCOME, 0)->outcome, OUTCOME_RELEASED);
    assert_int_equal(rig_stats(&g).lanes, 0);
    assert_int_equal(rig_stats(&g).leases, 0);
    rig_end(&g);
}

static void a_lost_delivery_behind_takes_what_follows(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    deliver_lane(&g, 1, 99);
    deliver_lane(&g, 2, 99);
    relay_id third = deliver_lane(&g, 3, 99);
    deliver_lane(&g, 4, 99);
    rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = third });
    assert_int_equal(rig_count(&g, ACT_FORGET), 2);
    assert_int_equal(rig_stats(&g).behind, 1);
    rig_end(&g);
}

static void a_released_head_takes_its_tail_along(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    deliver_lane(&g, 1, 99);
    deliver_lane(&g, 2, 99);
    rig_feed(&g, (struct relay_event) { .kind = EV_DRAIN, .until_us = g.now + 20 * US_PER_S });
    assert_int_equal(rig_count(&g, ACT_RELEASE), 1);
    rig_pass(&g, 21 * US_PER_S);
    assert_int_equal(rig_stats(&g).leases, 0);
    rig_end(&g);
}

/* The head of lane 99 in the destination with other bytes: it waits for a person, with six behind it. */
static relay_id stick(struct rig *g)
{
    struct relay_policy p = rig_policy();
    p.deliveries_max = 8;
    rig_start(g, p);
    relay_id head = deliver_lane(g, 1, 99);
    rig_done(g, rig_want_attempt(g, OP_FETCH), ERR_OK);
    struct relay_action ingest = rig_want_attempt(g, OP_INGEST);
    for (uint32_t i = 2; i <= 4; i++)
        deliver_lane(g, i, 99);
    assert_int_equal(rig_stats(g).parked, 0);    /* it moves: they take places like all others */
    rig_done(g, ingest, ERR_CONFLICT);
    rig_done(g, rig_want_attempt(g, OP_PROVE), ERR_DIFFERENT);
    for (uint32_t i = 5; i <= 7; i++)
        deliver_lane(g, i, 99);
    assert_int_equal(rig_stats(g).behind, 6);
    return head;
}

static void a_stuck_lane_takes_no_places(void **state UNUSED)
{
    struct rig g;
    stick(&g);
    assert_int_equal(rig_stats(&g).parked, 6);
    assert_true(rig_stats(&g).flow >= 4);
    for (uint32_t i = 8; i <= 40; i++)
        deliver_lane(&g, i, 99);
    assert_true(rig_stats(&g).flow >= 4);
    deliver_lane(&g, 50, 98);
    rig_want_attempt(&g, OP_FETCH);    /* another lane goes on */
    for (uint32_t i = 41; i <= 49; i++)
        deliver_lane(&g, i, 99);
    for (uint32_t i = 51; i <= 140; i++)
        deliver_lane(&g, i, 99);
    assert_int_equal(rig_stats(&g).flow, 0);    /* memory has a bound: fifteen times the places */
    rig_end(&g);
}

static void a_lane_that_moves_again_counts_again(void **state UNUSED)
{
    struct rig g;
    relay_id head = stick(&g);
    relay_id last = deliver_lane(&g, 8, 99);
    rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = last });
    assert_int_equal(rig_stats(&g).parked, 6);    /* one that was lost is not counted any more */
    for (uint32_t i = 0; i < 7; i++)
        rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = { i, 1 }, .until_us = g.now + 30 * US_PER_MIN });
    rig_pass(&g, 6 * US_PER_MIN);
    struct relay_action *again = rig_attempt(&g, OP_INGEST);
    if (again == NULL)
        again = rig_attempt(&g, OP_FETCH);
    assert_non_null(again);    /* looked at again, and still stuck until it is settled */
    assert_int_equal(rig_stats(&g).parked, 6);
    rig_feed(&g, (struct relay_event) { .kind = EV_LEASE, .lease = head });
    assert_int_equal(rig_stats(&g).parked, 0);
    rig_end(&g);
}

static void answers_that_count_make_a_lane_stuck(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    deliver_lane(&g, 1, 99);
    struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
    deliver_lane(&g, 2, 99);
    for (uint32_t i = 10; i < 13; i++) {    /* the evidence */
        rig_deliver(&g, i);
        rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_OK);
    }
    rig_done(&g, fetch, ERR_TRANSIENT);
    assert_int_equal(rig_stats(&g).parked, 1);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_waits_for_the_permit_and_is_extended),
        cmocka_unit_test(what_is_settled_and_not_permitted_is_given_back_in_the_end),
        cmocka_unit_test(a_finalization_that_never_comes_abandons),
        cmocka_unit_test(settled_deliveries_are_bounded),
        cmocka_unit_test(abandoned_means_no_ack_no_extension_no_release),
        cmocka_unit_test(another_groups_delivery_keeps_the_job_alive),
        cmocka_unit_test(the_runners_answer_is_the_acknowledgement),
        cmocka_unit_test(what_is_not_settled_fails_the_runners_bundle),
        cmocka_unit_test(a_lane_runs_one_at_a_time_in_order),
        cmocka_unit_test(a_stuck_lane_takes_no_places),
        cmocka_unit_test(a_lane_that_moves_again_counts_again),
        cmocka_unit_test(answers_that_count_make_a_lane_stuck),
        cmocka_unit_test(a_lost_head_takes_its_tail_along),
        cmocka_unit_test(a_lost_delivery_behind_takes_what_follows),
        cmocka_unit_test(a_released_head_takes_its_tail_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
