/*
 * Beam's model coders, in nested form, as elements lie on the data plane
 * (beam_runner_api.proto, StandardCoders; docs/BEAM.md has the golden bytes):
 *
 *      windowed value   timestamp(8) | windows: i32be count, windows | pane | element
 *                       +---------------- header, kept raw -----------+
 *      bytes            varint length, bytes
 *      kv               key, value, nothing between
 *      double           8 bytes, big-endian
 *
 * Readers take what runners may send: panes of every variant, element metadata
 * behind them (0x80), any count of global windows. Pure: no side effect, slices
 * of the input, false with BAD_INPUT for what cannot be read.
 */
#ifndef BEAM_CODER_H
#define BEAM_CODER_H

#include "base/buf.h"
#include "base/err.h"

/* Milliseconds since 1970 of Beam's ends of time. */
#define BEAM_TIME_MIN ((int64_t) -9223372036854775)
#define BEAM_TIME_MAX ((int64_t) 9223372036854775)
#define BEAM_TIME_WINDOW_END ((int64_t) 9223371950454775)

/* What follows the header, as far as our graphs have it. */
enum beam_element {
    BEAM_ELEMENT_BYTES,    /* bytes; also length_prefix(bytes) */
    BEAM_ELEMENT_PAIR,     /* kv(bytes, bytes): element and restriction */
    BEAM_ELEMENT_SIZED     /* kv(kv(bytes, bytes), double): the same with its size */
};

struct beam_value {
    struct bytes header;      /* timestamp, windows, pane: as they came */
    struct bytes element;     /* the whole encoded element behind the header */
    struct bytes value;       /* bytes: the content. pair, sized: the key */
    struct bytes restriction; /* pair, sized */
    int64_t time_ms;
};

enum beam_read { BEAM_READ_VALUE, BEAM_READ_MORE, BEAM_READ_BAD };

/* Cuts the first whole value off *data. MORE: it is not all there (data untouched). */
enum beam_read beam_coder_next(struct bytes *data, enum beam_element kind, struct beam_value *ret_value);

bool beam_coder_varint(struct bytes *data, uint64_t *ret_n) MUST_USE;
void beam_coder_put_varint(struct buf *out, uint64_t n);
void beam_coder_put_bytes(struct buf *out, struct bytes b);
void beam_coder_put_double(struct buf *out, double d);
/* A header for one global window, pane NO_FIRING; time_ms is clamped into the window. */
void beam_coder_put_header(struct buf *out, int64_t time_ms);

#endif
