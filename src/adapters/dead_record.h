/*
 * One line of a dead-letter segment (docs/DEAD-LETTERS.md): made, and taken
 * apart. No I/O.
 */
#ifndef ADAPTERS_DEAD_RECORD_H
#define ADAPTERS_DEAD_RECORD_H

#include "adapters/sink.h"
#include "base/buf.h"

enum { DEAD_ID_LEN = 16, DEAD_FRAME_LEN = 6 + 1 + DEAD_ID_LEN + 1 };

/* Appends the JSON text of a record. written_us: wall. */
void dead_record_put_json(const struct sink_record *r, us_t written_us, struct buf *out);
/* The same as a framed line. */
void dead_record_put(const struct sink_record *r, us_t written_us, struct buf *out);
void dead_record_put_segment(unsigned segment, us_t written_us, struct buf *out);
/* Marks, kept apart from the segments: its name was published again; its copy was seen at the destination. */
void dead_record_put_replayed(struct bytes id, us_t at_us, struct buf *out);
void dead_record_put_delivered(struct bytes id, us_t at_us, struct buf *out);
/* May this be written down as a name, or could it be anything? */
bool dead_record_is_name(struct bytes name);

/* A record as read; strings are slices of the line (unescaped: the format needs no escapes). */
struct dead_record {
    struct bytes kind, id, stage, reason, class, first, last, written, name, name_sha256, message_id;
    int64_t http, grpc, attempts, name_bytes;
};

/* line without its line feed. Class BAD_INPUT: what does not fit. */
bool dead_record_read(struct bytes line, struct dead_record *ret_record, struct err *err) MUST_USE;
/* The JSON text alone. */
bool dead_record_read_json(struct bytes json, struct dead_record *ret_record, struct err *err) MUST_USE;

#endif
