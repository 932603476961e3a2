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

bool net_header_value_ok(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char) value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
