/*
 * Counters as Beam wants to hear them (metrics.proto): in full, and by short
 * ids that follow from their content, so that all workers of a job give one
 * metric one id and no two metrics share one. Flink and Python count the full
 * form, Prism the short one.
 */
#ifndef BEAM_BEAM_METRICS_H
#define BEAM_BEAM_METRICS_H

#include "base/buf.h"

#include "proto/beam.pb-c.h"

/* Short ids given out by this process, for monitoring_infos requests. */
struct beam_metrics;

struct beam_metrics *beam_metrics_make(void);
void beam_metrics_free(struct beam_metrics *m);

enum beam_metric {
    BEAM_METRIC_FETCHED, BEAM_METRIC_FAILED_FETCH, BEAM_METRIC_INGESTED, BEAM_METRIC_FAILED_INGEST,    /* of: step */
    BEAM_METRIC_ELEMENTS,      /* of: collection */
    BEAM_METRIC_READ_INDEX,    /* of: the source's step */
    BEAM_METRIC_KINDS
};

/* The counters of one bundle, ready to be put into a response. Zeroed is empty. */
struct beam_counts {
    Beam__MonitoringInfo **infos;
    Beam__ProcessBundleResponse__MonitoringDataEntry **data;
    size_t count, cap;
};

void beam_counts_add(struct beam_counts *c, struct beam_metrics *m, enum beam_metric metric, const char *of, uint64_t n);
void beam_counts_fini(struct beam_counts *c);

/* Fills what is known of the ids asked for; the entries are for beam_metrics_answer_fini(). */
void beam_metrics_answer(const struct beam_metrics *m, const Beam__MonitoringInfosMetadataRequest *ask,
                         Beam__MonitoringInfosMetadataResponse *answer);
void beam_metrics_answer_fini(Beam__MonitoringInfosMetadataResponse *answer);

#endif
