#include "grpc/grpc_framing.h"

#include "base/check.h"

enum { PART_KEPT = 64 << 10 };    /* a larger gathering buffer is given back after its message */

void grpc_framing_fini(struct grpc_framing *f)
{
    if (f != NULL)
        buf_fini(&f->part);
}

static size_t length_of(const char *prefix)
{
    const unsigned char *p = (const unsigned char *) prefix;
    return (size_t) p[1] << 24 | (size_t) p[2] << 16 | (size_t) p[3] << 8 | p[4];
}

/* Moves what is missing up to `len` bytes of part; true when they are there. */
static bool gather(struct grpc_framing *f, struct bytes *in, size_t len)
{
    struct bytes piece = bytes_sub(*in, 0, len - f->part.len);
    buf_append(&f->part, piece);
    *in = bytes_sub(*in, piece.len, in->len);
    return f->part.len == len;
}

static enum grpc_framing_result judge(const struct grpc_framing *f, const char *prefix, struct bytes *ret)
{
    if ((unsigned char) prefix[0] > 1)
        return GRPC_FRAMING_BAD;
    *ret = bytes_of(NULL, length_of(prefix));
    return ret->len > f->message_max ? GRPC_FRAMING_TOO_LARGE : GRPC_FRAMING_MESSAGE;
}

static enum grpc_framing_result next_gathered(struct grpc_framing *f, struct bytes *in, bool *ret_compressed,
                                              struct bytes *ret)
{
    if (f->part.len < GRPC_PREFIX_LEN && !gather(f, in, GRPC_PREFIX_LEN))
        return GRPC_FRAMING_MORE;
    enum grpc_framing_result result = judge(f, f->part.ptr, ret);
    if (result != GRPC_FRAMING_MESSAGE)
        return result;
    if (!gather(f, in, GRPC_PREFIX_LEN + ret->len))
        return GRPC_FRAMING_MORE;
    *ret_compressed = f->part.ptr[0] == 1;
    ret->ptr = f->part.ptr + GRPC_PREFIX_LEN;
    f->handed_out = true;
    return GRPC_FRAMING_MESSAGE;
}

enum grpc_framing_result grpc_framing_next(struct grpc_framing *f, struct bytes *in, bool *ret_compressed,
                                           struct bytes *ret)
{
    if (f->handed_out) {
        if (f->part.cap > PART_KEPT)
            buf_fini(&f->part);
        else
            buf_clear(&f->part);
        f->handed_out = false;
    }
    if (in->len == 0)
        return GRPC_FRAMING_MORE;
    if (f->part.len > 0 || in->len < GRPC_PREFIX_LEN)
        return next_gathered(f, in, ret_compressed, ret);
    enum grpc_framing_result result = judge(f, in->ptr, ret);
    if (result != GRPC_FRAMING_MESSAGE)
        return result;
    if (in->len - GRPC_PREFIX_LEN < ret->len)
        return next_gathered(f, in, ret_compressed, ret);
    *ret_compressed = in->ptr[0] == 1;
    ret->ptr = in->ptr + GRPC_PREFIX_LEN;
    *in = bytes_sub(*in, GRPC_PREFIX_LEN + ret->len, in->len);
    return GRPC_FRAMING_MESSAGE;
}

bool grpc_framing_is_whole(const struct grpc_framing *f)
{
    return f->part.len == 0 || f->handed_out;
}

void grpc_framing_prefix(uint32_t len, char out[GRPC_PREFIX_LEN])
{
    out[0] = 0;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (char) (len >> (24 - 8 * i));
}
