#include "beam/beam_metrics.h"

#include "base/limits.h"
#include "base/mem.h"
#include "beam/coder.h"

#include <stdio.h>

#define TYPE_SUM "beam:metrics:sum_int64:v1"
#define URN_USER "beam:metric:user:sum_int64:v1"

enum { SHORT_LEN = 17, LABELS_MAX = 3 };

static const struct {
    const char *urn, *label, *name;    /* name: of a user counter */
} kinds[BEAM_METRIC_KINDS] = {
    [BEAM_METRIC_FETCHED] = { URN_USER, "PTRANSFORM", "Fetched" },
    [BEAM_METRIC_FAILED_FETCH] = { URN_USER, "PTRANSFORM", "FailedFetch" },
    [BEAM_METRIC_INGESTED] = { URN_USER, "PTRANSFORM", "Ingested" },
    [BEAM_METRIC_FAILED_INGEST] = { URN_USER, "PTRANSFORM", "FailedIngest" },
    [BEAM_METRIC_ELEMENTS] = { "beam:metric:element_count:v1", "PCOLLECTION", NULL },
    [BEAM_METRIC_READ_INDEX] = { "beam:metric:data_channel:read_index:v1", "PTRANSFORM", NULL },
};

struct known {
    char id[SHORT_LEN];
    enum beam_metric metric;
    char *of;
};

struct beam_metrics {
    struct known *at;
    size_t count;
};

struct beam_metrics *beam_metrics_make(void)
{
    return mem_alloc(sizeof(struct beam_metrics));
}

void beam_metrics_free(struct beam_metrics *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->count; i++)
        mem_free(m->at[i].of);
    mem_free(m->at);
    mem_free(m);
}

/* From the content alone, whichever process asks. */
static void short_id(enum beam_metric metric, const char *of, char out[SHORT_LEN])
{
    uint64_t h = bytes_hash(bytes_str(kinds[metric].urn), 0);
    h = bytes_hash(bytes_str(kinds[metric].name != NULL ? kinds[metric].name : ""), h);
    h = bytes_hash(bytes_str(of), h);
    snprintf(out, SHORT_LEN, "%016llx", (unsigned long long) h);
}

static const struct known *find(const struct beam_metrics *m, const char *id)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->at[i].id, id) == 0)
            return &m->at[i];
    return NULL;
}

static void remember(struct beam_metrics *m, const char *id, enum beam_metric metric, const char *of)
{
    if (find(m, id) != NULL || m->count == LIMIT_BEAM_METRICS)
        return;
    m->at = mem_grow(m->at, (m->count + 1) * sizeof(m->at[0]));
    struct known *k = &m->at[m->count++];
    memcpy(k->id, id, SHORT_LEN);
    k->metric = metric;
    k->of = mem_dup(bytes_str(of));
}

/* ---- one MonitoringInfo, owned ------------------------------------------ */

struct info {
    Beam__MonitoringInfo info;
    Beam__MonitoringInfo__LabelsEntry label[LABELS_MAX], *labels[LABELS_MAX];
    char *of;
};

static void put_label(struct info *i, const char *key, const char *value)
{
    Beam__MonitoringInfo__LabelsEntry *l = &i->label[i->info.n_labels];
    *l = (Beam__MonitoringInfo__LabelsEntry) BEAM__MONITORING_INFO__LABELS_ENTRY__INIT;
    l->key = (char *) key;
    l->value = (char *) value;
    i->labels[i->info.n_labels++] = l;
}

static struct info *info_make(enum beam_metric metric, const char *of)
{
    struct info *i = mem_alloc(sizeof(*i));
    i->info = (Beam__MonitoringInfo) BEAM__MONITORING_INFO__INIT;
    i->of = mem_dup(bytes_str(of));
    i->info.urn = (char *) kinds[metric].urn;
    i->info.type = (char *) TYPE_SUM;
    i->info.labels = i->labels;
    put_label(i, kinds[metric].label, i->of);
    if (kinds[metric].name != NULL) {
        put_label(i, "NAMESPACE", "HL7v2");
        put_label(i, "NAME", kinds[metric].name);
    }
    return i;
}

static void info_free(Beam__MonitoringInfo *info)
{
    struct info *i = CONTAINER_OF(info, struct info, info);
    mem_free(i->info.payload.data);
    mem_free(i->of);
    mem_free(i);
}

/* ---- a bundle's counters ------------------------------------------------- */

void beam_counts_add(struct beam_counts *c, struct beam_metrics *m, enum beam_metric metric, const char *of, uint64_t n)
{
    if (c->count == c->cap) {
        c->cap = MAX(c->cap * 2, 16u);
        c->infos = mem_grow(c->infos, c->cap * sizeof(c->infos[0]));
        c->data = mem_grow(c->data, c->cap * sizeof(c->data[0]));
    }
    struct buf payload = { 0 };
    beam_coder_put_varint(&payload, n);
    struct info *i = info_make(metric, of);
    i->info.payload = (ProtobufCBinaryData) { payload.len, (uint8_t *) payload.ptr };
    c->infos[c->count] = &i->info;
    char id[SHORT_LEN];
    short_id(metric, of, id);
    remember(m, id, metric, of);
    Beam__ProcessBundleResponse__MonitoringDataEntry *e = mem_alloc(sizeof(*e));
    *e = (Beam__ProcessBundleResponse__MonitoringDataEntry) BEAM__PROCESS_BUNDLE_RESPONSE__MONITORING_DATA_ENTRY__INIT;
    e->key = mem_dup(bytes_str(id));
    e->value = i->info.payload;    /* the info's */
    c->data[c->count++] = e;
}

void beam_counts_fini(struct beam_counts *c)
{
    for (size_t i = 0; i < c->count; i++) {
        mem_free(c->data[i]->key);
        mem_free(c->data[i]);
        info_free(c->infos[i]);
    }
    mem_free(c->infos);
    mem_free(c->data);
    *c = (struct beam_counts) { 0 };
}

void beam_metrics_answer(const struct beam_metrics *m, const Beam__MonitoringInfosMetadataRequest *ask,
                         Beam__MonitoringInfosMetadataResponse *answer)
{
    *answer = (Beam__MonitoringInfosMetadataResponse) BEAM__MONITORING_INFOS_METADATA_RESPONSE__INIT;
    answer->monitoring_info = mem_alloc_n(ask->n_monitoring_info_id + 1, sizeof(answer->monitoring_info[0]));
    for (size_t i = 0; i < ask->n_monitoring_info_id; i++) {
        const struct known *k = find(m, ask->monitoring_info_id[i]);
        if (k == NULL)
            continue;
        Beam__MonitoringInfosMetadataResponse__MonitoringInfoEntry *e = mem_alloc(sizeof(*e));
        *e = (Beam__MonitoringInfosMetadataResponse__MonitoringInfoEntry)
            BEAM__MONITORING_INFOS_METADATA_RESPONSE__MONITORING_INFO_ENTRY__INIT;
        e->key = (char *) k->id;
        e->value = &info_make(k->metric, k->of)->info;
        answer->monitoring_info[answer->n_monitoring_info++] = e;
    }
}

void beam_metrics_answer_fini(Beam__MonitoringInfosMetadataResponse *answer)
{
    for (size_t i = 0; i < answer->n_monitoring_info; i++) {
        info_free(answer->monitoring_info[i]->value);
        mem_free(answer->monitoring_info[i]);
    }
    mem_free(answer->monitoring_info);
}
