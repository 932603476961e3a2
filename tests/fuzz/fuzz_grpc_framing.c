/* gRPC messages: the same whatever the cut, never longer than allowed, nothing lost between them. */
#include "fuzz.h"

#include "grpc/grpc_framing.h"
#include "grpc/timeout.h"

enum { MESSAGE_MAX = 300 };

static enum grpc_framing_result read_all(struct bytes in, size_t step, struct buf *out, bool *ret_whole)
{
    CLEANUP(grpc_framing_fini) struct grpc_framing f = { .message_max = MESSAGE_MAX };
    enum grpc_framing_result result = GRPC_FRAMING_MORE;
    for (size_t at = 0; at < in.len && result == GRPC_FRAMING_MORE; at += step) {
        struct bytes part = bytes_sub(in, at, step), message;
        bool compressed;
        while ((result = grpc_framing_next(&f, &part, &compressed, &message)) == GRPC_FRAMING_MESSAGE) {
            char prefix[GRPC_PREFIX_LEN];
            CHECK(message.len <= MESSAGE_MAX);
            grpc_framing_prefix((uint32_t) message.len, prefix);
            prefix[0] = compressed;
            buf_append(out, bytes_of(prefix, sizeof(prefix)));
            buf_append(out, message);
        }
    }
    *ret_whole = grpc_framing_is_whole(&f);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    us_t us;
    if (len < 1)
        return 0;
    struct bytes in = fuzz_bytes(data + 1, len - 1);
    CLEANUP(buf_fini) struct buf whole = { 0 }, cut = { 0 };
    bool ends_whole, cut_whole;
    enum grpc_framing_result a = read_all(in, in.len + 1, &whole, &ends_whole);
    enum grpc_framing_result b = read_all(in, 1 + data[0] % 16, &cut, &cut_whole);
    CHECK(a == b && bytes_eq(buf_bytes(&whole), buf_bytes(&cut)));
    if (a == GRPC_FRAMING_MORE) {
        CHECK(ends_whole == cut_whole);
        CHECK(bytes_starts(in, buf_bytes(&whole)));    /* framed again it is the input */
        CHECK(ends_whole == (whole.len == in.len));
    }
    if (grpc_timeout_parse(in, &us))
        CHECK(us >= 0);
    return 0;
}
