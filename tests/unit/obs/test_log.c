#include "unit.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "loop/clock.h"
#include "obs/log.h"

#include <cjson/cJSON.h>

static us_t now_us;

static us_t false_wall(void)
{
    return now_us;
}

static struct log *make(enum log_format format, size_t ring_bytes)
{
    now_us = (us_t) 1767225600 * US_PER_S;    /* 2026-01-01 */
    return log_make(&(struct log_conf) { .format = format, .level = LOG_INFO, .per_message = true, .ring_bytes = ring_bytes,
                                         .wall = false_wall, .stamp = clock_rfc3339, .instance = "relay-1" });
}

/* All that waits, taken out. */
static void drain(struct log *l, struct buf *out)
{
    for (struct bytes b = log_peek(l); b.len > 0; b = log_peek(l)) {
        buf_append(out, b);
        log_consume(l, b.len);
    }
}

static size_t count_of(struct buf *text, const char *what)
{
    size_t n = 0;
    for (const char *at = buf_str(text); (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static cJSON *only_line(struct buf *text)
{
    size_t end = bytes_find(buf_bytes(text), 0, '\n');
    assert_int_equal(end + 1, text->len);
    cJSON *doc = cJSON_ParseWithLength(text->ptr, end);
    assert_non_null(doc);
    return doc;
}

static void json_line_has_cloud_loggings_fields(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    struct err e;
    err_set(&e, ERR_THROTTLED, "the store asks to wait");
    e.http = 429;
    LOG(l, ATTEMPT_FAILED, LOG_CODE("stage", "ingest"), LOG_INT("attempts", -3), LOG_US("waited", 1500000),
        LOG_NAME_STR("name", "projects/p/x"), LOG_BOOL("dup", true), LOG_ERR(&e));
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    cJSON *doc = only_line(&text);
    static const char *const want[][2] = {
        { "severity", "WARNING" }, { "time", "2026-01-01T00:00:00.000000Z" }, { "event", "attempt_failed" },
        { "stage", "ingest" }, { "name", "projects/p/x" }, { "error", "the store asks to wait" }, { "class", "THROTTLED" },
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(doc, want[i][0])), want[i][1]);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(doc, "http")) == 429);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(doc, "attempts")) == -3);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(doc, "waited")) == 1.5);
    const cJSON *labels = cJSON_GetObjectItem(doc, "logging.googleapis.com/labels");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(labels, "instance")), "relay-1");
    cJSON_Delete(doc);
    log_free(l);
}

/* Stamps are made once a second and mended within it. */
static void every_line_has_its_own_time(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    static const us_t steps[] = { 0, 1, 999998, 1, 123456, 3 * US_PER_S, -2 * US_PER_S };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        now_us += steps[i];
        LOG(l, STATS, LOG_INT("low", INT64_MIN), LOG_INT("high", INT64_MAX), LOG_US("t", -1500001));
        CLEANUP(buf_fini) struct buf text = { 0 };
        char want[CLOCK_RFC3339_LEN];
        drain(l, &text);
        clock_rfc3339(now_us, want);
        assert_memory_equal(strstr(buf_str(&text), "\"time\":\"") + 8, want, CLOCK_RFC3339_LEN - 1);
        assert_non_null(strstr(buf_str(&text), "\"low\":-9223372036854775808,\"high\":9223372036854775807,\"t\":-1.500001"));
    }
    log_free(l);
}

static void human_line(void **state UNUSED)
{
    struct log *l = make(LOG_HUMAN, 0);
    LOG(l, PULL_OPENED, LOG_INT("streams", 2));
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    assert_bytes_equal(buf_bytes(&text), "00:00:00.000Z INFO a pull stream is open  event=pull_opened streams=2\n");
    log_free(l);
}

static void names_and_codes_are_cleaned(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    LOG(l, STATS, LOG_NAME_STR("name", "a\"b\n\x1b[2J\xff<PID|1>"), LOG_CODE("code", "a b"));
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    cJSON *doc = only_line(&text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(doc, "name")), "a?b??[2J??PID?1?");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(doc, "code")), "invalid");
    cJSON_Delete(doc);
    log_free(l);
}

