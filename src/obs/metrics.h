/*
 * Metrics: one row each in metrics.def, with the names for Prometheus, Beam and
 * Cloud Monitoring. A registry is an object, so that relay, local cloud and a
 * worker in one process do not mix. Counting is an addition in an array: no
 * look-up, no allocation, no lock. One thread: the loop's.
 *
 * Labels are closed sets (labels.def), given as their index; a metric without a
 * label takes 0. METRIC_ADD(m, DEAD, LABEL_REASON_DEST_NACK, 0, 1).
 *
 * Cells are integers. `scale` of a row says what one unit is: microseconds are
 * shown as seconds.
 */
#ifndef OBS_METRICS_H
#define OBS_METRICS_H

#include "base/buf.h"
#include "base/check.h"

enum metric_id {
#define METRIC(name, kind, scale, label1, label2, prom, beam, monitoring, help) METRIC_##name,
#include "obs/metrics.def"
#undef METRIC
    METRICS
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_scale { METRIC_ONE, METRIC_US, METRIC_BYTES };    /* METRIC_US: cells in microseconds, shown in seconds */

enum label_set {
#define LABEL_SET(set, key, meaning) LABELS_##set,
#define LABEL(set, name, text, meaning)
#include "obs/labels.def"
#undef LABEL
#undef LABEL_SET
    LABEL_SETS
};

/* The values of each set, counted from 0 within the set: LABEL_REASON_DEST_NACK. */
enum label_value {
#define LABEL_SET(set, key, meaning)    LABEL_BEFORE_##set = -1,
#define LABEL(set, name, text, meaning) LABEL_##set##_##name,
#include "obs/labels.def"
#undef LABEL
#undef LABEL_SET
    LABEL_VALUES_
};

struct metric_info {
    const char *name, *prom, *beam, *monitoring, *help;
    enum metric_kind kind;
    enum metric_scale scale;
    enum label_set label[2];
};

const struct metric_info *metric_info(enum metric_id id);
const char *label_meaning(enum label_set set, unsigned value);
const char *label_key(enum label_set set);
unsigned label_count(enum label_set set);
const char *label_text(enum label_set set, unsigned value);

enum { METRIC_BUCKETS_MAX = 14 };
/* Upper bounds of a histogram's buckets in its cells' unit, +Inf left out. */
unsigned metric_bounds(enum metric_id id, const uint64_t **ret_bounds);

struct metrics {
    uint32_t magic;
    uint32_t first[METRICS];     /* the metric's first cell */
    uint32_t width[METRICS];     /* cells of one series */
    uint32_t stride[METRICS];    /* series per value of the first label */
    uint32_t cells;
    uint64_t *cell;
    uint8_t *touched;            /* a series of a two-label metric is shown once it was used */
};

struct metrics *metrics_make(void);
void metrics_free(struct metrics *m);

/* The cell of a series (struct metrics is open for this alone: an addition, no call). */
static inline uint32_t metric_at(const struct metrics *m, enum metric_id id, unsigned l1, unsigned l2)
{
    return m->first[id] + (l1 * m->stride[id] + l2) * m->width[id];
}

/* Counters go up, or are set to a total that is kept elsewhere; gauges are set. */
void metric_add(struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, uint64_t n);
void metric_set(struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, int64_t v);
void metric_observe(struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, uint64_t v);
/* A counter's or gauge's cell; a histogram's count. */
uint64_t metric_get(const struct metrics *m, enum metric_id id, unsigned l1, unsigned l2);
uint64_t metric_sum(const struct metrics *m, enum metric_id id);    /* over all labels */
/* A histogram's quantile (0..1), interpolated, over all labels but l1 (l1 < 0: over all); 0 when empty. */
uint64_t metric_quantile(const struct metrics *m, enum metric_id id, int l1, double q);

#define METRIC_ADD(m, NAME, l1, l2, n) metric_add((m), METRIC_##NAME, (l1), (l2), (n))
#define METRIC_INC(m, NAME)            metric_add((m), METRIC_##NAME, 0, 0, 1)
#define METRIC_SET(m, NAME, l1, l2, v) metric_set((m), METRIC_##NAME, (l1), (l2), (v))
#define METRIC_OBSERVE(m, NAME, l1, l2, v) metric_observe((m), METRIC_##NAME, (l1), (l2), (v))

/* Label values from what clients know. */
unsigned label_http_code(uint16_t status);          /* LABELS_CODE; 0 (no answer) is "none" */
unsigned label_http_class(uint16_t status);         /* LABELS_CODE_CLASS */

#endif
