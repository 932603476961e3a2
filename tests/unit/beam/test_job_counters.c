#include "unit.h"

#include "beam/job_client.h"

/* GetJobMetricsResponse{metrics{committed...}} by hand: each info is urn, payload, labels. */
static void add(struct buf *out, bool committed, const char *namespace, const char *name, const char *step, const char *value)
{
    Beam__MonitoringInfo info = BEAM__MONITORING_INFO__INIT;
    Beam__MonitoringInfo__LabelsEntry labels[3] = {
        BEAM__MONITORING_INFO__LABELS_ENTRY__INIT, BEAM__MONITORING_INFO__LABELS_ENTRY__INIT, BEAM__MONITORING_INFO__LABELS_ENTRY__INIT
    };
    Beam__MonitoringInfo__LabelsEntry *pointers[3] = { &labels[0], &labels[1], &labels[2] };
    const char *const pairs[3][2] = { { "NAMESPACE", namespace }, { "NAME", name }, { "PTRANSFORM", step } };
    for (size_t i = 0; i < 3; i++) {
        labels[i].key = (char *) pairs[i][0];
        labels[i].value = (char *) pairs[i][1];
    }
    info.urn = (char *) "beam:metric:user:sum_int64:v1";
    info.payload = (ProtobufCBinaryData) { strlen(value), (uint8_t *) value };
    info.labels = pointers;
    info.n_labels = 3;
    Beam__MonitoringInfo *one = &info;
    Beam__MetricResults results = BEAM__METRIC_RESULTS__INIT;
    if (committed) {
        results.committed = &one;
        results.n_committed = 1;
    } else {
        results.attempted = &one;
        results.n_attempted = 1;
    }
    Beam__GetJobMetricsResponse reply = BEAM__GET_JOB_METRICS_RESPONSE__INIT;
    reply.metrics = &results;
    size_t len = beam__get_job_metrics_response__get_packed_size(&reply);
    beam__get_job_metrics_response__pack(&reply, (uint8_t *) buf_reserve(out, len));    /* messages joined end to end merge */
    out->len += len;
}

static void steps_are_summed(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf reply = { 0 };
    struct job_counters c;
    add(&reply, true, "HL7v2", "Fetched", "et_pull_processandsplit", "\xac\x02");
    add(&reply, true, "HL7v2", "Fetched", "t_fetch", "\x05");
    add(&reply, true, "HL7v2", "FailedIngest", "t_ingest", "\x01");
    add(&reply, true, "other", "Fetched", "t_fetch", "\x07");
    add(&reply, false, "HL7v2", "Fetched", "t_fetch", "\x7f");
    assert_true(job_counters_read(buf_bytes(&reply), &c));
    assert_true(c.any && c.fetched == 305 && c.failed_ingest == 1 && c.ingested == 0 && c.failed_fetch == 0);
}

static void attempts_count_where_nothing_is_committed(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf reply = { 0 };
    struct job_counters c;
    assert_true(job_counters_read(buf_bytes(&reply), &c) && !c.any);
    add(&reply, false, "HL7v2", "Ingested", "t_ingest", "\x09");
    assert_true(job_counters_read(buf_bytes(&reply), &c) && c.ingested == 9);
    assert_false(job_counters_read(BYTES_LIT("\x0a\xff"), &c));
}

static void words_of_a_runner_are_made_safe(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    job_text_clean(BYTES_LIT("a\033[31mb\nc"), 100, &out);
    assert_string_equal(buf_str(&out), "a [31mb c");
    buf_clear(&out);
    job_text_clean(BYTES_LIT("abcdef"), 3, &out);
    assert_string_equal(buf_str(&out), "abc ...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_summed),
        cmocka_unit_test(attempts_count_where_nothing_is_committed),
        cmocka_unit_test(words_of_a_runner_are_made_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
