/* The one-shot of OpenSSL 3's EVP looks the algorithm up anew for every digest, which costs as much as hashing a
 * kilobyte; the older calls do not, and are only marked as old. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "base/sha256.h"

#include "base/check.h"

#include <openssl/sha.h>

struct sha256 sha256_of(struct bytes b)
{
    struct sha256 sum;
    SHA256_CTX ctx;
    bool ok = SHA256_Init(&ctx) == 1 && SHA256_Update(&ctx, b.ptr != NULL ? b.ptr : "", b.len) == 1 &&
              SHA256_Final(sum.octet, &ctx) == 1;
    CHECK(ok);
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
