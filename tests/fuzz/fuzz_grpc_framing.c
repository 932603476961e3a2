/* gRPC frames: the same messages come out however the bytes were cut (the first byte says how). */
#include "fuzz.h"

#include "base/buf.h"
#include "grpc/grpc_framing.h"

enum { MESSAGE_MAX = 2000 };

/* Writes down what comes out, with what ended it. */
static void read_all(struct bytes all, size_t step, struct buf *out)
{
    struct grpc_framing f = { .message_max = MESSAGE_MAX };
    enum grpc_framing_result result = GRPC_FRAMING_MORE;
    while (all.len > 0 && result <= GRPC_FRAMING_MESSAGE) {
        struct bytes piece = bytes_sub(all, 0, step), message;
        bool compressed = false;
        all = bytes_sub(all, piece.len, all.len);
        while ((result = grpc_framing_next(&f, &piece, &compressed, &message)) == GRPC_FRAMING_MESSAGE) {
            CHECK(message.len <= MESSAGE_MAX);
            buf_printf(out, "%d %zu:", compressed, message.len);
            buf_append(out, message);
        }
    }
    buf_printf(out, "end %d", (int) result);
    grpc_framing_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    CLEANUP(buf_fini) struct buf whole = { 0 }, cut = { 0 };
    struct bytes all = fuzz_bytes(data + 1, len - 1);
    read_all(all, SIZE_MAX, &whole);
    read_all(all, 1 + data[0] % 16, &cut);
    CHECK(bytes_eq(buf_bytes(&whole), buf_bytes(&cut)));
    return 0;
}
