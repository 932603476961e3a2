/* Base64: what is accepted decodes, to the length said, and encodes back to the same bytes. */
#include "fuzz.h"

#include "base/b64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = fuzz_bytes(data, len);
    CLEANUP(buf_fini) struct buf plain = { 0 }, coded = { 0 }, again = { 0 };
    size_t said = 0;
    bool valid = b64_is_valid(text, &said);
    CHECK(b64_decode(text, &plain) == valid);
    if (valid) {
        CHECK(plain.len == said);
        b64_encode(buf_bytes(&plain), &coded);
        CHECK(b64_decode(buf_bytes(&coded), &again));
        CHECK(bytes_eq(buf_bytes(&plain), buf_bytes(&again)));
    }
    return 0;
}
