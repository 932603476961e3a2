#include "obs/log_line.h"

#include "base/limits.h"

#include <stdio.h>

static const bool name_char[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['/'] = true, ['_'] = true, ['-'] = true, ['.'] = true,
    [':'] = true, ['='] = true, ['~'] = true, ['+'] = true, ['@'] = true, ['%'] = true, [','] = true, ['*'] = true, ['['] = true, [']'] = true,
};

static size_t utf8_len(struct bytes b);
static void put_digits(struct log_line *o, bool negative, uint64_t n, unsigned places);
static bool is_code(struct bytes b);
static void put_value(struct log_line *o, const struct log_field *f);
static void put_key(struct log_line *o, const char *key);

void log_line_put(struct log_line *o, struct bytes b)
{
    if (o->full || b.len > o->max - o->len) {
        o->full = true;
        return;
    }
    if (b.len > 0)
        memcpy(o->at + o->len, b.ptr, b.len);
    o->len += b.len;
}

void log_line_put_str(struct log_line *o, const char *s)
{
    log_line_put(o, bytes_str(s));
}

void log_line_put_int(struct log_line *o, int64_t n)
{
    put_digits(o, n < 0, n < 0 ? 0 - (uint64_t) n : (uint64_t) n, 0);
}

void log_line_put_us(struct log_line *o, us_t us)
{
    put_digits(o, us < 0, us < 0 ? 0 - (uint64_t) us : (uint64_t) us, 6);
}

/* n with its last `places` digits behind a point. Written back to front: a line has many of them. */
static void put_digits(struct log_line *o, bool negative, uint64_t n, unsigned places)
{
    char digits[32], *at = digits + sizeof(digits);
    for (unsigned i = 0; i < places; i++, n /= 10)
        *--at = (char) ('0' + n % 10);
    if (places > 0)
        *--at = '.';
    do {
        *--at = (char) ('0' + n % 10);
        n /= 10;
    } while (n > 0);
    if (negative)
        *--at = '-';
    log_line_put(o, bytes_of(at, (size_t) (digits + sizeof(digits) - at)));
}

void log_line_put_text(struct log_line *o, struct bytes b)
{
    for (size_t i = 0; i < b.len && !o->full;) {
        unsigned char c = (unsigned char) b.ptr[i];
        size_t len = utf8_len(bytes_sub(b, i, 4));
        char code[8];
        if (c == '"' || c == '\\') {
            code[0] = '\\';
            code[1] = (char) c;
            log_line_put(o, bytes_of(code, 2));
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(code, sizeof(code), "\\u%04x", c);
            log_line_put(o, bytes_of(code, 6));
        } else if (len == 0) {
            log_line_put(o, BYTES_LIT("\xef\xbf\xbd"));    /* U+FFFD: not UTF-8 */
        } else if (len == 2 && c == 0xc2 && (unsigned char) b.ptr[i + 1] < 0xa0) {
            snprintf(code, sizeof(code), "\\u%04x", (unsigned char) b.ptr[i + 1]);    /* C1 controls */
            log_line_put(o, bytes_of(code, 6));
        } else {
            log_line_put(o, bytes_of(b.ptr + i, len));
        }
        i += MAX(len, (size_t) 1);
    }
}

void log_line_put_name(struct log_line *o, struct bytes b)
{
    b = bytes_sub(b, 0, LIMIT_NAME_LEN);
    if (o->full || b.len > o->max - o->len) {
        o->full = true;
        return;
    }
    for (size_t i = 0; i < b.len; i++)
        o->at[o->len + i] = name_char[(unsigned char) b.ptr[i]] ? b.ptr[i] : '?';
    o->len += b.len;
}

void log_line_field(struct log_line *o, const struct log_field *f)
{
    if (o->full || f->key == NULL)
        return;
    size_t before = o->len;
    put_value(o, f);
    if (o->full)
        o->len = before;
}

static void put_value(struct log_line *o, const struct log_field *f)
{
    const char *quote = o->json ? "\"" : "";
    put_key(o, f->key);
    switch (f->kind) {
    case LOG_F_NAME:
        log_line_put_str(o, quote);
        log_line_put_name(o, f->bytes);
        log_line_put_str(o, quote);
        break;
    case LOG_F_CODE:
        log_line_put_str(o, quote);
        log_line_put(o, is_code(f->bytes) ? f->bytes : BYTES_LIT("invalid"));
        log_line_put_str(o, quote);
        break;
    case LOG_F_INT:
        log_line_put_int(o, f->n);
        break;
    case LOG_F_BOOL:
        log_line_put_str(o, f->n != 0 ? "true" : "false");
        break;
    case LOG_F_US:
        log_line_put_us(o, f->n);
        log_line_put_str(o, o->json ? "" : "s");
        break;
    case LOG_F_TEXT:
        log_line_put_str(o, "\"");
        log_line_put_text(o, f->bytes);
        log_line_put_str(o, "\"");
        break;
    case LOG_F_ERR:
        log_line_put_str(o, "\"");
        log_line_put_text(o, bytes_of(f->err->text, strnlen(f->err->text, sizeof(f->err->text))));
        log_line_put_str(o, "\"");
        put_key(o, "class");
        log_line_put_str(o, quote);
        log_line_put_str(o, err_name(f->err->class));
        log_line_put_str(o, quote);
        if (f->err->http != 0) {
            put_key(o, "http");
            log_line_put_int(o, f->err->http);
        }
        if (f->err->grpc != 0) {
            put_key(o, "grpc");
            log_line_put_int(o, f->err->grpc);
        }
        break;
    case LOG_F_NONE:
        log_line_put_str(o, o->json ? "null" : "-");
        break;
    }
}

static void put_key(struct log_line *o, const char *key)
{
    log_line_put_str(o, o->json ? ",\"" : " ");
    log_line_put_str(o, key);
    log_line_put_str(o, o->json ? "\":" : "=");
}

static bool is_code(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (!name_char[(unsigned char) b.ptr[i]])
            return false;
    return b.len > 0 && b.len <= 64;
}

/* Length of the UTF-8 character that b begins with (RFC 3629: no overlong forms, no surrogates); 0: none. */
static size_t utf8_len(struct bytes b)
{
    const unsigned char *s = (const unsigned char *) b.ptr;
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (len > b.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}
