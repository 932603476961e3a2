/*
 * HTTP proxies, the same for every path of ours: which one to use, and the
 * CONNECT exchange (RFC 9110, 9.3.6). TLS to the far side goes through the
 * tunnel unchanged, so a proxy sees host names and nothing else.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/host_port.h"

#include "base/err.h"

/*
 * The proxy for connections to host:port, or NULL: directly. configured (the
 * key `proxy`) goes before HTTPS_PROXY and https_proxy; NO_PROXY and no_proxy
 * hold for all of them. Loopback and metadata servers are always reached directly.
 */
const char *proxy_for_host(const char *configured, const char *host, uint16_t port);

struct proxy {
    struct host_port at;
    struct buf authorization;    /* "Basic ..." or empty. Never for a log */
};

/* "http://[user:password@]host[:port]", percent-encoding undone. The error quotes nothing of it. */
bool proxy_parse(const char *url, struct proxy *ret_proxy, struct err *err) MUST_USE;
void proxy_fini(struct proxy *p);

void proxy_write_connect(const struct proxy *p, const char *host, uint16_t port, struct buf *out);

enum proxy_reply { PROXY_MORE, PROXY_BAD, PROXY_COMPLETE };

/* Reads what a proxy answered so far. COMPLETE: *ret_status, and *ret_len, the length of the
 * header; what follows, if anything, came through the tunnel. */
enum proxy_reply proxy_read_reply(struct bytes so_far, uint16_t *ret_status, size_t *ret_len);

#endif
