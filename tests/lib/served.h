/*
 * A server for tests of the server: a listener without a port, and handlers
 * that do by path what a test needs.
 *
 *   /echo    the body back          /fail?s   status s, no body
 *   /size?n  n bytes ('a' + i % 26) /gzip?n   the same, net_reply_may_gzip()
 *   /kept    kept in served.kept until the test answers
 *   /pieces  a stream: what comes goes back in pieces, ends with trailers
 *   /flood?n n bytes in pieces of 64 KiB, the next when the last has left
 *   /small   the body back, 1,000 bytes at most
 *   /header?v  x-value: v decoded
 *   /reset  /cut   the faults, after the body      /half   200, some bytes, then the reset
 */
#ifndef LIB_SERVED_H
#define LIB_SERVED_H

#include "net/listen.h"

enum { SERVED_KEPT = 4096 };

struct served {
    struct loop *loop;
    struct net_listener *listener;
    struct net_request *kept[SERVED_KEPT];
    unsigned kept_count;
    unsigned gone;               /* on_gone calls */
    unsigned requests;           /* handlers called */
    size_t unsent_max;           /* of /flood */
    struct net_route (*grpc)(struct served *s, const struct net_request *r);    /* asked first, if set */
    void *ctx;
};

void served_start(struct served *s, struct loop *l, struct tls_context *tls, uint32_t streams_max);
/* A connection: the client's end. */
int served_connect(struct served *s);
void served_stop(struct served *s);

#endif
