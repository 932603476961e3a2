/* google.rpc.Status of a far side: any bytes give a bounded wait. */
#include "fuzz.h"

#include "base/limits.h"
#include "grpc/retry_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    us_t us = grpc_retry_delay(fuzz_bytes(data, len));
    CHECK(us >= 0 && us <= (us_t) LIMIT_RETRY_AFTER_S * US_PER_S);
    return 0;
}
