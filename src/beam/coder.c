#include "beam/coder.h"

enum {
    PANE_METADATA = 0x80,     /* a length-prefixed ElementMetadata follows */
    PANE_NO_FIRING = 0x0f,
    VARINT_MAX = 10,
    HEADER_MIN = 8 + 4 + 1
};

static enum beam_read varint(struct bytes *data, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (size_t i = 0; i < VARINT_MAX; i++) {
        if (i == data->len)
            return BEAM_READ_MORE;
        unsigned char c = (unsigned char) data->ptr[i];
        if (i == VARINT_MAX - 1 && c > 1)
            return BEAM_READ_BAD;    /* more than 64 bits */
        n |= (uint64_t) (c & 0x7f) << (7 * i);
        if ((c & 0x80) == 0) {
            *ret_n = n;
            *data = bytes_sub(*data, i + 1, data->len);
            return BEAM_READ_VALUE;
        }
    }
    return BEAM_READ_BAD;
}

static enum beam_read skip(struct bytes *data, uint64_t len)
{
    if (len > data->len)
        return BEAM_READ_MORE;
    *data = bytes_sub(*data, (size_t) len, data->len);
    return BEAM_READ_VALUE;
}

static enum beam_read sized(struct bytes *data, struct bytes *ret)
{
    uint64_t len = 0;
    enum beam_read r = varint(data, &len);
    if (r != BEAM_READ_VALUE)
        return r;
    if (len > INT32_MAX)
        return BEAM_READ_BAD;
    *ret = bytes_sub(*data, 0, (size_t) len);
    return skip(data, len);
}

static uint64_t be(const char *p, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n = n << 8 | (unsigned char) p[i];
    return n;
}

/* The pane's first byte, its zero to two varints, and what a newer Beam puts behind. */
static enum beam_read pane(struct bytes *data)
{
    unsigned char first = (unsigned char) data->ptr[0];
    unsigned varints = (first & 0x70) >> 4;
    if (varints > 2)
        return BEAM_READ_BAD;
    enum beam_read r = skip(data, 1);
    uint64_t n = 0;
    for (unsigned i = 0; i < varints && r == BEAM_READ_VALUE; i++)
        r = varint(data, &n);
    if (r != BEAM_READ_VALUE || (first & PANE_METADATA) == 0)
        return r;
    struct bytes metadata;
    return sized(data, &metadata);
}

static enum beam_read header(struct bytes *data, struct beam_value *ret)
{
    if (data->len < HEADER_MIN)
        return BEAM_READ_MORE;
    ret->time_ms = (int64_t) (be(data->ptr, 8) ^ (uint64_t) 1 << 63);
    uint64_t windows = be(data->ptr + 8, 4);
    if (windows > INT32_MAX)
        return BEAM_READ_BAD;    /* a global window takes no bytes: none follow, however many there are */
    *data = bytes_sub(*data, 12, data->len);
    return pane(data);
}

enum beam_read beam_coder_next(struct bytes *data, enum beam_element kind, struct beam_value *ret_value)
{
    struct beam_value v = { 0 };
    struct bytes at = *data;
    enum beam_read r = header(&at, &v);
    if (r != BEAM_READ_VALUE)
        return r;
    v.header = bytes_sub(*data, 0, data->len - at.len);
    struct bytes element = at;
    r = sized(&at, &v.value);
    if (r == BEAM_READ_VALUE && kind != BEAM_ELEMENT_BYTES)
        r = sized(&at, &v.restriction);
    if (r == BEAM_READ_VALUE && kind == BEAM_ELEMENT_SIZED)
        r = skip(&at, sizeof(uint64_t));
    if (r != BEAM_READ_VALUE)
        return r;
    v.element = bytes_sub(element, 0, element.len - at.len);
    *ret_value = v;
    *data = at;
    return BEAM_READ_VALUE;
}

bool beam_coder_varint(struct bytes *data, uint64_t *ret_n)
{
    return varint(data, ret_n) == BEAM_READ_VALUE;
}

void beam_coder_put_varint(struct buf *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        buf_append_char(out, (char) (n | 0x80));
    buf_append_char(out, (char) n);
}

void beam_coder_put_bytes(struct buf *out, struct bytes b)
{
    beam_coder_put_varint(out, b.len);
    buf_append(out, b);
}

static void put_be(struct buf *out, uint64_t n, unsigned len)
{
    while (len-- > 0)
        buf_append_char(out, (char) (n >> (8 * len)));
}

void beam_coder_put_double(struct buf *out, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof(bits));
    put_be(out, bits, 8);
}

void beam_coder_put_header(struct buf *out, int64_t time_ms)
{
    int64_t clamped = MIN(MAX(time_ms, BEAM_TIME_MIN), BEAM_TIME_WINDOW_END);
    put_be(out, (uint64_t) clamped ^ (uint64_t) 1 << 63, 8);
    put_be(out, 1, 4);
    buf_append_char(out, PANE_NO_FIRING);
}
