/*
 * HTTP/2 client: calls to one endpoint over few, full connections.
 *
 * A pool opens a connection when all it has are full (streams limit of both
 * ends), never more than connections_max, never more than a few a second. A
 * call that finds no place waits in order; its deadline counts from the start
 * of the call, its `reach` is NOT_SENT until its headers left.
 *
 * Nothing is re-sent here, ever: each call is answered by exactly one on_done,
 * which tells truthfully whether the far side may have acted.
 *
 * Reply bodies: a stream opens with a window of first_window bytes and gets no
 * automatic update. When a reply is longer (content-length says so, or the
 * window is used up), on_want is called once per step and nothing more is read
 * until h2_call_grant() (RFC 9113, 6.9; see docs/ARCHITECTURE.md, memory).
 * first_window 0: the stream's window is updated automatically (gRPC streams).
 *
 * No request is sent before the far side has shown, with its SETTINGS, that it
 * speaks HTTP/2. A failed connect ends the calls that wait, if no other
 * connection can take them: NOT_SENT, with the connect's error.
 *
 * Callbacks run from the loop, never inside a call of this header. After
 * on_done, and after h2_call_cancel(), the call is gone. A callback may start,
 * grant, send and cancel; it may not free the pool.
 */
#ifndef NET_H2_CLIENT_H
#define NET_H2_CLIENT_H

#include "loop/loop.h"
#include "net/header.h"
#include "net/tls.h"

struct resolver;
struct h2_pool;
struct h2_call;

struct h2_pool_conf {
    const char *host;            /* name that is checked and sent as :authority (with port unless default) */
    uint16_t port;
    const char *connect_to;      /* "address:port" to connect to instead; NULL or "": host:port */
    const char *proxy;           /* "http://[user:password@]host:port": CONNECT; NULL or "": none. See net/proxy.h */
    struct tls_context *tls;     /* shared; NULL: cleartext, prior knowledge */
    uint32_t connections_max;
    uint32_t streams_max;        /* per connection, also bounded by the peer's SETTINGS */
    us_t connect_timeout_us;     /* resolve + TCP + proxy + TLS: 10 s */
    us_t idle_ping_us;           /* PING when nothing was read for this long while calls are open; 0: never */
    us_t ping_wait_us;           /* for its answer; 0: LIMIT_PING_WAIT_S */
    us_t life_max_us;            /* a connection takes no new calls after this: 1 h; 0: no bound */
};

/* conf is copied. */
struct h2_pool *h2_pool_make(struct loop *l, struct resolver *r, const struct h2_pool_conf *conf);
bool h2_pool_is_encrypted(const struct h2_pool *p);
struct loop *h2_pool_loop(const struct h2_pool *p);
/* Open calls are cancelled, without on_done. */
void h2_pool_free(struct h2_pool *p);

struct h2_pool_stats {
    uint32_t connections, calls_open, calls_waiting;
    uint64_t connections_made, connections_failed, bytes_in, bytes_out;
};
struct h2_pool_stats h2_pool_stats(const struct h2_pool *p);

struct h2_result {
    struct err err;          /* class OK when a complete reply came, whatever its status */
    uint16_t status;         /* :status, 0: none */
    uint32_t h2_code;        /* error code of the RST_STREAM that ended it (RFC 9113, 7); 0: none */
    us_t sent_us, first_byte_us;    /* loop time; 0: not reached */
};

/* Copied. Each may be NULL but on_done. */
struct h2_call_events {
    /* Final response headers, once. Fields live until the callback returns. */
    void (*on_headers)(void *ctx, uint16_t status, struct net_headers h);
    void (*on_data)(void *ctx, struct bytes data);
    /* total: what the whole body will take at least, as far as it is known now. */
    void (*on_want)(void *ctx, uint64_t total);
    void (*on_trailers)(void *ctx, struct net_headers h);
    /* The one end. */
    void (*on_done)(void *ctx, const struct h2_result *result);
};

enum { H2_BODY_PARTS = 4, H2_REQUEST_HEADERS = 12 };

struct h2_request {
    const char *method;
    struct bytes path;                 /* with query */
    const struct net_header *headers;  /* copied; :method, :scheme, :authority, :path are added */
    size_t headers_count;              /* at most H2_REQUEST_HEADERS */
    struct bytes body[H2_BODY_PARTS];  /* borrowed until on_done; sent without a copy of our own */
    bool stream;                       /* the body is what h2_call_send() gives, until h2_call_send_end() */
    uint32_t first_window;             /* below LIMIT_STREAM_WINDOW is as good as that */
    us_t deadline_us;                  /* loop time; US_NEVER: none. Ends the call with class TIMEOUT */
    us_t slow_us;                      /* no byte for this long, once the reply began and while we may read:
                                          TIMEOUT; 0: no bound */
};

/* NULL never: what goes wrong at once comes as on_done, later. */
struct h2_call *h2_call_start(struct h2_pool *p, const struct h2_request *req,
                              const struct h2_call_events *events, void *ctx);
void h2_call_grant(struct h2_call *c, uint64_t bytes_more);
/* For replies that are read as they come (first_window 0): while held, no more than LIMIT_AUTO_WINDOW comes on. */
void h2_call_hold(struct h2_call *c, bool held);
void h2_call_send(struct h2_call *c, struct bytes data);    /* copied; stream calls only */
void h2_call_send_end(struct h2_call *c);
size_t h2_call_unsent(const struct h2_call *c);             /* bytes given to send and not yet on the way */
void h2_call_cancel(struct h2_call *c);                     /* RST_STREAM CANCEL; no callback any more */

#endif
