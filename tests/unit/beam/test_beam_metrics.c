#include "unit.h"

#include "beam/beam_metrics.h"

static const char *label(const Beam__MonitoringInfo *i, const char *key)
{
    for (size_t n = 0; n < i->n_labels; n++)
        if (strcmp(i->labels[n]->key, key) == 0)
            return i->labels[n]->value;
    return NULL;
}

static void both_forms_say_the_same(void **state)
{
    (void) state;
    struct beam_metrics *m = beam_metrics_make();
    struct beam_counts c = { 0 };
    beam_counts_add(&c, m, BEAM_METRIC_FAILED_INGEST, "a step/with slash", 300);
    assert_string_equal(c.infos[0]->urn, "beam:metric:user:sum_int64:v1");
    assert_string_equal(c.infos[0]->type, "beam:metrics:sum_int64:v1");
    assert_string_equal(label(c.infos[0], "NAMESPACE"), "HL7v2");
    assert_string_equal(label(c.infos[0], "NAME"), "FailedIngest");
    assert_string_equal(label(c.infos[0], "PTRANSFORM"), "a step/with slash");
    assert_int_equal(c.infos[0]->payload.len, 2);
    assert_memory_equal(c.infos[0]->payload.data, "\xac\2", 2);
    assert_memory_equal(c.data[0]->value.data, "\xac\2", 2);
    beam_counts_fini(&c);
    beam_metrics_free(m);
}

/* Two processes, two orders: one id for one metric. Other metrics, steps and collections: other ids. */
static void short_ids_follow_from_the_content(void **state)
{
    (void) state;
    struct beam_metrics *a = beam_metrics_make(), *b = beam_metrics_make();
    struct beam_counts x = { 0 }, y = { 0 };
    beam_counts_add(&x, a, BEAM_METRIC_FETCHED, "t", 1);
    beam_counts_add(&x, a, BEAM_METRIC_INGESTED, "t", 1);
    beam_counts_add(&x, a, BEAM_METRIC_ELEMENTS, "t", 1);
    beam_counts_add(&x, a, BEAM_METRIC_READ_INDEX, "t", 1);
    beam_counts_add(&x, a, BEAM_METRIC_FETCHED, "u", 1);
    beam_counts_add(&y, b, BEAM_METRIC_INGESTED, "t", 5);
    assert_string_equal(x.data[1]->key, y.data[0]->key);
    for (size_t i = 0; i < x.count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(x.data[i]->key, x.data[j]->key);
    Beam__MonitoringInfosMetadataRequest ask = BEAM__MONITORING_INFOS_METADATA_REQUEST__INIT;
    char *ids[] = { y.data[0]->key, (char *) "unknown", x.data[0]->key };
    ask.n_monitoring_info_id = ARRAY_LEN(ids);
    ask.monitoring_info_id = ids;
    Beam__MonitoringInfosMetadataResponse answer;
    beam_metrics_answer(a, &ask, &answer);
    assert_int_equal(answer.n_monitoring_info, 2);
    assert_string_equal(label(answer.monitoring_info[0]->value, "NAME"), "Ingested");
    assert_string_equal(label(answer.monitoring_info[1]->value, "NAME"), "Fetched");
    beam_metrics_answer_fini(&answer);
    beam_counts_fini(&x);
    beam_counts_fini(&y);
    beam_metrics_free(a);
    beam_metrics_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_say_the_same),
        cmocka_unit_test(short_ids_follow_from_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
