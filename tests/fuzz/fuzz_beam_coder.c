/*
 * Elements as a runner sends them, cut anywhere: what is taken is a part of the input, in order, and the same when the
 * input comes in two pieces.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "beam/coder.h"

static void check_value(struct bytes in, const struct beam_value *v)
{
    CHECK(v->header.len >= 13 && v->header.ptr >= in.ptr);
    CHECK(v->element.ptr == v->header.ptr + v->header.len);
    CHECK(v->element.ptr + v->element.len <= in.ptr + in.len);
    CHECK(v->value.len <= v->element.len && v->restriction.len <= v->element.len);
}

static size_t values(struct bytes in, enum beam_element kind, struct bytes *ret_rest, bool *ret_bad)
{
    struct beam_value v;
    size_t n = 0;
    enum beam_read r;
    *ret_rest = in;
    while ((r = beam_coder_next(ret_rest, kind, &v)) == BEAM_READ_VALUE) {
        check_value(in, &v);
        n++;
    }
    *ret_bad = r == BEAM_READ_BAD;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    enum beam_element kind = (enum beam_element) (data[0] % 3);
    struct bytes in = fuzz_bytes(data + 1, len - 1), rest, rest_of_half;
    bool bad, half_bad;
    size_t all = values(in, kind, &rest, &bad);
    /* the first half, and then its rest with the second half behind */
    size_t cut = in.len / 2, first = values(bytes_sub(in, 0, cut), kind, &rest_of_half, &half_bad);
    CHECK(first <= all && (!half_bad || bad));
    CLEANUP(buf_fini) struct buf joined = { 0 };
    buf_append(&joined, rest_of_half);
    buf_append(&joined, bytes_sub(in, cut, in.len));
    struct bytes end;
    bool joined_bad;
    CHECK(first + values(buf_bytes(&joined), kind, &end, &joined_bad) == all && joined_bad == bad);
    return 0;
}
