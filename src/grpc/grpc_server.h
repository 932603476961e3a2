/*
 * The server side of gRPC on net/listen.h: a table of methods, each unary or
 * streaming. Messages are bytes; codecs are the callers'. Request messages in
 * gzip are undone; replies are never compressed.
 *
 * Answered here: an unknown method or encoding (UNIMPLEMENTED), a message over
 * message_max (RESOURCE_EXHAUSTED), broken framing (INTERNAL), none or more
 * than one message for a unary method (UNIMPLEMENTED), a deadline that passed
 * (DEADLINE_EXCEEDED). An open handler is told by on_gone, whatever the reason.
 *
 * A handler ends its stream once, with grpc_stream_end() or grpc_stream_reset(),
 * now or later; from then on, and after on_gone, it must not touch the stream.
 * A unary handler that answers later must watch too, to be told of on_gone.
 */
#ifndef GRPC_GRPC_SERVER_H
#define GRPC_GRPC_SERVER_H

#include "grpc/grpc_status.h"
#include "net/listen.h"

struct grpc_stream;    /* one call, as the server sees it */

/* Any may be NULL. A unary method gets on_gone and on_drained only. */
struct grpc_stream_events {
    void (*on_message)(void *ctx, struct bytes message);    /* each request message; borrowed until it returns */
    void (*on_half_close)(void *ctx);                       /* the client sends no more */
    void (*on_gone)(void *ctx);                             /* reset, cut, or deadline passed: the stream is gone */
    void (*on_drained)(void *ctx);                          /* all that was sent has left */
};

struct grpc_method {
    const char *path;                                        /* "/package.Service/Method" */
    bool streaming;                                          /* false: fn_unary */
    void (*fn_unary)(void *ctx, struct grpc_stream *s, struct bytes request);    /* request lives as the stream does */
    void (*fn_stream)(void *ctx, struct grpc_stream *s);     /* must grpc_stream_watch() */
};

struct grpc_server;

/* The methods are the caller's and outlive the server. */
struct grpc_server *grpc_server_make(const struct grpc_method *methods, size_t count, size_t message_max,
                                     void *ctx);
void grpc_server_free(struct grpc_server *s);    /* after the listener */
/* For the listener's route function: true if the request is gRPC (content-type application/grpc...). */
bool grpc_server_route(struct grpc_server *s, const struct net_request *r, struct net_route *ret_route);

void grpc_stream_watch(struct grpc_stream *s, const struct grpc_stream_events *events, void *ctx);
us_t grpc_stream_deadline(const struct grpc_stream *s);       /* loop time from grpc-timeout; US_NEVER: none */
struct bytes grpc_stream_metadata(const struct grpc_stream *s, const char *name);
/* Sends the response headers now, not with the first message: a client may wait for them. May be left out. */
void grpc_stream_accept(struct grpc_stream *s);
void grpc_stream_send(struct grpc_stream *s, struct bytes message);    /* copied */
size_t grpc_stream_unsent(const struct grpc_stream *s);
/* The one end. message: plain text, percent-encoded on the wire, cut at LIMIT_GRPC_TEXT. details: google.rpc.Status
 * bytes or empty; more than LIMIT_GRPC_DETAILS are left out, for clients refuse long trailers. */
void grpc_stream_end(struct grpc_stream *s, enum grpc_code code, struct bytes message, struct bytes details);
/* The end of a unary method that succeeded: its one message, then OK. */
void grpc_stream_answer(struct grpc_stream *s, struct bytes message);
void grpc_stream_reset(struct grpc_stream *s);                /* fault: RST_STREAM without a status */
void grpc_stream_cut_connection(struct grpc_stream *s);       /* fault: the whole connection, with all its streams */

#endif
