#include "unit.h"

#include "net/header.h"

static void the_first_field_of_a_name_is_found(void **state UNUSED)
{
    const struct net_header at[] = {
        { BYTES_LIT("content-type"), BYTES_LIT("a/b") },
        { BYTES_LIT("x"), BYTES_LIT("1") },
        { BYTES_LIT("x"), BYTES_LIT("2") },
    };
    struct net_headers h = { at, ARRAY_LEN(at) };
    assert_bytes_equal(net_headers_get(h, "x"), "1");
    assert_bytes_equal(net_headers_get(h, "content-type"), "a/b");
    assert_null(net_headers_get(h, "content").ptr);
}

static void a_value_cannot_start_another_line(void **state UNUSED)
{
    assert_true(net_header_value_ok(BYTES_LIT("Bearer abc\tdef \xc3\xa4")));
    assert_true(net_header_value_ok(BYTES_LIT("")));
    assert_false(net_header_value_ok(BYTES_LIT("a\r\nb: c")));
    assert_false(net_header_value_ok(BYTES_LIT("a\nb")));
    assert_false(net_header_value_ok(BYTES_LIT("a\0b")));
    assert_false(net_header_value_ok(BYTES_LIT("\x7f")));
}

static void every_byte_at_every_place_is_judged(void **state UNUSED)
{
    for (size_t len = 1; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                char text[20];
                memset(text, at % 2 ? 'a' : '\xff', sizeof(text));
                text[at] = (char) c;
                bool ok = c == '\t' || (c >= 0x20 && c != 0x7f);
                assert_int_equal(net_header_value_ok(bytes_of(text, len)), ok);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_field_of_a_name_is_found),
        cmocka_unit_test(a_value_cannot_start_another_line),
        cmocka_unit_test(every_byte_at_every_place_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
