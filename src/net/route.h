/*
 * From method and path to a row of a table, the way Google's REST APIs write
 * their paths (google/api/http.proto):
 *
 *     { "POST", "/v1/projects/{p}/topics/{t}:publish", PUBLISH }
 *     { "POST", "/v1/projects/{p}/.../hl7V2Stores/{s}/messages:ingest", INGEST }
 *
 * {name} takes one whole segment, not empty. What follows the last ':' of the
 * last segment of the request's path is its verb, and must be the row's; an
 * encoded %3A begins no verb. Rows are tried in order; a literal segment must
 * match byte for byte after decoding. A segment that decodes to '/' or a
 * control character is refused: no name of ours holds one.
 *
 * The rows belong to the caller (usually static) and outlive the router.
 * Not part of this: X-HTTP-Method-Override. Look at it first and give route_find() the method it names.
 */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include "base/bytes.h"
#include "base/limits.h"

enum { ROUTE_PARAMS = 8, ROUTE_SEGMENTS = 16 };

struct route_row {
    const char *method;    /* "GET"; NULL: any */
    const char *path;      /* template as above; must begin with '/' */
    int id;                /* the caller's */
};

enum route_match {
    ROUTE_FOUND,
    ROUTE_NO_PATH,      /* no row has this path: 404 */
    ROUTE_NO_METHOD,    /* rows have the path, with other methods: 405 (or 404, as the API has it) */
    ROUTE_MALFORMED     /* bad percent-encoding, '/' within a segment, too long: 400 */
};

struct route_hit {
    const struct route_row *row;
    struct bytes param[ROUTE_PARAMS];    /* decoded, in the order of the template; they point into text or the path */
    size_t params;
    char text[LIMIT_NAME_LEN];
};

struct router;

struct router *router_make(const struct route_row *rows, size_t count);
void router_free(struct router *r);
/* path: as net_request_path() gives it. The hit must not be moved (it points into itself) and borrows from path.
 * Other than ROUTE_FOUND leaves it undefined. */
enum route_match route_find(const struct router *r, struct bytes method, struct bytes path, struct route_hit *ret);
/* For one that is ROUTE_NO_METHOD: "GET, POST" for the Allow header. Appends. */
struct buf;
void route_allowed(const struct router *r, struct bytes path, struct buf *out);

/* A query string or a form body (application/x-www-form-urlencoded), decoded; '+' is a space. */
enum { QUERY_FIELDS = 128 };    /* a batchGet names 100 messages */

struct query_field {
    struct bytes name, value;
};

struct query {
    struct query_field at[QUERY_FIELDS];
    size_t count;
    char *text;    /* what the fields point into; the query owns it */
};

/* False: malformed encoding or more than QUERY_FIELDS fields; q is then empty. Empty pairs ("a=1&&b=2") are passed over. */
bool query_parse(struct bytes raw, struct query *q) MUST_USE;
void query_fini(struct query *q);
/* The first value of that name (exact case); {NULL, 0}: no such field. Empty but present: ptr is set. */
struct bytes query_get(const struct query *q, const char *name);
/* The same under any of the two names that proto3 JSON has for a field: "pageSize", "page_size". */
struct bytes query_get2(const struct query *q, const char *camel, const char *snake);

#endif
