/* Time zones: by a file made here, by rules, and by the machine's own database where there is one. */
#include "unit.h"

#include "cloud/time_zone.h"
#include "stores_rig.h"

#include "hl7/dtm.h"

#include <unistd.h>

static us_t at(const char *dtm)
{
    us_t us;
    assert_true(hl7_dtm_read(bytes_str(dtm), &us));
    return us;
}

static void put32(struct buf *b, int32_t n)
{
    for (int i = 24; i >= 0; i -= 8)
        buf_append_char(b, (char) (n >> i));
}

static void put_header(struct buf *b, int32_t times, int32_t types)
{
    buf_append_str(b, "TZif2");
    for (int i = 0; i < 15; i++)
        buf_append_char(b, '\0');
    put32(b, 0);
    put32(b, 0);
    put32(b, 0);
    put32(b, times);
    put32(b, types);
    put32(b, 4);
}

/* A version 2 file: an empty first block; one transition in the year 2000 from +1 h to +2 h, then the rule. */
static void make_file(const char *rule, struct buf *b)
{
    put_header(b, 0, 1);
    put32(b, 0);
    buf_append(b, bytes_of("\0\0ABC\0", 6));
    put_header(b, 1, 2);
    put32(b, 0);
    put32(b, (int32_t) (at("20000101") / US_PER_S));
    buf_append_char(b, '\1');
    put32(b, 3600);
    buf_append(b, bytes_of("\0\0", 2));
    put32(b, 7200);
    buf_append(b, bytes_of("\0\0ABC\0", 6));
    buf_printf(b, "\n%s\n", rule);
}

static struct cloud_zone *zone_of(const char *rule)
{
    CLEANUP(buf_fini) struct buf file = { 0 };
    struct cloud_zone *z = NULL;
    struct err err = { 0 };
    make_file(rule, &file);
    if (!cloud_zone_read(buf_bytes(&file), &z, &err))
        fail_msg("%s: %s", rule, err.text);
    return z;
}

static void offsets_follow_the_file_and_its_rule(void **state)
{
    (void) state;
    struct cloud_zone *z = zone_of("EST5EDT,M3.2.0,M11.1.0");
    assert_int_equal(cloud_zone_offset(z, at("19990101")), 3600);
    /* Beyond the last transition the rule holds: 2026-03-08 and 2026-11-01, at 2 o'clock of the clock that was. */
    assert_int_equal(cloud_zone_offset(z, at("20260308065959")), -5 * 3600);
    assert_int_equal(cloud_zone_offset(z, at("20260308070000")), -4 * 3600);
    assert_int_equal(cloud_zone_offset(z, at("20261101055959")), -4 * 3600);
    assert_int_equal(cloud_zone_offset(z, at("20261101060000")), -5 * 3600);
    assert_int_equal(cloud_zone_to_utc(z, at("20260115120000")), at("20260115170000"));
    assert_int_equal(cloud_zone_to_utc(z, at("20260715120000")), at("20260715160000"));
    /* Half past one comes twice on 1 November, half past two not at all on 8 March. */
    assert_int_equal(cloud_zone_to_utc(z, at("20261101013000")), at("20261101053000"));
    assert_int_equal(cloud_zone_to_utc(z, at("20260308023000")), at("20260308073000"));
    cloud_zone_free(z);
    z = zone_of("AEST-10AEDT,M10.1.0,M4.1.0/3");    /* south of the equator summer goes over the new year */
    assert_int_equal(cloud_zone_offset(z, at("20260115")), 11 * 3600);
    assert_int_equal(cloud_zone_offset(z, at("20260715")), 10 * 3600);
    cloud_zone_free(z);
    z = zone_of("<+0545>-5:45");
    assert_int_equal(cloud_zone_offset(z, at("20260715")), 5 * 3600 + 45 * 60);
    cloud_zone_free(z);
    z = zone_of("");
    assert_int_equal(cloud_zone_offset(z, at("20260715")), 7200);
    cloud_zone_free(z);
    assert_int_equal(cloud_zone_offset(NULL, at("20260715")), 0);
    assert_int_equal(cloud_zone_to_utc(NULL, at("20260715")), at("20260715"));
}

