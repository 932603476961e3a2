#include "obs/prom.h"

#include <inttypes.h>

static void render_head(enum metric_id id, struct buf *out);
static void render_build(const char *version, const char *commit, struct buf *out);
static void render_metric(const struct metrics *m, enum metric_id id, struct buf *out);
static void render_series(const struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, struct buf *out);
static void put_labels(enum metric_id id, unsigned l1, unsigned l2, const char *le, struct buf *out);
static void put_value(enum metric_scale scale, uint64_t v, struct buf *out);
static void put_label_text(const char *s, struct buf *out);

void prom_render(const struct metrics *m, const char *version, const char *commit, struct buf *out)
{
    for (unsigned id = 0; id < METRICS; id++) {
        render_head(id, out);
        if (id == METRIC_BUILD_INFO)
            render_build(version, commit, out);
        else
            render_metric(m, id, out);
    }
}

/* The one metric whose labels are no closed set. */
static void render_build(const char *version, const char *commit, struct buf *out)
{
    buf_printf(out, "%s{version=\"", metric_info(METRIC_BUILD_INFO)->prom);
    put_label_text(version, out);
    buf_append_str(out, "\",commit=\"");
    put_label_text(commit, out);
    buf_append_str(out, "\"} 1\n");
}

static void render_head(enum metric_id id, struct buf *out)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    const struct metric_info *info = metric_info(id);
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", info->prom, info->help, info->prom, kinds[info->kind]);
}

static void render_metric(const struct metrics *m, enum metric_id id, struct buf *out)
{
    const struct metric_info *info = metric_info(id);
    bool sparse = info->label[1] != LABELS_NONE;
    for (unsigned l1 = 0; l1 < label_count(info->label[0]); l1++)
        for (unsigned l2 = 0; l2 < m->stride[id]; l2++)
            if (!sparse || m->touched[metric_at(m, id, l1, l2)])
                render_series(m, id, l1, l2, out);
}

static void render_series(const struct metrics *m, enum metric_id id, unsigned l1, unsigned l2, struct buf *out)
{
    const struct metric_info *info = metric_info(id);
    const uint64_t *cell = &m->cell[metric_at(m, id, l1, l2)], *bounds = NULL;
    if (info->kind != METRIC_HISTOGRAM) {
        buf_append_str(out, info->prom);
        put_labels(id, l1, l2, NULL, out);
        put_value(info->scale, cell[0], out);
        return;
    }
    unsigned count = metric_bounds(id, &bounds);
    uint64_t sum = 0;
    for (unsigned b = 0; b <= count; b++) {
        CLEANUP(buf_fini) struct buf le = { 0 };
        if (b == count)
            buf_append_str(&le, "+Inf");
        else if (info->scale == METRIC_US)
            buf_printf(&le, "%g", (double) bounds[b] / 1e6);
        else
            buf_printf(&le, "%" PRIu64, bounds[b]);
        sum += cell[2 + b];
        buf_printf(out, "%s_bucket", info->prom);
        put_labels(id, l1, l2, buf_str(&le), out);
        put_value(METRIC_ONE, sum, out);
    }
    buf_printf(out, "%s_sum", info->prom);
    put_labels(id, l1, l2, NULL, out);
    put_value(info->scale, cell[1], out);
    buf_printf(out, "%s_count", info->prom);
    put_labels(id, l1, l2, NULL, out);
    put_value(METRIC_ONE, cell[0], out);
}

static void put_labels(enum metric_id id, unsigned l1, unsigned l2, const char *le, struct buf *out)
{
    const struct metric_info *info = metric_info(id);
    const unsigned value[] = { l1, l2 };
    const char *before = "{";
    for (unsigned i = 0; i < 2; i++) {
        if (info->label[i] == LABELS_NONE)
            continue;
        buf_printf(out, "%s%s=\"", before, label_key(info->label[i]));
        put_label_text(label_text(info->label[i], value[i]), out);
        buf_append_char(out, '"');
        before = ",";
    }
    if (le != NULL) {
        buf_printf(out, "%sle=\"%s\"", before, le);
        before = ",";
    }
    buf_append_str(out, *before == ',' ? "} " : " ");
}

static void put_value(enum metric_scale scale, uint64_t v, struct buf *out)
{
    int64_t n = (int64_t) v;
    if (scale != METRIC_US)
        buf_printf(out, "%" PRId64 "\n", n);
    else if (n % US_PER_S == 0)
        buf_printf(out, "%" PRId64 "\n", n / US_PER_S);
    else
        buf_printf(out, "%s%" PRId64 ".%06" PRId64 "\n", n < 0 ? "-" : "", n < 0 ? -(n / US_PER_S) : n / US_PER_S,
                   n < 0 ? -(n % US_PER_S) : n % US_PER_S);
}

static void put_label_text(const char *s, struct buf *out)
{
    for (; *s != '\0'; s++)
        if (*s == '\n')
            buf_append_str(out, "\\n");
        else if (*s == '\\' || *s == '"')
            buf_append(out, bytes_of((char[]) { '\\', *s }, 2));
        else
            buf_append_char(out, *s);
}
