#include "unit.h"

#include "store/store_path.h"

#define STORE "projects/p/locations/us-central1/datasets/d/hl7V2Stores/s"
#define ID    "2yqbdhYHlk_ucSmWkcKOVm_N0p0OpBXgIlVG18rB-cw="

static struct store_names names(void)
{
    struct store_names n = { .aliases_count = 1 };
    struct err err;
    assert_true(store_name_parse(BYTES_LIT(STORE), &n.own, &err));
    assert_true(store_name_parse(BYTES_LIT("projects/123/locations/us-central1/datasets/d/hl7V2Stores/s"), &n.alias[0],
                                 &err));
    return n;
}

static void names_are_parsed(void **state)
{
    static const char *const bad[] = {
        "", "projects", STORE "/", "/" STORE, STORE "/messages", " " STORE, STORE " ",
        "projects/p/locations/l/datasets/d/hl7v2Stores/s", "projects//locations/l/datasets/d/hl7V2Stores/s",
        "projects/p/locations/../datasets/d/hl7V2Stores/s", "projects/p/locations/l/datasets/d%2f/hl7V2Stores/s",
        "projects/p/locations/l/datasets/d/hl7V2Stores/s?x", "projects/p/locations/l/datasets/d/hl7V2Stores/\xc3\xa9",
        "locations/p/projects/l/datasets/d/hl7V2Stores/s",
    };
    struct store_name n;
    struct err err;
    (void) state;
    assert_true(store_name_parse(BYTES_LIT("projects/example.com:p-1/locations/eu/datasets/D_1/hl7V2Stores/s.2"), &n,
                                 &err));
    assert_bytes_equal(n.project, "example.com:p-1");
    assert_bytes_equal(n.location, "eu");
    assert_bytes_equal(n.dataset, "D_1");
    assert_bytes_equal(n.store, "s.2");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (store_name_parse(bytes_str(bad[i]), &n, &err))
            fail_msg("accepted: row %zu", i);
        assert_int_equal(err.class, ERR_CONFIG);
    }
}

