/*
 * Asked once at start of a relay whose dead letters go to a Pub/Sub topic: does
 * anything keep what is published there? A topic without a subscription forgets
 * at once, and the topic that the relay itself reads would bring its dead letters
 * back as notifications without end (decisions: durable means that it outlives
 * the machine that wrote it). What may pass (a timeout, an outage) is asked again
 * every second.
 */
#ifndef RUN_SINK_PROOF_H
#define RUN_SINK_PROOF_H

#include "run/assemble.h"

struct sink_proof;

/* Called once, from the loop, later. Class OK: go on. CONFIG: the topic is not fit, and no restart will mend it. */
typedef void sink_proof_fn(void *ctx, const struct err *err);

/* NULL: there is nothing to prove (no topic sink). a outlives the proof. */
struct sink_proof *sink_proof_start(const struct assembly *a, sink_proof_fn *fn, void *ctx);
void sink_proof_free(struct sink_proof *p);    /* also from within fn; fn will not be called any more */

#endif
