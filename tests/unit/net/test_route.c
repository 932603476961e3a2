#include "unit.h"

#include "net/percent.h"
#include "net/route.h"

enum { TOPIC_GET = 1, TOPIC_PUT, PUBLISH, TOPICS, INGEST, MESSAGE, ANY_PING, LITERAL, TAKEN };

static const struct route_row rows[] = {
    { "GET", "/v1/projects/{p}/topics/{t}", TOPIC_GET },
    { "PUT", "/v1/projects/{p}/topics/{t}", TOPIC_PUT },
    { "POST", "/v1/projects/{p}/topics/{t}:publish", PUBLISH },
    { "GET", "/v1/projects/{p}/topics", TOPICS },
    { "POST", "/v1/projects/{p}/locations/{l}/datasets/{d}/hl7V2Stores/{s}/messages:ingest", INGEST },
    { "GET", "/v1/projects/{p}/locations/{l}/datasets/{d}/hl7V2Stores/{s}/messages/{m}", MESSAGE },
    { NULL, "/ping", ANY_PING },
    { "GET", "/", LITERAL },
    { "GET", "/v1/{any}/{other}/topics/x", TAKEN },
};

static enum route_match find(const char *method, const char *path, struct route_hit *hit)
{
    struct router *r = router_make(rows, ARRAY_LEN(rows));
    enum route_match match = route_find(r, bytes_str(method), bytes_str(path), hit);
    router_free(r);
    return match;
}

static void finds_the_row(void **state UNUSED)
{
    static const struct {
        const char *method, *path;
        int id;
    } cases[] = {
        { "GET", "/v1/projects/a/topics/b", TOPIC_GET },
        { "PUT", "/v1/projects/a/topics/b", TOPIC_PUT },
        { "POST", "/v1/projects/a/topics/b:publish", PUBLISH },
        { "GET", "/v1/projects/a/topics", TOPICS },
        { "POST", "/v1/projects/a/locations/b/datasets/c/hl7V2Stores/d/messages:ingest", INGEST },
        { "DELETE", "/ping", ANY_PING },
        { "GET", "/", LITERAL },
        { "GET", "/%76%31/projects/a/topics", TOPICS },
        { "GET", "/v1/projects/a:b/topics/c", TOPIC_GET },      /* a verb is in the last segment alone */
        { "GET", "/v1/projects/a/topics/b%3Apublish", TOPIC_GET },
        { "GET", "/v1/x/a/topics/x", TAKEN },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct route_hit hit;
        assert_int_equal(find(cases[i].method, cases[i].path, &hit), ROUTE_FOUND);
        assert_int_equal(hit.row->id, cases[i].id);
    }
}

static void gives_parameters_decoded_and_in_order(void **state UNUSED)
{
    struct route_hit hit;
    assert_int_equal(find("GET", "/v1/projects/p1/locations/l/datasets/d%2Dx/hl7V2Stores/%C3%A4/messages/2y-_%3D=", &hit),
                     ROUTE_FOUND);
    assert_int_equal(hit.params, 5);
    static const char *const want[] = { "p1", "l", "d-x", "\xc3\xa4", "2y-_==" };
    for (size_t i = 0; i < hit.params; i++)
        assert_bytes_equal(hit.param[i], want[i]);
}

