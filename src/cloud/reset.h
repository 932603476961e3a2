/*
 * Empties the local cloud: topics, subscriptions with their backlogs, snapshots, datasets, operations, stores, messages, all by
 * the methods that delete one of them, so that streams and waiting pulls end as they do there. Numbers that must not
 * come twice (message ids, store numbers) go on; faults stay.
 */
#ifndef CLOUD_RESET_H
#define CLOUD_RESET_H

#include "cloud/parts.h"

/* project: its id, or empty for all. fn is called once everything is gone, durably; with err (class DISK) when some of it
 * could not be removed. What is made meanwhile may stay. */
void cloud_reset(struct cloud *c, struct bytes project, cloud_db_then_fn *fn, void *ctx);

#endif
