#include "pubsub/pull_flow.h"

enum { SETTLE_US = 1000000, LIVE_US = 5000000 };

struct pull_flow pull_flow_of(uint32_t max, us_t now_us)
{
    return (struct pull_flow) { .max = max, .some_us = US_NEVER, .none_us = now_us, .opened_us = US_NEVER };
}

void pull_flow_allow(struct pull_flow *f, uint32_t allowance, us_t now_us)
{
    bool had = f->allowance > 0;
    f->allowance = MIN(allowance, f->max);
    if (had == (allowance > 0))
        return;
    f->some_us = had ? US_NEVER : now_us;
    f->none_us = had ? now_us : US_NEVER;
}

uint32_t pull_flow_opened(struct pull_flow *f, us_t now_us)
{
    f->opened_us = now_us;
    f->limit = MAX(f->allowance, 1);
    return f->limit;
}

void pull_flow_closed(struct pull_flow *f)
{
    f->opened_us = US_NEVER;
    f->limit = 0;
}

static bool would_lie_idle(const struct pull_flow *f)
{
    if (f->allowance <= f->limit)
        return false;
    return f->allowance - f->limit >= MAX(f->max / 4, 1) || f->allowance / 2 >= f->limit;
}

enum pull_flow_deed pull_flow_look(const struct pull_flow *f, us_t now_us)
{
    if (f->opened_us == US_NEVER) {
        bool enough = f->allowance > 0 && f->allowance >= f->max / 2;
        bool settled = f->some_us != US_NEVER && now_us - f->some_us >= SETTLE_US;
        return enough || settled ? PULL_FLOW_OPEN : PULL_FLOW_NONE;
    }
    if (f->none_us != US_NEVER && now_us - MAX(f->none_us, f->opened_us) >= SETTLE_US)
        return PULL_FLOW_CLOSE;
    if (would_lie_idle(f) && now_us - f->opened_us >= LIVE_US)
        return PULL_FLOW_REPLACE;
    return PULL_FLOW_NONE;
}

us_t pull_flow_due(const struct pull_flow *f)
{
    if (f->opened_us == US_NEVER)
        return f->some_us != US_NEVER ? f->some_us + SETTLE_US : US_NEVER;
    if (f->none_us != US_NEVER)
        return MAX(f->none_us, f->opened_us) + SETTLE_US;
    return would_lie_idle(f) ? f->opened_us + LIVE_US : US_NEVER;
}
