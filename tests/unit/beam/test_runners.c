#include "unit.h"

#include "beam/runners.h"

static void names_are_found(void **state)
{
    (void) state;
    enum beam_runner r = BEAM_RUNNERS;
    assert_true(beam_runner_find(BYTES_LIT("FlinkRunner"), &r));
    assert_int_equal(r, BEAM_RUNNER_FLINK);
    assert_false(beam_runner_find(BYTES_LIT("flinkrunner"), &r));
    assert_false(beam_runner_find(BYTES_LIT(""), &r));
}

/* Rules that the numbers must keep, whoever changes them. */
static void numbers_hold_together(void **state)
{
    (void) state;
    for (unsigned i = 0; i < BEAM_RUNNERS; i++) {
        const struct beam_runner_policy *p = beam_runner_policy((enum beam_runner) i);
        assert_true(p->why[0] != '\0');
        assert_false(p->reads_pubsub && p->c_source);
        if (!p->c_source)
            continue;
        assert_true(p->poll_us <= p->poll_max_us && p->poll_max_us < p->open_max_us);
        assert_int_equal(p->residual_delay_us % US_PER_S, 0);       /* Flink floors to seconds */
        assert_true(p->residual_delay_us < p->park_us);             /* else each poll comes too late */
        assert_true(p->open_max_us < p->finalize_cap_us);
        assert_true(p->settled_max >= p->bundle_messages);
    }
    assert_int_equal(beam_runner_policy(BEAM_RUNNER_PRISM)->poll_us, 0);
    assert_true(beam_runner_policy(BEAM_RUNNER_FLINK)->poll_max_us <= US_PER_S);
    assert_true(beam_runner_policy(BEAM_RUNNER_FLINK)->needs_checkpoints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(numbers_hold_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
