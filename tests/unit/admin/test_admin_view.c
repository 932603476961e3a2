#include "unit.h"

#include "admin/rates.h"
#include "admin/admin_view.h"

#include <cjson/cJSON.h>

static struct admin_view view(struct metrics *m)
{
    struct admin_view v = { .metrics = m, .now_us = 1000 * US_PER_S, .wall_us = (us_t) 1767225600 * US_PER_S };
    v.snapshot = (struct admin_snapshot) { .version = "1.2.3", .commit = "abc", .instance = "relay-1", .runner = "direct", .config_path = "c.json",
                                           .config_sha256 = "ff", .tick_us = 999 * US_PER_S, .started = true, .source = "projects/p/<x>",
                                           .dest = "d", .subscription = "s", .leases_max = 4096, .disk_free = 0.61 };
    return v;
}

static void notice(struct admin_view *v, const char *code, const char *text)
{
    v->snapshot.notice[v->snapshot.notices_count++] = (struct admin_notice) { code, text, "dest", 990 * US_PER_S };
}

static void verdicts(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    struct admin_view v = view(m);
    CLEANUP(buf_fini) struct buf text = { 0 };
    assert_int_equal(admin_view_verdict(&v, &text), ADMIN_OK);
    assert_true(admin_view_ready(&v) && admin_view_live(&v));
    notice(&v, "LABELS", "something mild");
    assert_int_equal(admin_view_verdict(&v, &text), ADMIN_DEGRADED);
    assert_true(admin_view_ready(&v));
    notice(&v, "STORM_GUARD", "too many dead letters");
    buf_clear(&text);
    assert_int_equal(admin_view_verdict(&v, &text), ADMIN_HELD);
    assert_bytes_equal(buf_bytes(&text), "too many dead letters (dest); all accounted for");
    assert_false(admin_view_ready(&v));    /* held is not ready, but live: no restart helps */
    assert_true(admin_view_live(&v));
    METRIC_INC(m, RECEIVED);
    assert_int_equal(admin_view_verdict(&v, &text), ADMIN_FAULT);
    assert_int_equal(admin_view_unaccounted(&v), 1);
    METRIC_SET(m, IN_FLIGHT, 0, 0, 1);
    assert_int_equal(admin_view_unaccounted(&v), 0);
    v.now_us += 20 * US_PER_S;
    assert_false(admin_view_live(&v));
    metrics_free(m);
}

static void what_is_not_ready_is_named(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    struct admin_view v = view(m);
    v.snapshot.check[0] = (struct admin_check) { "pubsub", true, "" };
    v.snapshot.check[1] = (struct admin_check) { "token", false, "no access token could be had" };
    v.snapshot.checks_count = 2;
    CLEANUP(buf_fini) struct buf text = { 0 };
    admin_view_ready_text(&v, true, &text);
    assert_bytes_equal(buf_bytes(&text), "[+] pubsub\n[-] token: no access token could be had\nnot ready\n");
    buf_clear(&text);
    admin_view_ready_text(&v, false, &text);
    assert_bytes_equal(buf_bytes(&text), "not ready\n");
    metrics_free(m);
}

/* admin/ may not include relay/: a notice without advice is found here. */
static void every_notice_has_advice(void **state UNUSED)
{
    static const char *const codes[] = {
#define NOTICE(name, text) #name,
#include "relay/notice.def"
#undef NOTICE
    };
    struct metrics *m = metrics_make();
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct admin_view v = view(m);
        CLEANUP(buf_fini) struct buf text = { 0 };
        notice(&v, codes[i], "something");
        admin_view_advice(&v, &text);
        if (strncmp(buf_str(&text), "nothing", 7) == 0 && strcmp(codes[i], "TARGET_HELD") != 0)
            fail_msg("%s has no advice in admin_view.c", codes[i]);
    }
    metrics_free(m);
}

