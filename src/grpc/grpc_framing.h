/*
 * gRPC's length-prefixed messages (PROTOCOL-HTTP2.md): flag byte, length of
 * four bytes, message; cut into DATA frames without regard to either.
 *
 *   | 0 or 1 | length, big-endian | message ... |
 *
 * A message that lies whole in the input is handed out where it is; only one
 * that is cut is gathered, into memory that never grows past message_max.
 */
#ifndef GRPC_GRPC_FRAMING_H
#define GRPC_GRPC_FRAMING_H

#include "base/buf.h"

enum { GRPC_PREFIX_LEN = 5 };

enum grpc_framing_result {
    GRPC_FRAMING_MORE,         /* the input is used up */
    GRPC_FRAMING_MESSAGE,
    GRPC_FRAMING_BAD,          /* a flag that is neither 0 nor 1 */
    GRPC_FRAMING_TOO_LARGE     /* ret->len: what it would have been */
};

struct grpc_framing {
    size_t message_max;
    struct buf part;           /* prefix and beginning of a message that is cut; done with when handed_out */
    bool handed_out;
};

void grpc_framing_fini(struct grpc_framing *f);
/* Takes from *in. The message is borrowed from the input or from f until the next call. After BAD or
 * TOO_LARGE only grpc_framing_fini() is allowed. */
enum grpc_framing_result grpc_framing_next(struct grpc_framing *f, struct bytes *in, bool *ret_compressed,
                                           struct bytes *ret);
/* False: a message has begun and not ended. */
bool grpc_framing_is_whole(const struct grpc_framing *f);
void grpc_framing_prefix(uint32_t len, char out[GRPC_PREFIX_LEN]);

#endif
