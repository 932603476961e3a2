#include "net/gzip.h"

#include "base/check.h"
#include "base/mem.h"

#include <limits.h>
#include <zlib.h>

enum {
    WINDOW_GZIP = 15 + 16,    /* zlib: 32 KiB window, gzip header and trailer only */
    STEP = 16 << 10           /* grown by this while unpacking: a bomb meets the bound after little */
};

struct gunzip {
    z_stream z;
    bool in_member;
};

struct gunzip *gunzip_make(void)
{
    struct gunzip *g = mem_alloc(sizeof(*g));
    CHECK(inflateInit2(&g->z, WINDOW_GZIP) == Z_OK);
    return g;
}

void gunzip_free(struct gunzip *g)
{
    if (g == NULL)
        return;
    inflateEnd(&g->z);
    mem_free(g);
}

static enum gunzip_result inflate_some(struct gunzip *g, size_t out_max, struct buf *out)
{
    /* One byte more than allowed, so that "exactly the bound" and "more" are told apart. */
    size_t room = MIN((size_t) STEP, out_max + 1 - out->len);
    g->z.next_out = (Bytef *) buf_reserve(out, room);
    g->z.avail_out = (uInt) room;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    out->len += room - g->z.avail_out;
    out->ptr[out->len] = '\0';
    if (out->len > out_max)
        return GUNZIP_TOO_LARGE;
    if (rc == Z_STREAM_END) {
        CHECK(inflateReset(&g->z) == Z_OK);
        g->in_member = false;
        return GUNZIP_OK;
    }
    return rc == Z_OK || rc == Z_BUF_ERROR ? GUNZIP_OK : GUNZIP_BAD;
}

enum gunzip_result gunzip_feed(struct gunzip *g, struct bytes in, size_t out_max, struct buf *out)
{
    CHECK(in.len <= UINT_MAX && out->len <= out_max);
    g->z.next_in = (Bytef *) (uintptr_t) in.ptr;    /* zlib does not write to it */
    g->z.avail_in = (uInt) in.len;
    for (bool full = false; g->z.avail_in > 0 || full;) {
        if (g->z.avail_in > 0)
            g->in_member = true;
        enum gunzip_result result = inflate_some(g, out_max, out);
        if (result != GUNZIP_OK)
            return result;
        full = g->in_member && g->z.avail_out == 0;
    }
    return GUNZIP_OK;
}

bool gunzip_is_whole(const struct gunzip *g)
{
    return !g->in_member;
}

void gzip_append(struct bytes in, struct buf *out)
{
    CHECK(in.len <= UINT_MAX / 2);
    z_stream z = { 0 };
    CHECK(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t bound = deflateBound(&z, (uLong) in.len);
    z.next_in = (Bytef *) (uintptr_t) in.ptr;
    z.avail_in = (uInt) in.len;
    z.next_out = (Bytef *) buf_reserve(out, bound);
    z.avail_out = (uInt) bound;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->len += bound - z.avail_out;
    out->ptr[out->len] = '\0';
    deflateEnd(&z);
}
