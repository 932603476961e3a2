#include "unit.h"

#include "json/doc.h"
#include "json/write.h"

static void writes_nested_values(void **state)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    (void) state;
    json_write_object(&w, NULL);
    json_write_str(&w, "a", BYTES_LIT("x\"y"));
    json_write_array(&w, "b");
    json_write_int(&w, NULL, -1);
    json_write_object(&w, NULL);
    json_write_end(&w);
    json_write_bool(&w, NULL, true);
    json_write_null(&w, NULL);
    json_write_end(&w);
    json_write_int_str(&w, "c", 604800);
    json_write_b64(&w, "d", BYTES_LIT("MSH"));
    json_write_raw(&w, "e", BYTES_LIT("{\"f\":1}"));
    json_write_double(&w, "g", 0.5);
    json_write_double(&w, "h", 1.0 / 0.0);
    json_write_str_key(&w, BYTES_LIT("k\n"), BYTES_LIT("v"));
    json_write_end(&w);
    assert_bytes_equal(buf_bytes(&out), "{\"a\":\"x\\\"y\",\"b\":[-1,{},true,null],\"c\":\"604800\",\"d\":\"TVNI\","
                                        "\"e\":{\"f\":1},\"g\":0.5,\"h\":null,\"k\\n\":\"v\"}");
}

static void escapes_and_mends_text(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "plain", "plain" }, { "\"\\\b\f\n\r\t", "\\\"\\\\\\b\\f\\n\\r\\t" }, { "\x01\x1f\x7f", "\\u0001\\u001f\\u007f" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "a\xff" "b", "a\xef\xbf\xbd" "b" }, { "\xc3", "\xef\xbf\xbd" }, { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf out = { 0 };
        json_write_escaped(&out, bytes_str(rows[i].in));
        assert_bytes_equal(buf_bytes(&out), rows[i].out);
    }
}

static void a_tree_is_walked(void **state)
{
    struct err err;
    CLEANUP(json_doc_free_ptr) struct json_doc *d =
        json_doc_parse(BYTES_LIT("{\"a\":{\"b\":\"c\"},\"n\":1.5,\"t\":true,\"z\":[1,2]}"), &err);
    (void) state;
    assert_non_null(d);
    const struct json_node *root = json_doc_root(d);
    assert_string_equal(json_doc_str(json_doc_get(json_doc_get(root, "a"), "b"), ""), "c");
    assert_string_equal(json_doc_str(json_doc_get(json_doc_get(root, "x"), "b"), "none"), "none");
    assert_true(json_doc_number(json_doc_get(root, "n"), 0) > 1.4);
    assert_true(json_doc_bool(json_doc_get(root, "t"), false));
    assert_false(json_doc_bool(json_doc_get(root, "n"), false));
    assert_int_equal(json_doc_kind(json_doc_get(root, "z")), JSON_ARRAY);
    unsigned count = 0;
    for (const struct json_node *n = json_doc_first(root); n != NULL; n = json_doc_next(n))
        count += strlen(json_doc_key(n)) == 1;
    assert_int_equal(count, 4);
}

static void a_tree_is_refused(void **state)
{
    struct err err;
    (void) state;
    assert_null(json_doc_parse(BYTES_LIT("{\"a\":1,}"), &err));
    assert_string_equal(err.text, "line 1, column 8: expected a key in double quotes");
    assert_null(json_doc_parse(BYTES_LIT("{\"a\":\"x\\u0000y\"}"), &err));
    assert_null(json_doc_parse(BYTES_LIT("{\"a\":\"\\ud800\"}"), &err));
    CLEANUP(json_doc_free_ptr) struct json_doc *d = json_doc_parse(BYTES_LIT("{\"a\":\"\\\\u0000\"}"), &err);
    assert_non_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_nested_values),
        cmocka_unit_test(escapes_and_mends_text),
        cmocka_unit_test(a_tree_is_walked),
        cmocka_unit_test(a_tree_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
