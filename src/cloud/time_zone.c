#include "cloud/time_zone.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_S = 86400, HEADER_LEN = 44, NAME_MAX_LEN = 64 };

/* A day of the year on which the clocks change: the week'th (5: last) weekday of a month. */
struct change {
    int month, week, weekday;
    int32_t at_s; /* local time of day, may be negative or beyond the day */
};

struct cloud_zone {
    size_t count; /* of transitions */
    int64_t *at_s; /* ascending */
    int32_t *offset_s; /* from then on */
    int32_t before_s; /* before the first */
    /* After the last: POSIX TZ. */
    bool has_rule, has_summer;
    int32_t standard_s, summer_s;
    struct change to_summer, to_standard;
};

/* --- calendar --- */

static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int64_t year_of(int64_t s)
{
    int64_t year = 1970 + floor_div(s, 31556952);
    while (days_of(year, 1, 1) * DAY_S > s)
        year--;
    while (days_of(year + 1, 1, 1) * DAY_S <= s)
        year++;
    return year;
}

/* The local second of a change in a year, as if local time were UTC. */
static int64_t change_s(const struct change *c, int64_t year)
{
    int64_t first = days_of(year, c->month, 1);
    int64_t next = c->month == 12 ? days_of(year + 1, 1, 1) : days_of(year, c->month + 1, 1);
    int64_t weekday = (first % 7 + 11) % 7; /* 1970-01-01 was a Thursday, 4 */
    int64_t day = first + (c->weekday - weekday + 7) % 7 + 7 * (c->week - 1);
    while (day >= next)
        day -= 7;
    return day * DAY_S + c->at_s;
}

/* --- reading --- */

static int64_t read_number(const unsigned char *p, size_t len)
{
    uint64_t n = p[0] & 0x80 ? ~UINT64_C(0) : 0;
    for (size_t i = 0; i < len; i++)
        n = n << 8 | p[i];
    return (int64_t) n;
}

struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_header(struct bytes file, struct counts *ret, int *ret_version)
{
    const unsigned char *p = (const unsigned char *) file.ptr;
    if (file.len < HEADER_LEN || memcmp(p, "TZif", 4) != 0)
        return false;
    size_t n[6];
    for (size_t i = 0; i < 6; i++) {
        int64_t v = read_number(p + 20 + 4 * i, 4);
        if (v < 0 || v > LIMIT_CLOUD_ZONE_FILE)
            return false;
        n[i] = (size_t) v;
    }
    *ret = (struct counts) { n[0], n[1], n[2], n[3], n[4], n[5] };
    *ret_version = p[4] >= '2' ? 2 : 1;
    return n[4] > 0;
}

static size_t block_len(const struct counts *c, size_t time_len)
{
    return c->time * time_len + c->time + c->type * 6 + c->chars + c->leap * (time_len + 4) + c->isstd + c->isut;
}

static bool read_block(struct bytes block, const struct counts *c, size_t time_len, struct cloud_zone *z)
{
    const unsigned char *times = (const unsigned char *) block.ptr;
    const unsigned char *indices = times + c->time * time_len, *types = indices + c->time;
    if (block.len < block_len(c, time_len))
        return false;
    z->count = c->time;
    z->at_s = mem_alloc_n(c->time + 1, sizeof(*z->at_s));
    z->offset_s = mem_alloc_n(c->time + 1, sizeof(*z->offset_s));
    z->before_s = (int32_t) read_number(types, 4);
    for (size_t i = 0; i < c->time; i++) {
        if (indices[i] >= c->type)
            return false;
        z->at_s[i] = read_number(times + i * time_len, time_len);
        z->offset_s[i] = (int32_t) read_number(types + 6 * (size_t) indices[i], 4);
        if (i > 0 && z->at_s[i] <= z->at_s[i - 1])
            return false;
    }
    return true;
}

