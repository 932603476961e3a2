/*
 * What the pages show, gathered once per request; and the pages, as functions
 * of it: no clock, no descriptor, so that tests give their own figures.
 */
#ifndef ADMIN_ADMIN_VIEW_H
#define ADMIN_ADMIN_VIEW_H

#include "admin/admin_server.h"
#include "base/buf.h"

/* A figure's growth per second. */
struct admin_rate {
    double now, minute, five_minutes, hour;
};

enum { ADMIN_ENDPOINTS = 5 };    /* in the order of LABELS_ENDPOINT */

struct admin_rates {
    struct admin_rate in, out, requests[ADMIN_ENDPOINTS];
    uint64_t errors_hour[ADMIN_ENDPOINTS];
};

struct admin_view {
    struct admin_snapshot snapshot;
    struct admin_rates rates;
    const struct metrics *metrics;
    struct log_last last[LOG_LAST];
    size_t last_count;
    us_t now_us, wall_us;
};

enum admin_verdict { ADMIN_OK, ADMIN_STARTING, ADMIN_DRAINING, ADMIN_DEGRADED, ADMIN_HELD, ADMIN_FAULT };

/* One sentence with it, ours. */
enum admin_verdict admin_view_verdict(const struct admin_view *v, struct buf *out);
/* Received less its terms; 0 or the relay is at fault. */
int64_t admin_view_unaccounted(const struct admin_view *v);
/* What to do, most urgent first, one line each; "" when nothing. */
void admin_view_advice(const struct admin_view *v, struct buf *out);

bool admin_view_live(const struct admin_view *v);
bool admin_view_ready(const struct admin_view *v);
/* "ok" or "not ready"; verbose: a line for each check and notice. */
void admin_view_ready_text(const struct admin_view *v, bool verbose, struct buf *out);

void admin_view_html(const struct admin_view *v, struct buf *out);
const char *admin_view_style(void);    /* its one style sheet, for the hash in the policy */
void admin_view_json(const struct admin_view *v, struct buf *out);
/* The block of a terminal: six lines, at most `width` columns. */
void admin_view_text(const struct admin_view *v, size_t width, struct buf *out);
/* "12d 03:11", "3 m 12 s" */
void admin_view_duration(us_t us, struct buf *out);

#endif
