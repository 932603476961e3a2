/* Percent-encoding (RFC 3986, 2.1), strict: a '%' that two hex digits do not follow is an error. */
#ifndef NET_PERCENT_H
#define NET_PERCENT_H

#include "base/buf.h"

/* Appends in, decoded; plus_is_space for query strings and forms. False: malformed, or a NUL
 * came out (no name and no filter holds one, and C strings would end there); out is then as it was. */
bool percent_decode(struct bytes in, bool plus_is_space, struct buf *out) MUST_USE;
/* Appends in with all but unreserved characters (letters, digits, "-._~") encoded: one path segment or query value. */
void percent_encode(struct bytes in, struct buf *out);

#endif