/* --- the POSIX TZ string of the footer: "EST5EDT,M3.2.0,M11.1.0", "<+03>-3" --- */

static bool take(struct bytes *b, char c)
{
    if (b->len == 0 || b->ptr[0] != c)
        return false;
    *b = bytes_sub(*b, 1, b->len);
    return true;
}

static bool take_int(struct bytes *b, int *ret)
{
    int n = 0;
    size_t len = 0;
    while (len < b->len && len < 4 && b->ptr[len] >= '0' && b->ptr[len] <= '9')
        n = n * 10 + (b->ptr[len++] - '0');
    *b = bytes_sub(*b, len, b->len);
    *ret = n;
    return len > 0;
}

static bool take_name(struct bytes *b)
{
    size_t len = 0;
    if (take(b, '<')) {
        len = bytes_find(*b, 0, '>');
        *b = bytes_sub(*b, len + 1, b->len);
        return true;
    }
    while (len < b->len && ((b->ptr[len] | 0x20) >= 'a' && (b->ptr[len] | 0x20) <= 'z'))
        len++;
    *b = bytes_sub(*b, len, b->len);
    return len >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool take_hms(struct bytes *b, int32_t *ret_s)
{
    int h, m = 0, s = 0;
    bool negative = take(b, '-');
    if (!negative)
        (void) take(b, '+');
    if (!take_int(b, &h) || (take(b, ':') && (!take_int(b, &m) || (take(b, ':') && !take_int(b, &s)))))
        return false;
    *ret_s = (negative ? -1 : 1) * (h * 3600 + m * 60 + s);
    return true;
}

/* ,Mm.w.d[/time]; the other two forms of POSIX stand in no file of today's database. */
static bool take_change(struct bytes *b, struct change *ret)
{
    struct change c = { .at_s = 7200 };
    if (!take(b, ',') || !take(b, 'M') || !take_int(b, &c.month) || !take(b, '.') || !take_int(b, &c.week) ||
        !take(b, '.') || !take_int(b, &c.weekday) || (take(b, '/') && !take_hms(b, &c.at_s)))
        return false;
    *ret = c;
    return c.month >= 1 && c.month <= 12 && c.week >= 1 && c.week <= 5 && c.weekday <= 6;
}

static bool read_rule(struct bytes text, struct cloud_zone *z)
{
    int32_t west;
    if (text.len == 0)
        return true; /* no rule: the last offset stays */
    TRY(take_name(&text) && take_hms(&text, &west));
    z->has_rule = true;
    z->standard_s = -west;
    if (text.len == 0)
        return true;
    TRY(take_name(&text));
    west = -(z->standard_s + 3600);
    if (text.len > 0 && text.ptr[0] != ',')
        TRY(take_hms(&text, &west));
    z->summer_s = -west;
    z->has_summer = true;
    return take_change(&text, &z->to_summer) && take_change(&text, &z->to_standard) && text.len == 0;
}

bool cloud_zone_read(struct bytes file, struct cloud_zone **ret_zone, struct err *err)
{
    struct counts c;
    int version;
    size_t time_len = 4;
    struct cloud_zone *z = mem_alloc(sizeof(*z));
    bool ok = read_header(file, &c, &version);
    if (ok && version >= 2) {
        file = bytes_sub(file, HEADER_LEN + block_len(&c, 4), file.len);
        time_len = 8;
        ok = read_header(file, &c, &version);
    }
    ok = ok && read_block(bytes_sub(file, HEADER_LEN, file.len), &c, time_len, z);
    if (ok && time_len == 8) {
        struct bytes footer = bytes_sub(file, HEADER_LEN + block_len(&c, 8), file.len);
        ok = take(&footer, '\n') && read_rule(bytes_cut(&footer, '\n'), z);
    }
    if (!ok) {
        cloud_zone_free(z);
        return FAIL(err, BAD_INPUT, "the time zone's file is not one that RFC 8536 describes");
    }
    *ret_zone = z;
    return true;
}

/* --- files --- */

static bool is_name(struct bytes name)
{
    if (name.len > NAME_MAX_LEN || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-' && c != '+' && c != '/')
            return false;
    }
    return true;
}

static bool is_utc(struct bytes name)
{
    static const char *const names[] = { "", "UTC", "Etc/UTC", "Etc/GMT", "GMT", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_eq_str(name, names[i]))
            return true;
    return false;
}

static const char *database(void)
{
    const char *named = getenv("TZDIR");
    return named != NULL && named[0] != '\0' ? named : "/usr/share/zoneinfo";
}

bool cloud_zone_load(struct bytes name, struct cloud_zone **ret_zone, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    CLEANUP(buf_fini) struct buf file = { 0 };
    if (is_utc(name)) {
        *ret_zone = NULL;
        return true;
    }
    if (!is_name(name))
        return FAIL(err, BAD_INPUT, "timeZone: it must be a name like America/New_York, or left out");
    buf_printf(&path, "%s/Etc/UTC", database());
    FILE *f = fopen(buf_str(&path), "rbe");
    if (f == NULL)
        return FAIL(err, UNIMPLEMENTED,
                    "timeZone: this machine has no time zone database (Debian package tzdata); leave it out for UTC");
    fclose(f);
    buf_clear(&path);
    buf_printf(&path, "%s/%.*s", database(), BYTES_FMT(name));
    f = fopen(buf_str(&path), "rbe");
    if (f != NULL) {
        file.len = fread(buf_reserve(&file, LIMIT_CLOUD_ZONE_FILE), 1, LIMIT_CLOUD_ZONE_FILE, f);
        fclose(f);
    }
    struct err why = { 0 };
    if (f != NULL && cloud_zone_read(buf_bytes(&file), ret_zone, &why))
        return true;
    return FAIL(err, BAD_INPUT, "timeZone: there is no zone of that name; it must be a name like America/New_York");
}

void cloud_zone_free(struct cloud_zone *z)
{
    if (z == NULL)
        return;
    mem_free(z->at_s);
    mem_free(z->offset_s);
    mem_free(z);
}

/* --- asking --- */

static int32_t by_rule(const struct cloud_zone *z, int64_t s)
{
    if (!z->has_summer)
        return z->standard_s;
    int64_t year = year_of(s + z->standard_s);
    int64_t begin = change_s(&z->to_summer, year) - z->standard_s, end = change_s(&z->to_standard, year) - z->summer_s;
    bool summer = begin < end ? s >= begin && s < end : s >= begin || s < end;
    return summer ? z->summer_s : z->standard_s;
}

int32_t cloud_zone_offset(const struct cloud_zone *z, us_t wall_us)
{
    if (z == NULL)
        return 0;
    int64_t s = floor_div(wall_us, US_PER_S);
    if (z->count == 0 || s < z->at_s[0])
        return z->count == 0 && z->has_rule ? by_rule(z, s) : z->before_s;
    if (z->has_rule && s >= z->at_s[z->count - 1])
        return by_rule(z, s);
    size_t low = 0, high = z->count; /* at_s[low] <= s < at_s[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (z->at_s[middle] <= s)
            low = middle;
        else
            high = middle;
    }
    return z->offset_s[low];
}

us_t cloud_zone_to_utc(const struct cloud_zone *z, us_t local_us)
{
    /* No zone changes twice within two days: one of the two neighbours' offsets is the one. */
    us_t before = local_us - cloud_zone_offset(z, local_us - DAY_S * US_PER_S) * US_PER_S;
    us_t after = local_us - cloud_zone_offset(z, local_us + DAY_S * US_PER_S) * US_PER_S;
    if (before + cloud_zone_offset(z, before) * US_PER_S == local_us)
        return before;
    return after + cloud_zone_offset(z, after) * US_PER_S == local_us ? after : before;
}
