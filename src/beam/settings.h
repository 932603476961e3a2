/*
 * The configuration that travels with a job, inside each DoFn: an object as a
 * configuration file holds it, of what was given (file, environment, flags) and
 * concerns the relay. Workers read it with config_read().
 *
 * Not in it: secrets (a worker's own environment has them), keys of runners,
 * the status port. The local cloud goes along as endpoints, however it was named.
 */
#ifndef BEAM_SETTINGS_H
#define BEAM_SETTINGS_H

#include "conf/config.h"
#include "json/write.h"

void settings_write(const struct config *c, struct json_writer *w, const char *key);

#endif
