#include "conf/opt_text.h"

#include "base/check.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit durations[] = {
    { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "sec", 1e6 }, { "m", 60e6 }, { "min", 60e6 }, { "h", 3600e6 }, { "d", 86400e6 },
};
static const struct unit sizes[] = {
    { "B", 1 }, { "KiB", 1024.0 }, { "MiB", 1048576.0 }, { "GiB", 1073741824.0 }, { "KB", 1e3 }, { "kB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
};

static bool with_unit(struct bytes text, const struct unit *units, size_t count, double unit_of_none, double *ret_n);
static bool in_range(const struct opt_info *info, const struct opt_value *value);
static bool read_number(enum opt_type type, struct bytes text, struct opt_value *ret_value);
static enum opt_wrong read_choice(const struct opt_info *info, struct bytes text, struct opt_value *ret_value, struct err *err);

const char *opt_text_type(enum opt_type type)
{
    static const char *const names[] = {
        "text", "true or false", "a whole number", "a number", "a duration such as 30s", "a size such as 256MiB", "one of a few words",
        "a list", "an object of names and values",
    };
    return names[type];
}

enum opt_wrong opt_text_read(const struct opt_info *info, struct bytes text, bool trusted, struct opt_value *ret_value,
                             struct err *err)
{
    switch (info->type) {
    case OPT_STR:
        for (size_t i = 0; i < text.len; i++)
            if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
                err_set(err, ERR_CONFIG, "%s holds a control character", info->name);
                return OPT_WRONG_TYPE;
            }
        return OPT_RIGHT;
    case OPT_CHOICE:
        return read_choice(info, text, ret_value, err);
    case OPT_BOOL:
        if (bytes_eq_str(text, "true") || bytes_eq_str(text, "on") || bytes_eq_str(text, "yes") || bytes_eq_str(text, "1")) {
            ret_value->b = true;
        } else if (bytes_eq_str(text, "false") || bytes_eq_str(text, "off") || bytes_eq_str(text, "no") ||
                   bytes_eq_str(text, "0")) {
            ret_value->b = false;
        } else {
            err_set(err, ERR_CONFIG, "%s wants true or false", info->name);
            return OPT_WRONG_TYPE;
        }
        return OPT_RIGHT;
    default:
        break;
    }
    if (!read_number(info->type, text, ret_value)) {
        err_set(err, ERR_CONFIG, "%s wants %s", info->name, opt_text_type(info->type));
        return info->type == OPT_DURATION || info->type == OPT_SIZE ? OPT_WRONG_UNIT : OPT_WRONG_TYPE;
    }
    if (!trusted && !in_range(info, ret_value)) {
        err_set(err, ERR_CONFIG, "%s must be within %s", info->name, info->range);
        return OPT_WRONG_RANGE;
    }
    return OPT_RIGHT;
}

void opt_text_show(const struct opt_info *info, const struct opt_value *value, struct buf *out)
{
    int64_t i = value->i;
    switch (info->type) {
    case OPT_BOOL:
        buf_append_str(out, value->b ? "true" : "false");
        break;
    case OPT_INT:
        buf_printf(out, "%" PRId64, i);
        break;
    case OPT_REAL:
        buf_printf(out, "%.10g", value->r);
        break;
    case OPT_DURATION:
        if (i % US_PER_MIN == 0 && i != 0)
            buf_printf(out, "%" PRId64 "m", i / US_PER_MIN);
        else if (i % US_PER_S == 0)
            buf_printf(out, "%" PRId64 "s", i / US_PER_S);
        else if (i % US_PER_MS == 0)
            buf_printf(out, "%" PRId64 "ms", i / US_PER_MS);
        else
            buf_printf(out, "%" PRId64 "us", i);
        break;
    case OPT_SIZE:
        if (i % (1 << 20) == 0 && i != 0)
            buf_printf(out, "%" PRId64 "MiB", i >> 20);
        else if (i % (1 << 10) == 0 && i != 0)
            buf_printf(out, "%" PRId64 "KiB", i >> 10);
        else
            buf_printf(out, "%" PRId64, i);
        break;
    default:
        buf_append_str(out, value->s);
    }
}

