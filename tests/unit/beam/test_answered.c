#include "unit.h"

#include "beam/worker_parts.h"

static void each_bundle_is_given_once(void **state)
{
    (void) state;
    struct beam_answered a;
    beam_answered_init(&a);
    beam_answered_add(&a, "one", 7, 0, US_PER_MIN);
    beam_answered_add(&a, "two", 8, 0, US_PER_MIN);
    assert_int_equal(beam_answered_take(&a, "three", 1), 0);
    assert_int_equal(beam_answered_take(&a, "two", 1), 8);
    assert_int_equal(beam_answered_take(&a, "two", 1), 0);
    assert_int_equal(beam_answered_take(&a, "one", 1), 7);
    beam_answered_fini(&a);
}

static void no_name_means_all_that_were_answered(void **state)
{
    (void) state;
    struct beam_answered a;
    beam_answered_init(&a);
    beam_answered_add(&a, "one", 7, 0, US_PER_MIN);
    beam_answered_add(&a, "two", 8, 0, US_PER_MIN);
    assert_int_equal(beam_answered_take(&a, "", 1), 7);
    assert_int_equal(beam_answered_take(&a, "", 1), 8);
    assert_int_equal(beam_answered_take(&a, "", 1), 0);
    beam_answered_fini(&a);
}

/* The engine has given the group up by then: to permit it would acknowledge nothing, and to keep it would grow. */
static void what_is_never_finalized_is_forgotten(void **state)
{
    (void) state;
    struct beam_answered a;
    beam_answered_init(&a);
    beam_answered_add(&a, "one", 7, 0, US_PER_MIN);
    beam_answered_add(&a, "two", 8, US_PER_S, US_PER_MIN);
    assert_int_equal(beam_answered_take(&a, "one", US_PER_MIN), 0);
    assert_int_equal(a.list.count, 1);
    assert_int_equal(beam_answered_take(&a, "two", US_PER_MIN), 8);
    beam_answered_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bundle_is_given_once),
        cmocka_unit_test(no_name_means_all_that_were_answered),
        cmocka_unit_test(what_is_never_finalized_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
