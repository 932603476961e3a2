/* Proof before a final verdict. */
#include "relay_rig.h"

static struct relay_action wait_for(struct rig *g, enum relay_op op, us_t at_most_us)
{
    us_t until_us = g->now + at_most_us;
    while (rig_attempt(g, op) == NULL) {
        assert_true(g->now < until_us);
        rig_pass(g, 100 * US_PER_MS);
    }
    return rig_want_attempt(g, op);
}

static void gone_takes_tries_and_two_proofs(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    us_t began_us = g.now;
    for (int i = 0; i < 3; i++)
        rig_done(&g, wait_for(&g, OP_FETCH, 10 * US_PER_S), ERR_NOT_FOUND);
    assert_in_range(g.now - began_us, 9 * US_PER_S, 11 * US_PER_S);
    struct relay_action proof = rig_want_attempt(&g, OP_PROVE);
    assert_int_equal(proof.target, AT_SOURCE);
    rig_done(&g, proof, ERR_OK);
    rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_NOT_FOUND);
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_OK);
    struct relay_action bury = rig_want_attempt(&g, OP_BURY);
    assert_int_equal(bury.reason, REASON_SOURCE_NOT_FOUND);
    assert_int_equal(bury.answer.class, ERR_NOT_FOUND);
    rig_end(&g);
}

static void removed_says_so(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    for (int i = 0; i < 2; i++) {
        struct relay_action fetch = rig_want_attempt(&g, OP_FETCH);
        struct relay_event ev = rig_answer(&fetch, ERR_NOT_FOUND);
        ev.answer.http = 410;
        rig_feed(&g, ev);
        rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_OK);
    }
    assert_int_equal(rig_want_attempt(&g, OP_BURY).reason, REASON_SOURCE_GONE);
    rig_end(&g);
}

/* The store was away, and is back when the proof is made: nothing may be buried on the old 404. */
static void a_missing_store_is_no_proof(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_deliver(&g, 1);
    for (int i = 0; i < 3; i++)
        rig_done(&g, wait_for(&g, OP_FETCH, 10 * US_PER_S), ERR_NOT_FOUND);
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_NOT_FOUND);
    assert_true(rig_stats(&g).notice[NOTICE_STORE_MISSING]);
    assert_null(rig_attempt(&g, OP_BURY));
    rig_done(&g, wait_for(&g, OP_FETCH, 60 * US_PER_S), ERR_OK);
    rig_done(&g, rig_want_attempt(&g, OP_INGEST), ERR_OK);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    assert_false(rig_stats(&g).notice[NOTICE_STORE_MISSING]);
    rig_end(&g);
}

static struct relay_action to_ingest(struct rig *g)
{
    rig_deliver(g, 1);
    rig_done(g, rig_want_attempt(g, OP_FETCH), ERR_OK);
    return rig_want_attempt(g, OP_INGEST);
}

static void a_refusal_may_be_a_copy(void **state UNUSED)
{
    const enum err_class refusals[] = { ERR_NACKED, ERR_CONFLICT, ERR_REFUSED, ERR_NOT_ACCEPTED };
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct rig g;
        rig_start(&g, rig_policy());
        rig_done(&g, to_ingest(&g), refusals[i]);
        struct relay_action proof = rig_want_attempt(&g, OP_PROVE);
        assert_int_equal(proof.target, AT_DEST);
        assert_int_not_equal(proof.body.gen, 0);
        rig_done(&g, proof, ERR_OK);
        assert_true(rig_want_outcome(&g, OUTCOME_DELIVERED).dup);
        assert_int_equal(rig_stats(&g).duplicates, 1);
        rig_end(&g);
    }
}

