/*
 * A port that speaks HTTP/1.1 and HTTP/2 (cleartext with prior knowledge, or
 * TLS with ALPN), and hands every request to one route function.
 */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "net/request.h"
#include "net/tls.h"

struct net_listener;

/* What to do with a request whose headers are there. */
enum net_route_kind { NET_BUFFERED, NET_STREAM };

struct net_route {
    enum net_route_kind kind;
    size_t body_max;                                   /* buffered: more is answered 413 */
    void (*fn)(void *ctx, struct net_request *r);
    void *ctx;
};

typedef struct net_route net_route_fn(void *ctx, const struct net_request *r);

struct net_listen_conf {
    const char *host;               /* literal address or name; default "127.0.0.1" */
    uint16_t port;                  /* 0: any free one */
    struct tls_context *tls;        /* NULL: cleartext */
    uint32_t connections_max, streams_max;
    net_route_fn *route;
    void *ctx;
};

struct net_listener *net_listen(struct loop *l, const struct net_listen_conf *conf, struct err *err);
uint16_t net_listener_port(const struct net_listener *n);
/* No new connections; GOAWAY on those there are. */
void net_listener_drain(struct net_listener *n);
uint32_t net_listener_connections(const struct net_listener *n);
void net_listener_free(struct net_listener *n);    /* open requests get on_gone */

#endif
