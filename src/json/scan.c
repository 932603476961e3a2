#include "json/scan.h"

#include "base/check.h"
#include "base/limits.h"

/* A walk over a text: where it is, and what was wrong where. */
struct walk {
    const char *at, *end, *bad_at;
    const char *why;
};

static bool scan_value(struct walk *w, struct json_value *ret, unsigned depth);

static bool bad(struct walk *w, const char *why)
{
    if (w->why == NULL) {
        w->why = why;
        w->bad_at = w->at;
    }
    return false;
}

static void skip_space(struct walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t'))
        w->at++;
}

static bool take(struct walk *w, char c, const char *why)
{
    if (w->at >= w->end || *w->at != c)
        return bad(w, why);
    w->at++;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* at stands on a backslash. */
static bool scan_escape(struct walk *w)
{
    if (w->end - w->at < 2)
        return bad(w, "a string that does not end");
    char c = w->at[1];
    if (c != 'u') {
        if (memchr("\"\\/bfnrt", c, 8) == NULL)
            return bad(w, "an escape that JSON does not have");
        w->at += 2;
        return true;
    }
    if (w->end - w->at < 6)
        return bad(w, "a string that does not end");
    for (int i = 2; i < 6; i++)
        if (!is_hex(w->at[i]))
            return bad(w, "\\u needs four hexadecimal digits");
    w->at += 6;
    return true;
}

/* Sixteen bytes; the compiler makes SSE2, NEON or plain code of it. */
typedef uint8_t octets __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* 0xff where a quote, a backslash or a control character stands. */
static inline octets special(const char *at)
{
    octets v;
    memcpy(&v, at, sizeof(v));
    return (octets) (v == '"') | (octets) (v == '\\') | (octets) ((v & 0xe0) == 0);
}

/* To the first 16 bytes that hold something special: message data is long and holds nothing of it. */
static const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 64) {
        halves hit = (halves) (special(at) | special(at + 16) | special(at + 32) | special(at + 48));
        if ((hit[0] | hit[1]) != 0)
            break;
        at += 64;
    }
    while (end - at >= 16) {
        halves hit = (halves) special(at);
        if ((hit[0] | hit[1]) != 0)
            break;
        at += 16;
    }
    return at;
}

/* at stands on the opening quote. */
static bool scan_string(struct walk *w, struct json_value *ret)
{
    const char *start = ++w->at;
    bool escaped = false;
    for (;;) {
        w->at = skip_plain(w->at, w->end);
        while (w->at < w->end && *w->at != '"' && *w->at != '\\' && (unsigned char) *w->at >= 0x20)
            w->at++;
        if (w->at >= w->end)
            return bad(w, "a string that does not end");
        if (*w->at == '"')
            break;
        if (*w->at != '\\')
            return bad(w, "a control character in a string");
        escaped = true;
        TRY(scan_escape(w));
    }
    *ret = (struct json_value) { JSON_STRING, escaped, bytes_of(start, (size_t) (w->at - start)) };
    w->at++;
    return true;
}

static size_t skip_digits(struct walk *w)
{
    const char *start = w->at;
    while (w->at < w->end && *w->at >= '0' && *w->at <= '9')
        w->at++;
    return (size_t) (w->at - start);
}

static bool scan_number(struct walk *w, struct json_value *ret)
{
    const char *start = w->at;
    if (*w->at == '-')
        w->at++;
    const char *digits = w->at;
    size_t len = skip_digits(w);
    if (len == 0 || (len > 1 && *digits == '0'))
        return bad(w, "a number that JSON does not have");
    if (w->at < w->end && *w->at == '.') {
        w->at++;
        if (skip_digits(w) == 0)
            return bad(w, "a number that JSON does not have");
    }
    if (w->at < w->end && (*w->at == 'e' || *w->at == 'E')) {
        w->at++;
        if (w->at < w->end && (*w->at == '+' || *w->at == '-'))
            w->at++;
        if (skip_digits(w) == 0)
            return bad(w, "a number that JSON does not have");
    }
    *ret = (struct json_value) { JSON_NUMBER, false, bytes_of(start, (size_t) (w->at - start)) };
    return true;
}

static bool scan_word(struct walk *w, const char *word, enum json_kind kind, struct json_value *ret)
{
    size_t len = strlen(word);
    if ((size_t) (w->end - w->at) < len || memcmp(w->at, word, len) != 0)
        return bad(w, "expected a value");
    *ret = (struct json_value) { kind, false, bytes_of(w->at, len) };
    w->at += len;
    return true;
}

/* "key" : with the value next. */
static bool scan_key(struct walk *w, struct json_value *ret_key)
{
    if (w->at >= w->end || *w->at != '"')
        return bad(w, "expected a key in double quotes");
    TRY(scan_string(w, ret_key));
    skip_space(w);
    TRY(take(w, ':', "expected ':' after a key"));
    skip_space(w);
    return true;
}

