/*
 * The block of figures below the log on a terminal, twice a second: verdict,
 * ledger, rates, targets (admin/admin_view.h). Without a terminal the log's
 * `stats` line once a minute serves.
 */
#ifndef RUN_PROGRESS_H
#define RUN_PROGRESS_H

#include "run/assemble.h"
#include "run/log_drain.h"

struct progress;

/* fd: the terminal, for its width. Borrows a and d. */
struct progress *progress_open(const struct assembly *a, struct log_drain *d, int fd);
void progress_close(struct progress *p);

#endif
