#include "unit.h"

#include "cloud/attribute_filter.h"
#include "cloud/proto_wire.h"

static bool matches(const char *filter)
{
    CLEANUP(buf_fini) struct buf message = { 0 };
    cloud_wire_put_text(&message, 1, BYTES_LIT("data"));
    cloud_wire_put_pair(&message, 2, BYTES_LIT("msgType"), BYTES_LIT("ADT"));
    cloud_wire_put_pair(&message, 2, BYTES_LIT("x.y"), BYTES_LIT("a\"b\\c"));
    cloud_wire_put_pair(&message, 2, BYTES_LIT("empty"), BYTES_LIT(""));
    struct err err = { 0 };
    if (!cloud_attribute_filter_check(bytes_str(filter), &err))
        fail_msg("%s: %s", filter, err.text);
    return cloud_attribute_filter_match(bytes_str(filter), buf_bytes(&message));
}

static void test_what_matches(void **state UNUSED)
{
    static const char *const yes[] = {
        "", "attributes.msgType = \"ADT\"", "attributes.msgType=\"ADT\"", "attributes:msgType", "attributes:empty",
        "attributes.none != \"x\"", "attributes.\"x.y\" = \"a\\\"b\\\\c\"", "hasPrefix(attributes.msgType, \"AD\")",
        "NOT attributes:none", "-attributes:none", "attributes:msgType AND attributes:empty",
        "attributes:none OR attributes:msgType", "(attributes:none OR attributes:msgType) AND NOT attributes:none",
        "NOT (attributes:none AND attributes:msgType)", "attributes.empty = \"\"", "hasPrefix(attributes.empty,\"\")",
    };
    static const char *const no[] = {
        "attributes.msgType = \"adt\"", "attributes.msgtype = \"ADT\"", "attributes:none", "attributes.none = \"\"",
        "attributes.msgType != \"ADT\"", "hasPrefix(attributes.msgType, \"DT\")", "hasPrefix(attributes.none, \"\")",
        "NOT attributes:msgType", "attributes:msgType AND attributes:none", "attributes:none OR attributes:no",
    };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (!matches(yes[i]))
            fail_msg("%s does not match", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (matches(no[i]))
            fail_msg("%s matches", no[i]);
}

static void test_what_cannot_be_read(void **state UNUSED)
{
    static const char *const bad[] = {
        " ", "x", "attributes", "attributes.", "attributes.a", "attributes.a = b", "attributes.a = \"b", "data = \"x\"",
        "attributes.a == \"b\"", "attributes.a < \"b\"", "attributes.a = \"\\n\"", "(attributes:a", "attributes:a)",
        "attributes:a AND", "AND attributes:a", "attributes:a attributes:b", "attributes:a AND attributes:b OR attributes:c",
        "hasPrefix(attributes.a)", "hasPrefix(a, \"b\")", "hasprefix(attributes.a, \"b\")", "NOT", "attributes.a = \"b\" x",
        "((((((((((((((((((((((((((((((((((((attributes:a))))))))))))))))))))))))))))))))))))",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (cloud_attribute_filter_check(bytes_str(bad[i]), NULL))
            fail_msg("%s is accepted", bad[i]);
    char longest[300];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "attributes:", 11);
    assert_true(cloud_attribute_filter_check(bytes_of(longest, 256), NULL));
    assert_false(cloud_attribute_filter_check(bytes_of(longest, 257), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_matches),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
