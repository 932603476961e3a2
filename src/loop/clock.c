#include "loop/clock.h"

#include "base/check.h"

#include <time.h>

static us_t read_clock(clockid_t id)
{
    struct timespec ts;
    CHECK(clock_gettime(id, &ts) == 0);
    return (us_t) ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

us_t clock_now(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

us_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}
