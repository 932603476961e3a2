#include "loop/entropy.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

void entropy_fill(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        CHECK(n > 0);
        at += n;
        len -= (size_t) n;
    }
}

uint64_t entropy_u64(void)
{
    uint64_t n;
    entropy_fill(&n, sizeof(n));
    return n;
}

void entropy_uuid4(char out[37])
{
    uint8_t b[16];
    entropy_fill(b, sizeof(b));
    b[6] = (uint8_t) (0x40 | (b[6] & 0x0f));    /* RFC 4122, 4.4: version 4 */
    b[8] = (uint8_t) (0x80 | (b[8] & 0x3f));    /* and its variant */
    char *at = out;
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", b[i]);
    }
}
