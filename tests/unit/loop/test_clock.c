#include "unit.h"

#include "loop/clock.h"
#include "loop/entropy.h"

static void stamps_are_written(void **state UNUSED)
{
    char out[CLOCK_RFC3339_LEN];
    clock_rfc3339(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000000Z");
    clock_rfc3339(951782399 * US_PER_S + 123456, out);
    assert_string_equal(out, "2000-02-28T23:59:59.123456Z");
    clock_rfc3339(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999999Z");
    clock_rfc3339(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999999Z");
}

static us_t parsed(const char *s)
{
    us_t t = -77;
    return clock_parse_rfc3339(s, strlen(s), &t) ? t : -77;
}

static void stamps_are_read(void **state UNUSED)
{
    assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parsed("2000-02-28T23:59:59.123456Z"), 951782399 * US_PER_S + 123456);
    assert_int_equal(parsed("2000-02-29T01:29:59.1234569+01:30"), 951782399 * US_PER_S + 123456);
    assert_int_equal(parsed("2000-02-28T22:59:59.1-01:00"), 951782399 * US_PER_S + 100000);
    assert_int_equal(parsed("1969-12-31t23:59:60z"), 0);    /* leap second */
    assert_int_equal(parsed("2024-02-29T00:00:00Z"), 1709164800 * US_PER_S);
}

static void what_is_no_stamp_is_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+0100", "+970-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parsed(bad[i]), -77);
}

static void what_is_written_can_be_read(void **state UNUSED)
{
    for (us_t t = -2 * 365 * 86400 * US_PER_S; t < 60LL * 365 * 86400 * US_PER_S; t += 86399 * US_PER_S * 7 + 1) {
        char out[CLOCK_RFC3339_LEN];
        clock_rfc3339(t, out);
        assert_int_equal(parsed(out), t);
    }
}

static void time_goes_on(void **state UNUSED)
{
    us_t a = clock_now(), b = clock_now();
    assert_true(a > 0 && b >= a);
    assert_true(clock_wall() > 1600000000 * US_PER_S);
}

static void entropy_differs(void **state UNUSED)
{
    char a[37], b[37];
    entropy_uuid4(a);
    entropy_uuid4(b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_string_not_equal(a, b);
    assert_true(entropy_u64() != entropy_u64());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_are_written),
        cmocka_unit_test(stamps_are_read),
        cmocka_unit_test(what_is_no_stamp_is_refused),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(time_goes_on),
        cmocka_unit_test(entropy_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
