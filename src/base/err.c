#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *text;
} classes[] = {
#define ERR(name, text) { #name, text },
#include "base/err.def"
#undef ERR
};

const char *err_name(uint16_t class)
{
    return class < ERR_CLASSES ? classes[class].name : "UNKNOWN";
}

const char *err_text(uint16_t class)
{
    return class < ERR_CLASSES ? classes[class].text : "an unknown fault";
}

bool err_set(struct err *err, enum err_class class, const char *fmt, ...)
{
    if (err == NULL)
        return false;
    *err = (struct err) { .class = (uint16_t) class };
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
    if (err == NULL)
        return false;
    char was[sizeof(err->text)];
    memcpy(was, err->text, sizeof(was));
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    if (len >= 0 && (size_t) len < sizeof(err->text))
        snprintf(err->text + len, sizeof(err->text) - (size_t) len, ": %s", was);
    return false;
}