static void a_refusal_without_a_copy_is_its_own_verdict(void **state UNUSED)
{
    const struct {
        enum err_class class;
        enum relay_reason reason;
    } rows[] = { { ERR_NACKED, REASON_DEST_NACK }, { ERR_CONFLICT, REASON_DEST_REJECTED },
                 { ERR_REFUSED, REASON_DEST_REJECTED } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig g;
        rig_start(&g, rig_policy());
        rig_done(&g, to_ingest(&g), rows[i].class);
        rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_NOT_FOUND);
        rig_done(&g, rig_want_attempt(&g, OP_INGEST), rows[i].class);
        rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_NOT_FOUND);
        struct relay_action bury = rig_want_attempt(&g, OP_BURY);
        assert_int_equal(bury.reason, rows[i].reason);
        assert_int_equal(bury.stage, OP_INGEST);
        assert_int_equal(bury.answer.class, rows[i].class);
        rig_end(&g);
    }
}

static void not_accepted_and_not_there_is_sent_again(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_done(&g, to_ingest(&g), ERR_NOT_ACCEPTED);
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_NOT_FOUND);
    rig_done(&g, wait_for(&g, OP_INGEST, 5 * US_PER_S), ERR_OK);
    assert_false(rig_want_outcome(&g, OUTCOME_DELIVERED).dup);
    rig_end(&g);
}

static void other_bytes_hold_and_alarm(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_done(&g, to_ingest(&g), ERR_NACKED);
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_DIFFERENT);
    assert_true(rig_stats(&g).notice[NOTICE_DIFFERENT]);
    assert_int_equal(rig_count(&g, ACT_OUTCOME), 0);
    rig_move_one(&g, 2);    /* the rest flows */
    rig_pass(&g, 10 * US_PER_S);
    assert_int_equal(rig_stats(&g).held, 1);
    assert_int_equal(rig_stats(&g).target[AT_DEST].faults, 0);
    rig_end(&g);
}

static void without_the_right_to_read_only_this_one_waits(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_done(&g, to_ingest(&g), ERR_NACKED);
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_FORBIDDEN);
    assert_true(rig_stats(&g).notice[NOTICE_PROOF_FORBIDDEN]);
    for (uint32_t n = 2; n < 40; n++)
        rig_move_one(&g, n);
    rig_done(&g, wait_for(&g, OP_INGEST, 6 * US_PER_MIN), ERR_NACKED);    /* the right may have come */
    rig_done(&g, rig_want_attempt(&g, OP_PROVE), ERR_OK);
    rig_want_outcome(&g, OUTCOME_DELIVERED);
    rig_end(&g);
}

static void another_id_is_read_back(void **state UNUSED)
{
    const enum err_class seen[] = { ERR_OK, ERR_DIFFERENT };
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        struct rig g;
        rig_start(&g, rig_policy());
        struct relay_action ingest = to_ingest(&g);
        struct relay_event ev = rig_answer(&ingest, ERR_OK);
        ev.other_id = true;
        rig_feed(&g, ev);
        assert_int_equal(rig_count(&g, ACT_OUTCOME), 0);
        rig_done(&g, rig_want_attempt(&g, OP_PROVE), seen[i]);
        if (seen[i] == ERR_OK)
            assert_false(rig_want_outcome(&g, OUTCOME_DELIVERED).dup);
        else
            assert_true(rig_stats(&g).notice[NOTICE_DIFFERENT]);
        rig_end(&g);
    }
}

static void the_server_may_say_that_it_has_it(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    rig_done(&g, to_ingest(&g), ERR_ALREADY_EXISTS);
    struct relay_action outcome = rig_want_outcome(&g, OUTCOME_DELIVERED);
    assert_true(outcome.dup);
    assert_int_equal(outcome.answer.class, ERR_ALREADY_EXISTS);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_takes_tries_and_two_proofs),
        cmocka_unit_test(removed_says_so),
        cmocka_unit_test(a_missing_store_is_no_proof),
        cmocka_unit_test(a_refusal_may_be_a_copy),
        cmocka_unit_test(a_refusal_without_a_copy_is_its_own_verdict),
        cmocka_unit_test(not_accepted_and_not_there_is_sent_again),
        cmocka_unit_test(other_bytes_hold_and_alarm),
        cmocka_unit_test(without_the_right_to_read_only_this_one_waits),
        cmocka_unit_test(another_id_is_read_back),
        cmocka_unit_test(the_server_may_say_that_it_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