static void tells_no_path_from_no_method_from_malformed(void **state UNUSED)
{
    static const struct {
        const char *method, *path;
        enum route_match match;
    } cases[] = {
        { "DELETE", "/v1/projects/a/topics/b", ROUTE_NO_METHOD },
        { "get", "/v1/projects/a/topics/b", ROUTE_NO_METHOD },
        { "GET", "/v1/projects/a/topics/b:publish", ROUTE_NO_METHOD },
        { "POST", "/v1/projects/a/topics/b:other", ROUTE_NO_PATH },
        { "GET", "/v1/projects/a/topics/b:", ROUTE_NO_PATH },
        { "GET", "/v1/projects/a/topics/", ROUTE_NO_PATH },
        { "GET", "/v1/projects//topics/b", ROUTE_NO_PATH },
        { "GET", "/v1/projects/a/topics/b/", ROUTE_NO_PATH },
        { "GET", "//", ROUTE_NO_PATH },
        { "GET", "/V1/projects/a/topics/b", ROUTE_NO_PATH },
        { "GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", ROUTE_NO_PATH },
        { "GET", "", ROUTE_MALFORMED },
        { "OPTIONS", "*", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/%", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/%4", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/%4g", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/b%2Fc", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/b%00", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/b%0a", ROUTE_MALFORMED },
        { "GET", "/v1/projects/a/topics/b\tc", ROUTE_MALFORMED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct route_hit hit;
        assert_int_equal(find(cases[i].method, cases[i].path, &hit), cases[i].match);
    }
}

static void refuses_what_does_not_fit(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    struct route_hit hit;
    buf_append_str(&path, "/v1/projects/a/topics/");
    for (int i = 0; i < LIMIT_NAME_LEN + 1; i++)
        buf_append_str(&path, "%41");
    assert_int_equal(find("GET", buf_str(&path), &hit), ROUTE_MALFORMED);
}

static void lists_allowed_methods(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct router *r = router_make(rows, ARRAY_LEN(rows));
    route_allowed(r, BYTES_LIT("/v1/projects/a/topics/b"), &out);
    assert_bytes_equal(buf_bytes(&out), "GET, PUT");
    router_free(r);
}

static void query_is_decoded(void **state UNUSED)
{
    struct query q;
    assert_true(query_parse(BYTES_LIT("filter=message_type+%3D+%22ADT%22&pageSize=10&&view=FULL&a%62=&flag&x=1&x=2"), &q));
    assert_int_equal(q.count, 7);
    assert_bytes_equal(query_get(&q, "filter"), "message_type = \"ADT\"");
    assert_bytes_equal(query_get2(&q, "pageSize", "page_size"), "10");
    assert_bytes_equal(query_get2(&q, "nothing", "view"), "FULL");
    assert_bytes_equal(query_get(&q, "ab"), "");
    assert_non_null(query_get(&q, "ab").ptr);
    assert_non_null(query_get(&q, "flag").ptr);
    assert_null(query_get(&q, "none").ptr);
    assert_bytes_equal(query_get(&q, "x"), "1");
    assert_bytes_equal(q.at[6].value, "2");
    query_fini(&q);
    assert_true(query_parse(bytes_of(NULL, 0), &q));
    assert_int_equal(q.count, 0);
    query_fini(&q);
}

static void query_refuses(void **state UNUSED)
{
    static const char *const bad[] = { "a=%", "a=%4", "%zz=1", "a=%00", "a=1&b=%1" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct query q;
        assert_false(query_parse(bytes_str(bad[i]), &q));
        assert_int_equal(q.count, 0);
        assert_null(q.text);
    }
    CLEANUP(buf_fini) struct buf many = { 0 };
    struct query q;
    for (int i = 0; i < QUERY_FIELDS; i++)
        buf_append_str(&many, "a=b&");
    assert_true(query_parse(buf_bytes(&many), &q));
    query_fini(&q);
    buf_append_str(&many, "c=d");
    assert_false(query_parse(buf_bytes(&many), &q));
}

static void percent_round_trip(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf coded = { 0 }, plain = { 0 };
    char all[255];
    for (int i = 0; i < 255; i++)
        all[i] = (char) (i + 1);
    percent_encode(bytes_of(all, sizeof(all)), &coded);
    assert_true(percent_decode(buf_bytes(&coded), true, &plain));
    assert_true(bytes_eq(buf_bytes(&plain), bytes_of(all, sizeof(all))));
    buf_clear(&plain);
    buf_append_str(&plain, "kept");
    assert_false(percent_decode(BYTES_LIT("more%x"), false, &plain));
    assert_bytes_equal(buf_bytes(&plain), "kept");
    assert_true(percent_decode(BYTES_LIT("+a+"), false, &plain));
    assert_bytes_equal(buf_bytes(&plain), "kept+a+");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_row),
        cmocka_unit_test(gives_parameters_decoded_and_in_order),
        cmocka_unit_test(tells_no_path_from_no_method_from_malformed),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(lists_allowed_methods),
        cmocka_unit_test(query_is_decoded),
        cmocka_unit_test(query_refuses),
        cmocka_unit_test(percent_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
