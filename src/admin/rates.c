#include "admin/rates.h"

enum { IN, OUT, REQUESTS, ERRORS = REQUESTS + ADMIN_ENDPOINTS };

static const uint64_t *sample_back(const struct rates_history *h, us_t window_us, us_t *ret_age_us);
static struct admin_rate rate_of(const struct rates_history *h, unsigned series);
static double over(const struct rates_history *h, unsigned series, us_t window_us);

void rates_sample(struct rates_history *h, const struct metrics *m, us_t now_us)
{
    uint64_t *v = h->value[h->next];
    v[IN] = metric_get(m, METRIC_RECEIVED, 0, 0);
    v[OUT] = metric_sum(m, METRIC_DELIVERED) + metric_sum(m, METRIC_DEAD) + metric_sum(m, METRIC_SKIPPED);
    for (unsigned e = 0; e < ADMIN_ENDPOINTS; e++) {
        uint64_t all = 0;
        for (unsigned code = 0; code < label_count(LABELS_CODE); code++)
            all += metric_get(m, METRIC_REQUESTS, e, code);
        v[REQUESTS + e] = all;
        v[ERRORS + e] = all - metric_get(m, METRIC_REQUESTS, e, LABEL_CODE_C200);
    }
    h->at_us[h->next] = now_us;
    h->next = (h->next + 1) % RATES_SAMPLES;
    h->count = MIN(h->count + 1, (uint32_t) RATES_SAMPLES);
}

void rates_read(const struct rates_history *h, struct admin_rates *ret)
{
    *ret = (struct admin_rates) { 0 };
    if (h->count < 2)
        return;
    ret->in = rate_of(h, IN);
    ret->out = rate_of(h, OUT);
    us_t age;
    const uint64_t *newest = sample_back(h, 0, &age), *hour = sample_back(h, 60 * US_PER_MIN, &age);
    for (unsigned e = 0; e < ADMIN_ENDPOINTS; e++) {
        ret->requests[e] = rate_of(h, REQUESTS + e);
        ret->errors_hour[e] = newest[ERRORS + e] - hour[ERRORS + e];
    }
}

static struct admin_rate rate_of(const struct rates_history *h, unsigned series)
{
    return (struct admin_rate) { over(h, series, RATES_EVERY_S * US_PER_S), over(h, series, US_PER_MIN),
                                 over(h, series, 5 * US_PER_MIN), over(h, series, 60 * US_PER_MIN) };
}

static double over(const struct rates_history *h, unsigned series, us_t window_us)
{
    us_t newest_age, age;
    const uint64_t *newest = sample_back(h, 0, &newest_age), *before = sample_back(h, window_us, &age);
    return age > 0 ? (double) (newest[series] - before[series]) * 1e6 / (double) age : 0;
}

/* The youngest sample at least window_us older than the newest, else the oldest; and its age against the newest. */
static const uint64_t *sample_back(const struct rates_history *h, us_t window_us, us_t *ret_age_us)
{
    uint32_t newest = (h->next + RATES_SAMPLES - 1) % RATES_SAMPLES;
    for (uint32_t back = 0;; back++) {
        uint32_t at = (newest + RATES_SAMPLES - back) % RATES_SAMPLES;
        *ret_age_us = h->at_us[newest] - h->at_us[at];
        if (*ret_age_us >= window_us || back + 1 == h->count)
            return h->value[at];
    }
}
