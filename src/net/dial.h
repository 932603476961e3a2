/*
 * For net/ alone: from a host name to a connected socket, through a proxy if
 * there is one. Addresses are tried one after another, the next one also when
 * the last has not answered for a quarter of a second (RFC 8305): the first
 * that connects wins. Has no time limit of its own: its owner has.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "loop/loop.h"
#include "loop/resolve.h"

struct dial;

struct dial_conf {
    const char *host;          /* the target; all borrowed for the call only */
    uint16_t port;
    const char *proxy;         /* as proxy_parse() takes it; NULL or "": none */
};

/* fd: connected, non-blocking, the callee's; or -1 and err. The dial is gone. */
typedef void dial_fn(void *ctx, int fd, const struct err *err);

struct dial *dial_start(struct loop *l, struct resolver *r, const struct dial_conf *conf, dial_fn *fn,
                        void *ctx);
void dial_cancel(struct dial *d);    /* fn will not be called; NULL: no effect */

#endif