bool opt_text_real(struct bytes text, double *ret_real)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (strchr("0123456789.+-eE", text.ptr[i]) == NULL || text.ptr[i] == '\0')
            return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    errno = 0;
    double n = strtod(copy, &end);
    if (*end != '\0' || errno != 0 || !isfinite(n))
        return false;
    *ret_real = n;
    return true;
}

bool opt_text_duration(struct bytes text, us_t *ret_us)
{
    double n;
    if (!with_unit(text, durations, ARRAY_LEN(durations), 1e6, &n) || n < 0 || n > 9e17)
        return false;
    *ret_us = (us_t) llround(n);
    return true;
}

bool opt_text_size(struct bytes text, uint64_t *ret_bytes)
{
    double n;
    if (!with_unit(text, sizes, ARRAY_LEN(sizes), 1, &n) || n < 0 || n > 9e15)
        return false;
    *ret_bytes = (uint64_t) llround(n);
    return true;
}

static bool with_unit(struct bytes text, const struct unit *units, size_t count, double unit_of_none, double *ret_n)
{
    text = bytes_trim(text);
    size_t digits = 0;
    while (digits < text.len && (strchr("0123456789.", text.ptr[digits]) != NULL && text.ptr[digits] != '\0'))
        digits++;
    double n, factor = unit_of_none;
    struct bytes unit = bytes_trim(bytes_sub(text, digits, text.len));
    if (unit.len > 0) {
        size_t i = 0;
        while (i < count && !bytes_eq_str(unit, units[i].name))
            i++;
        if (i == count)
            return false;
        factor = units[i].factor;
    }
    if (!opt_text_real(bytes_sub(text, 0, digits), &n))
        return false;
    *ret_n = n * factor;
    return true;
}

static bool read_number(enum opt_type type, struct bytes text, struct opt_value *ret_value)
{
    double real;
    uint64_t size;
    switch (type) {
    case OPT_DURATION:
        return opt_text_duration(text, &ret_value->i);
    case OPT_SIZE:
        if (!opt_text_size(text, &size))
            return false;
        ret_value->i = (int64_t) size;
        return true;
    case OPT_REAL:
        return opt_text_real(text, &ret_value->r);
    default:
        if (!opt_text_real(text, &real) || real != floor(real) || fabs(real) > 9e15)
            return false;
        ret_value->i = (int64_t) real;
        return true;
    }
}

/* "min..max", each in the type's own words; either may be left out. */
static bool in_range(const struct opt_info *info, const struct opt_value *value)
{
    const char *dots = strstr(info->range, "..");
    if (dots == NULL)
        return true;
    struct bytes low = bytes_of(info->range, (size_t) (dots - info->range)), high = bytes_str(dots + 2);
    struct opt_value bound = { 0 };
    bool real = info->type == OPT_REAL;
    if (low.len > 0) {
        CHECK(read_number(info->type, low, &bound));
        if (real ? value->r < bound.r : value->i < bound.i)
            return false;
    }
    if (high.len > 0) {
        CHECK(read_number(info->type, high, &bound));
        if (real ? value->r > bound.r : value->i > bound.i)
            return false;
    }
    return true;
}

static enum opt_wrong read_choice(const struct opt_info *info, struct bytes text, struct opt_value *ret_value, struct err *err)
{
    struct bytes rest = bytes_str(info->range);
    for (int64_t i = 0; rest.len > 0; i++)
        if (bytes_eq(bytes_cut(&rest, '|'), text)) {
            ret_value->i = i;
            return OPT_RIGHT;
        }
    err_set(err, ERR_CONFIG, "%s wants one of %s", info->name, info->range);
    return OPT_WRONG_CHOICE;
}
