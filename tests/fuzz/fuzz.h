/*
 * A fuzzer is one file fuzz_<name>.c with one function: bytes in, no crash, no leak, and
 * whatever else must hold of any bytes (CHECK it). Seeds and golden findings stand in
 * corpus/<name>/.
 *
 *  - `make fuzz` and `make test` build it with clang's libFuzzer, ASan and UBSan;
 *  - every other build makes replay_<name> of it, which replays corpus/<name>/ alone.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/bytes.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static inline struct bytes fuzz_bytes(const uint8_t *data, size_t len)
{
    return bytes_of((const char *) data, len);
}

#endif
