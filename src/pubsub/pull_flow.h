/*
 * When a stream is to be opened, closed or replaced, for the allowance there
 * is. Pure: time comes in.
 *
 * The server's limit can be set at opening only, and counts what it has handed
 * out on that stream and not heard of. So:
 *
 *     closed, allowance >= max / 2, or some for 1 s          open, limit = allowance
 *     open, no allowance for 1 s                             close
 *     open for 5 s, a quarter of max or twice the limit      replace: close, then open with more
 *       would lie idle
 */
#ifndef PUBSUB_PULL_FLOW_H
#define PUBSUB_PULL_FLOW_H

#include "base/def.h"

struct pull_flow {
    uint32_t max;          /* outstanding_max */
    uint32_t allowance;
    uint32_t limit;        /* of the open stream */
    us_t some_us;          /* since when there is an allowance; US_NEVER: there is none */
    us_t none_us;          /* since when there is none; US_NEVER: there is some */
    us_t opened_us;        /* US_NEVER: not open */
};

enum pull_flow_deed { PULL_FLOW_NONE, PULL_FLOW_OPEN, PULL_FLOW_CLOSE, PULL_FLOW_REPLACE };

struct pull_flow pull_flow_of(uint32_t max, us_t now_us);
void pull_flow_allow(struct pull_flow *f, uint32_t allowance, us_t now_us);
/* The stream was opened, with the limit that this returns (at least 1: a probe needs no allowance). */
uint32_t pull_flow_opened(struct pull_flow *f, us_t now_us);
void pull_flow_closed(struct pull_flow *f);
enum pull_flow_deed pull_flow_look(const struct pull_flow *f, us_t now_us);
/* When to look again though nothing is told; US_NEVER: no need. */
us_t pull_flow_due(const struct pull_flow *f);

#endif
