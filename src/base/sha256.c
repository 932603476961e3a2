#include "base/sha256.h"

#include "base/check.h"

#include <openssl/evp.h>

struct sha256 sha256_of(struct bytes b)
{
    struct sha256 sum;
    unsigned len = 0;
    CHECK(EVP_Digest(b.ptr != NULL ? b.ptr : "", b.len, sum.octet, &len, EVP_sha256(), NULL) == 1);
    CHECK(len == SHA256_LEN);
    return sum;
}

void sha256_hex(const struct sha256 *sum, struct buf *out)
{
    for (int i = 0; i < SHA256_LEN; i++)
        buf_printf(out, "%02x", sum->octet[i]);
}

bool sha256_eq(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->octet, b->octet, SHA256_LEN) == 0;
}
