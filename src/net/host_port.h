/* "host:port" as people and URLs write it; an IPv6 address stands in brackets. */
#ifndef NET_HOST_PORT_H
#define NET_HOST_PORT_H

#include "base/buf.h"

enum { HOST_MAX = 256 };    /* RFC 1035: 253 characters, and NUL */

struct host_port {
    char host[HOST_MAX];    /* without brackets */
    uint16_t port;
};

/* port_default 0: a port must be there. False: not such a text (ret_ is left alone). */
bool host_port_parse(struct bytes text, uint16_t port_default, struct host_port *ret_hp) MUST_USE;
/* "host:port", with brackets where needed. */
void host_port_write(const char *host, uint16_t port, struct buf *out);

#endif
