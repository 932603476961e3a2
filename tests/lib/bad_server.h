/*
 * A small HTTP/2 server for tests of clients, on the test's own loop. It does
 * what its handler says, also what no good server would do.
 */
#ifndef LIB_BAD_SERVER_H
#define LIB_BAD_SERVER_H

#include "base/buf.h"
#include "loop/loop.h"
#include "net/header.h"
#include "net/tls.h"

struct bad_server;

struct bad_server_stream {
    struct bad_server_conn *conn;
    struct list_link link;
    int32_t id;
    char method[16], path[256];
    struct buf headers;              /* "name: value\n" each */
    struct buf body;                 /* of the request, so far */
    bool ended;                      /* the request is complete */
    struct buf out;                  /* of the reply */
    size_t out_sent;                 /* what flow control let through */
    bool out_ended, out_deferred;
    const struct net_header *trailers;
    size_t trailers_count;
};

struct bad_server_conf {
    struct tls_context *tls;
    uint32_t streams_max;            /* 0: says nothing */
    bool silent;                     /* accepts and never answers, not even with SETTINGS */
    bool deaf_to_ping;
    /* Called when the request is complete; with `early`, when its headers are. */
    void (*handler)(void *ctx, struct bad_server_stream *s);
    bool early;
    void (*on_data)(void *ctx, struct bad_server_stream *s);    /* body grew; may be NULL */
    void *ctx;
};

struct bad_server *bad_server_start(struct loop *l, const struct bad_server_conf *conf);
uint16_t bad_server_port(const struct bad_server *p);
uint32_t bad_server_accepted(const struct bad_server *p);     /* connections so far */
uint32_t bad_server_requests(const struct bad_server *p);
uint32_t bad_server_resets(const struct bad_server *p);       /* RST_STREAM received */
uint32_t bad_server_streams_peak(const struct bad_server *p); /* most streams open on one connection */
uint64_t bad_server_body_sent(const struct bad_server *p);
uint64_t bad_server_allocations(const struct bad_server *p);  /* mem_count() of its own doing */
void bad_server_cut_all(struct bad_server *p);
void bad_server_free(struct bad_server *p);

void bad_server_begin(struct bad_server_stream *s, const char *status, const struct net_header *headers, size_t count,
                   bool ends);
void bad_server_send(struct bad_server_stream *s, struct bytes data);
void bad_server_end(struct bad_server_stream *s, const struct net_header *trailers, size_t count);
void bad_server_reply(struct bad_server_stream *s, const char *status, struct bytes body);    /* with content-length */
void bad_server_reset(struct bad_server_stream *s, uint32_t code);
void bad_server_goaway(struct bad_server_stream *s, int32_t last_id, uint32_t code);
void bad_server_raw(struct bad_server_stream *s, struct bytes bytes);    /* whatever they are */

#endif
