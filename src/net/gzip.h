/* gzip (RFC 1952) over zlib, bounded: what comes out is never more than the caller says. */
#ifndef NET_GZIP_H
#define NET_GZIP_H

#include "base/buf.h"

struct gunzip;

enum gunzip_result { GUNZIP_OK, GUNZIP_BAD, GUNZIP_TOO_LARGE };

struct gunzip *gunzip_make(void);
void gunzip_free(struct gunzip *g);
/* Appends what `in` unpacks to; out->len never passes out_max. Members may follow each other. After anything
 * but GUNZIP_OK only gunzip_free() is allowed. */
enum gunzip_result gunzip_feed(struct gunzip *g, struct bytes in, size_t out_max, struct buf *out) MUST_USE;
/* True between members and after the last: what came so far is whole. */
bool gunzip_is_whole(const struct gunzip *g);

/* Appends in as one gzip member, fastest level. */
void gzip_append(struct bytes in, struct buf *out);

#endif
