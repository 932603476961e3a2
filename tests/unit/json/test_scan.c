#include "unit.h"

#include "json/scan.h"

static bool accepts(const char *text)
{
    struct json_value v;
    struct err err;
    return json_scan(bytes_str(text), &v, &err);
}

static void takes_what_is_json(void **state)
{
    static const char *const texts[] = {
        "{}", " [ ] ", "\"\"", "0", "-0", "-1.5e+10", "1E3", "true", "false", "null", "[1,2,[3,{\"a\":null}]]",
        "{\"a\":1,\"b\":[],\"c\":{}}", "\"\\u00e4\\n\\/\\\"\"", "\t\r\n{\"a\" : 1 }\n", "\"0123456789abcdef\\\\\"",
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!accepts(texts[i]))
            fail_msg("refused: %s", texts[i]);
}

static void refuses_what_is_not(void **state)
{
    static const char *const texts[] = {
        "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\":}", "01", "+1", "1.",
        ".5", "1e", "1e+", "-", "--1", "nul", "nulll", "True", "NaN", "Infinity", "\"abc", "\"\\x\"", "\"\\u12g4\"",
        "\"\\u12", "\"a\nb\"", "\"01234567\t89\"", "{} {}", "[1] x", "[1 2]", "\"a\"\"b\"", "/**/1", "{\"a\":1 \"b\":2}",
        "[\"\\\"]", "\xef\xbb\xbf{}",
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (accepts(texts[i]))
            fail_msg("accepted: %s", texts[i]);
}

static void refuses_nul_and_every_control_character(void **state)
{
    (void) state;
    for (int c = 0; c < 0x20; c++) {
        char text[12] = "\"1234567x9\"";
        text[8] = (char) c;
        struct json_value v;
        struct err err;
        assert_false(json_scan(bytes_of(text, 11), &v, &err));
    }
}

static void depth_is_bounded(void **state)
{
    char text[200];
    (void) state;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    assert_true(accepts(text));
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = '\0';
    assert_false(accepts(text));
}

static void finds_the_fields_asked_for(void **state)
{
    struct json_field f[] = { { "name", { 0 } }, { "data", { 0 } }, { "labels", { 0 } }, { "gone", { 0 } } };
    struct err err;
    (void) state;
    assert_true(json_scan_object(BYTES_LIT("{\"x\":{\"data\":\"no\"}, \"data\":\"TVNI\",\"labels\" :{\"a\":\"b\"},"
                                           "\"n\\u0061me\":\"a\\/b\"}"),
                                 f, 4, &err));
    assert_int_equal(f[0].value.kind, JSON_STRING);
    assert_true(f[0].value.escaped);
    assert_bytes_equal(f[1].value.raw, "TVNI");
    assert_bytes_equal(f[2].value.raw, "{\"a\":\"b\"}");
    assert_int_equal(f[3].value.kind, JSON_NONE);
    assert_true(json_str_is(&f[0].value, "a/b"));
    assert_false(json_str_is(&f[0].value, "a\\/b"));
}

static void a_field_twice_is_refused(void **state)
{
    struct json_field f[] = { { "data", { 0 } } };
    struct err err;
    (void) state;
    assert_false(json_scan_object(BYTES_LIT("{\"data\":\"a\",\"d\\u0061ta\":\"b\"}"), f, 1, &err));
    assert_int_equal(err.class, ERR_BAD_INPUT);
    assert_true(json_scan_object(BYTES_LIT("{\"x\":\"a\",\"x\":\"b\"}"), f, 1, &err));
    assert_false(json_scan_object(BYTES_LIT("[]"), f, 1, &err));
}

static void errors_say_where(void **state)
{
    struct json_value v;
    struct err err;
    (void) state;
    assert_false(json_scan(BYTES_LIT("{\n  \"a\": 1,\n  b\n}"), &v, &err));
    assert_string_equal(err.text, "line 3, column 3: expected a key in double quotes");
}

static void walks_members_and_elements(void **state)
{
    struct json_value v, key, value;
    struct err err;
    CLEANUP(buf_fini) struct buf seen = { 0 };
    (void) state;
    assert_true(json_scan(BYTES_LIT("{\"a\": [1, 2,3 ], \"b\":{}, \"c\" : \"x\" }"), &v, &err));
    struct json_cursor c = json_cursor_of(&v);
    while (json_next(&c, &key, &value)) {
        buf_append(&seen, key.raw);
        struct json_value element;
        for (struct json_cursor e = json_cursor_of(&value); json_next(&e, NULL, &element);)
            buf_append(&seen, element.raw);
    }
    assert_bytes_equal(buf_bytes(&seen), "a123bc");
    struct json_cursor none = json_cursor_of(&value);
    assert_false(json_next(&none, NULL, &value));
}

static void unescapes(void **state)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    (void) state;
    assert_true(json_unescape(BYTES_LIT("\\\"\\\\\\/\\b\\f\\n\\r\\tA\\u0041\\u00e9\\u20ac\\ud83d\\ude00"), &out));
    assert_bytes_equal(buf_bytes(&out), "\"\\/\b\f\n\r\tAA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    size_t was = out.len;
    assert_false(json_unescape(BYTES_LIT("\\ud83dx"), &out));
    assert_false(json_unescape(BYTES_LIT("\\ude00\\ud83d"), &out));
    assert_false(json_unescape(BYTES_LIT("\\ud83d\\u0041"), &out));
    assert_int_equal(out.len, was);
    char text[] = "ab\\u002bcd\\/e\\ud83d\\ude00";
    size_t len = strlen(text);
    assert_true(json_unescape_in_place(text, &len));
    assert_bytes_equal(bytes_of(text, len), "ab+cd/e\xf0\x9f\x98\x80");
    char lone[] = "a\\/b\\udc00";
    len = strlen(lone);
    assert_false(json_unescape_in_place(lone, &len));
    assert_bytes_equal(bytes_of(lone, len), "a\\/b\\udc00");
}

static void whole_numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t n;
    } rows[] = {
        { "0", true, 0 }, { "-7", true, -7 }, { "\"604800\"", true, 604800 }, { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN }, { "9223372036854775808", false, 0 }, { "1.0", false, 0 },
        { "1e3", false, 0 }, { "\"\"", false, 0 }, { "\"-\"", false, 0 }, { "true", false, 0 }, { "\"1 \"", false, 0 },
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_value v;
        struct err err;
        int64_t n = 0;
        assert_true(json_scan(bytes_str(rows[i].text), &v, &err));
        assert_int_equal(json_to_i64(&v, &n), rows[i].ok);
        assert_int_equal(n, rows[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_json),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(refuses_nul_and_every_control_character),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(finds_the_fields_asked_for),
        cmocka_unit_test(a_field_twice_is_refused),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(walks_members_and_elements),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
