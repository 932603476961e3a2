/* prettyPrint, fields and alt: what Google's front end does to every reply. */
#include "unit.h"

#include "cloud/healthcare_schema.h"
#include "cloud/http_format.h"

static const struct cloud_rest_schema *response_of(enum cloud_healthcare_method m)
{
    return cloud_healthcare_methods[m].response;
}

static void formats(const char *raw_query, enum cloud_healthcare_method m, const char *json, const char *wanted)
{
    CLEANUP(query_fini) struct query q;
    CLEANUP(buf_fini) struct buf body = { 0 };
    struct cloud_http_format f;
    struct err err = { 0 };
    assert_true(query_parse(bytes_str(raw_query), &q));
    if (!cloud_http_format_read(&q, response_of(m), &f, &err))
        fail_msg("%s: %s", raw_query, err.text);
    buf_append_str(&body, json);
    cloud_http_format_apply(&f, &body);
    assert_string_equal(buf_str(&body), wanted);
    cloud_http_format_fini(&f);
}

static void refuses(const char *raw_query, enum cloud_healthcare_method m, uint16_t class, const char *words)
{
    CLEANUP(query_fini) struct query q;
    struct cloud_http_format f = { 0 };
    struct err err = { 0 };
    assert_true(query_parse(bytes_str(raw_query), &q));
    assert_false(cloud_http_format_read(&q, response_of(m), &f, &err));
    assert_int_equal(err.class, class);
    if (strstr(err.text, words) == NULL)
        fail_msg("%s is not in: %s", words, err.text);
}

static void json_is_pretty_unless_told_otherwise(void **state)
{
    (void) state;
    const char *one = "{\"a\":{},\"b\":[],\"c\":[{\"d\":\"{,\\\"\\\\\"},1],\"e\":null}";
    const char *pretty = "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    {\n      \"d\": \"{,\\\"\\\\\"\n    },\n"
                         "    1\n  ],\n  \"e\": null\n}\n";
    formats("", CLOUD_HC_MESSAGES_GET, one, pretty);
    formats("prettyPrint=true&key=k&quotaUser=u&%24.xgafv=2&callback=c", CLOUD_HC_MESSAGES_GET, one, pretty);
    formats("prettyPrint=false", CLOUD_HC_MESSAGES_GET, one, one);
    formats("%24prettyPrint=False&alt=json", CLOUD_HC_MESSAGES_GET, one, one);
    formats("", CLOUD_HC_MESSAGES_DELETE, "{}", "{}\n");
}

#define LIST                                                                                                 \
    "{\"hl7V2Messages\":[{\"name\":\"n1\",\"data\":\"x\",\"labels\":{\"a\":\"1\",\"b\":\"2\"},"               \
    "\"patientIds\":[{\"value\":\"7\",\"type\":\"MR\"},{\"value\":\"8\"}]},{\"name\":\"n2\"}],"               \
    "\"nextPageToken\":\"t\"}"

static void a_mask_takes_parts(void **state)
{
    (void) state;
    const struct {
        const char *query, *wanted;
    } cases[] = {
        { "fields=nextPageToken", "{\"nextPageToken\":\"t\"}" },
        { "fields=next_page_token", "{\"nextPageToken\":\"t\"}" },
        { "fields=*", LIST },
        { "fields=", LIST },
        { "fields=hl7V2Messages/name,nextPageToken",
          "{\"hl7V2Messages\":[{\"name\":\"n1\"},{\"name\":\"n2\"}],\"nextPageToken\":\"t\"}" },
        { "fields=hl7V2Messages.name", "{\"hl7V2Messages\":[{\"name\":\"n1\"},{\"name\":\"n2\"}]}" },
        { "%24fields=hl7V2Messages(name,patientIds/value)",
          "{\"hl7V2Messages\":[{\"name\":\"n1\",\"patientIds\":[{\"value\":\"7\"},{\"value\":\"8\"}]},"
          "{\"name\":\"n2\"}]}" },
        { "fields=hl7V2Messages(patientIds(value,type))",
          "{\"hl7V2Messages\":[{\"patientIds\":[{\"value\":\"7\",\"type\":\"MR\"},{\"value\":\"8\"}]},{}]}" },
        { "fields=hl7V2Messages/labels/b", "{\"hl7V2Messages\":[{\"labels\":{\"b\":\"2\"}},{}]}" },
        { "fields=*/name", "{\"hl7V2Messages\":[{\"name\":\"n1\"},{\"name\":\"n2\"}]}" },
        { "fields=hl7V2Messages,hl7V2Messages/name,nextPageToken", LIST },
        { "fields=hl7V2Messages/name,hl7V2Messages/data",
          "{\"hl7V2Messages\":[{\"name\":\"n1\",\"data\":\"x\"},{\"name\":\"n2\"}]}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf query = { 0 };
        buf_printf(&query, "prettyPrint=false&%s", cases[i].query);
        formats(buf_str(&query), CLOUD_HC_MESSAGES_LIST, LIST, cases[i].wanted);
    }
    formats("prettyPrint=false&fields=metadata/counter/success,done", CLOUD_HC_OPERATIONS_GET,
            "{\"name\":\"o\",\"metadata\":{\"counter\":{\"success\":\"1\",\"failure\":\"2\"}},\"done\":true}",
            "{\"metadata\":{\"counter\":{\"success\":\"1\"}},\"done\":true}");
}

static void a_mask_that_fits_no_field_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = { "fields=nom",
                                       "fields=name",
                                       "fields=hl7V2Messages/nom",
                                       "fields=hl7V2Messages(name",
                                       "fields=hl7V2Messages(name))",
                                       "fields=,",
                                       "fields=hl7V2Messages()",
                                       "fields=nextPageToken/x",
                                       "fields=hl7V2Messages//name" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refuses(bad[i], CLOUD_HC_MESSAGES_LIST, ERR_BAD_INPUT, "Error expanding 'fields' parameter.");
    refuses("fields=x", CLOUD_HC_MESSAGES_DELETE, ERR_BAD_INPUT, "for path 'x'");
    CLEANUP(buf_fini) struct buf many = { 0 };
    buf_append_str(&many, "fields=*");
    for (int i = 0; i < 300; i++)
        buf_printf(&many, ",hl7V2Messages/labels/k%d", i);
    refuses(buf_str(&many), CLOUD_HC_MESSAGES_LIST, ERR_BAD_INPUT, "names");
}

static void other_forms_than_json_are_refused(void **state)
{
    (void) state;
    refuses("alt=proto", CLOUD_HC_MESSAGES_GET, ERR_UNIMPLEMENTED, "alt");
    refuses("%24alt=media", CLOUD_HC_MESSAGES_GET, ERR_UNIMPLEMENTED, "alt");
    refuses("alt=yaml", CLOUD_HC_MESSAGES_GET, ERR_BAD_INPUT, "alt");
    formats("%24alt=json%3Benum-encoding%3Dint&prettyPrint=false", CLOUD_HC_MESSAGES_GET, "{\"name\":\"n\"}",
            "{\"name\":\"n\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_pretty_unless_told_otherwise),
        cmocka_unit_test(a_mask_takes_parts),
        cmocka_unit_test(a_mask_that_fits_no_field_is_refused),
        cmocka_unit_test(other_forms_than_json_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
