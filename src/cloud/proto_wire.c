#include "cloud/proto_wire.h"

#include "base/err.h"

static bool read_varint(struct bytes *b, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < b->len && i < 10; i++) {
        uint8_t octet = (uint8_t) b->ptr[i];
        if (i == 9 && octet > 1)
            return false;
        value |= (uint64_t) (octet & 0x7f) << (7 * i);
        if (octet < 0x80) {
            *ret_value = value;
            *b = bytes_of(b->ptr + i + 1, b->len - i - 1);
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct bytes *b, size_t len, uint64_t *ret_value)
{
    if (b->len < len)
        return false;
    uint64_t value = 0;
    for (size_t i = len; i-- > 0;)
        value = value << 8 | (uint8_t) b->ptr[i];
    *ret_value = value;
    *b = bytes_of(b->ptr + len, b->len - len);
    return true;
}

static bool read_field(struct bytes *b, struct cloud_wire_field *f)
{
    uint64_t tag, len;
    TRY(read_varint(b, &tag));
    *f = (struct cloud_wire_field) { .number = (uint32_t) (tag >> 3), .type = (enum cloud_wire_type) (tag & 7) };
    if (tag >> 3 == 0 || tag >> 32 != 0)
        return false;
    switch (f->type) {
    case CLOUD_WIRE_VARINT:
        return read_varint(b, &f->value);
    case CLOUD_WIRE_I64:
        return read_fixed(b, 8, &f->value);
    case CLOUD_WIRE_I32:
        return read_fixed(b, 4, &f->value);
    case CLOUD_WIRE_LEN:
        if (!read_varint(b, &len) || len > b->len)
            return false;
        f->octets = bytes_of(b->ptr, len);
        *b = bytes_of(b->ptr + len, b->len - len);
        return true;
    default:    /* groups have long been withdrawn */
        return false;
    }
}

bool cloud_wire_next(struct cloud_wire *w, struct cloud_wire_field *ret)
{
    if (w->left.len == 0 || w->broken)
        return false;
    w->broken = !read_field(&w->left, ret);
    return !w->broken;
}

bool cloud_wire_packed(struct bytes *packed, uint64_t *ret_value)
{
    return packed->len > 0 && read_varint(packed, ret_value);
}

bool cloud_wire_is_sound(struct bytes b)
{
    struct cloud_wire w = cloud_wire_of(b);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        continue;
    return !w.broken;
}

struct bytes cloud_wire_find(struct bytes message, uint32_t number)
{
    struct bytes found = { 0 };
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == number && f.type == CLOUD_WIRE_LEN)
            found = f.octets;
    return found;
}

uint64_t cloud_wire_find_uint(struct bytes message, uint32_t number)
{
    uint64_t found = 0;
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == number && f.type == CLOUD_WIRE_VARINT)
            found = f.value;
    return found;
}

/* Length of the sequence that begins at b (not empty); 0: none is right here. RFC 3629, section 4. */
static size_t sequence_len(const uint8_t *b, size_t left)
{
    if (b[0] < 0x80)
        return 1;
    size_t len = b[0] >= 0xc2 && b[0] <= 0xdf ? 2 : b[0] >= 0xe0 && b[0] <= 0xef ? 3
                 : b[0] >= 0xf0 && b[0] <= 0xf4 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) || (b[0] == 0xf0 && b[1] < 0x90)
        || (b[0] == 0xf4 && b[1] > 0x8f))
        return 0;
    return len;
}

bool cloud_wire_is_text(struct bytes b)
{
    for (size_t at = 0; at < b.len;) {
        size_t len = sequence_len((const uint8_t *) b.ptr + at, b.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

size_t cloud_wire_varint_len(uint64_t value)
{
    size_t len = 1;
    while (value >= 0x80) {
        value >>= 7;
        len++;
    }
    return len;
}

void cloud_wire_put_varint(struct buf *out, uint64_t value)
{
    char octets[10];
    size_t len = 0;
    while (value >= 0x80) {
        octets[len++] = (char) (value | 0x80);
        value >>= 7;
    }
    octets[len++] = (char) value;
    buf_append(out, bytes_of(octets, len));
}

void cloud_wire_put_uint(struct buf *out, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    cloud_wire_put_varint(out, (uint64_t) number << 3 | CLOUD_WIRE_VARINT);
    cloud_wire_put_varint(out, value);
}

void cloud_wire_put_bytes(struct buf *out, uint32_t number, struct bytes octets)
{
    cloud_wire_put_varint(out, (uint64_t) number << 3 | CLOUD_WIRE_LEN);
    cloud_wire_put_varint(out, octets.len);
    buf_append(out, octets);
}

void cloud_wire_put_text(struct buf *out, uint32_t number, struct bytes text)
{
    if (text.len > 0)
        cloud_wire_put_bytes(out, number, text);
}

void cloud_wire_put_pair(struct buf *out, uint32_t number, struct bytes key, struct bytes value)
{
    CLEANUP(buf_fini) struct buf entry = { 0 };
    cloud_wire_put_bytes(&entry, 1, key);
    cloud_wire_put_bytes(&entry, 2, value);
    cloud_wire_put_bytes(out, number, buf_bytes(&entry));
}

void cloud_wire_put_time(struct buf *out, uint32_t number, us_t us)
{
    CLEANUP(buf_fini) struct buf time = { 0 };
    cloud_wire_put_uint(&time, 1, (uint64_t) (us / US_PER_S));
    cloud_wire_put_uint(&time, 2, (uint64_t) (us % US_PER_S) * 1000);
    cloud_wire_put_bytes(out, number, buf_bytes(&time));
}

bool cloud_wire_read_time(struct bytes message, us_t *ret_us)
{
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    int64_t seconds = 0, nanos = 0;
    while (cloud_wire_next(&w, &f)) {
        if (f.type != CLOUD_WIRE_VARINT)
            continue;
        if (f.number == 1)
            seconds = (int64_t) f.value;
        else if (f.number == 2)
            nanos = (int32_t) f.value;
    }
    /* Nothing that we read is before 1970 or negative; 2^33 seconds reach beyond the year 2200. */
    if (w.broken || seconds < 0 || seconds > INT64_C(8589934592) || nanos < 0 || nanos > 999999999)
        return false;
    *ret_us = seconds * US_PER_S + nanos / 1000;
    return true;
}
