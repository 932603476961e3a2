/*
 * A request that a server of ours received, the same for HTTP/1.1 and HTTP/2.
 *
 * A handler is chosen once the headers are there (listen.h, net_route_fn). A
 * buffered handler is called when the whole body is there (bounded by
 * body_max, gzip undone); a stream handler (gRPC) is called at once and gets
 * the body in pieces, as it came.
 *
 * The handler answers now or later, once: net_reply(), or net_reply_begin(),
 * net_reply_send() ..., net_reply_end(), or one of the faults. With the last of
 * these calls the request is gone, and no event comes any more.
 * Until then the request lives, unless the peer goes away: then on_gone is
 * called, after which the request must not be touched. Over HTTP/1.1 a peer
 * that closes its half while an answer is owed counts as gone.
 * Strings of the request live as long as it does.
 *
 * Answered without the handler, in plain text: 400 (not HTTP, bad gzip), 404
 * (route without fn), 408, 413, 414, 415 (content-encoding), 417, 431, 501,
 * 503 (too many bytes of bodies held), 505.
 *
 * No event comes inside a call of this header.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "loop/loop.h"
#include "net/header.h"

struct net_request;

/* Any may be NULL. */
struct net_request_events {
    void (*on_gone)(void *ctx);                       /* peer reset, connection cut, server stopping */
    void (*on_data)(void *ctx, struct bytes data);    /* stream handlers; window is given back when it returns */
    void (*on_end)(void *ctx);                        /* stream handlers: half-closed by the peer */
    void (*on_drained)(void *ctx);                    /* all that was given to net_reply_send() has left */
};

struct bytes net_request_method(const struct net_request *r);    /* upper case as it came: "GET" */
struct bytes net_request_path(const struct net_request *r);      /* still percent-encoded, without query */
struct bytes net_request_query(const struct net_request *r);     /* without '?', still encoded; empty if none */
struct bytes net_request_authority(const struct net_request *r); /* host[:port] as the client named us; may be empty */
struct bytes net_request_header(const struct net_request *r, const char *name);    /* lower case; empty if none */
struct net_headers net_request_headers(const struct net_request *r);               /* all, without pseudo-headers */
struct bytes net_request_body(const struct net_request *r);                        /* buffered handlers */
bool net_request_is_h2(const struct net_request *r);
bool net_request_is_tls(const struct net_request *r);
bool net_request_is_local(const struct net_request *r);    /* the peer's address is loopback, or no address at all */
struct loop *net_request_loop(const struct net_request *r);

/* How many bytes a stream handler keeps of this request at present; with the bodies and heads that the port keeps
 * they are bounded (LIMIT_SERVER_BODIES). False: too many, the handler should refuse the request. */
bool net_request_hold(struct net_request *r, size_t bytes);

/* Set by the handler; may be set again. Without it nothing is told. */
void net_request_watch(struct net_request *r, const struct net_request_events *events, void *ctx);

/* status (200 and more), extra headers with lower-case names (content-length and date are added; a control character
 * in a value goes out as a space), whole body (copied; not sent for HEAD). The request is gone after. */
void net_reply(struct net_request *r, uint16_t status, const struct net_header *headers, size_t headers_count,
               struct bytes body);
/* Before net_reply(): its body may go out as gzip when it is over 1 KiB and the client takes it. It costs
 * 30 to 100 us for 10 KB, so the handler asks for it where bodies are long (pages of a list). */
void net_reply_may_gzip(struct net_request *r);
/* Headers that are all of the reply, without content-length: gRPC's "trailers-only". The request is gone after. */
void net_reply_head(struct net_request *r, uint16_t status, const struct net_header *headers, size_t headers_count);

/* In pieces. Nothing bounds what is given: look at net_reply_unsent(), go on in on_drained. */
void net_reply_begin(struct net_request *r, uint16_t status, const struct net_header *headers, size_t headers_count);
void net_reply_send(struct net_request *r, struct bytes data);    /* copied */
size_t net_reply_unsent(const struct net_request *r);
/* trailers (HTTP/2 only, left out over HTTP/1.1) end the stream; NULL and 0: none. The request is gone after. */
void net_reply_end(struct net_request *r, const struct net_header *trailers, size_t trailers_count);

/* Faults on command. reset: what was given to net_reply_send() leaves, then the stream ends with RST_STREAM
 * (HTTP/1.1: the connection ends) without a proper end. cut: the whole connection with all its requests, at once.
 * The request is gone after. */
void net_reply_reset(struct net_request *r);
void net_reply_cut_connection(struct net_request *r);

#endif
