/*
 * A port that speaks HTTP/1.1 and HTTP/2 (cleartext with prior knowledge, or
 * TLS with ALPN), and hands every request to one route function.
 *
 * In the clear the first bytes decide: "PRI * HTTP/2.0" is HTTP/2, all else
 * HTTP/1.1. An "Upgrade: h2c" is passed over, as RFC 9113 has it.
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
    void (*fn)(void *ctx, struct net_request *r);      /* NULL: answered 404 */
    void *ctx;
};

typedef struct net_route net_route_fn(void *ctx, const struct net_request *r);

/* How a request ended. */
struct net_answer {
    uint16_t status;    /* 0: without an answer (reset, cut, or the client left) */
    int grpc_status;    /* of gRPC replies; -1: not told */
    us_t took_us;       /* from its head to the handler's last word */
};

struct net_listen_conf {
    const char *host;               /* literal address or name; default "127.0.0.1" */
    uint16_t port;                  /* 0: any free one */
    struct tls_context *tls;        /* NULL: cleartext */
    uint32_t connections_max;       /* more are closed at once; 0: LIMIT_CONNECTIONS */
    uint32_t streams_max;           /* per HTTP/2 connection; 0: LIMIT_STREAMS */
    net_route_fn *route;
    /* Told of each request when it is over; it must not answer or end anything. NULL: nobody is told. */
    void (*answered)(void *ctx, const struct net_request *r, const struct net_answer *answer);
    void *ctx;
};

/* A name is resolved here, once, blocking: for start-up only. */
struct net_listener *net_listen(struct loop *l, const struct net_listen_conf *conf, struct err *err);
/* The same without a port (host and port are not looked at): it serves what net_listener_adopt() brings. */
struct net_listener *net_listen_nowhere(struct loop *l, const struct net_listen_conf *conf);
/* Serves a connected stream socket (a socketpair's end, an inherited one) as if accepted. Takes the descriptor. */
void net_listener_adopt(struct net_listener *n, int fd);
uint16_t net_listener_port(const struct net_listener *n);
/* No new connections; GOAWAY on those there are, "connection: close" on replies; idle ones end at once, the others
 * when their last request is answered: net_listener_connections() is then 0. */
void net_listener_drain(struct net_listener *n);
uint32_t net_listener_connections(const struct net_listener *n);
/* Cuts what is left; open requests get on_gone. Not from within a callback of the listener. */
void net_listener_free(struct net_listener *n);

#endif
