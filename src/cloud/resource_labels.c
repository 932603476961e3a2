#include "cloud/pubsub.h"

#include "cloud/proto_wire.h"

/* cloud.google.com/pubsub/docs/labels: at most 64; keys of 1 to 63 characters that begin with a letter, values of
 * up to 63; lower-case letters, digits, _ and -, and letters of other scripts. */
enum { LABELS_MAX = 64, CHARS_MAX = 63, BYTES_MAX = 128 };

static bool text_ok(struct bytes text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain && (uint8_t) c < 0x80)
            return false;
        chars += ((uint8_t) c & 0xc0) != 0x80;
    }
    return chars <= CHARS_MAX && text.len <= BYTES_MAX && cloud_wire_is_text(text);
}

static bool key_ok(struct bytes key)
{
    return key.len > 0 && ((key.ptr[0] >= 'a' && key.ptr[0] <= 'z') || (uint8_t) key.ptr[0] >= 0x80) && text_ok(key);
}

const char *cloud_labels_wrong(struct bytes message, uint32_t number)
{
    size_t count = 0;
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number != number || f.type != CLOUD_WIRE_LEN)
            continue;
        if (++count > LABELS_MAX)
            return "A resource may have at most 64 labels.";
        if (!key_ok(cloud_wire_find(f.octets, 1)))
            return "A label's key must have 1 to 63 characters, begin with a lower-case letter and hold only "
                   "lower-case letters, digits, underscores and dashes.";
        if (!text_ok(cloud_wire_find(f.octets, 2)))
            return "A label's value may have at most 63 characters: lower-case letters, digits, underscores and "
                   "dashes.";
    }
    return NULL;
}
