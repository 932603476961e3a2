#include "net/route.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "net/percent.h"

/* A path, cut at '/'; the last segment without its verb. */
struct path_parts {
    struct bytes segment[ROUTE_SEGMENTS];
    size_t count;
    struct bytes verb;
};

struct router {
    struct compiled {
        struct path_parts parts;    /* point into row->path */
        const struct route_row *row;
    } *rows;
    size_t count;
};

static bool split(struct bytes path, struct path_parts *parts)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    path = bytes_sub(path, 1, path.len);
    parts->count = 0;
    for (bool last = false; !last;) {
        if (parts->count == ROUTE_SEGMENTS)
            return false;
        size_t end = bytes_find(path, 0, '/');
        last = end == path.len;
        parts->segment[parts->count++] = bytes_sub(path, 0, end);
        path = bytes_sub(path, end + 1, path.len);
    }
    struct bytes *tail = &parts->segment[parts->count - 1];
    parts->verb = bytes_of("", 0);
    for (size_t i = tail->len; i-- > 0;)
        if (tail->ptr[i] == ':') {
            parts->verb = bytes_sub(*tail, i, tail->len);    /* ":" alone is not "no verb" */
            *tail = bytes_sub(*tail, 0, i);
            break;
        }
    return true;
}

static bool is_param(struct bytes segment)
{
    return segment.len > 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
}

struct router *router_make(const struct route_row *rows, size_t count)
{
    struct router *r = mem_alloc(sizeof(*r));
    r->rows = mem_alloc_n(count, sizeof(*r->rows));
    r->count = count;
    for (size_t i = 0; i < count; i++) {
        struct compiled *c = &r->rows[i];
        CHECK(split(bytes_str(rows[i].path), &c->parts));
        size_t params = 0;
        for (size_t k = 0; k < c->parts.count; k++)
            params += is_param(c->parts.segment[k]);
        CHECK(params <= ROUTE_PARAMS);
        c->row = &rows[i];
    }
    return r;
}

void router_free(struct router *r)
{
    if (r == NULL)
        return;
    mem_free(r->rows);
    mem_free(r);
}

/* Decodes all segments of a request's path at once: rows then compare plain bytes. */
static bool decode(struct path_parts *parts, struct route_hit *hit)
{
    size_t used = 0;
    for (size_t i = 0; i < parts->count; i++) {
        struct bytes *s = &parts->segment[i];
        for (size_t k = 0; k < s->len; k++)
            if ((unsigned char) s->ptr[k] < 0x20 || s->ptr[k] == 0x7f)
                return false;
        if (bytes_find(*s, 0, '%') == s->len)
            continue;
        CLEANUP(buf_fini) struct buf plain = { 0 };
        if (!percent_decode(*s, false, &plain) || plain.len > sizeof(hit->text) - used)
            return false;
        for (size_t k = 0; k < plain.len; k++)
            if ((unsigned char) plain.ptr[k] < 0x20 || plain.ptr[k] == 0x7f || plain.ptr[k] == '/')
                return false;
        memcpy(hit->text + used, plain.ptr, plain.len);
        *s = bytes_of(hit->text + used, plain.len);
        used += plain.len;
    }
    return true;
}

static bool row_takes(const struct compiled *c, const struct path_parts *parts)
{
    if (c->parts.count != parts->count || !bytes_eq(c->parts.verb, parts->verb))
        return false;
    for (size_t i = 0; i < parts->count; i++) {
        bool ok = is_param(c->parts.segment[i]) ? parts->segment[i].len > 0
                                                : bytes_eq(c->parts.segment[i], parts->segment[i]);
        if (!ok)
            return false;
    }
    return true;
}

enum route_match route_find(const struct router *r, struct bytes method, struct bytes path, struct route_hit *ret)
{
    struct path_parts parts;
    if (path.len == 0 || path.ptr[0] != '/')
        return ROUTE_MALFORMED;
    if (!split(path, &parts))
        return ROUTE_NO_PATH;
    if (!decode(&parts, ret))
        return ROUTE_MALFORMED;
    bool path_known = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct compiled *c = &r->rows[i];
        if (!row_takes(c, &parts))
            continue;
        path_known = true;
        if (c->row->method != NULL && !bytes_eq_str(method, c->row->method))
            continue;
        ret->row = c->row;
        ret->params = 0;
        for (size_t k = 0; k < parts.count; k++)
            if (is_param(c->parts.segment[k]))
                ret->param[ret->params++] = parts.segment[k];
        return ROUTE_FOUND;
    }
    return path_known ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

void route_allowed(const struct router *r, struct bytes path, struct buf *out)
{
    struct path_parts parts;
    struct route_hit hit;
    if (!split(path, &parts) || !decode(&parts, &hit))
        return;
    for (size_t i = 0; i < r->count; i++)
        if (r->rows[i].row->method != NULL && row_takes(&r->rows[i], &parts))
            buf_printf(out, "%s%s", out->len > 0 ? ", " : "", r->rows[i].row->method);
}
