/* The status port of a run: what admin/ shows, gathered from those who know it. */
#ifndef RUN_STATUS_H
#define RUN_STATUS_H

#include "admin/admin_server.h"
#include "run/assemble.h"

struct status;

/* Borrows a, which may get its driver later. A port that cannot be opened is logged, not fatal. NULL: none is configured or none could be opened. */
struct status *status_open(struct assembly *a);
void status_close(struct status *s);
/* What the pages and the terminal show; brings the gauges up to date. */
void status_snapshot(const struct assembly *a, struct admin_snapshot *ret);

#endif
