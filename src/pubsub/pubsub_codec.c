#include "pubsub/pubsub_codec.h"

#include "base/check.h"

/* ---- reading (protobuf.dev, "Encoding") ---- */

enum wire_type { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };

struct wire {
    const char *at, *end;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t n;            /* WIRE_VARINT */
    struct bytes bytes;    /* WIRE_LEN */
};

static bool read_varint(struct wire *w, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 70 && w->at < w->end; shift += 7) {
        unsigned char c = (unsigned char) *w->at++;
        if (shift < 64)
            n |= (uint64_t) (c & 0x7f) << shift;
        if ((c & 0x80) == 0) {
            *ret_n = n;
            return true;
        }
    }
    return false;
}

static bool skip(struct wire *w, size_t len)
{
    if ((size_t) (w->end - w->at) < len)
        return false;
    w->at += len;
    return true;
}

/* The next field; false: broken. To be asked only while something is left. */
static bool read_field(struct wire *w, struct wire_field *ret)
{
    uint64_t tag, len;
    TRY(read_varint(w, &tag));
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return false;
    ret->number = (uint32_t) (tag >> 3);
    ret->type = (enum wire_type) (tag & 7);
    switch (ret->type) {
    case WIRE_VARINT:
        return read_varint(w, &ret->n);
    case WIRE_I64:
        return skip(w, 8);
    case WIRE_I32:
        return skip(w, 4);
    case WIRE_LEN:
        TRY(read_varint(w, &len));
        if (len > (uint64_t) (w->end - w->at))
            return false;
        ret->bytes = bytes_of(w->at, (size_t) len);
        w->at += len;
        return true;
    }
    return false;
}

static struct wire wire_of(struct bytes b)
{
    const char *at = b.ptr != NULL ? b.ptr : "";
    return (struct wire) { at, at + b.len };
}

static bool read_timestamp(struct bytes b, us_t *ret_us)
{
    struct wire w = wire_of(b);
    struct wire_field f;
    int64_t seconds = 0, nanos = 0;
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if (f.number == 1 || f.number == 2) {
            if (f.type != WIRE_VARINT)
                return false;
            *(f.number == 1 ? &seconds : &nanos) = (int64_t) f.n;
        }
    }
    /* Years 1 to 9999 (timestamp.proto); what is beyond is not told. */
    bool sound = seconds > 0 && seconds < 253402300800 && nanos >= 0 && nanos < 1000000000;
    *ret_us = sound ? seconds * US_PER_S + nanos / 1000 : 0;
    return true;
}

/* An entry of a map<string, string>: nothing of it is kept. */
static bool check_entry(struct bytes b)
{
    struct wire w = wire_of(b);
    struct wire_field f;
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if ((f.number == 1 || f.number == 2) && f.type != WIRE_LEN)
            return false;
    }
    return true;
}

static bool read_message(struct bytes b, struct pubsub_delivery *ret)
{
    struct wire w = wire_of(b);
    struct wire_field f;
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if (f.number >= 1 && f.number <= 5 && f.type != WIRE_LEN)
            return false;
        switch (f.number) {
        case 1:
            ret->data = f.bytes;
            break;
        case 2:
            TRY(check_entry(f.bytes));
            break;
        case 3:
            ret->message_id = f.bytes;
            break;
        case 4:
            TRY(read_timestamp(f.bytes, &ret->published_wall_us));
            break;
        case 5:
            ret->ordering_key = f.bytes;
            break;
        default:
            break;
        }
    }
    return true;
}

static bool read_received(struct bytes b, struct pubsub_delivery *ret)
{
    struct wire w = wire_of(b);
    struct wire_field f;
    *ret = (struct pubsub_delivery) { 0 };
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if (f.number >= 1 && f.number <= 3 && f.type != (f.number == 3 ? WIRE_VARINT : WIRE_LEN))
            return false;
        if (f.number == 1)
            ret->ack_id = f.bytes;
        else if (f.number == 2)
            TRY(read_message(f.bytes, ret));
        else if (f.number == 3)
            ret->attempt = (int32_t) (uint32_t) f.n;
    }
    return true;
}

static bool read_properties(struct bytes b, struct pubsub_codec_reply *ret)
{
    struct wire w = wire_of(b);
    struct wire_field f;
    ret->has_properties = true;
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if (f.number != 1 && f.number != 2)
            continue;
        if (f.type != WIRE_VARINT)
            return false;
        *(f.number == 1 ? &ret->exactly_once : &ret->ordered) = f.n != 0;
    }
    return true;
}

/* Confirmations of in-stream acknowledgements, which we do not send: only looked at for their form. */
static bool check_strings(struct bytes b, uint32_t last)
{
    struct wire w = wire_of(b);
    struct wire_field f;
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if (f.number <= last && f.type != WIRE_LEN)
            return false;
    }
    return true;
}

bool pubsub_codec_reply(struct bytes message, struct pubsub_codec_reply *ret_reply)
{
    struct wire w = wire_of(message);
    struct wire_field f;
    struct pubsub_delivery d;
    struct pubsub_codec_reply r = { .rest = message };
    while (w.at < w.end) {
        TRY(read_field(&w, &f));
        if ((f.number == 1 || (f.number >= 3 && f.number <= 5)) && f.type != WIRE_LEN)
            return false;
        if (f.number == 1) {
            TRY(read_received(f.bytes, &d));
            r.deliveries++;
        } else if (f.number == 4) {
            TRY(read_properties(f.bytes, &r));
        } else if (f.number == 3 || f.number == 5) {
            TRY(check_strings(f.bytes, f.number == 3 ? 3 : 4));
        }
    }
    *ret_reply = r;
    return true;
}

