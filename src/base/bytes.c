#include "base/bytes.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool bytes_eq_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool bytes_starts(struct bytes b, struct bytes prefix)
{
    return b.len >= prefix.len && bytes_eq(bytes_sub(b, 0, prefix.len), prefix);
}

bool bytes_ends(struct bytes b, struct bytes suffix)
{
    return b.len >= suffix.len &&
           bytes_eq(bytes_sub(b, b.len - suffix.len, suffix.len), suffix);
}

size_t bytes_find(struct bytes b, size_t from, char c)
{
    if (from >= b.len)
        return b.len;
    const char *at = memchr(b.ptr + from, c, b.len - from);
    return at != NULL ? (size_t) (at - b.ptr) : b.len;
}

struct bytes bytes_sub(struct bytes b, size_t from, size_t len)
{
    if (from >= b.len)
        return bytes_of(b.ptr, 0);
    return bytes_of(b.ptr + from, MIN(len, b.len - from));
}

struct bytes bytes_trim(struct bytes b)
{
    while (b.len > 0 && is_space(b.ptr[0])) {
        b.ptr++;
        b.len--;
    }
    while (b.len > 0 && is_space(b.ptr[b.len - 1]))
        b.len--;
    return b;
}

struct bytes bytes_cut(struct bytes *b, char c)
{
    size_t at = bytes_find(*b, 0, c);
    struct bytes head = bytes_sub(*b, 0, at);
    *b = bytes_sub(*b, at + 1, b->len);
    return head;
}

bool bytes_to_u64(struct bytes b, uint64_t *ret_n)
{
    uint64_t n = 0;
    if (b.len == 0 || b.len > 20)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        unsigned digit = (unsigned) (unsigned char) b.ptr[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret_n = n;
    return true;
}

uint64_t bytes_hash(struct bytes b, uint64_t seed)
{
    uint64_t h = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ (unsigned char) b.ptr[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}
