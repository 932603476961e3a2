/* Samples of the counters every five seconds, for an hour, and rates from them. */
#ifndef ADMIN_RATES_H
#define ADMIN_RATES_H

#include "admin/admin_view.h"

enum { RATES_EVERY_S = 5, RATES_SAMPLES = 3600 / RATES_EVERY_S + 1, RATES_SERIES = 2 + 2 * ADMIN_ENDPOINTS };

struct rates_history {
    uint64_t value[RATES_SAMPLES][RATES_SERIES];
    us_t at_us[RATES_SAMPLES];
    uint32_t count, next;
};

void rates_sample(struct rates_history *h, const struct metrics *m, us_t now_us);
/* From the newest sample back; a window longer than the history is the history. */
void rates_read(const struct rates_history *h, struct admin_rates *ret);

#endif