static void the_page_is_small_plain_and_escaped(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    struct admin_view v = view(m);
    for (unsigned i = 0; i < ADMIN_NOTICES; i++)
        notice(&v, "STORM_GUARD", "a sentence of usual length that says what is the matter and <what> comes next");
    v.last_count = LOG_LAST;
    METRIC_ADD(m, DEAD, LABEL_REASON_DEST_NACK, 0, 3);
    CLEANUP(buf_fini) struct buf page = { 0 };
    admin_view_html(&v, &page);
    assert_true(page.len < 40 << 10);
    assert_null(strstr(buf_str(&page), "<script"));
    assert_null(strstr(buf_str(&page), "http://"));
    assert_null(strstr(buf_str(&page), "<x>"));
    assert_non_null(strstr(buf_str(&page), "projects/p/&lt;x&gt;"));
    assert_non_null(strstr(buf_str(&page), "UNACCOUNTED</span><b>-3</b>"));
    assert_non_null(strstr(buf_str(&page), "dest_nack 3"));
    assert_non_null(strstr(buf_str(&page), "hl7relay dead accept"));
    metrics_free(m);
}

static void status_json_is_json(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    struct admin_view v = view(m);
    notice(&v, "SINK_HELD", "disk \"full\"");
    METRIC_ADD(m, FETCHED, 0, 0, 7);
    CLEANUP(buf_fini) struct buf text = { 0 };
    admin_view_json(&v, &text);
    cJSON *doc = cJSON_ParseWithLength(text.ptr, text.len);
    assert_non_null(doc);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(doc, "verdict")), "HELD");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "HL7v2"), "Fetched")) == 7);
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "HL7v2"), "FailedIngest"));
    cJSON_Delete(doc);
    metrics_free(m);
}

static void the_block_keeps_the_width(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    struct admin_view v = view(m);
    CLEANUP(buf_fini) struct buf text = { 0 };
    admin_view_text(&v, 60, &text);
    size_t lines = 0;
    for (struct bytes rest = buf_bytes(&text); rest.len > 0; lines++)
        assert_true(bytes_cut(&rest, '\n').len <= 60);
    assert_int_equal(lines, 6);
    metrics_free(m);
}

static void rates_over_their_windows(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    static struct rates_history h;
    struct admin_rates r;
    rates_sample(&h, m, 0);
    rates_read(&h, &r);
    assert_true(r.in.now == 0);
    for (us_t s = RATES_EVERY_S; s <= 7200; s += RATES_EVERY_S) {    /* 10/s, in the last minute 20/s */
        METRIC_ADD(m, RECEIVED, 0, 0, s > 7200 - 60 ? 100 : 50);
        METRIC_ADD(m, REQUESTS, LABEL_ENDPOINT_DEST, LABEL_CODE_C429, 5);
        METRIC_ADD(m, REQUESTS, LABEL_ENDPOINT_DEST, LABEL_CODE_C200, 45);
        rates_sample(&h, m, s * US_PER_S);
    }
    rates_read(&h, &r);
    assert_true(r.in.now == 20 && r.in.minute == 20 && r.in.five_minutes == 12 && r.in.hour > 10 && r.in.hour < 10.5);
    assert_true(r.requests[LABEL_ENDPOINT_DEST].now == 10);
    assert_int_equal(r.errors_hour[LABEL_ENDPOINT_DEST], 3600);
    metrics_free(m);
}

static void durations(void **state UNUSED)
{
    static const struct {
        us_t us;
        const char *want;
    } rows[] = { { 0, "0.0 s" }, { 1500, "1.5 ms" }, { 1900000, "1.9 s" }, { 192 * US_PER_S, "3 m 12 s" }, { 7500 * US_PER_S, "2 h 5 m" },
                 { 1048260 * US_PER_S, "12d 03:11" } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        admin_view_duration(rows[i].us, &text);
        assert_bytes_equal(buf_bytes(&text), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(what_is_not_ready_is_named),
        cmocka_unit_test(every_notice_has_advice),
        cmocka_unit_test(the_page_is_small_plain_and_escaped),
        cmocka_unit_test(status_json_is_json),
        cmocka_unit_test(the_block_keeps_the_width),
        cmocka_unit_test(rates_over_their_windows),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
