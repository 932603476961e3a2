/* A clock that stands until it is moved. */
#ifndef FAKE_CLOCK_H
#define FAKE_CLOCK_H

#include "loop/clock.h"
#include "loop/loop.h"

static us_t fake_now = 1000 * US_PER_S;

us_t clock_now(void)
{
    return fake_now;
}

us_t clock_wall(void)
{
    return 1700000000 * US_PER_S + fake_now;
}

UNUSED static void fake_pass(struct loop *l, us_t us)
{
    fake_now += us;
    loop_pass(l, 0);
    loop_pass(l, 0);
}

#endif
