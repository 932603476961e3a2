#include "unit.h"

#include "base/mem.h"
#include "obs/prom.h"
#include "relay/ports.h"

#include <stdio.h>

static bool has_line(struct buf *text, const char *line)
{
    CLEANUP(buf_fini) struct buf want = { 0 };
    buf_printf(&want, "\n%s\n", line);
    return strstr(buf_str(text), buf_str(&want)) != NULL;
}

static void counters_gauges_and_labels(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    METRIC_INC(m, FETCHED);
    METRIC_ADD(m, DELIVERED, LABEL_DUP_YES, 0, 2);
    METRIC_ADD(m, DELIVERED, LABEL_DUP_NO, 0, 5);
    METRIC_ADD(m, DEAD, LABEL_REASON_DEST_NACK, 0, 1);
    METRIC_SET(m, OLDEST_UNACKED, 0, 0, 1500000);
    METRIC_ADD(m, REQUESTS, LABEL_ENDPOINT_DEST, label_http_code(429), 7);
    assert_int_equal(metric_sum(m, METRIC_DELIVERED), 7);
    CLEANUP(buf_fini) struct buf text = { 0 };
    prom_render(m, "1.2.3", "abc\"\\", &text);
    static const char *const want[] = {
        "hl7relay_build_info{version=\"1.2.3\",commit=\"abc\\\"\\\\\"} 1",
        "hl7relay_fetched_total 1",
        "hl7relay_messages_delivered_total{dup=\"1\"} 2",
        "hl7relay_messages_delivered_total{dup=\"0\"} 5",
        "hl7relay_messages_dead_total{reason=\"dest_nack\"} 1",
        "hl7relay_messages_dead_total{reason=\"bad_path\"} 0",
        "hl7relay_oldest_unacked_seconds 1.500000",
        "hl7relay_requests_total{endpoint=\"dest\",code=\"429\"} 7",
        "# TYPE hl7relay_in_flight gauge",
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(has_line(&text, want[i]));
    assert_null(strstr(buf_str(&text), "code=\"503\""));    /* unused series of two labels are not shown */
    metrics_free(m);
}

static void histograms_are_cumulative(void **state UNUSED)
{
    struct metrics *m = metrics_make();
    for (unsigned i = 0; i < 100; i++)
        METRIC_OBSERVE(m, REQUEST_DURATION, LABEL_ENDPOINT_SOURCE, LABEL_CODE_CLASS_C2XX, i < 50 ? 4000 : 40000);
    METRIC_OBSERVE(m, REQUEST_DURATION, LABEL_ENDPOINT_SOURCE, LABEL_CODE_CLASS_C2XX, 100 * US_PER_S);
    CLEANUP(buf_fini) struct buf text = { 0 };
    prom_render(m, "1", "c", &text);
    const char *s = "hl7relay_request_duration_seconds";
    static const char *const want[] = {
        "_bucket{endpoint=\"source\",code_class=\"2xx\",le=\"0.005\"} 50",
        "_bucket{endpoint=\"source\",code_class=\"2xx\",le=\"0.05\"} 100",
        "_bucket{endpoint=\"source\",code_class=\"2xx\",le=\"60\"} 100",
        "_bucket{endpoint=\"source\",code_class=\"2xx\",le=\"+Inf\"} 101",
        "_count{endpoint=\"source\",code_class=\"2xx\"} 101",
        "_sum{endpoint=\"source\",code_class=\"2xx\"} 102.200000",
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        buf_printf(&line, "%s%s", s, want[i]);
        assert_true(has_line(&text, buf_str(&line)));
    }
    uint64_t p50 = metric_quantile(m, METRIC_REQUEST_DURATION, LABEL_ENDPOINT_SOURCE, 0.5);
    assert_true(p50 > 4000 && p50 <= 25500);
    assert_int_equal(metric_quantile(m, METRIC_REQUEST_DURATION, LABEL_ENDPOINT_DEST, 0.5), 0);
    metrics_free(m);
}

static void registries_do_not_mix(void **state UNUSED)
{
    struct metrics *a = metrics_make(), *b = metrics_make();
    METRIC_INC(a, RECEIVED);
    assert_int_equal(metric_get(b, METRIC_RECEIVED, 0, 0), 0);
    uint64_t before = mem_count();
    METRIC_INC(a, RECEIVED);
    METRIC_OBSERVE(a, MESSAGE_BYTES, 0, 0, 5000);
    assert_int_equal(mem_count(), before);
    metrics_free(a);
    metrics_free(b);
}

/* obs/ may not include relay/: so the label sets are held against its tables here. */
static void labels_follow_the_engine(void **state UNUSED)
{
    static const char *const reasons[] = {
#define REASON(name, code, storm, text) code,
#include "relay/reason.def"
#undef REASON
    };
    assert_int_equal(label_count(LABELS_REASON), ARRAY_LEN(reasons));
    for (unsigned i = 1; i < ARRAY_LEN(reasons); i++)
        assert_string_equal(label_text(LABELS_REASON, i), reasons[i]);
    assert_int_equal(LABEL_ENDPOINT_PUBSUB, AT_SUBSCRIPTION);
    assert_int_equal(LABEL_ENDPOINT_SOURCE, AT_SOURCE);
    assert_int_equal(LABEL_ENDPOINT_DEST, AT_DEST);
    assert_int_equal(LABEL_ENDPOINT_DLQ, AT_SINK);
    assert_int_equal(LABEL_HELD_SINK, AT_SINK);
}

static void http_labels(void **state UNUSED)
{
    for (uint16_t status = 0; status < 700; status++) {
        const char *text = label_text(LABELS_CODE, label_http_code(status));
        char want[8];
        snprintf(want, sizeof(want), "%u", status);
        assert_true(strcmp(text, want) == 0 || strcmp(text, "other") == 0 || status == 0);
    }
    assert_string_equal(label_text(LABELS_CODE_CLASS, label_http_class(503)), "5xx");
    assert_string_equal(label_text(LABELS_CODE_CLASS, label_http_class(200)), "2xx");
    assert_string_equal(label_text(LABELS_CODE_CLASS, label_http_class(0)), "none");
    assert_string_equal(label_text(LABELS_CODE, label_http_code(0)), "none");
}

static void rows_keep_prometheus_rules(void **state UNUSED)
{
    for (unsigned id = 0; id < METRICS; id++) {
        const struct metric_info *info = metric_info(id);
        const uint64_t *bounds = NULL;
        struct bytes name = bytes_str(info->prom);
        assert_true(bytes_starts(name, BYTES_LIT("hl7relay_")) || bytes_starts(name, BYTES_LIT("process_")));
        assert_int_equal(info->kind == METRIC_COUNTER, bytes_ends(name, BYTES_LIT("_total")));
        if (info->scale == METRIC_US)
            assert_true(strstr(info->prom, "_seconds") != NULL);
        assert_true(metric_bounds(id, &bounds) <= METRIC_BUCKETS_MAX);
        assert_true(strlen(info->help) > 10 && strpbrk(info->help, "\n\\") == NULL);
        for (unsigned b = 0; b < id; b++)
            assert_string_not_equal(info->prom, metric_info(b)->prom);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_gauges_and_labels),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(registries_do_not_mix),
        cmocka_unit_test(labels_follow_the_engine),
        cmocka_unit_test(http_labels),
        cmocka_unit_test(rows_keep_prometheus_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
