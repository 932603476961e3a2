#include "hl7/dtm.h"

#include "base/check.h"

enum { DAY_S = 86400 };

struct civil {
    int year, month, day, hour, minute, second;
    int micro;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here, so that the leap day
 * is the last of its year and the lengths of the months before it never change. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(us_t wall_us)
{
    int64_t s = wall_us / US_PER_S, micro = wall_us % US_PER_S;
    if (micro < 0) {
        micro += US_PER_S;
        s--;
    }
    int64_t days = s / DAY_S, of_day = s % DAY_S;
    if (of_day < 0) {
        of_day += DAY_S;
        days--;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    struct civil c = { .day = (int) (of_year - (153 * month + 2) / 5 + 1), .micro = (int) micro };
    c.month = (int) (month < 10 ? month + 3 : month - 9);
    c.year = (int) (year + era * 400 + (c.month <= 2 ? 1 : 0));
    c.hour = (int) (of_day / 3600);
    c.minute = (int) (of_day / 60 % 60);
    c.second = (int) (of_day % 60);
    return c;
}

static int month_len(int year, int month)
{
    static const int len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return len[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Takes `digits` digits off b into *value; false leaves both as they were. */
static bool take_number(struct bytes *b, size_t digits, int *value)
{
    uint64_t n;
    if (b->len < digits || !bytes_to_u64(bytes_sub(*b, 0, digits), &n))
        return false;
    *value = (int) n;
    *b = bytes_sub(*b, digits, b->len);
    return true;
}

static bool take_fraction(struct bytes *b, int *micro)
{
    int scale = 100000, digits = 0;
    *b = bytes_sub(*b, 1, b->len);
    for (; b->len > 0 && b->ptr[0] >= '0' && b->ptr[0] <= '9'; digits++, scale /= 10) {
        *micro += (b->ptr[0] - '0') * scale;
        *b = bytes_sub(*b, 1, b->len);
    }
    /* The standard has four digits; feeds with more exist, and 9 are what RFC 3339 senders write. */
    return digits >= 1 && digits <= 9;
}

static bool take_offset(struct bytes *b, int *ret_minutes)
{
    int hours, minutes, sign = b->ptr[0] == '-' ? -1 : 1;
    *b = bytes_sub(*b, 1, b->len);
    if (!take_number(b, 2, &hours) || !take_number(b, 2, &minutes) || hours > 15 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool hl7_dtm_read(struct bytes b, us_t *ret_wall_us)
{
    bool has_offset;
    return hl7_dtm_read_local(b, ret_wall_us, &has_offset);
}

bool hl7_dtm_read_local(struct bytes b, us_t *ret_wall_us, bool *ret_has_offset)
{
    struct civil c = { .month = 1, .day = 1 };
    int offset = 0;
    if (!take_number(&b, 4, &c.year) || c.year < 1)
        return false;
    bool seconds = take_number(&b, 2, &c.month) && take_number(&b, 2, &c.day) &&
                   take_number(&b, 2, &c.hour) && take_number(&b, 2, &c.minute) &&
                   take_number(&b, 2, &c.second);
    if (b.len > 0 && b.ptr[0] == '.' && (!seconds || !take_fraction(&b, &c.micro)))
        return false;
    bool has_offset = b.len > 0 && (b.ptr[0] == '+' || b.ptr[0] == '-');
    if (has_offset && !take_offset(&b, &offset))
        return false;
    if (b.len > 0 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > month_len(c.year, c.month) ||
        c.hour > 23 || c.minute > 59 || c.second > 59)
        return false;
    int64_t s = days_of(c.year, c.month, c.day) * DAY_S + c.hour * 3600 + (c.minute - offset) * 60 + c.second;
    us_t wall_us = s * US_PER_S + c.micro;
    if (!hl7_dtm_in_range(wall_us))
        return false;
    *ret_wall_us = wall_us;
    *ret_has_offset = has_offset;
    return true;
}

bool hl7_dtm_in_range(us_t wall_us)
{
    return wall_us >= days_of(1, 1, 1) * DAY_S * US_PER_S &&
           wall_us < days_of(10000, 1, 1) * DAY_S * US_PER_S;
}

/* Writes n in so many digits; no printf, since every ACK and every answer holds some of these. */
static char *put(char *at, int n, int digits)
{
    for (int i = digits - 1; i >= 0; i--, n /= 10)
        at[i] = (char) ('0' + n % 10);
    return at + digits;
}

void hl7_dtm_write(us_t wall_us, char out[HL7_DTM_LEN])
{
    CHECK(hl7_dtm_in_range(wall_us));
    struct civil c = civil_of(wall_us);
    char *at = put(put(put(out, c.year, 4), c.month, 2), c.day, 2);
    at = put(put(put(at, c.hour, 2), c.minute, 2), c.second, 2);
    *at = '\0';
}

void hl7_dtm_rfc3339(us_t wall_us, char out[HL7_RFC3339_LEN])
{
    CHECK(hl7_dtm_in_range(wall_us));
    struct civil c = civil_of(wall_us);
    const int part[] = { c.year, c.month, c.day, c.hour, c.minute, c.second };
    char *at = out;
    for (int i = 0; i < 6; i++) {
        at = put(at, part[i], i == 0 ? 4 : 2);
        *at++ = "--T::"[i]; /* and the NUL that ends the literal after the seconds */
    }
    at--;
    if (c.micro != 0) {
        bool millis = c.micro % 1000 == 0;
        *at++ = '.';
        at = put(at, millis ? c.micro / 1000 : c.micro, millis ? 3 : 6);
    }
    *at++ = 'Z';
    *at = '\0';
}
