#include "base/b64.h"

/*
 * value_of: the six bits of a character, of either alphabet. kind_of: which
 * alphabet a special character belongs to, or that it belongs to none; or-ing
 * kinds over a text judges it in one pass without a branch.
 */
enum { KIND_STD = 1, KIND_URL = 2, KIND_NONE = 4 };

static uint8_t value_of[256], kind_of[256];
static const char std_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

__attribute__((constructor)) static void fill_tables(void)
{
    memset(kind_of, KIND_NONE, sizeof(kind_of));
    for (unsigned i = 0; i < 64; i++) {
        unsigned char std = (unsigned char) std_alphabet[i];
        unsigned char url = (unsigned char) url_alphabet[i];
        value_of[std] = value_of[url] = (uint8_t) i;
        kind_of[std] = i < 62 ? 0 : KIND_STD;
        kind_of[url] = i < 62 ? 0 : KIND_URL;
    }
}

/*
 * Thirty-two characters at a time, in the compilers' own vectors: a table costs
 * four times as much. WIDEST lets the processor at hand choose the widest it has.
 */
typedef uint8_t octets __attribute__((vector_size(32)));

static inline bool any(const octets *v)
{
    uint64_t part[4];
    memcpy(part, v, sizeof(part));
    return (part[0] | part[1] | part[2] | part[3]) != 0;
}

/* The kinds of all whole thirty-twos of b, or-ed. */
WIDEST static unsigned kinds_of_blocks(const char *at, size_t len)
{
    octets bad = { 0 }, std = { 0 }, url = { 0 };
    for (size_t i = 0; i + sizeof(octets) <= len; i += sizeof(octets)) {
        octets c;
        memcpy(&c, at + i, sizeof(c));
        octets letter = (octets) ((c | 0x20) - 'a' < 26), digit = (octets) (c - '0' < 10);
        octets is_std = (octets) (c == '+') | (octets) (c == '/');
        octets is_url = (octets) (c == '-') | (octets) (c == '_');
        bad |= ~(letter | digit | is_std | is_url);
        std |= is_std;
        url |= is_url;
    }
    return (any(&bad) ? KIND_NONE : 0u) | (any(&std) ? KIND_STD : 0u) | (any(&url) ? KIND_URL : 0u);
}

static unsigned kinds_of(struct bytes b)
{
    unsigned kinds = kinds_of_blocks(b.ptr, b.len);
    for (size_t i = b.len - b.len % sizeof(octets); i < b.len; i++)
        kinds |= kind_of[(unsigned char) b.ptr[i]];
    return kinds;
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
    unsigned kinds = kinds_of(b);
    if (kinds >= KIND_NONE || kinds == (KIND_STD | KIND_URL))
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
    if (len == 0)
        return true;
    b = without_padding(b, &ok);
    char *at = buf_reserve(out, len);
    const unsigned char *p = (const unsigned char *) b.ptr;
    size_t rest = b.len % 4;
    for (const unsigned char *end = p + (b.len - rest); p < end; p += 4) {
        uint32_t bits = (uint32_t) value_of[p[0]] << 18 | (uint32_t) value_of[p[1]] << 12 |
                        (uint32_t) value_of[p[2]] << 6 | value_of[p[3]];
        *at++ = (char) (bits >> 16);
        *at++ = (char) (bits >> 8);
        *at++ = (char) bits;
    }
    if (rest >= 2)
        *at++ = (char) (value_of[p[0]] << 2 | value_of[p[1]] >> 4);
    if (rest == 3)
        *at++ = (char) (value_of[p[1]] << 4 | value_of[p[2]] >> 2);
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
