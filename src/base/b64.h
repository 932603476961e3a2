/*
 * Base64, RFC 4648. On the hot path message bytes are never decoded, only
 * validated: what came from the source goes to the destination unchanged.
 */
#ifndef BASE_B64_H
#define BASE_B64_H

#include "base/buf.h"

/* True if b is base64 as proto3 JSON allows it (standard or URL-safe alphabet, not
 * mixed; padded or not; no white space) with zero trailing bits. ret_len (may be NULL):
 * length when decoded. */
bool b64_is_valid(struct bytes b, size_t *ret_len);
/* Appends what b decodes to; false if b is not valid (out is then as it was). */
bool b64_decode(struct bytes b, struct buf *out) MUST_USE;
void b64_encode(struct bytes b, struct buf *out);            /* standard, padded */
void b64_encode_url(struct bytes b, struct buf *out);        /* URL-safe, padded */
void b64_encode_url_bare(struct bytes b, struct buf *out);   /* URL-safe, not padded (JWT) */

#endif
