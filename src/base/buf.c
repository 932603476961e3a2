#include "base/buf.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>

/* Beyond this, doubling would take more memory than it saves time. */
enum { LARGE = 64 << 10 };

void buf_fini(struct buf *b)
{
    if (b == NULL)
        return;
    mem_free(b->ptr);
    *b = (struct buf) { 0 };
}

void buf_clear(struct buf *b)
{
    b->len = 0;
#ifdef BUF_MOVES
    b->still = 0;
#endif
    if (b->ptr != NULL)
        b->ptr[0] = '\0';
}

/*
 * A slice of a buf is good until something is reserved in it. With room to spare
 * one that is kept for longer goes unnoticed, until the day when there is none: in
 * this build (-Dbuf_moves=true, with the address sanitizer) each reserve moves it.
 */
#ifdef BUF_MOVES
static void move(struct buf *b, size_t need)
{
    if (b->ptr == NULL || b->cap > LARGE || need <= b->still + 1)
        return;
    char *fresh = mem_alloc(b->cap);
    memcpy(fresh, b->ptr, b->len + 1);
    mem_free(b->ptr);
    b->ptr = fresh;
}
#else
static void move(struct buf *b UNUSED, size_t need UNUSED)
{
}
#endif

char *buf_reserve(struct buf *b, size_t extra)
{
    CHECK(extra < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
    size_t need = b->len + extra + 1;
    if (need > b->cap) {
        size_t cap = MAX(b->cap, (size_t) 64);
        while (cap < need && cap < LARGE)
            cap *= 2;
        if (cap < need)    /* exactly what is asked for, or half as much again */
            cap = MAX(b->cap + b->cap / 2, need);
        b->ptr = mem_grow(b->ptr, cap);
        b->cap = cap;
    } else {
        move(b, need);
    }
    return b->ptr + b->len;
}

char *buf_hold_still(struct buf *b, size_t extra)
{
    buf_reserve(b, extra);
#ifdef BUF_MOVES
    b->still = b->len + extra;
#endif
    return b->ptr + b->len;
}

void buf_append(struct buf *b, struct bytes bytes)
{
    char *at = buf_reserve(b, bytes.len);
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    b->len += bytes.len;
    b->ptr[b->len] = '\0';
}

void buf_append_str(struct buf *b, const char *s)
{
    buf_append(b, bytes_str(s));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, bytes_of(&c, 1));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    CHECK(len >= 0);
    char *at = buf_reserve(b, (size_t) len);
    vsnprintf(at, (size_t) len + 1, fmt, again);
    va_end(again);
    b->len += (size_t) len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_drop_front(struct buf *b, size_t n)
{
    CHECK(n <= b->len);
    if (n == 0)
        return;
    memmove(b->ptr, b->ptr + n, b->len - n + 1);
    b->len -= n;
}

const char *buf_str(struct buf *b)
{
    if (b->ptr == NULL || b->len == b->cap)
        buf_reserve(b, 0);
    b->ptr[b->len] = '\0';
    return b->ptr;
}