/* at stands on the opening bracket. */
static bool scan_container(struct walk *w, struct json_value *ret, unsigned depth)
{
    const char *start = w->at;
    bool object = *w->at == '{';
    char close = object ? '}' : ']';
    if (depth >= LIMIT_JSON_DEPTH)
        return bad(w, "nested too deep");
    w->at++;
    skip_space(w);
    if (w->at < w->end && *w->at == close) {
        w->at++;
    } else {
        for (;;) {
            struct json_value key, value;
            if (object)
                TRY(scan_key(w, &key));
            TRY(scan_value(w, &value, depth + 1));
            skip_space(w);
            if (w->at < w->end && *w->at == close)
                break;
            TRY(take(w, ',', object ? "expected ',' or '}'" : "expected ',' or ']'"));
            skip_space(w);
        }
        w->at++;
    }
    *ret = (struct json_value) { object ? JSON_OBJECT : JSON_ARRAY, false,
                                 bytes_of(start, (size_t) (w->at - start)) };
    return true;
}

static bool scan_value(struct walk *w, struct json_value *ret, unsigned depth)
{
    if (w->at >= w->end)
        return bad(w, "the text ends where a value should stand");
    switch (*w->at) {
    case '{':
    case '[':
        return scan_container(w, ret, depth);
    case '"':
        return scan_string(w, ret);
    case 't':
        return scan_word(w, "true", JSON_TRUE, ret);
    case 'f':
        return scan_word(w, "false", JSON_FALSE, ret);
    case 'n':
        return scan_word(w, "null", JSON_NULL, ret);
    default:
        if (*w->at == '-' || (*w->at >= '0' && *w->at <= '9'))
            return scan_number(w, ret);
        return bad(w, "expected a value");
    }
}

static struct walk walk_of(struct bytes text)
{
    const char *start = text.ptr != NULL ? text.ptr : "";
    return (struct walk) { .at = start, .end = start + text.len };
}

static bool fail_at(struct bytes text, const struct walk *w, struct err *err)
{
    unsigned line, column;
    json_place(text, w->bad_at, &line, &column);
    return FAIL(err, BAD_INPUT, "line %u, column %u: %s", line, column, w->why);
}

/* Only white space may follow. */
static bool scan_rest(struct walk *w)
{
    skip_space(w);
    return w->at == w->end || bad(w, "text after the end of the value");
}

bool json_scan(struct bytes text, struct json_value *ret_root, struct err *err)
{
    struct walk w = walk_of(text);
    struct json_value root;
    skip_space(&w);
    if (!scan_value(&w, &root, 0) || !scan_rest(&w))
        return fail_at(text, &w, err);
    *ret_root = root;
    return true;
}

enum { KEY_RAW_MAX = 512 };    /* an escaped key longer than this is none that anybody asks for */

static size_t unescape(const char *raw, size_t len, char *out, bool *ret_ok);

static bool text_is(const struct json_value *v, struct bytes text)
{
    if (!v->escaped)
        return bytes_eq(v->raw, text);
    char plain[KEY_RAW_MAX];
    if (v->raw.len > sizeof(plain))
        return false;
    bool ok;
    size_t len = unescape(v->raw.ptr, v->raw.len, plain, &ok);
    return ok && bytes_eq(bytes_of(plain, len), text);
}

static struct json_field *field_named(const struct json_value *key, struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_is(key, bytes_str(fields[i].key)))
            return &fields[i];
    return NULL;
}

/* at stands behind the opening brace. */
static bool scan_members(struct walk *w, struct json_field *fields, size_t count)
{
    skip_space(w);
    if (w->at < w->end && *w->at == '}') {
        w->at++;
        return true;
    }
    for (;;) {
        struct json_value key, value;
        const char *key_at = w->at;
        TRY(scan_key(w, &key));
        TRY(scan_value(w, &value, 1));
        struct json_field *f = field_named(&key, fields, count);
        if (f != NULL && f->value.kind != JSON_NONE) {
            w->at = key_at;
            return bad(w, "the same key twice");
        }
        if (f != NULL)
            f->value = value;
        skip_space(w);
        if (w->at < w->end && *w->at == '}')
            break;
        TRY(take(w, ',', "expected ',' or '}'"));
        skip_space(w);
    }
    w->at++;
    return true;
}

bool json_scan_object(struct bytes text, struct json_field *fields, size_t count, struct err *err)
{
    struct walk w = walk_of(text);
    CHECK(count <= 16);
    for (size_t i = 0; i < count; i++)
        fields[i].value = (struct json_value) { 0 };
    skip_space(&w);
    if (!take(&w, '{', "expected an object") || !scan_members(&w, fields, count) || !scan_rest(&w))
        return fail_at(text, &w, err);
    return true;
}

