/* A proxy's answer: what it is does not depend on how it was cut, and a complete one stays complete. */
#include "fuzz.h"

#include "base/limits.h"
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes all = fuzz_bytes(data, len);
    uint16_t status = 0, status_cut = 0;
    size_t end = 0, end_cut = 0;
    enum proxy_reply whole = proxy_read_reply(all, &status, &end);
    for (size_t i = 0; i < len && i < 256; i++) {
        enum proxy_reply cut = proxy_read_reply(bytes_sub(all, 0, i), &status_cut, &end_cut);
        if (cut == PROXY_COMPLETE)
            CHECK(whole == PROXY_COMPLETE && end == end_cut && status == status_cut);
        if (cut == PROXY_BAD)
            CHECK(whole != PROXY_MORE);
    }
    if (whole == PROXY_COMPLETE) {
        CHECK(status >= 100 && status <= 599 && end <= len && end <= LIMIT_PROXY_REPLY);
        CHECK(proxy_read_reply(bytes_sub(all, 0, end - 1), &status_cut, &end_cut) == PROXY_MORE);
    }
    return 0;
}
