#include "json/write.h"

#include "base/b64.h"
#include "base/check.h"
#include "base/limits.h"

#include <inttypes.h>
#include <math.h>

static bool at_level(uint64_t bits, unsigned depth)
{
    return bits >> depth & 1;
}

/* Comma and key, whatever follows. */
static void begin(struct json_writer *w, const char *key)
{
    CHECK(w->depth > 0 || !at_level(w->has_some, 0));
    CHECK((key != NULL) == (w->depth > 0 && !at_level(w->is_array, w->depth)));
    if (at_level(w->has_some, w->depth))
        buf_append_char(w->out, ',');
    w->has_some |= (uint64_t) 1 << w->depth;
    if (key != NULL) {
        buf_append_char(w->out, '"');
        json_write_escaped(w->out, bytes_str(key));
        buf_append(w->out, BYTES_LIT("\":"));
    }
}

static void open_level(struct json_writer *w, const char *key, bool array)
{
    begin(w, key);
    buf_append_char(w->out, array ? '[' : '{');
    w->depth++;
    CHECK(w->depth < LIMIT_JSON_DEPTH);
    uint64_t bit = (uint64_t) 1 << w->depth;
    w->has_some &= ~bit;
    w->is_array = array ? w->is_array | bit : w->is_array & ~bit;
}

struct json_writer json_write_to(struct buf *out)
{
    return (struct json_writer) { .out = out };
}

void json_write_object(struct json_writer *w, const char *key)
{
    open_level(w, key, false);
}

void json_write_array(struct json_writer *w, const char *key)
{
    open_level(w, key, true);
}

void json_write_end(struct json_writer *w)
{
    CHECK(w->depth > 0);
    buf_append_char(w->out, at_level(w->is_array, w->depth) ? ']' : '}');
    w->depth--;
}

static void put_str(struct buf *out, struct bytes text)
{
    buf_append_char(out, '"');
    json_write_escaped(out, text);
    buf_append_char(out, '"');
}

void json_write_str(struct json_writer *w, const char *key, struct bytes text)
{
    begin(w, key);
    put_str(w->out, text);
}

void json_write_str_key(struct json_writer *w, struct bytes key, struct bytes text)
{
    CHECK(w->depth > 0 && !at_level(w->is_array, w->depth));
    if (at_level(w->has_some, w->depth))
        buf_append_char(w->out, ',');
    w->has_some |= (uint64_t) 1 << w->depth;
    put_str(w->out, key);
    buf_append_char(w->out, ':');
    put_str(w->out, text);
}

void json_write_b64(struct json_writer *w, const char *key, struct bytes octets)
{
    begin(w, key);
    buf_append_char(w->out, '"');
    b64_encode(octets, w->out);
    buf_append_char(w->out, '"');
}

void json_write_int(struct json_writer *w, const char *key, int64_t n)
{
    begin(w, key);
    buf_printf(w->out, "%" PRId64, n);
}

void json_write_int_str(struct json_writer *w, const char *key, int64_t n)
{
    begin(w, key);
    buf_printf(w->out, "\"%" PRId64 "\"", n);
}

void json_write_double(struct json_writer *w, const char *key, double x)
{
    begin(w, key);
    if (isfinite(x))
        buf_printf(w->out, "%.17g", x);
    else
        buf_append_str(w->out, "null");
}

void json_write_bool(struct json_writer *w, const char *key, bool b)
{
    begin(w, key);
    buf_append_str(w->out, b ? "true" : "false");
}

void json_write_null(struct json_writer *w, const char *key)
{
    begin(w, key);
    buf_append_str(w->out, "null");
}

void json_write_raw(struct json_writer *w, const char *key, struct bytes json)
{
    begin(w, key);
    buf_append(w->out, json);
}

/* Length of the UTF-8 sequence at the front of b (RFC 3629, table 3-7 of Unicode); 0: broken. */
static size_t utf8_len(struct bytes b)
{
    const unsigned char *p = (const unsigned char *) b.ptr;
    unsigned low = 0x80, high = 0xbf;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (len < 2 || b.len < len)
        return b.len < len ? 0 : len;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

void json_write_escaped(struct buf *out, struct bytes text)
{
    static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    size_t plain = 0;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char) text.ptr[i];
        size_t len = c < 0x80 ? 1 : utf8_len(bytes_sub(text, i, text.len));
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += len;
            continue;
        }
        buf_append(out, bytes_sub(text, plain, i - plain));
        const char *letter = memchr(letters, c, sizeof(letters) - 1);
        if (letter != NULL) {
            buf_append_char(out, '\\');
            buf_append_char(out, escapes[letter - letters]);
        } else if (len > 0) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_append(out, BYTES_LIT("\xef\xbf\xbd"));
        }
        plain = ++i;
    }
    buf_append(out, bytes_sub(text, plain, text.len));
}
