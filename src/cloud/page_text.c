#include "cloud/page.h"

#include <inttypes.h>
#include <stdio.h>

const char *cloud_page_number(uint64_t n, bool more, char text[CLOUD_PAGE_TEXT])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    char *to = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    if (more)
        *to++ = '+';
    *to = '\0';
    return text;
}

const char *cloud_page_duration(us_t us, char text[CLOUD_PAGE_TEXT])
{
    int64_t s = us / US_PER_S;
    if (us < US_PER_MS)
        snprintf(text, CLOUD_PAGE_TEXT, "< 1 ms");
    else if (us < US_PER_S)
        snprintf(text, CLOUD_PAGE_TEXT, "%" PRId64 " ms", us / US_PER_MS);
    else if (s < 60)
        snprintf(text, CLOUD_PAGE_TEXT, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(text, CLOUD_PAGE_TEXT, "%" PRId64 " m %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, CLOUD_PAGE_TEXT, "%" PRId64 " h %" PRId64 " m", s / 3600, s / 60 % 60);
    else
        snprintf(text, CLOUD_PAGE_TEXT, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    return text;
}

const char *cloud_page_last(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}