struct json_cursor json_cursor_of(const struct json_value *v)
{
    if (v->kind != JSON_OBJECT && v->kind != JSON_ARRAY)
        return (struct json_cursor) { 0 };
    return (struct json_cursor) { v->raw.ptr + 1, v->raw.ptr + v->raw.len - 1, v->kind == JSON_OBJECT };
}

bool json_next(struct json_cursor *c, struct json_value *ret_key, struct json_value *ret_value)
{
    struct walk w = { .at = c->at, .end = c->end };
    struct json_value key = { 0 }, value;
    skip_space(&w);
    if (w.at == w.end)
        return false;
    CHECK((!c->object || scan_key(&w, &key)) && scan_value(&w, &value, 0));
    skip_space(&w);
    if (w.at < w.end)
        w.at++;
    c->at = w.at;
    if (ret_key != NULL)
        *ret_key = key;
    *ret_value = value;
    return true;
}

static unsigned hex4(const char *at)
{
    unsigned n = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char) at[i];
        n = n << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return n;
}

static char *put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        *out++ = (char) c;
    } else if (c < 0x800) {
        *out++ = (char) (0xc0 | c >> 6);
        *out++ = (char) (0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char) (0xe0 | c >> 12);
        *out++ = (char) (0x80 | (c >> 6 & 0x3f));
        *out++ = (char) (0x80 | (c & 0x3f));
    } else {
        *out++ = (char) (0xf0 | c >> 18);
        *out++ = (char) (0x80 | (c >> 12 & 0x3f));
        *out++ = (char) (0x80 | (c >> 6 & 0x3f));
        *out++ = (char) (0x80 | (c & 0x3f));
    }
    return out;
}

/* at: behind "\u", len bytes left there. Takes 4 digits, or 10 of a surrogate pair; 0: a lone surrogate. */
static size_t code_point(const char *at, size_t len, unsigned *ret_c)
{
    unsigned c = hex4(at);
    if (c < 0xd800 || c > 0xdfff) {
        *ret_c = c;
        return 4;
    }
    if (c > 0xdbff || len < 10 || at[4] != '\\' || at[5] != 'u')
        return 0;
    unsigned low = hex4(at + 6);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret_c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    return 10;
}

/* raw has passed the scan. out may be raw: what comes out is never ahead of what is read. */
static size_t unescape(const char *raw, size_t len, char *out, bool *ret_ok)
{
    static const char letters[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
    const char *at = raw, *end = raw + len;
    char *o = out;
    *ret_ok = true;
    while (at < end) {
        if (*at != '\\') {
            *o++ = *at++;
        } else if (at[1] != 'u') {
            *o++ = stand_for[(const char *) memchr(letters, at[1], 8) - letters];
            at += 2;
        } else {
            unsigned c = 0;
            size_t took = code_point(at + 2, (size_t) (end - at) - 2, &c);
            if (took == 0) {
                *ret_ok = false;
                return 0;
            }
            o = put_utf8(o, c);
            at += 2 + took;
        }
    }
    return (size_t) (o - out);
}

bool json_unescape(struct bytes raw, struct buf *out)
{
    bool ok;
    char *at = buf_reserve(out, raw.len);
    size_t len = unescape(raw.ptr, raw.len, at, &ok);
    out->len += ok ? len : 0;
    out->ptr[out->len] = '\0';
    return ok;
}

bool json_unescape_in_place(char *raw, size_t *len)
{
    /* A dry look first: a lone surrogate must leave the text as it was. */
    const char *at = raw, *end = raw + *len;
    while ((at = memchr(at, '\\', (size_t) (end - at))) != NULL) {
        unsigned c;
        size_t took = at[1] == 'u' ? code_point(at + 2, (size_t) (end - at) - 2, &c) : 0;
        if (at[1] == 'u' && took == 0)
            return false;
        at += 2 + took;
    }
    bool ok;
    *len = unescape(raw, *len, raw, &ok);
    return ok;
}

bool json_str_is(const struct json_value *v, const char *text)
{
    return v->kind == JSON_STRING && text_is(v, bytes_str(text));
}

bool json_to_i64(const struct json_value *v, int64_t *ret_n)
{
    struct bytes b = v->raw;
    uint64_t n;
    if ((v->kind != JSON_NUMBER && v->kind != JSON_STRING) || v->escaped || b.len == 0)
        return false;
    bool minus = b.ptr[0] == '-';
    if (minus)
        b = bytes_sub(b, 1, b.len);
    if (!bytes_to_u64(b, &n) || n > (uint64_t) INT64_MAX + (minus ? 1 : 0))
        return false;
    *ret_n = minus ? (int64_t) (0 - n) : (int64_t) n;
    return true;
}

void json_place(struct bytes text, const char *at, unsigned *ret_line, unsigned *ret_column)
{
    unsigned line = 1, column = 1;
    for (const char *p = text.ptr; p != NULL && p < at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    *ret_line = line;
    *ret_column = column;
}
