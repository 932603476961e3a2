#include "grpc/retry_info.h"

#include "base/limits.h"

/* Field numbers: Status.details 3, Any.type_url 1, Any.value 2, RetryInfo.retry_delay 1, Duration.seconds 1,
 * Duration.nanos 2. Read by hand: two fields of one message are not worth generated code. */
enum { STATUS_DETAILS = 3, ANY_TYPE_URL = 1, ANY_VALUE = 2, RETRY_DELAY = 1 };
enum { DURATION_SECONDS = 1, DURATION_NANOS = 2 };

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct field {
    uint64_t number, value;    /* value: of a varint */
    struct bytes bytes;        /* of a length-delimited field */
};

static bool take_varint(struct bytes *in, uint64_t *ret)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        unsigned char c = (unsigned char) in->ptr[0];
        *in = bytes_sub(*in, 1, in->len);
        n |= (uint64_t) (c & 0x7f) << shift;
        if (c < 0x80) {
            *ret = n;
            return true;
        }
    }
    return false;
}

/* False: the end, or no protobuf. */
static bool take_field(struct bytes *in, struct field *f)
{
    uint64_t tag, len = 0;
    *f = (struct field) { 0 };
    if (!take_varint(in, &tag))
        return false;
    f->number = tag >> 3;
    switch ((enum wire) (tag & 7)) {
    case WIRE_VARINT:
        return take_varint(in, &f->value);
    case WIRE_FIXED64:
        len = 8;
        break;
    case WIRE_FIXED32:
        len = 4;
        break;
    case WIRE_BYTES:
        if (!take_varint(in, &len))
            return false;
        break;
    default:
        return false;
    }
    if (len > in->len)
        return false;
    f->bytes = bytes_sub(*in, 0, len);
    *in = bytes_sub(*in, len, in->len);
    return true;
}

static us_t delay_of(struct bytes duration)
{
    uint64_t seconds = 0, nanos = 0;
    for (struct field f; take_field(&duration, &f);) {
        if (f.number == DURATION_SECONDS)
            seconds = f.value;
        if (f.number == DURATION_NANOS)
            nanos = f.value;
    }
    if (seconds > INT32_MAX || nanos > 999999999)    /* negative, or nonsense */
        return 0;
    us_t us = (us_t) seconds * US_PER_S + (us_t) nanos / 1000;
    return MIN(us, (us_t) LIMIT_RETRY_AFTER_S * US_PER_S);
}

static us_t delay_of_any(struct bytes any)
{
    struct bytes url = { 0 }, value = { 0 };
    for (struct field f; take_field(&any, &f);) {
        if (f.number == ANY_TYPE_URL)
            url = f.bytes;
        if (f.number == ANY_VALUE)
            value = f.bytes;
    }
    if (!bytes_ends(url, BYTES_LIT("/google.rpc.RetryInfo")))
        return 0;
    for (struct field f; take_field(&value, &f);) {
        if (f.number == RETRY_DELAY)
            return delay_of(f.bytes);
    }
    return 0;
}

us_t grpc_retry_delay(struct bytes status)
{
    for (struct field f; take_field(&status, &f);) {
        us_t us = f.number == STATUS_DETAILS ? delay_of_any(f.bytes) : 0;
        if (us > 0)
            return us;
    }
    return 0;
}
