/* The one place that reads a clock. */
#ifndef LOOP_CLOCK_H
#define LOOP_CLOCK_H

#include "base/def.h"

us_t clock_now(void);     /* CLOCK_BOOTTIME: goes on while suspended, so leases are seen to have ended */
us_t clock_wall(void);    /* since 1970-01-01T00:00:00Z */

/* "2026-01-31T23:59:59.123456Z": 27 characters and NUL */
enum { CLOCK_RFC3339_LEN = 28 };
void clock_rfc3339(us_t wall_us, char out[CLOCK_RFC3339_LEN]);
/* RFC 3339 with any offset and fraction, or false. */
bool clock_parse_rfc3339(const char *s, size_t len, us_t *ret_wall_us);

#endif
