/* Header fields, as HTTP/2 has them: lower-case names. Both borrow. */
#ifndef NET_HEADER_H
#define NET_HEADER_H

#include "base/bytes.h"

struct net_header {
    struct bytes name, value;
};

struct net_headers {
    const struct net_header *at;
    size_t count;
};

/* The first field of that name (lower case), or {NULL, 0}. */
struct bytes net_headers_get(struct net_headers h, const char *name);
/* True if a client of ours may send it: no byte below 0x20 (but tab), no 0x7f. */
bool net_header_value_ok(struct bytes value);

#endif