static void every_trick_is_refused(void **state)
{
    static const struct {
        const char *path;
        enum store_path_verdict verdict;
    } rows[] = {
        { STORE "/messages/" ID, STORE_PATH_OK },
        { STORE "/messages/a", STORE_PATH_OK },
        { "projects/123/locations/us-central1/datasets/d/hl7V2Stores/s/messages/" ID, STORE_PATH_OK },
        { "projects/other/locations/us-central1/datasets/d/hl7V2Stores/s/messages/" ID, STORE_PATH_FOREIGN_PROJECT },
        { "projects/p/locations/us-central1/datasets/d/hl7V2Stores/s2/messages/" ID, STORE_PATH_FOREIGN_STORE },
        { "projects/p/locations/us-central1/datasets/e/hl7V2Stores/s/messages/" ID, STORE_PATH_FOREIGN_STORE },
        { "projects/p/locations/eu/datasets/d/hl7V2Stores/s/messages/" ID, STORE_PATH_FOREIGN_STORE },
        { "projects/q/locations/eu/datasets/d/hl7V2Stores/s/messages/" ID, STORE_PATH_FOREIGN_STORE },
        { "", STORE_PATH_BAD },
        { STORE, STORE_PATH_BAD },
        { STORE "/", STORE_PATH_BAD },
        { STORE "/messages", STORE_PATH_BAD },
        { STORE "/messages/", STORE_PATH_BAD },
        { STORE "/messages/..", STORE_PATH_BAD },
        { STORE "/messages/.", STORE_PATH_BAD },
        { STORE "/messages/a.b", STORE_PATH_BAD },
        { STORE "/messages/a/b", STORE_PATH_BAD },
        { STORE "/messages/a/", STORE_PATH_BAD },
        { STORE "//messages/a", STORE_PATH_BAD },
        { STORE "/messages//a", STORE_PATH_BAD },
        { STORE "/messages/%2e%2e", STORE_PATH_BAD },
        { STORE "/messages/..%2f..%2fx", STORE_PATH_BAD },
        { STORE "/messages/a%2Fb", STORE_PATH_BAD },
        { STORE "/messages/a?alt=media", STORE_PATH_BAD },
        { STORE "/messages/a#x", STORE_PATH_BAD },
        { STORE "/messages/a@evil.example", STORE_PATH_BAD },
        { STORE "/messages/a\r\nx: y", STORE_PATH_BAD },
        { STORE "/messages/a\n", STORE_PATH_BAD },
        { STORE "/messages/a ", STORE_PATH_BAD },
        { " " STORE "/messages/a", STORE_PATH_BAD },
        { STORE "/messages/a\\b", STORE_PATH_BAD },
        { STORE "/messages/\xe2\x80\xa4\xe2\x80\xa4", STORE_PATH_BAD },
        { STORE "/messages/a\xc0\xaf", STORE_PATH_BAD },
        { STORE "/messages/a:ingest", STORE_PATH_BAD },
        { STORE "x/messages/a", STORE_PATH_FOREIGN_STORE },
        { STORE "/../s/messages/a", STORE_PATH_BAD },
        { STORE "/operations/a", STORE_PATH_BAD },
        { "/" STORE "/messages/a", STORE_PATH_BAD },
        { "//evil.example/" STORE "/messages/a", STORE_PATH_BAD },
        { "https://healthcare.googleapis.com/v1/" STORE "/messages/a", STORE_PATH_BAD },
        { "gs://bucket/object", STORE_PATH_BAD },
        { "{\"name\":\"" STORE "/messages/a\"}", STORE_PATH_BAD },
        { "\"" STORE "/messages/a\"", STORE_PATH_BAD },
        { "projects/p/locations/us-central1/datasets/d/hl7v2Stores/s/messages/a", STORE_PATH_BAD },
        { "Projects/p/locations/us-central1/datasets/d/hl7V2Stores/s/messages/a", STORE_PATH_BAD },
        { "projects/../locations/us-central1/datasets/d/hl7V2Stores/s/messages/a", STORE_PATH_BAD },
        { "projects//locations/us-central1/datasets/d/hl7V2Stores/s/messages/a", STORE_PATH_BAD },
        { "projects/p/locations/us-central1/datasets/d/fhirStores/s/fhir/Patient", STORE_PATH_BAD },
        { "projects/p%00/locations/us-central1/datasets/d/hl7V2Stores/s/messages/a", STORE_PATH_BAD },
    };
    struct store_names n = names();
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes id = { 0 };
        enum store_path_verdict v = store_path_check(&n, bytes_str(rows[i].path), &id);
        if (v != rows[i].verdict)
            fail_msg("row %zu: verdict %d", i, v);
        assert_int_equal(id.len > 0, v == STORE_PATH_OK);
    }
}

static void nul_is_refused(void **state)
{
    static const char path[] = STORE "/messages/a\0b";
    struct store_names n = names();
    struct bytes id;
    (void) state;
    assert_int_equal(store_path_check(&n, bytes_of(path, sizeof(path) - 1), &id), STORE_PATH_BAD);
    assert_int_equal(store_path_check(&n, bytes_of(NULL, 0), &id), STORE_PATH_BAD);
}

static void lengths_are_bounded(void **state)
{
    struct store_names n = names();
    struct bytes id;
    char path[2048];
    (void) state;
    size_t head = strlen(STORE "/messages/");
    memcpy(path, STORE "/messages/", head);
    memset(path + head, 'a', sizeof(path) - head);
    assert_int_equal(store_path_check(&n, bytes_of(path, head + 256), &id), STORE_PATH_OK);
    assert_int_equal(id.len, 256);
    assert_int_equal(store_path_check(&n, bytes_of(path, head + 257), &id), STORE_PATH_BAD);
    assert_int_equal(store_path_check(&n, bytes_of(path, sizeof(path)), &id), STORE_PATH_BAD);
}

static void urls_are_rebuilt_from_the_configured_name(void **state)
{
    struct store_names n = names();
    struct bytes id;
    CLEANUP(buf_fini) struct buf url = { 0 };
    (void) state;
    assert_int_equal(store_path_check(
                         &n, BYTES_LIT("projects/123/locations/us-central1/datasets/d/hl7V2Stores/s/messages/x_="), &id),
                     STORE_PATH_OK);
    store_path_message_url(&n.own, id, "?view=RAW_ONLY", &url);
    assert_bytes_equal(buf_bytes(&url), "/v1/" STORE "/messages/x_=?view=RAW_ONLY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_parsed),
        cmocka_unit_test(every_trick_is_refused),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(urls_are_rebuilt_from_the_configured_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