static void a_broken_file_is_refused(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf file = { 0 };
    struct cloud_zone *z = NULL;
    struct err err = { 0 };
    make_file("EST5EDT,M3.2.0,M11.1.0", &file);
    for (size_t len = 0; len < file.len; len++)
        if (cloud_zone_read(bytes_of(file.ptr, len), &z, &err))
            cloud_zone_free(z);    /* a cut rule may be one, too */
    static const char *const rules[] = { "E5", "EST5EDT", "EST5EDT,M13.1.0,M1.1.0", "EST5EDT,J1,J2", "5" };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        buf_clear(&file);
        make_file(rules[i], &file);
        assert_false(cloud_zone_read(buf_bytes(&file), &z, &err));
    }
}

static void names_are_checked(void **state)
{
    (void) state;
    struct cloud_zone *z = NULL;
    struct err err = { 0 };
    static const char *const utc[] = { "", "UTC", "Etc/UTC", "GMT" };
    for (size_t i = 0; i < ARRAY_LEN(utc); i++) {
        assert_true(cloud_zone_load(bytes_str(utc[i]), &z, &err));
        assert_null(z);
    }
    static const char *const bad[] = { "../../etc/passwd", "/etc/passwd", "a b", "America/New_York\n" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(cloud_zone_load(bytes_str(bad[i]), &z, &err));
        assert_int_equal(err.class, ERR_BAD_INPUT);
    }
}

static void a_dataset_has_a_time_zone(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    if (access("/usr/share/zoneinfo/America/New_York", R_OK) != 0)
        skip();
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "PATCH", DATASET "?updateMask=timeZone", "{\"timeZone\":\"America/New_York\"}");
    assert_int_equal(rig.status, 200);
    assert_string_equal(buf_str(&rig.json), "{\"name\":\"" DATASET "\",\"timeZone\":\"America/New_York\"}");
    stores_rig_put(&rig, "messages", BYTES_LIT("MSH|^~\\&|A|B|C|D|20260715220000||ADT^A01|1|P|2.5\r"));
    assert_json_has(&rig, "\"sendTime\":\"2026-07-16T02:00:00Z\"");
    stores_rig_put(&rig, "messages", BYTES_LIT("MSH|^~\\&|A|B|C|D|20260715220000+0000||ADT^A01|2|P|2.5\r"));
    assert_json_has(&rig, "\"sendTime\":\"2026-07-15T22:00:00Z\"");
    /* A day is one of the dataset's. */
    stores_rig_ask_str(&rig, "GET", STORE "/messages?filter=send_date=2026-07-16", "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=later", "{}");
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores/later/messages",
                       "{\"message\":{\"data\":\"TVNIfF5+XCZ8QXxCfEN8RHwyMDI2MDcxNXx8QURUXkEwMXwxfFB8Mi41DQ==\"}}");
    assert_json_has(&rig, "\"sendTime\":\"2026-07-15T04:00:00Z\"");
    stores_rig_ask_str(&rig, "PATCH", DATASET "?updateMask=timeZone", "{\"timeZone\":\"Mars/Olympus\"}");
    assert_int_equal(rig.status, 400);
    assert_json_has(&rig, "\"field\":\"timeZone\"");
    stores_rig_ask_str(&rig, "PATCH", DATASET "?updateMask=name", "{}");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "PATCH", DATASET, "{}");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "PATCH", "projects/p/locations/l/datasets/none?updateMask=timeZone", "{}");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "PATCH", DATASET "?updateMask=timeZone", "{}");
    stores_rig_put(&rig, "messages", BYTES_LIT("MSH|^~\\&|A|B|C|D|20260715220000||ADT^A01|3|P|2.5\r"));
    assert_json_has(&rig, "\"sendTime\":\"2026-07-15T22:00:00Z\"");
    stores_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_follow_the_file_and_its_rule),
        cmocka_unit_test(a_broken_file_is_refused),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(a_dataset_has_a_time_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
