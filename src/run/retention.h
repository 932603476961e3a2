/*
 * How long the subscription keeps what nobody acknowledges: asked when the first
 * stream is open, and once an hour, for hl7relay_retention_seconds and the page.
 * Who may not ask (pubsub.subscriptions.get) goes without.
 */
#ifndef RUN_RETENTION_H
#define RUN_RETENTION_H

#include "run/assemble.h"

struct retention;

struct retention *retention_watch(const struct assembly *a);
void retention_free(struct retention *r);

#endif
