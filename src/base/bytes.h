/*
 * struct bytes borrows: a pointer and a length, owned by somebody else. Not
 * terminated, may hold NUL. {NULL, 0} and "" are both empty.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/def.h"

#include <string.h>

struct bytes {
    const char *ptr;
    size_t len;
};

#define BYTES_LIT(s) ((struct bytes) { (s), sizeof(s) - 1 })
/* For printf: "%.*s", BYTES_FMT(b). Never for message content. */
#define BYTES_FMT(b) (int) (b).len, (b).ptr != NULL ? (b).ptr : ""

static inline struct bytes bytes_of(const char *ptr, size_t len)
{
    return (struct bytes) { ptr, len };
}

static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes) { s, s != NULL ? strlen(s) : 0 };
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
    return bytes_eq(a, bytes_str(s));
}

bool bytes_eq_nocase(struct bytes a, struct bytes b);    /* ASCII only */
bool bytes_starts(struct bytes b, struct bytes prefix);
bool bytes_ends(struct bytes b, struct bytes suffix);
/* Position of c at or after `from`, or b.len. */
size_t bytes_find(struct bytes b, size_t from, char c);
/* The part from `from` (clamped) of `len` bytes (clamped). */
struct bytes bytes_sub(struct bytes b, size_t from, size_t len);
/* Without ASCII white space at both ends. */
struct bytes bytes_trim(struct bytes b);
/* Cuts b at the first c: returns what stands before, leaves in b what stands after (empty if none). */
struct bytes bytes_cut(struct bytes *b, char c);
/* Digits only, no sign, no overflow; false leaves *ret_n alone. */
bool bytes_to_u64(struct bytes b, uint64_t *ret_n);
/* FNV-1a with a seed: for tables, not against an adversary who knows the seed. */
uint64_t bytes_hash(struct bytes b, uint64_t seed);

#endif
