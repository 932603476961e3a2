/*
 * The protobuf wire format (protobuf.dev, "Encoding"), by field numbers: enough to
 * read requests without a copy and to put answers together from stored parts. The
 * numbers stand where they are used, written down apart from our clients' .proto,
 * so that a wrong one shows as soon as the two meet.
 */
#ifndef CLOUD_PROTO_WIRE_H
#define CLOUD_PROTO_WIRE_H

#include "base/buf.h"

enum cloud_wire_type { CLOUD_WIRE_VARINT = 0, CLOUD_WIRE_I64 = 1, CLOUD_WIRE_LEN = 2, CLOUD_WIRE_I32 = 5 };

/*
 *  struct cloud_wire_field f;
 *  struct cloud_wire w = cloud_wire_of(message);
 *  while (cloud_wire_next(&w, &f))
 *      switch (f.number) ...
 *  if (w.broken) ...
 */
struct cloud_wire {
    struct bytes left;
    bool broken;
};

struct cloud_wire_field {
    uint32_t number;
    enum cloud_wire_type type;
    uint64_t value;         /* VARINT, I64, I32 */
    struct bytes octets;    /* LEN; borrowed from the message */
};

static inline struct cloud_wire cloud_wire_of(struct bytes message)
{
    return (struct cloud_wire) { .left = message };
}

bool cloud_wire_next(struct cloud_wire *w, struct cloud_wire_field *ret);    /* false: the end, or broken */
/* One varint of a packed field; false: the end or broken (then *packed is not empty). */
bool cloud_wire_packed(struct bytes *packed, uint64_t *ret_value);
/* True if every field can be read and b is a message on its top level. */
bool cloud_wire_is_sound(struct bytes b);
/* The last field of that number and type LEN: empty if there is none. */
struct bytes cloud_wire_find(struct bytes message, uint32_t number);
uint64_t cloud_wire_find_uint(struct bytes message, uint32_t number);        /* VARINT; 0 if there is none */

/* UTF-8 as proto3 strings must be (no surrogates, nothing overlong). */
bool cloud_wire_is_text(struct bytes b);

void cloud_wire_put_varint(struct buf *out, uint64_t value);                                /* bare */
void cloud_wire_put_uint(struct buf *out, uint32_t number, uint64_t value);                 /* 0 is left out */
void cloud_wire_put_bytes(struct buf *out, uint32_t number, struct bytes octets);           /* empty ones too */
void cloud_wire_put_text(struct buf *out, uint32_t number, struct bytes text);              /* empty is left out */
/* map<string, string> entry */
void cloud_wire_put_pair(struct buf *out, uint32_t number, struct bytes key, struct bytes value);
/* google.protobuf.Timestamp or Duration: microseconds, not negative */
void cloud_wire_put_time(struct buf *out, uint32_t number, us_t us);
size_t cloud_wire_varint_len(uint64_t value);
/* Reads a Timestamp or Duration; false: broken, or outside what us_t holds. */
bool cloud_wire_read_time(struct bytes message, us_t *ret_us);

#endif
