/*
 * struct buf owns: a growable run of bytes. Zeroed is empty and valid.
 *
 *        ptr                          ptr+len            ptr+cap
 *         |  bytes that were appended  |  free            |
 *
 * The byte after len is kept NUL whenever ptr is set, so that ptr is a C
 * string for callers that know there is no NUL within.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

#include <stdarg.h>

struct buf {
    char *ptr;
    size_t len, cap;
#ifdef BUF_MOVES
    size_t still;    /* up to this len it does not move: buf_hold_still() */
#endif
};

void buf_fini(struct buf *b);                      /* frees; leaves an empty buf */
void buf_clear(struct buf *b);                     /* keeps the memory */
/* Where `extra` more bytes may be written. Slices of the buf end with it, as with all that appends. */
char *buf_reserve(struct buf *b, size_t extra);
/* The same, and slices stay good until more than `extra` bytes were appended. */
char *buf_hold_still(struct buf *b, size_t extra);
void buf_append(struct buf *b, struct bytes bytes);
void buf_append_str(struct buf *b, const char *s);
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
void buf_drop_front(struct buf *b, size_t n);      /* memmove; for small rests only */

static inline struct bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->ptr, b->len);
}

/* The content as a C string; "" when empty. Owned by the buf. */
const char *buf_str(struct buf *b);

#endif