bool pubsub_codec_delivery(struct pubsub_codec_reply *reply, struct pubsub_delivery *ret_delivery)
{
    struct wire w = wire_of(reply->rest);
    struct wire_field f;
    while (w.at < w.end) {
        CHECK(read_field(&w, &f));
        if (f.number == 1) {
            CHECK(read_received(f.bytes, ret_delivery));
            reply->rest = bytes_of(w.at, (size_t) (w.end - w.at));
            return true;
        }
    }
    reply->rest = bytes_of(w.end, 0);
    return false;
}

/* ---- writing ---- */

static void put_varint(struct buf *out, uint64_t n)
{
    char *at = buf_reserve(out, 10), *start = at;
    while (n >= 0x80) {
        *at++ = (char) (n | 0x80);
        n >>= 7;
    }
    *at++ = (char) n;
    out->len += (size_t) (at - start);
}

/* proto3: what is zero or empty is left out. */
static void put_int(struct buf *out, uint32_t number, uint64_t n)
{
    if (n == 0)
        return;
    put_varint(out, (uint64_t) number << 3 | WIRE_VARINT);
    put_varint(out, n);
}

static void put_field(struct buf *out, uint32_t number, struct bytes b)
{
    put_varint(out, (uint64_t) number << 3 | WIRE_LEN);
    put_varint(out, b.len);
    buf_append(out, b);
}

static void put_bytes(struct buf *out, uint32_t number, struct bytes b)
{
    if (b.len > 0)
        put_field(out, number, b);
}

void pubsub_codec_open(const struct pubsub_codec_open *o, struct buf *out)
{
    put_bytes(out, 1, o->subscription);
    put_int(out, 5, o->lease_s);
    put_bytes(out, 6, o->client_id);
    put_int(out, 7, o->outstanding_messages);
    put_int(out, 8, o->outstanding_bytes);
    put_int(out, 10, 1);
}

void pubsub_codec_ack_head(struct bytes subscription, struct buf *out)
{
    put_bytes(out, 1, subscription);
}

void pubsub_codec_ack_id(struct bytes ack_id, struct buf *out)
{
    put_field(out, 2, ack_id);
}

void pubsub_codec_modack_head(struct bytes subscription, uint32_t seconds, struct buf *out)
{
    put_bytes(out, 1, subscription);
    put_int(out, 3, seconds);
}

void pubsub_codec_modack_id(struct bytes ack_id, struct buf *out)
{
    put_field(out, 4, ack_id);
}

void pubsub_codec_pull(struct bytes subscription, uint32_t max, struct buf *out)
{
    put_bytes(out, 1, subscription);
    put_int(out, 3, max);
}

static void put_attribute(struct buf *out, uint32_t number, const struct pubsub_attribute *a)
{
    CLEANUP(buf_fini) struct buf entry = { 0 };
    put_bytes(&entry, 1, a->key);
    put_bytes(&entry, 2, a->value);
    put_field(out, number, buf_bytes(&entry));
}

void pubsub_codec_publish(struct bytes topic, const struct pubsub_message *messages, size_t count, struct buf *out)
{
    CLEANUP(buf_fini) struct buf one = { 0 };
    put_bytes(out, 1, topic);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&one);
        put_bytes(&one, 1, messages[i].data);
        for (size_t a = 0; a < messages[i].attributes_count; a++)
            put_attribute(&one, 2, &messages[i].attributes[a]);
        put_bytes(&one, 5, messages[i].ordering_key);
        put_field(out, 2, buf_bytes(&one));
    }
}

void pubsub_codec_subscription(const struct topic_admin_subscription *sub, struct buf *out)
{
    put_bytes(out, 1, sub->name);
    put_bytes(out, 2, sub->topic);
    put_int(out, 5, sub->ack_deadline_s);
    put_int(out, 7, sub->retain_acked);
    if (sub->retention_us > 0) {
        CLEANUP(buf_fini) struct buf duration = { 0 };
        put_int(&duration, 1, (uint64_t) (sub->retention_us / US_PER_S));
        put_field(out, 8, buf_bytes(&duration));
    }
    put_int(out, 10, sub->ordered);
    if (sub->dead_letter_topic.len > 0) {
        CLEANUP(buf_fini) struct buf policy = { 0 };
        put_bytes(&policy, 1, sub->dead_letter_topic);
        put_int(&policy, 2, sub->dead_letter_attempts);
        put_field(out, 13, buf_bytes(&policy));
    }
    put_int(out, 16, sub->exactly_once);
}

void pubsub_codec_name(struct bytes name, struct buf *out)
{
    put_bytes(out, 1, name);
}

void pubsub_codec_list(struct bytes name, uint32_t page_size, struct bytes page_token, struct buf *out)
{
    put_bytes(out, 1, name);
    put_int(out, 2, page_size);
    put_bytes(out, 3, page_token);
}
