/* How long a server asks us to wait: Retry-After and RetryInfo. */
#include "base/limits.h"
#include "store/answer.h"

static us_t capped(us_t wait_us)
{
    return wait_us < 0 ? 0 : MIN(wait_us, (us_t) LIMIT_RETRY_AFTER_S * US_PER_S);
}

us_t answer_retry_after(struct bytes value, us_t date_wall_us, us_t wall_us)
{
    uint64_t seconds;
    us_t at_us;
    value = bytes_trim(value);
    if (bytes_to_u64(value, &seconds))
        return capped((us_t) MIN(seconds, (uint64_t) LIMIT_RETRY_AFTER_S) * US_PER_S);
    if (answer_http_date(value, &at_us))
        return capped(at_us - (date_wall_us != 0 ? date_wall_us : wall_us));
    return 0;
}

us_t answer_retry_delay(struct bytes value)
{
    if (value.len < 2 || value.ptr[value.len - 1] != 's')
        return 0;
    value.len--;
    struct bytes fraction = value, whole = bytes_cut(&fraction, '.');
    uint64_t seconds, part = 0;
    if (!bytes_to_u64(whole, &seconds) || fraction.len > 9)
        return 0;
    if (fraction.len > 0 && !bytes_to_u64(fraction, &part))
        return 0;
    for (size_t digits = fraction.len; digits < 6; digits++)
        part *= 10;
    for (size_t digits = fraction.len; digits > 6; digits--)
        part /= 10;
    return capped((us_t) MIN(seconds, (uint64_t) LIMIT_RETRY_AFTER_S) * US_PER_S + (us_t) part);
}

struct date {
    unsigned year, month, day, hour, minute, second;
};

/* A pattern of the three HTTP dates: letters below stand for digits or names, all else for itself. */
static bool digits(struct bytes *b, size_t len, unsigned *ret_n)
{
    uint64_t n;
    if (b->len < len || !bytes_to_u64(bytes_sub(*b, 0, len), &n))
        return false;
    *ret_n = (unsigned) n;
    *b = bytes_sub(*b, len, b->len);
    return true;
}

static bool literal(struct bytes *b, const char *text)
{
    if (!bytes_starts(*b, bytes_str(text)))
        return false;
    *b = bytes_sub(*b, strlen(text), b->len);
    return true;
}

static bool month_name(struct bytes *b, unsigned *ret_month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned m = 0; m < 12; m++) {
        if (bytes_starts(*b, bytes_of(names + 3 * m, 3))) {
            *ret_month = m + 1;
            *b = bytes_sub(*b, 3, b->len);
            return true;
        }
    }
    return false;
}

static bool clock_time(struct bytes *b, struct date *d)
{
    return digits(b, 2, &d->hour) && literal(b, ":") && digits(b, 2, &d->minute) && literal(b, ":") &&
           digits(b, 2, &d->second);
}

/* "06 Nov 1994 08:49:37 GMT", "06-Nov-94 08:49:37 GMT" */
static bool day_first(struct bytes b, struct date *d)
{
    bool dashes = b.len > 2 && b.ptr[2] == '-';
    const char *between = dashes ? "-" : " ";
    if (!digits(&b, 2, &d->day) || !literal(&b, between) || !month_name(&b, &d->month) || !literal(&b, between))
        return false;
    if (!digits(&b, dashes ? 2 : 4, &d->year))
        return false;
    if (dashes)
        d->year += d->year < 70 ? 2000 : 1900;
    return literal(&b, " ") && clock_time(&b, d) && literal(&b, " GMT") && b.len == 0;
}

/* "Nov  6 08:49:37 1994" */
static bool month_first(struct bytes b, struct date *d)
{
    if (!month_name(&b, &d->month) || !literal(&b, " "))
        return false;
    size_t day_len = literal(&b, " ") ? 1 : 2;
    return digits(&b, day_len, &d->day) && literal(&b, " ") && clock_time(&b, d) && literal(&b, " ") &&
           digits(&b, 4, &d->year) && b.len == 0;
}

/* Days since 1970-01-01 of a Gregorian date. */
static int64_t days_of(const struct date *d)
{
    int64_t y = (int64_t) d->year - (d->month <= 2);
    int64_t era = y / 400, year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t) d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

bool answer_http_date(struct bytes value, us_t *ret_wall_us)
{
    struct date d = { 0 };
    struct bytes rest = value;
    size_t comma = bytes_find(value, 0, ',');
    if (comma < value.len) {
        rest = bytes_sub(value, comma + 1, value.len);
        if (!literal(&rest, " ") || !day_first(rest, &d))
            return false;
    } else if (value.len < 4 || value.ptr[3] != ' ' || !month_first(bytes_sub(value, 4, value.len), &d)) {
        return false;
    }
    if (d.year < 1970 || d.day < 1 || d.day > 31 || d.hour > 23 || d.minute > 59 || d.second > 60)
        return false;
    *ret_wall_us = (days_of(&d) * 86400 + (int64_t) d.hour * 3600 + (int64_t) d.minute * 60 + d.second) * US_PER_S;
    return true;
}
