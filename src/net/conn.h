/*
 * For net/ alone: one connected socket, with or without TLS, client or server.
 * It moves bytes; what they mean is its owner's affair.
 *
 *   socket -> (TLS) -> on_read                        as much as there is, in large pieces
 *   conn_send ... conn_send -> conn_flush -> socket   one system call for all of it
 *
 * Callbacks run from the loop, never inside a call of this header. conn_free()
 * may be called from within a callback. After on_closed nothing more is called,
 * and the owner frees the connection.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "loop/loop.h"
#include "net/tls.h"

struct conn;

struct conn_events {
    /* Ready to send and receive: handshake done. h2: ALPN chose it (cleartext: false). */
    void (*on_open)(void *ctx, bool h2);
    void (*on_read)(void *ctx, struct bytes data);
    /* All that conn_flush() could not send at once has left now. */
    void (*on_drained)(void *ctx);
    /* The end: TLS when the handshake failed, else RESET (an orderly end too). */
    void (*on_closed)(void *ctx, const struct err *err);
};

/* Both take the descriptor (connected, non-blocking); it is closed with the connection.
 * tls NULL: cleartext. host: what the certificate must be for. */
struct conn *conn_start_client(struct loop *l, int fd, struct tls_context *tls, const char *host,
                               const struct conn_events *events, void *ctx);
struct conn *conn_start_server(struct loop *l, int fd, struct tls_context *tls,
                               const struct conn_events *events, void *ctx);

/* Copied (encrypted); leaves with the next conn_flush(). */
void conn_send(struct conn *c, struct bytes data);
void conn_flush(struct conn *c);
/* Something did not fit into the socket: give no more until on_drained. */
bool conn_is_clogged(const struct conn *c);
/* Bytes given and not yet taken by the socket. */
size_t conn_unsent(const struct conn *c);
/* Back-pressure: false stops reading, true goes on. */
void conn_want_read(struct conn *c, bool wanted);

uint64_t conn_bytes_in(const struct conn *c);     /* before TLS */
uint64_t conn_bytes_out(const struct conn *c);

/* Once conn_unsent() is 0: tells the far side that no more comes; reading goes on. */
void conn_send_end(struct conn *c);

/* Ends TLS properly if that can be done without waiting, and closes. */
void conn_free(struct conn *c);
/* The same without any farewell: what has not left is lost, the far side sees a reset. */
void conn_cut(struct conn *c);

#endif
