#include "net/percent.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool forget(struct buf *out, size_t was)
{
    out->ptr[was] = '\0';    /* len was not moved yet */
    return false;
}

bool percent_decode(struct bytes in, bool plus_is_space, struct buf *out)
{
    size_t was = out->len;
    char *start = buf_reserve(out, in.len), *to = start;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            int high = in.len - i > 2 ? hex_value(in.ptr[i + 1]) : -1;
            int low = in.len - i > 2 ? hex_value(in.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return forget(out, was);
            c = (char) (high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return forget(out, was);
        *to++ = c;
    }
    out->len = was + (size_t) (to - start);
    out->ptr[out->len] = '\0';
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void percent_encode(struct bytes in, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char) in.ptr[i];
        if (is_unreserved((char) c)) {
            buf_append_char(out, (char) c);
        } else {
            char coded[3] = { '%', digits[c >> 4], digits[c & 15] };
            buf_append(out, bytes_of(coded, sizeof(coded)));
        }
    }
}
