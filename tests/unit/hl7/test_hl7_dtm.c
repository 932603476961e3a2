#include "unit.h"

#include "hl7/dtm.h"

static void is_printed(const char *dtm, const char *rfc3339)
{
    us_t at;
    char out[HL7_RFC3339_LEN];
    assert_true(hl7_dtm_read(bytes_str(dtm), &at));
    hl7_dtm_rfc3339(at, out);
    assert_string_equal(out, rfc3339);
}

static void every_precision_is_read(void **state)
{
    (void) state;
    is_printed("2018", "2018-01-01T00:00:00Z");
    is_printed("201802", "2018-02-01T00:00:00Z");
    is_printed("20180228", "2018-02-28T00:00:00Z");
    is_printed("2018022813", "2018-02-28T13:00:00Z");
    is_printed("201802281359", "2018-02-28T13:59:00Z");
    is_printed("20180228135958", "2018-02-28T13:59:58Z");
    is_printed("20180228135958.5", "2018-02-28T13:59:58.500Z");
    is_printed("20180228135958.1234", "2018-02-28T13:59:58.123400Z");
    is_printed("20000229", "2000-02-29T00:00:00Z");
    is_printed("18800101", "1880-01-01T00:00:00Z");
    is_printed("99991231235959", "9999-12-31T23:59:59Z");
}

static void an_offset_is_undone(void **state)
{
    (void) state;
    is_printed("20180228135958+0100", "2018-02-28T12:59:58Z");
    is_printed("20180101003000+0530", "2017-12-31T19:00:00Z");
    is_printed("20181231233000.25-0800", "2019-01-01T07:30:00.250Z");
    is_printed("2018-0500", "2018-01-01T05:00:00Z");
}

static void what_is_no_time_stamp_is_refused(void **state)
{
    (void) state;
    const char *const bad[] = { "",
                                "yesterday",
                                "201",
                                "20181",
                                "20181301",
                                "20180230",
                                "20190229",
                                "2018022824",
                                "201802281360",
                                "20180228135960",
                                "20180228135958.",
                                "2018022813.5",
                                "20180228135958+01",
                                "20180228135958+0160",
                                "20180228135958x",
                                "2018-02-28",
                                "20180228 1359",
                                "0000" };
    us_t at = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hl7_dtm_read(bytes_str(bad[i]), &at));
    assert_int_equal(at, 7);
}

static void stamps_are_written_as_they_are_read(void **state)
{
    (void) state;
    const char *const stamps[] = { "19700101000000", "19691231235959", "20240229120000", "20260101000000",
                                   "20991231235959" };
    for (size_t i = 0; i < ARRAY_LEN(stamps); i++) {
        us_t at;
        char out[HL7_DTM_LEN];
        assert_true(hl7_dtm_read(bytes_str(stamps[i]), &at));
        hl7_dtm_write(at, out);
        assert_string_equal(out, stamps[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_precision_is_read),
        cmocka_unit_test(an_offset_is_undone),
        cmocka_unit_test(what_is_no_time_stamp_is_refused),
        cmocka_unit_test(stamps_are_written_as_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
