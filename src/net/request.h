/*
 * A request that a server of ours received, the same for HTTP/1.1 and HTTP/2.
 *
 * A handler is chosen once the headers are there. A buffered handler is called
 * when the whole body is there (bounded by body_max, gzip undone); a stream
 * handler (gRPC) is called at once and gets the body in pieces.
 *
 * The handler answers now or later, once: net_reply(), or net_reply_begin(),
 * net_reply_send() ..., net_reply_end(). Until then the request lives, unless
 * the peer goes away: then on_gone is called, after which the request must not
 * be touched. Strings of the request live as long as it does.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "loop/loop.h"
#include "net/header.h"

struct net_request;

struct net_request_events {
    void (*on_gone)(void *ctx);                          /* peer reset, connection cut, server stopping */
    void (*on_data)(void *ctx, struct bytes data);       /* stream handlers */
    void (*on_end)(void *ctx);                           /* stream handlers: half-closed by the peer */
    void (*on_drained)(void *ctx);                       /* stream handlers: all that was sent has left */
};

struct bytes net_request_method(const struct net_request *r);
struct bytes net_request_path(const struct net_request *r);      /* still percent-encoded, without query */
struct bytes net_request_query(const struct net_request *r);     /* without '?'; empty if none */
struct bytes net_request_header(const struct net_request *r, const char *name);    /* lower case; empty if none */
struct bytes net_request_body(const struct net_request *r);      /* buffered handlers */
bool net_request_is_h2(const struct net_request *r);
struct loop *net_request_loop(const struct net_request *r);

/* Set by the handler; events may be NULL members. */
void net_request_watch(struct net_request *r, const struct net_request_events *events, void *ctx);

/* status, extra headers (content-length is added), whole body (copied). The request is gone after. */
void net_reply(struct net_request *r, uint16_t status, const struct net_header *headers,
               size_t headers_count, struct bytes body);

/* In pieces. trailers (HTTP/2 only) end the stream; NULL and 0: none. */
void net_reply_begin(struct net_request *r, uint16_t status, const struct net_header *headers,
                     size_t headers_count);
void net_reply_send(struct net_request *r, struct bytes data);    /* copied */
size_t net_reply_unsent(const struct net_request *r);
void net_reply_end(struct net_request *r, const struct net_header *trailers, size_t trailers_count);
/* Faults on command: ends the stream or the connection without a proper end. */
void net_reply_reset(struct net_request *r);
void net_reply_cut_connection(struct net_request *r);

#endif
