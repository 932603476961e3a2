/* SHA-256 (FIPS 180-4), libcrypto's. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/buf.h"

enum { SHA256_LEN = 32 };

struct sha256 {
    uint8_t octet[SHA256_LEN];
};

struct sha256 sha256_of(struct bytes b);
void sha256_hex(const struct sha256 *sum, struct buf *out);
bool sha256_eq(const struct sha256 *a, const struct sha256 *b);

#endif