static void any_bytes_give_valid_json(void **state UNUSED)
{
    struct rnd r;
    rnd_seed(&r, 5);
    struct log *l = make(LOG_JSON, 0);
    for (int round = 0; round < 2000; round++) {
        now_us += US_PER_S;
        struct err e;
        err_set(&e, ERR_INTERNAL, "x");
        size_t len = rnd_below(&r, sizeof(e.text));
        for (size_t i = 0; i < len; i++)
            e.text[i] = (char) (1 + rnd_below(&r, 255));
        e.text[len] = '\0';
        LOG(l, TOKEN_FAILED, LOG_ERR(&e));
        CLEANUP(buf_fini) struct buf text = { 0 };
        drain(l, &text);
        for (size_t i = 0; i + 1 < text.len; i++)
            assert_true((unsigned char) text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f);
        cJSON_Delete(only_line(&text));
    }
    log_free(l);
}

static void a_line_too_long_is_cut_and_whole(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    char name[LIMIT_NAME_LEN];
    memset(name, 'n', sizeof(name));
    struct bytes b = bytes_of(name, sizeof(name));
    LOG(l, STATS, LOG_NAME("a", b), LOG_NAME("b", b), LOG_NAME("c", b), LOG_NAME("d", b), LOG_NAME("e", b));
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    assert_true(text.len <= LIMIT_LOG_LINE);
    cJSON *doc = only_line(&text);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(doc, "cut")));
    assert_non_null(cJSON_GetObjectItem(doc, "c"));
    assert_null(cJSON_GetObjectItem(doc, "e"));
    cJSON_Delete(doc);
    log_free(l);
}

static void count_line(void *ctx, enum log_severity severity UNUSED, struct bytes line)
{
    assert_true(line.len > 0);
    ++*(unsigned *) ctx;
}

static void a_tap_hears_nothing_after_its_end(void **state UNUSED)
{
    unsigned heard = 0;
    now_us = (us_t) 1767225600 * US_PER_S;
    struct log *l = log_make(&(struct log_conf) { .format = LOG_JSON, .level = LOG_INFO, .wall = false_wall, .stamp = clock_rfc3339,
                                                  .tap = count_line, .tap_ctx = &heard });
    for (int i = 0; i < 1000; i++)
        LOG(l, ATTEMPT_FAILED, LOG_INT("attempts", i));
    unsigned before = heard;
    assert_in_range(before, 1, 999);    /* the others are folded, and said later */
    log_untap(l);
    now_us += US_PER_MIN;
    log_tick(l);
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    assert_int_equal(count_of(&text, "\"folded_event\""), 1);
    assert_int_equal(heard, before);
    log_free(l);
}

static void repeats_are_folded_and_said(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    for (int i = 0; i < 1000; i++) {
        LOG(l, ATTEMPT_FAILED);
        LOG(l, MESSAGE_DELIVERED);
    }
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    assert_int_equal(count_of(&text, "attempt_failed"), 10);
    assert_int_equal(count_of(&text, "message_delivered"), 1000);
    log_tick(l);
    assert_true(log_peek(l).len == 0);    /* the second is not over */
    now_us += US_PER_S;
    log_tick(l);
    buf_clear(&text);
    drain(l, &text);
    assert_int_equal(count_of(&text, "\"folded_event\":\"attempt_failed\",\"lines\":990"), 1);
    assert_int_equal(log_stats(l).folded, 990);
    log_free(l);
}

static void nobody_reads_and_nothing_waits(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 16 << 10);
    uint64_t before = mem_count();
    for (int i = 0; i < 5000; i++)
        LOG(l, MESSAGE_DELIVERED, LOG_INT("i", i));
    assert_int_equal(mem_count(), before);
    struct log_stats stats = log_stats(l);
    assert_int_equal(stats.lines + stats.dropped, 5000);
    assert_true(stats.dropped > 4000 && stats.waiting_bytes <= 16 << 10);
    CLEANUP(buf_fini) struct buf text = { 0 };
    drain(l, &text);
    assert_int_equal(count_of(&text, "\n"), stats.lines);
    assert_int_equal(text.ptr[text.len - 1], '\n');    /* whole lines only */
    log_tick(l);
    buf_clear(&text);
    drain(l, &text);
    assert_int_equal(count_of(&text, "log_dropped"), 1);
    log_free(l);
}

