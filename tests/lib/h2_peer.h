/*
 * An HTTP/2 client for tests of servers: it does what it is told, good and
 * bad, and keeps what it is answered. On the server's own loop.
 */
#ifndef LIB_H2_PEER_H
#define LIB_H2_PEER_H

#include "base/buf.h"
#include "net/conn.h"
#include "net/header.h"

struct h2_peer;

enum { H2_PEER_STREAMS = 4096 };

struct h2_seen {
    int status;                /* the last :status, 0: none */
    unsigned heads;            /* HEADERS frames */
    struct buf headers;        /* "name: value\n"... of all but pseudo-headers, trailers too */
    struct buf body;
    bool ended, closed;        /* END_STREAM came; the stream is gone */
    uint32_t code;             /* of RST_STREAM */
};

struct h2_peer_conf {
    struct tls_context *tls;
    const char *host;          /* of the certificate */
    uint32_t window;           /* of each stream; 0: 65,535 */
    bool no_updates;           /* gives no window back */
};

/* Takes the connected descriptor. */
struct h2_peer *h2_peer_make(struct loop *l, int fd, const struct h2_peer_conf *conf);
void h2_peer_free(struct h2_peer *p);

/* Sends the head; body NULL-pointed and end: no body. Without end the stream stays open for h2_peer_data(). */
int32_t h2_peer_request(struct h2_peer *p, const char *method, const char *path, const struct net_header *headers,
                        size_t count, struct bytes body, bool end);
void h2_peer_data(struct h2_peer *p, int32_t id, struct bytes data, bool end);
void h2_peer_reset(struct h2_peer *p, int32_t id, uint32_t code);
void h2_peer_ping(struct h2_peer *p);
/* Behind nghttp2's back. */
void h2_peer_raw(struct h2_peer *p, struct bytes frame);
void h2_peer_hold(struct h2_peer *p, bool held);    /* reads nothing any more; and again */

struct h2_seen *h2_peer_seen(struct h2_peer *p, int32_t id);
bool h2_peer_is_closed(const struct h2_peer *p);    /* the connection ended */
unsigned h2_peer_pongs(const struct h2_peer *p);
bool h2_peer_goaway(const struct h2_peer *p, uint32_t *ret_code);

#endif
