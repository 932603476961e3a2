/*
 * What Google's front end does to the JSON of every reply, whichever API made it:
 *
 *   prettyPrint   true unless the query says false: two spaces a level, a line feed at the end
 *   fields        partial responses: a,b  a/b  a.b  a(b,c/d)  *; a field that the method's answer cannot have
 *                 is refused. Errors are given whole.
 *   alt, $alt     json; with enum-encoding=int the names of enums stay (proto3 JSON reads both)
 *
 * key, quotaUser, callback, access_token and the like are passed over.
 */
#ifndef CLOUD_HTTP_FORMAT_H
#define CLOUD_HTTP_FORMAT_H

#include "base/buf.h"
#include "base/err.h"
#include "cloud/rest_schema.h"
#include "net/route.h"

struct cloud_http_mask;

struct cloud_http_format {
    bool compact;
    struct cloud_http_mask *mask; /* NULL: all fields */
};

/* What the query says of form; the mask is not looked at. Never fails. */
bool cloud_http_format_compact(const struct query *q);
/* Checks alt and fields against what the method answers (response NULL: an empty object). On false the err's class
 * is BAD_INPUT or UNIMPLEMENTED, and *ret_format is untouched. */
bool cloud_http_format_read(const struct query *q, const struct cloud_rest_schema *response,
                            struct cloud_http_format *ret_format, struct err *err) MUST_USE;
void cloud_http_format_fini(struct cloud_http_format *f);
/* Rewrites json, which is sound and compact. */
void cloud_http_format_apply(const struct cloud_http_format *f, struct buf *json);

/* The parts, for tests: appends. */
void cloud_http_pretty(struct bytes json, struct buf *out);

#endif
