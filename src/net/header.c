#include "net/header.h"

struct bytes net_headers_get(struct net_headers h, const char *name)
{
    struct bytes wanted = bytes_str(name);
    for (size_t i = 0; i < h.count; i++) {
        if (bytes_eq(h.at[i].name, wanted))
            return h.at[i].value;
    }
    return (struct bytes) { 0 };
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* A byte of eight below 0x20, or 0x7f, or one that only looks so: then they are looked at one by one. */
static bool is_suspect(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101, tops = ones * 0x80;
    uint64_t low = (eight - ones * 0x20) & ~eight;
    uint64_t del = eight ^ (ones * 0x7f);
    del = (del - ones) & ~del;
    return ((low | del) & tops) != 0;
}

/* On the path of every request, with a token of a kilobyte: eight bytes at a time. */
bool net_header_value_ok(struct bytes value)
{
    size_t i = 0;
    while (i < value.len) {
        uint64_t eight;
        if (value.len - i >= sizeof(eight)) {
            memcpy(&eight, value.ptr + i, sizeof(eight));
            if (!is_suspect(eight)) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t end = MIN(i + sizeof(eight), value.len);
        for (; i < end; i++) {
            if (is_control((unsigned char) value.ptr[i]))
                return false;
        }
    }
    return true;
}
