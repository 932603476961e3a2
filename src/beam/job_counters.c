/* The four counters of the Python pipeline, out of a runner's metrics. */
#include "beam/job_client.h"

static const char *label(const Beam__MonitoringInfo *m, const char *key)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(m->labels[i]->key, key) == 0)
            return m->labels[i]->value;
    return "";
}

static bool read_varint(ProtobufCBinaryData d, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (size_t i = 0; i < d.len && i < 10; i++) {
        n |= (uint64_t) (d.data[i] & 0x7f) << (7 * i);
        if ((d.data[i] & 0x80) == 0) {
            *ret_n = n;
            return true;
        }
    }
    return false;
}

static uint64_t *place(struct job_counters *c, const char *name)
{
    const struct {
        const char *name;
        uint64_t *at;
    } all[] = { { "Fetched", &c->fetched }, { "FailedFetch", &c->failed_fetch }, { "Ingested", &c->ingested },
                { "FailedIngest", &c->failed_ingest } };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].at;
    return NULL;
}

/* Runners name the steps each in their own way: the sum over all steps is what can be compared. */
static void add_all(struct job_counters *c, Beam__MonitoringInfo *const *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t n = 0, *to = place(c, label(at[i], "NAME"));
        if (to == NULL || strcmp(at[i]->urn, "beam:metric:user:sum_int64:v1") != 0 || strcmp(label(at[i], "NAMESPACE"), "HL7v2") != 0 ||
            !read_varint(at[i]->payload, &n))
            continue;
        *to += n;
        c->any = true;
    }
}

bool job_counters_read(struct bytes reply, struct job_counters *ret_counters)
{
    struct job_counters c = { 0 };
    Beam__GetJobMetricsResponse *m = beam__get_job_metrics_response__unpack(NULL, reply.len, (const uint8_t *) (reply.len > 0 ? reply.ptr : ""));
    if (m == NULL)
        return false;
    if (m->metrics != NULL)
        add_all(&c, m->metrics->committed, m->metrics->n_committed);
    if (m->metrics != NULL && !c.any)
        add_all(&c, m->metrics->attempted, m->metrics->n_attempted);
    beam__get_job_metrics_response__free_unpacked(m, NULL);
    *ret_counters = c;
    return true;
}
