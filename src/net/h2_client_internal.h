/*
 * For net/h2_client_*.c alone: what a pool, a connection and a call hold.
 *
 *   call:     WAITING ----> OPEN -----------> (on_done) -> on the pool's free list
 *              in pool        in session
 *   session:  DIALING -> SHAKING -> GREETING -> OPEN -> closed
 *              dial.c     TLS        SETTINGS    takes calls, unless draining
 *
 * A call is finished by h2_call_finish() alone, a session ends in session_end() alone.
 * Calls are submitted and frames written by the pool's hook at the end of a pass.
 */
#ifndef NET_H2_CLIENT_INTERNAL_H
#define NET_H2_CLIENT_INTERNAL_H

#include "net/h2_client.h"

#include "base/buf.h"
#include "base/limits.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/h2_mem.h"
#include "net/host_port.h"

#include <nghttp2/nghttp2.h>

enum { H2_POOL_MAGIC = 0x4832504f, H2_CALL_MAGIC = 0x48324341 };

struct h2_pool {
    unsigned magic;
    struct loop *loop;
    struct resolver *resolver;
    struct tls_context *tls;
    struct buf proxy, authority;
    char host[HOST_MAX];           /* what certificates are for */
    struct host_port connect_to;   /* where we connect to */
    uint32_t connections_max, streams_max;
    us_t connect_timeout_us, idle_ping_us, ping_wait_us, life_max_us;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct h2_mem *mem;

    struct list sessions;          /* the fullest come first: those who came first */
    struct list dirty;             /* sessions that may have something to write */
    struct list waiting;           /* calls without a place */
    struct list refused;           /* calls that the task ends */
    struct list spare;             /* calls for reuse */
    struct err refusal;            /* why the next of `refused` end */
    uint32_t calls_open;
    uint32_t peer_streams;         /* as the last SETTINGS said */
    us_t connect_from_us;          /* connects are paced: GCRA's theoretical arrival time */
    uint64_t connections_made, connections_failed, bytes_in, bytes_out;    /* bytes: of ended sessions */
    uint32_t in_callback;
    struct loop_hook hook;
    struct loop_task task;
    struct loop_timer again;       /* when the next connect is allowed */

    /* Calls that are to be looked at: see h2_watch.c. */
    struct h2_watch *watches;
    size_t watches_count, watches_cap;
    us_t watch_us;                 /* the earliest of them; US_NEVER: none */
    struct loop_timer watch_timer;
};

/* "Look at the call then, if it is still in that life." */
struct h2_watch {
    us_t at_us;
    struct h2_call *call;
    uint32_t gen;
};

enum h2_session_state { H2_DIALING, H2_SHAKING, H2_GREETING, H2_OPEN };

struct h2_session {
    struct h2_pool *pool;
    struct list_link link, dirty_link;
    enum h2_session_state state;
    bool draining;                 /* takes no new calls: GOAWAY, too old, out of stream ids */
    bool blocked;                  /* a write stopped for want of room */
    bool over;                     /* must end: see err */
    struct err err;
    struct dial *dial;
    struct conn *conn;
    nghttp2_session *ng;           /* NULL while there is none */
    struct list calls;             /* with an open stream */
    uint32_t cap;                  /* streams that both ends allow */
    us_t opened_us, read_us, ping_us, idle_from_us;    /* ping_us 0: none under way */
    struct loop_timer timer;

    struct h2_call *recent;        /* the call of stream recent_id: frames come in runs */
    int32_t recent_id;

    /* The header block that is being received (blocks are never interleaved). */
    struct net_header fields[LIMIT_HEADER_COUNT];
    nghttp2_rcbuf *refs[LIMIT_HEADER_COUNT * 2];
    size_t fields_count, header_bytes;

    us_t flood_from_us;            /* frames that are not data, in the second that began here */
    uint32_t flood_frames;
};

struct h2_call {
    unsigned magic;
    uint32_t gen;                  /* counts its lives: did a callback end it? */
    struct h2_pool *pool;
    struct h2_session *session;    /* NULL: waiting or refused */
    struct list *in;
    struct list_link link;
    int32_t stream_id;
    struct h2_call_events events;
    void *ctx;

    /* the request */
    struct buf text;               /* what method, path and headers point into */
    struct bytes method, path;
    size_t headers_count;
    struct bytes body[H2_BODY_PARTS];
    size_t part, part_sent, body_left;
    bool stream, send_ended, deferred, sent, upload_done;
    struct buf out;                /* stream calls: given, out_sent of it has left */
    size_t out_sent;

    /* the reply */
    bool began, asked, automatic;  /* asked: on_want told, no grant yet; automatic: no grants needed */
    bool held;                     /* automatic: nothing is given back to the far side's window */
    size_t unconsumed;             /* what came meanwhile */
    uint16_t status;
    uint64_t window, received, length;    /* length UINT64_MAX: unknown */
    us_t deadline_us, slow_us, byte_us, sent_us, first_byte_us;

    struct net_header headers[H2_REQUEST_HEADERS];    /* the last: not cleared when a call is used again */
};

/* h2_call.c */
void h2_call_submit(struct h2_call *c, struct h2_session *s);
/* The one end: lets go of the stream (RST_STREAM when it is open still), then on_done. err NULL: answered. */
void h2_call_finish(struct h2_call *c, const struct err *err, uint32_t h2_code);
void h2_call_fail(struct h2_call *c, enum err_class class, const char *text, uint32_t h2_code);
void h2_call_release(struct h2_call *c, uint32_t reset_code);    /* without a word */
enum reach h2_call_reach(const struct h2_call *c);
ssize_t h2_call_read_body(nghttp2_session *ng, int32_t stream_id, uint8_t *buf, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *user_data);
int h2_call_write_body(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
                    nghttp2_data_source *source, void *user_data);
void h2_call_want(struct h2_call *c);    /* tells on_want when the window is used up or too small */
void h2_call_look(struct h2_call *c);    /* ends it when its time is over, else has it looked at again */

/* h2_watch.c */
void h2_pool_watch(struct h2_pool *p, struct h2_call *c, us_t at_us); /* at most once at a time for a call */
void h2_pool_watch_fini(struct h2_pool *p);
void h2_pool_watch_init(struct h2_pool *p);

/* h2_receive.c */
void h2_session_set_callbacks(nghttp2_session_callbacks *callbacks);
void h2_session_forget_header(struct h2_session *s);

/* h2_session.c */
void h2_session_start(struct h2_pool *p);
void h2_session_dirty(struct h2_session *s);
void h2_session_flush(struct h2_session *s);
/* Says that it must end; it does so when nghttp2 is not on the stack (see session_end_if_over). */
bool h2_session_fail(struct h2_session *s, enum err_class class, const char *text);
void h2_session_greeted(struct h2_session *s);    /* SETTINGS came */
void h2_session_wake(struct h2_session *s);       /* the first call after a quiet time */
void h2_session_free(struct h2_session *s);
uint32_t h2_session_room(const struct h2_session *s);

/* h2_pool.c */
void h2_pool_work(struct h2_pool *p);             /* a pass must come soon */
void h2_pool_fail_waiting(struct h2_pool *p, const struct err *err);

#endif
