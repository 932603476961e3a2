#include "unit.h"

#include "cmd/status_show.h"

static const char STATUS[] =
    "{\"version\":\"1.0\",\"instance\":\"pod\\u001b[2J-7\",\"up_seconds\":90061,\"verdict\":\"HELD\",\"verdict_text\":\"a target answers for nobody\","
    "\"ledger\":{\"received\":560,\"delivered\":500,\"delivered_dup\":2,\"dead\":1,\"skipped\":0,\"coalesced\":0,\"released\":0,\"in_flight\":59,"
    "\"unaccounted\":0},\"in_per_second\":{\"now\":12.4},\"out_per_second\":{\"now\":11},\"oldest_unacked_seconds\":75,\"retention_seconds\":604800,"
    "\"leases\":59,\"leases_max\":4096,\"endpoints\":{\"dest\":{\"per_second\":{\"now\":1,\"1m\":2,\"5m\":3,\"1h\":4},\"p50_seconds\":0.0031,"
    "\"p99_seconds\":2,\"errors_1h\":35,\"limit\":64,\"breaker_open\":true}},"
    "\"notices\":[{\"code\":\"TARGET_HELD\",\"target\":\"dest\",\"text\":\"it holds\",\"for_seconds\":12}],\"do_next\":[\"look at the service\"]}";

static void figures_stand_in_the_order_of_the_page(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct err err = { 0 };
    assert_true(status_show(bytes_str(STATUS), 132, false, &out, &err));
    assert_string_equal(buf_str(&out),
                        "hl7relay 1.0  pod?[2J-7  up 1 d 01:01\n"
                        "HELD  a target answers for nobody\n"
                        "UNACCOUNTED 0   received 560 = delivered 500 (2 dup)\n"
                        "  + dead 1 + skipped 0 + coalesced 0 + released 0 + in flight 59\n"
                        "OLDEST UNACKED 1 m 15 s of 7 d 00:00   in 12/s   out 11/s   leases 59 of 4096\n"
                        "             now     1 m     5 m     1 h       p50       p99 errors limit breaker\n"
                        " dest        1/s     2/s     3/s     4/s    3.1 ms     2.0 s     35    64 open\n"
                        "WRONG    TARGET_HELD dest: it holds, for 12.0 s\n"
                        "DO NEXT  look at the service\n");
}

static void lines_are_as_wide_as_the_terminal(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 }, coloured = { 0 };
    struct err err = { 0 };
    assert_true(status_show(bytes_str(STATUS), 40, false, &out, &err));
    for (struct bytes rest = buf_bytes(&out); rest.len > 0;)
        assert_true(bytes_cut(&rest, '\n').len <= 40);
    assert_true(status_show(bytes_str(STATUS), 40, true, &coloured, &err));
    assert_non_null(strstr(buf_str(&coloured), "\033[1;31mHELD"));
}

static void other_answers_are_refused(void **state UNUSED)
{
    const char *const bad[] = { "", "{}", "[]", "Ok\n", "{\"ledger\":1}" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_fini) struct buf out = { 0 };
        struct err err = { 0 };
        assert_false(status_show(bytes_str(bad[i]), 80, false, &out, &err));
        assert_int_equal(err.class, ERR_BAD_INPUT);
        assert_int_equal(out.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_stand_in_the_order_of_the_page),
        cmocka_unit_test(lines_are_as_wide_as_the_terminal),
        cmocka_unit_test(other_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
