/*
 * For net/ alone: what the parts of the server share.
 *
 *   listen.c     accepts, sniffs, owns connections, their timers, the one flush per pass
 *   h1_server.c  h2_server.c     one protocol each: bytes in, requests out; replies in, bytes out
 *   request.c    the request object: head, body, gzip
 *   reply.c      the handler's answer
 *
 * Life of a request:
 *
 *   serve_request_take -> (head) -> serve_request_route -> (body) -> handler -> (reply) -> serve_request_free
 *
 * `open` is true from the handler's call to its last reply call. Whoever ends a
 * request early calls serve_request_gone() first, which tells an open handler.
 * A connection dies in two steps: serve_kill() marks it (from anywhere), the
 * end-of-pass hook takes it apart, so that no caller up the stack loses it.
 */
#ifndef NET_SERVE_H
#define NET_SERVE_H

#include "base/buf.h"
#include "base/limits.h"
#include "net/conn.h"
#include "net/gzip.h"
#include "net/listen.h"

struct h1;
struct h2;
struct serve_conn;

enum { REQUEST_MAGIC = 0x52455155, SERVE_MAGIC = 0x53455256 };

struct serve_proto {
    void (*on_bytes)(struct serve_conn *c, struct bytes data);
    /* Hands what is due to conn_send(), LIMIT_SERVER_OUT at most. */
    void (*fill)(struct serve_conn *c);
    void (*drain)(struct serve_conn *c);
    /* When the connection is to be cut if nothing happens until then. */
    us_t (*deadline)(const struct serve_conn *c);
    /* The deadline passed. */
    void (*expire)(struct serve_conn *c);
    void (*fini)(struct serve_conn *c);

    /* body_len: of a whole reply; NO_LENGTH: in pieces, or none. Headers are copied. */
    void (*begin)(struct net_request *r, uint16_t status, const struct net_header *headers, size_t count,
                  size_t body_len);
    void (*body)(struct net_request *r, struct bytes data);
    void (*end)(struct net_request *r, const struct net_header *trailers, size_t count);
    void (*reset)(struct net_request *r);
};

extern const struct serve_proto h1_proto, h2_proto;
void h1_start(struct serve_conn *c);
void h2_start(struct serve_conn *c);

#define NO_LENGTH SIZE_MAX

struct serve_conn {
    unsigned magic;
    struct net_listener *listener;
    struct list_link link;         /* of listener->conns */
    struct list_link dirty;        /* of listener->dirty */
    struct conn *conn;
    const struct serve_proto *proto;    /* NULL: the first bytes have not told yet */
    struct h1 *h1;                 /* of these, */
    struct h2 *h2;                 /* one */
    struct buf first;              /* what came before the protocol was known */
    struct list requests;          /* all that exist */
    struct loop_timer timer;
    us_t heard_us;                 /* last byte read */
    us_t moved_us;                 /* last time the socket took bytes, or had none to take */
    us_t sent_us;                  /* last time it gave the socket anything */
    uint64_t out_seen, sent_seen;
    uint32_t owed;                 /* requests that are answered and not sent to their end */
    bool open;                     /* handshake done */
    bool local;                    /* the peer is on this machine */
    bool dead;                     /* to be taken apart by the hook */
    bool finish;                   /* to be ended once everything has left */
    bool half;                     /* our half is to be ended then; the peer's input is dropped */
    bool cut;                      /* dead without a farewell */
};

struct net_listener {
    struct loop *loop;
    struct loop_io io;
    struct loop_hook hook;
    struct loop_task wake;         /* makes sure that a pass follows when something is dirty */
    struct loop_timer pause;       /* out of descriptors: accept again later */
    struct tls_context *tls;
    uint16_t port;
    uint32_t connections_max, streams_max;
    net_route_fn *route;
    void (*answered)(void *ctx, const struct net_request *r, const struct net_answer *answer);
    void *ctx;
    struct list conns;
    struct list dirty;             /* connections with something to do at the end of the pass */
    struct list spare;             /* requests for reuse */
    size_t held;                   /* bytes of requests: LIMIT_SERVER_BODIES */
    bool draining;
    int64_t date_s;                /* what `date` says */
    char date[32];
};

struct net_request {
    unsigned magic;
    struct serve_conn *conn;
    struct list_link link;         /* of conn->requests, or listener->spare */

    /* head */
    struct buf text;               /* what the strings point into */
    struct net_header *fields;
    size_t fields_count, fields_cap;
    size_t head_bytes;
    struct bytes method, path, query, authority;
    uint16_t bad;                  /* the head is not acceptable: answer this */
    bool is_head;

    /* body */
    struct net_route route;
    bool routed;                   /* has a handler; false: what comes of its body is dropped */
    bool ended;                    /* the peer's side is over */
    struct buf body;
    size_t body_came;              /* bytes on the wire */
    size_t held, handler_held;     /* counted in listener->held; the handler's part of it */
    struct gunzip *gunzip;

    /* handler */
    bool open;
    struct net_request_events events;
    void *ctx;

    /* reply */
    bool begun, may_gzip, owed;
    uint16_t status;               /* of the reply that was begun */
    us_t routed_us;
    struct buf out;                /* out_at of it have been taken */
    size_t out_at;
    bool out_end;                  /* nothing more will be appended */
    bool broken;                   /* after the last of `out` comes no proper end */
    struct list_link drained;      /* to be told on_drained */
    struct list_link lingers;      /* HTTP/2: answered to the end, and the peer still sends */
    us_t linger_until_us;
    size_t linger_bytes;           /* came since */

    /* HTTP/2 */
    int32_t stream_id;
    bool deferred;                 /* nghttp2 waits for nghttp2_session_resume_data() */
    bool wants_continue;
    struct net_header *trailers;   /* owned; sent after the last of `out` */
    size_t trailers_count;
    /* HTTP/1.1 */
    bool chunks;                   /* pieces go out as chunks */
};

/* listen.c */
void serve_dirty(struct serve_conn *c);
void serve_kill(struct serve_conn *c);
void serve_watch(struct serve_conn *c);    /* the deadline may have come nearer */
struct bytes serve_date(struct net_listener *n);

/* request.c */
struct net_request *serve_request_take(struct serve_conn *c);
void serve_request_free(struct net_request *r);
void serve_request_free_spare(struct net_listener *n);
/* A copy that lives as long as the request. */
struct bytes serve_request_keep(struct net_request *r, struct bytes b);
void serve_request_add_field(struct net_request *r, struct net_header field);    /* kept already */
/* The head is complete: finds the handler; calls it if it takes a stream. */
void serve_request_route(struct net_request *r);
void serve_request_body(struct net_request *r, struct bytes data);
void serve_request_end(struct net_request *r);
/* Forgets what the port counts of it, and what unpacks it: its body is of no use any more. */
void serve_request_give_back(struct net_request *r);
/* The peer cannot be answered any more. */
void serve_request_gone(struct net_request *r);
/* Tells who wants to know that it is over. fields: trailers, or headers that are all of a reply. */
void serve_request_over(struct net_request *r, uint16_t status, const struct net_header *fields, size_t count);

/* reply.c */
/* Answers without a handler. */
void serve_request_refuse(struct net_request *r, uint16_t status);
/* What waits to be taken by the connection, and that it was. */
static inline struct bytes serve_request_unsent(const struct net_request *r)
{
    return bytes_sub(buf_bytes(&r->out), r->out_at, r->out.len);
}
void serve_request_sent(struct net_request *r, size_t len);

static inline struct net_request *serve_request_of_link(struct list_link *link)
{
    return CONTAINER_OF(link, struct net_request, link);
}

#endif
