/* Discovery documents: sound, closed, and of the address that was asked. */
#include "unit.h"

#include "cloud/discovery.h"
#include "json/scan.h"

static void written(const char *api, const char *version, struct buf *out)
{
    struct json_value root;
    struct err err = { 0 };
    assert_true(cloud_discovery_write(bytes_str(api), bytes_str(version), BYTES_LIT("http://h:1/"), out));
    if (!json_scan(buf_bytes(out), &root, &err))
        fail_msg("%s", err.text);
}

#define assert_has(doc, text)                                                                                \
    do {                                                                                                     \
        if (strstr(buf_str(doc), (text)) == NULL)                                                            \
            fail_msg("%s is not there", (text));                                                             \
    } while (0)

static void every_reference_leads_somewhere(const char *api, const char *version)
{
    CLEANUP(buf_fini) struct buf doc = { 0 };
    written(api, version, &doc);
    const char *at = buf_str(&doc);
    unsigned found = 0;
    while ((at = strstr(at, "\"$ref\":\"")) != NULL) {
        CLEANUP(buf_fini) struct buf target = { 0 };
        at += strlen("\"$ref\":\"");
        buf_printf(&target, "\"id\":\"%.*s\",\"type\":\"object\"", (int) strcspn(at, "\""), at);
        assert_has(&doc, buf_str(&target));
        found++;
    }
    assert_true(found > 2);
}

static void healthcare_has_what_is_here(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf doc = { 0 };
    written("healthcare", "v1", &doc);
    assert_has(&doc, "\"rootUrl\":\"http://h:1/\"");
    assert_has(&doc, "\"id\":\"healthcare.projects.locations.datasets.hl7V2Stores.messages.ingest\","
                     "\"path\":\"v1/{+parent}/messages:ingest\",\"flatPath\":\"v1/projects/{projectsId}/locations/"
                     "{locationsId}/datasets/{datasetsId}/hl7V2Stores/{hl7V2StoresId}/messages:ingest\"");
    assert_has(&doc, "\"pattern\":\"^projects/[^/]+/locations/[^/]+$\"");
    assert_has(&doc, "\"pageSize\":{\"type\":\"integer\",\"format\":\"int32\",\"location\":\"query\"}");
    assert_has(&doc, "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}");
    assert_null(strstr(buf_str(&doc), "batchGet"));
    buf_clear(&doc);
    written("healthcare", "v1beta1", &doc);
    assert_has(&doc, "messages.batchGet");
    assert_has(&doc, "\"ids\":{\"type\":\"string\",\"repeated\":true");
}

static void documents_are_closed(void **state)
{
    (void) state;
    every_reference_leads_somewhere("healthcare", "v1");
    every_reference_leads_somewhere("healthcare", "v1beta1");
    every_reference_leads_somewhere("pubsub", "v1");
}

static void there_is_none_of_what_is_not_here(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf doc = { 0 };
    assert_false(cloud_discovery_write(BYTES_LIT("healthcare"), BYTES_LIT("v2"), BYTES_LIT("x"), &doc));
    assert_false(cloud_discovery_write(BYTES_LIT("storage"), BYTES_LIT("v1"), BYTES_LIT("x"), &doc));
    assert_int_equal(doc.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthcare_has_what_is_here),
        cmocka_unit_test(documents_are_closed),
        cmocka_unit_test(there_is_none_of_what_is_not_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
