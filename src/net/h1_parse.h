/*
 * HTTP/1.1 as a server reads it (RFC 9112), strict: bytes in, structure out, no state beyond what is here.
 *
 * Why a parser of our own: libmicrohttpd 0.9.75 was tried first, driven from
 * our loop. It tells nothing of a peer that goes away while its request waits
 * for an answer (a waiting Pull must give its leases back), and at its
 * strictest takes "Transfer-Encoding" together with "Content-Length", two
 * different lengths, "Content-Length :" and bare line feeds, all of them ways
 * to make two servers see two different requests.
 *
 * Refused: bare LF, folded lines, white space before ':', control characters,
 * both lengths, any transfer coding but chunked, no or two Host (HTTP/1.1).
 * How the input is cut into pieces makes no difference to what comes out.
 */
#ifndef NET_H1_PARSE_H
#define NET_H1_PARSE_H

#include "base/limits.h"
#include "net/header.h"

/* Length of the request head at the start of `in`, final empty line included; 0: not all there yet.
 * *status: 0, or what to answer (400, 414, 431). *scanned: where the last call stopped; 0 at a new head. */
size_t h1_head_length(struct bytes in, size_t *scanned, uint16_t *status);

struct h1_head {
    struct bytes method, path, query, authority;
    struct net_header fields[LIMIT_HEADER_COUNT];
    size_t count;
    uint64_t length;      /* content-length; 0 if none */
    bool has_length, chunked;
    bool minor0;          /* HTTP/1.0 */
    bool close;           /* the client wants no further request answered */
    bool wants_continue;
};

/* Reads a whole head; block is written to (names become lower case) and pointed into. 0, or what to answer. */
uint16_t h1_head_parse(char *block, size_t len, struct h1_head *ret);

enum h1_step {
    H1_MORE,    /* needs more bytes than `in` holds */
    H1_DATA,    /* *ret_data is a piece of the body */
    H1_END,     /* the body is over */
    H1_BAD      /* 400; nothing of this connection can be trusted any more */
};

struct h1_body {
    enum { H1_LENGTH, H1_CHUNK_SIZE, H1_CHUNK_DATA, H1_CHUNK_END, H1_TRAILERS, H1_OVER } state;
    uint64_t left;
    size_t trailer_bytes;
};

void h1_body_begin(struct h1_body *b, const struct h1_head *head);
/* One step; *ret_used bytes of `in` are done with. */
enum h1_step h1_body_step(struct h1_body *b, struct bytes in, size_t *ret_used, struct bytes *ret_data);

#endif
