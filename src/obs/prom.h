/* Prometheus text exposition format 0.0.4 of a registry. */
#ifndef OBS_PROM_H
#define OBS_PROM_H

#include "obs/metrics.h"

/* version, commit: labels of hl7relay_build_info. */
void prom_render(const struct metrics *m, const char *version, const char *commit, struct buf *out);

#endif
