#include "unit.h"

#include "cloud/gcs_path.h"

static bool matches(const char *pattern, const char *name)
{
    return cloud_gcs_match(bytes_str(pattern), bytes_str(name));
}

static void wildcards_are_as_documented(void **state)
{
    (void) state;
    assert_true(matches("a/b.ndjson", "a/b.ndjson"));
    assert_false(matches("a/b.ndjson", "a/b.ndjso"));
    assert_true(matches("a/*.ndjson", "a/b.ndjson"));
    assert_false(matches("a/*.ndjson", "a/b/c.ndjson"));
    assert_true(matches("a/**", "a/b/c.ndjson"));
    assert_true(matches("a/**.ndjson", "a/b/c.ndjson"));
    assert_true(matches("a/**.ndjson", "a/x.ndjson.ndjson"));
    assert_false(matches("a/**.ndjson", "a/b/c.txt"));
    assert_false(matches("a/**", "b/c"));
    assert_true(matches("a?c", "abc"));
    assert_false(matches("a?c", "a/c"));
    assert_false(matches("a?c", "ac"));
    assert_true(matches("*/*/*", "a/b/c"));
    assert_false(matches("*/*", "a/b/c"));
    assert_true(matches("*", "abc"));
    assert_true(matches("*b*d", "abcbd"));
    assert_true(matches("**b/*c", "a/b/b/xc"));
}

static void nothing_leads_out_of_the_bucket(void **state)
{
    (void) state;
    struct bytes bucket, object;
    assert_true(cloud_gcs_parse(BYTES_LIT("gs://my-bucket/a/b/"), &bucket, &object));
    assert_true(bytes_eq_str(bucket, "my-bucket") && bytes_eq_str(object, "a/b/"));
    assert_true(cloud_gcs_parse(BYTES_LIT("gs://my-bucket"), &bucket, &object));
    static const char *const bad[] = { "",           "gs:/x",          "gs://",        "gs://ab/x",    "gs://../x",
                                       "gs://.../x/../y", "gs://abc/../x", "gs://abc/a/..", "gs://abc//x", "gs://abc/./x",
                                       "gs://Abc/x", "gs://abc/x\ny",  "file:///etc" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (cloud_gcs_parse(bytes_str(bad[i]), &bucket, &object))
            fail_msg("%s is taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wildcards_are_as_documented),
        cmocka_unit_test(nothing_leads_out_of_the_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