static void levels_and_the_per_message_switch(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    LOG(l, MESSAGE_RECEIVED);    /* debug */
    assert_true(log_peek(l).len == 0 && !log_wants(l, EVENT_MESSAGE_RECEIVED));
    log_set_level(l, LOG_DEBUG);
    LOG(l, MESSAGE_RECEIVED);
    assert_true(log_peek(l).len > 0);
    log_free(l);
    l = log_make(&(struct log_conf) { .per_message = false, .wall = false_wall, .stamp = clock_rfc3339 });
    LOG(l, MESSAGE_DELIVERED);
    assert_true(log_peek(l).len == 0);
    LOG(l, MESSAGE_DEAD);
    size_t before = log_peek(l).len;
    assert_true(before > 0);
    log_set_per_message(l, true);
    LOG(l, MESSAGE_DELIVERED);
    assert_true(log_peek(l).len > before);
    log_free(l);
    LOG((struct log *) NULL, MESSAGE_DEAD);
}

static void content_only_while_allowed(void **state UNUSED)
{
    static char big[200000];
    memset(big, '\r', sizeof(big));
    struct log *l = make(LOG_JSON, 0);
    log_message_content(l, BYTES_LIT("n"), BYTES_LIT("TVNI"), BYTES_LIT("MSH"));
    assert_true(log_peek(l).len == 0);
    log_free(l);
    l = log_make(&(struct log_conf) { .wall = false_wall, .stamp = clock_rfc3339, .content_until_us = now_us + US_PER_S });
    CLEANUP(buf_fini) struct buf text = { 0 };
    log_message_content(l, BYTES_LIT("n"), BYTES_LIT("TVNI"), BYTES_LIT("MSH|^~\\&\r\xff"));
    drain(l, &text);
    cJSON *doc = only_line(&text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(doc, "raw")), "TVNI");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(doc, "decoded")), "MSH|^~\\&\r\xef\xbf\xbd");
    cJSON_Delete(doc);
    buf_clear(&text);
    log_message_content(l, BYTES_LIT("n"), bytes_of(big, sizeof(big)), bytes_of(big, sizeof(big)));
    drain(l, &text);
    doc = only_line(&text);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(doc, "cut")) && text.len <= LIMIT_LOG_CONTENT);
    assert_true(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(doc, "decoded"))) > 1000);
    cJSON_Delete(doc);
    now_us += US_PER_S;
    buf_clear(&text);
    log_message_content(l, BYTES_LIT("n"), BYTES_LIT("TVNI"), BYTES_LIT("MSH"));
    log_message_content(l, BYTES_LIT("n"), BYTES_LIT("TVNI"), BYTES_LIT("MSH"));
    drain(l, &text);
    assert_int_equal(count_of(&text, "phi_logging_ended"), 1);
    assert_int_equal(count_of(&text, "TVNI"), 0);
    log_free(l);
}

static void last_errors_for_the_status_page(void **state UNUSED)
{
    struct log *l = make(LOG_JSON, 0);
    LOG(l, MESSAGE_DEAD, LOG_CODE("reason", "dest_nack"));
    for (int i = 0; i < 50; i++)
        LOG(l, ATTEMPT_FAILED, LOG_CODE("class", "THROTTLED"));
    struct log_last last[LOG_LAST];
    assert_int_equal(log_last(l, last), 2);
    assert_true(last[0].event == EVENT_ATTEMPT_FAILED && last[0].count == 50);
    assert_string_equal(last[1].code, "dest_nack");
    log_free(l);
}

static void every_code_is_a_word_and_unique(void **state UNUSED)
{
    for (unsigned a = 0; a < LOG_EVENTS; a++) {
        const char *code = log_event_info(a)->code;
        assert_true(strpbrk(log_event_info(a)->sentence, "\"\\\n") == NULL);
        assert_true(strlen(code) <= 32 && strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(code));
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(code, log_event_info(b)->code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_line_has_cloud_loggings_fields),
        cmocka_unit_test(every_line_has_its_own_time),
        cmocka_unit_test(human_line),
        cmocka_unit_test(names_and_codes_are_cleaned),
        cmocka_unit_test(any_bytes_give_valid_json),
        cmocka_unit_test(a_line_too_long_is_cut_and_whole),
        cmocka_unit_test(repeats_are_folded_and_said),
        cmocka_unit_test(a_tap_hears_nothing_after_its_end),
        cmocka_unit_test(nobody_reads_and_nothing_waits),
        cmocka_unit_test(levels_and_the_per_message_switch),
        cmocka_unit_test(content_only_while_allowed),
        cmocka_unit_test(last_errors_for_the_status_page),
        cmocka_unit_test(every_code_is_a_word_and_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
