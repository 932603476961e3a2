#include "obs/metrics.h"

#include "base/mem.h"

enum { METRICS_MAGIC = 0x3e771c5 };

static const struct metric_info infos[] = {
#define METRIC(name, kind, scale, label1, label2, prom, beam, monitoring, help)                      \
    { #name, prom, beam, monitoring, help, METRIC_##kind, METRIC_##scale, { LABELS_##label1, LABELS_##label2 } },
#include "obs/metrics.def"
#undef METRIC
};

static const char *const keys[] = {
#define LABEL_SET(set, key, meaning) key,
#define LABEL(set, name, text, meaning)
#include "obs/labels.def"
#undef LABEL
#undef LABEL_SET
};

static const struct {
    enum label_set set;
    const char *text, *meaning;
} labels[] = {
#define LABEL_SET(set, key, meaning)
#define LABEL(set, name, text, meaning) { LABELS_##set, text, meaning },
#include "obs/labels.def"
#undef LABEL
#undef LABEL_SET
};

/* Bounds in the cells' unit: microseconds, bytes. Few: every bucket is a series of its own. */
static const uint64_t bounds_us[] = { 5000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000, 60000000 };
static const uint64_t bounds_long_us[] = { 50000,   100000,   250000,   500000,    1000000,   2500000,   10000000,
                                           60000000, 300000000, 1800000000, 14400000000, 86400000000, 604800000000 };
static const uint64_t bounds_bytes[] = { 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 10485760 };

static unsigned first_label(enum label_set set);

const struct metric_info *metric_info(enum metric_id id)
{
    CHECK(id < METRICS);
    return &infos[id];
}

const char *label_key(enum label_set set)
{
    return keys[set];
}

unsigned label_count(enum label_set set)
{
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        count += labels[i].set == set;
    return count;
}

const char *label_text(enum label_set set, unsigned value)
{
    return labels[first_label(set) + value].text;
}

const char *label_meaning(enum label_set set, unsigned value)
{
    return labels[first_label(set) + value].meaning;
}

unsigned metric_bounds(enum metric_id id, const uint64_t **ret_bounds)
{
    if (infos[id].kind != METRIC_HISTOGRAM)
        return 0;
    *ret_bounds = infos[id].scale == METRIC_BYTES ? bounds_bytes : id == METRIC_END_TO_END ? bounds_long_us : bounds_us;
    return infos[id].scale == METRIC_BYTES ? ARRAY_LEN(bounds_bytes)
           : id == METRIC_END_TO_END       ? ARRAY_LEN(bounds_long_us)
                                           : ARRAY_LEN(bounds_us);
}

/* A histogram's series: count, sum, one cell for each bucket and one beyond. Others: one cell. */
struct metrics *metrics_make(void)
{
    struct metrics *m = mem_alloc(sizeof(*m));
    uint32_t cells = 0;
    m->magic = METRICS_MAGIC;
    for (unsigned id = 0; id < METRICS; id++) {
        const uint64_t *bounds;
        m->first[id] = cells;
        m->width[id] = infos[id].kind == METRIC_HISTOGRAM ? 3 + metric_bounds(id, &bounds) : 1;
        m->stride[id] = label_count(infos[id].label[1]);
        cells += label_count(infos[id].label[0]) * m->stride[id] * m->width[id];
    }
    m->cell = mem_alloc_n(cells, sizeof(m->cell[0]));
    m->touched = mem_alloc(cells);
    m->cells = cells;
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    CHECK_MAGIC(m, METRICS_MAGIC);
    mem_free(m->cell);
    mem_free(m->touched);
    mem_free(m);
}

void metric_add(struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, uint64_t n)
{
    uint32_t at = metric_at(m, id, l1, l2);
    CHECK(at < m->cells);
    m->cell[at] += n;
    m->touched[at] = 1;
}

void metric_set(struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, int64_t v)
{
    uint32_t at = metric_at(m, id, l1, l2);
    CHECK(at < m->cells);
    m->cell[at] = (uint64_t) v;
    m->touched[at] = 1;
}

void metric_observe(struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, uint64_t v)
{
    const uint64_t *bounds = NULL;
    unsigned count = metric_bounds(id, &bounds), bucket = 0;
    uint32_t at = metric_at(m, id, l1, l2);
    CHECK(count > 0 && at + m->width[id] <= m->cells);
    while (bucket < count && v > bounds[bucket])
        bucket++;
    m->cell[at]++;
    m->cell[at + 1] += v;
    m->cell[at + 2 + bucket]++;
    m->touched[at] = 1;
}

uint64_t metric_get(const struct metrics *m, enum metric_id id, unsigned l1, unsigned l2)
{
    uint32_t at = metric_at(m, id, l1, l2);
    CHECK(at < m->cells);
    return m->cell[at];
}

uint64_t metric_sum(const struct metrics *m, enum metric_id id)
{
    uint64_t sum = 0;
    for (unsigned l1 = 0; l1 < label_count(infos[id].label[0]); l1++)
        for (unsigned l2 = 0; l2 < m->stride[id]; l2++)
            sum += metric_get(m, id, l1, l2);
    return sum;
}

uint64_t metric_quantile(const struct metrics *m, enum metric_id id, int l1, double q)
{
    const uint64_t *bounds = NULL;
    unsigned count = metric_bounds(id, &bounds);
    uint64_t in[METRIC_BUCKETS_MAX + 1] = { 0 }, total = 0;
    CHECK(count > 0 && count <= METRIC_BUCKETS_MAX);
    for (unsigned v = 0; v < label_count(infos[id].label[0]); v++) {
        if (l1 >= 0 && v != (unsigned) l1)
            continue;
        for (unsigned l2 = 0; l2 < m->stride[id]; l2++)
            for (unsigned b = 0; b <= count; b++)
                in[b] += m->cell[metric_at(m, id, v, l2) + 2 + b];
    }
    for (unsigned b = 0; b <= count; b++)
        total += in[b];
    if (total == 0)
        return 0;
    double rank = q * (double) total, below = 0;
    for (unsigned b = 0; b < count; b++) {
        if (below + (double) in[b] >= rank && in[b] > 0) {
            double low = b > 0 ? (double) bounds[b - 1] : 0;
            return (uint64_t) (low + ((double) bounds[b] - low) * (rank - below) / (double) in[b]);
        }
        below += (double) in[b];
    }
    return bounds[count - 1];
}

unsigned label_http_code(uint16_t status)
{
    static const uint16_t codes[] = { 0,   200, 400, 401, 403, 404, 408, 409, 410, 412,
                                      413, 422, 425, 429, 499, 500, 501, 502, 503, 504 };
    for (unsigned i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] == status)
            return i;
    return LABEL_CODE_OTHER;
}

unsigned label_http_class(uint16_t status)
{
    if (status < 200 || status > 599)
        return LABEL_CODE_CLASS_NO_ANSWER;
    return LABEL_CODE_CLASS_C2XX + (status / 100u - 2);
}

static unsigned first_label(enum label_set set)
{
    for (unsigned i = 0; i < ARRAY_LEN(labels); i++)
        if (labels[i].set == set)
            return i;
    CHECK(!"a label set without values");
    return 0;
}
