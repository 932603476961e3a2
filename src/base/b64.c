#include "base/b64.h"


enum { BAD = 0xff };    /* its high bit is set; no value has it set */

static uint8_t value_of[256];
static const char std_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

__attribute__((constructor)) static void fill_table(void)
{
    memset(value_of, BAD, sizeof(value_of));
    for (unsigned i = 0; i < 64; i++) {
        unsigned char std = (unsigned char) std_alphabet[i];
        unsigned char url = (unsigned char) url_alphabet[i];
        value_of[std] = (uint8_t) i;
        value_of[url] = (uint8_t) i;
    }
}

/* Marks which alphabet the special characters belong to; 3: both, which is an error. */
static unsigned alphabet_mark(unsigned char c)
{
    return c == '+' || c == '/' ? 1u : c == '-' || c == '_' ? 2u : 0u;
}

static struct bytes without_padding(struct bytes b, bool *ret_ok)
{
    size_t pad = 0;
    while (pad < 2 && pad < b.len && b.ptr[b.len - 1 - pad] == '=')
        pad++;
    *ret_ok = pad == 0 || b.len % 4 == 0;
    b.len -= pad;
    return b;
}

bool b64_is_valid(struct bytes b, size_t *ret_len)
{
    bool ok;
    b = without_padding(b, &ok);
    if (!ok || b.len % 4 == 1)
        return false;
    unsigned marks = 0, bad = 0;
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = (unsigned char) b.ptr[i];
        bad |= value_of[c] & 0x80u;
        if (value_of[c] >= 62)
            marks |= alphabet_mark(c);
    }
    if (bad != 0 || marks == 3)
        return false;
    size_t rest = b.len % 4;
    if (rest != 0) {
        unsigned last = value_of[(unsigned char) b.ptr[b.len - 1]];
        if ((rest == 2 && (last & 15) != 0) || (rest == 3 && (last & 3) != 0))
            return false;
    }
    if (ret_len != NULL)
        *ret_len = b.len / 4 * 3 + (rest == 0 ? 0 : rest - 1);
    return true;
}

bool b64_decode(struct bytes b, struct buf *out)
{
    size_t len;
    bool ok;
    if (!b64_is_valid(b, &len))
        return false;
    b = without_padding(b, &ok);
    char *at = buf_reserve(out, len);
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < b.len; i++) {
        bits = bits << 6 | value_of[(unsigned char) b.ptr[i]];
        have += 6;
        if (have >= 8) {
            have -= 8;
            *at++ = (char) (bits >> have & 0xff);
        }
    }
    out->len += len;
    out->ptr[out->len] = '\0';
    return true;
}

static void encode(struct bytes b, const char *alphabet, bool pad, struct buf *out)
{
    char *at = buf_reserve(out, (b.len + 2) / 3 * 4), *start = at;
    const unsigned char *p = (const unsigned char *) b.ptr;
    size_t i = 0;
    for (; i + 2 < b.len; i += 3) {
        uint32_t bits = (uint32_t) p[i] << 16 | (uint32_t) p[i + 1] << 8 | p[i + 2];
        *at++ = alphabet[bits >> 18];
        *at++ = alphabet[bits >> 12 & 63];
        *at++ = alphabet[bits >> 6 & 63];
        *at++ = alphabet[bits & 63];
    }
    if (i < b.len) {
        bool two = i + 1 < b.len;
        uint32_t bits = (uint32_t) p[i] << 16 | (two ? (uint32_t) p[i + 1] << 8 : 0);
        *at++ = alphabet[bits >> 18];
        *at++ = alphabet[bits >> 12 & 63];
        if (two)
            *at++ = alphabet[bits >> 6 & 63];
        for (int n = two ? 1 : 2; pad && n > 0; n--)
            *at++ = '=';
    }
    out->len += (size_t) (at - start);
    out->ptr[out->len] = '\0';
}

void b64_encode(struct bytes b, struct buf *out)
{
    encode(b, std_alphabet, true, out);
}

void b64_encode_url(struct bytes b, struct buf *out)
{
    encode(b, url_alphabet, true, out);
}

void b64_encode_url_bare(struct bytes b, struct buf *out)
{
    encode(b, url_alphabet, false, out);
}
