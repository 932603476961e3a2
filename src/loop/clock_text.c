/* Times as text, RFC 3339. Apart from clock.c, whose clocks tests replace by their own. */
#include "loop/clock.h"

#include "base/check.h"

#include <stdio.h>
#include <time.h>

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that the
 * leap day is the last day of a year. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void clock_rfc3339(us_t wall_us, char out[CLOCK_RFC3339_LEN])
{
    /* Four digits of year are all that RFC 3339 has: 0001-01-01 .. 9999-12-31. */
    const us_t first = -62135596800 * US_PER_S, last = 253402300800 * US_PER_S - 1;
    wall_us = MAX(first, MIN(last, wall_us));
    us_t second = wall_us / US_PER_S, us = wall_us % US_PER_S;
    if (us < 0) {
        us += US_PER_S;
        second--;
    }
    time_t t = (time_t) second;
    struct tm tm;
    CHECK(gmtime_r(&t, &tm) != NULL);
    snprintf(out, CLOCK_RFC3339_LEN, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned) (tm.tm_year + 1900) % 10000, (unsigned) (tm.tm_mon + 1) % 100, (unsigned) tm.tm_mday % 100, (unsigned) tm.tm_hour % 100,
             (unsigned) tm.tm_min % 100, (unsigned) tm.tm_sec % 100, (unsigned) us % 1000000);
}

struct reader {
    const char *at, *end;
    bool ok;
};

static char take(struct reader *r)
{
    if (r->at < r->end)
        return *r->at++;
    r->ok = false;
    return 0;
}

static int digits(struct reader *r, int count, int min, int max)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        char c = take(r);
        if (c < '0' || c > '9')
            r->ok = false;
        else
            n = n * 10 + (c - '0');
    }
    if (n < min || n > max)
        r->ok = false;
    return n;
}

static void expect(struct reader *r, char a, char b)
{
    char c = take(r);
    if (c != a && c != b)
        r->ok = false;
}

/* ".123456789": what is beyond microseconds is cut off. */
static us_t fraction(struct reader *r)
{
    if (r->at >= r->end || *r->at != '.')
        return 0;
    r->at++;
    us_t us = 0, unit = US_PER_S / 10;
    const char *first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, unit /= 10)
        us += unit * (*r->at - '0');
    if (r->at == first)
        r->ok = false;
    return us;
}

static us_t offset(struct reader *r)
{
    char c = take(r);
    if (c == 'Z' || c == 'z')
        return 0;
    if (c != '+' && c != '-')
        r->ok = false;
    int hours = digits(r, 2, 0, 23);
    expect(r, ':', ':');
    int minutes = digits(r, 2, 0, 59);
    us_t us = (hours * 60 + minutes) * US_PER_MIN;
    return c == '-' ? -us : us;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

bool clock_parse_rfc3339(const char *s, size_t len, us_t *ret_wall_us)
{
    struct reader r = { s, s + len, true };
    int year = digits(&r, 4, 1, 9999);
    expect(&r, '-', '-');
    int month = digits(&r, 2, 1, 12);
    expect(&r, '-', '-');
    int day = digits(&r, 2, 1, 31);
    expect(&r, 'T', 't');
    int hour = digits(&r, 2, 0, 23);
    expect(&r, ':', ':');
    int minute = digits(&r, 2, 0, 59);
    expect(&r, ':', ':');
    int second = digits(&r, 2, 0, 60);    /* 60: a leap second, taken as the next second */
    us_t us = fraction(&r);
    us_t off = offset(&r);
    if (!r.ok || r.at != r.end || day > days_in_month(year, month))
        return false;
    us_t minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute;
    *ret_wall_us = minutes * US_PER_MIN + second * US_PER_S + us - off;
    return true;
}
