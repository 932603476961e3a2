#include "net/html.h"

#include "base/check.h"

void html_text(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        switch (c) {
        case '<':
            buf_append_str(out, "&lt;");
            break;
        case '>':
            buf_append_str(out, "&gt;");
            break;
        case '&':
            buf_append_str(out, "&amp;");
            break;
        case '"':
            buf_append_str(out, "&quot;");
            break;
        case '\'':
            buf_append_str(out, "&#39;");
            break;
        default:
            buf_append_char(out, c < 0x20 || c == 0x7f ? '?' : (char) c);
        }
    }
}

void html_put(struct buf *out, const char *template, const char *const *values, size_t count)
{
    struct bytes rest = bytes_str(template);
    for (size_t used = 0;;) {
        size_t at = bytes_find(rest, 0, '$');
        buf_append(out, bytes_sub(rest, 0, at));
        if (at == rest.len) {
            CHECK(used == count);
            return;
        }
        CHECK(used < count);
        html_text(out, bytes_str(values[++used]));
        rest = bytes_sub(rest, at + 1, SIZE_MAX);
    }
}
