#include "cloud/update_mask.h"

#include "cloud/proto_wire.h"

/* "retry_policy.minimum_backoff" or "retryPolicy.minimumBackoff" */
static bool is_path(struct bytes given, const char *snake)
{
    CLEANUP(buf_fini) struct buf camel = { 0 };
    if (bytes_eq_str(given, snake))
        return true;
    for (const char *c = snake; *c != '\0'; c++) {
        if (*c == '_')
            c++;
        bool up = c > snake && c[-1] == '_';
        buf_append_char(&camel, up ? (char) (*c - 'a' + 'A') : *c);
    }
    return bytes_eq(given, buf_bytes(&camel));
}

static const struct cloud_mask_path *find_path(struct bytes given, const struct cloud_mask_path *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_path(given, paths[i].path))
            return &paths[i];
    return NULL;
}

bool cloud_mask_read(struct cloud_unary *u, struct bytes mask, const struct cloud_mask_path *paths, size_t count,
                     const char *request_name, struct cloud_mask *ret)
{
    bool any = false;
    struct cloud_wire w = cloud_wire_of(mask);
    struct cloud_wire_field f;
    *ret = (struct cloud_mask) { 0 };
    while (cloud_wire_next(&w, &f)) {
        const struct cloud_mask_path *p = find_path(f.octets, paths, count);
        if (p == NULL || p->number == 0) {
            cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("update_mask"),
                                   "Invalid update_mask provided in the %s: '%.*s' is not a %s.", request_name,
                                   (int) MIN(f.octets.len, 200), f.octets.ptr,
                                   p == NULL ? "known field" : "mutable field");
            return false;
        }
        if (p->part == 0)
            ret->whole[p->number] = true;
        else
            ret->parts[p->number] |= 1u << p->part;
        any = true;
    }
    if (!any)
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("update_mask"),
                               "The update_mask in the %s must be set, and must contain a non-empty paths list.",
                               request_name);
    return any;
}

static void put(struct buf *out, const struct cloud_wire_field *f)
{
    if (f->type == CLOUD_WIRE_LEN)
        cloud_wire_put_bytes(out, f->number, f->octets);
    else
        cloud_wire_put_uint(out, f->number, f->value);
}

/* The fields of `message` that are (or are not) in the set. */
static void put_parts(struct bytes message, uint32_t set, bool within, struct buf *out)
{
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if ((f.number < 32 && (set >> f.number & 1) != 0) == within)
            put(out, &f);
}

void cloud_mask_merge(const struct cloud_mask *m, struct bytes given, struct bytes stored, struct buf *out)
{
    struct cloud_wire parts[2] = { cloud_wire_of(given), cloud_wire_of(stored) };
    struct cloud_wire_field f;
    for (int old = 0; old < 2; old++)
        while (cloud_wire_next(&parts[old], &f))
            if (f.number < CLOUD_MASK_FIELDS && (m->parts[f.number] == 0 || m->whole[f.number])
                && m->whole[f.number] != (bool) old)
                put(out, &f);
    for (uint32_t n = 0; n < CLOUD_MASK_FIELDS; n++) {
        CLEANUP(buf_fini) struct buf merged = { 0 };
        if (m->parts[n] == 0 || m->whole[n])
            continue;
        put_parts(cloud_wire_find(stored, n), m->parts[n], false, &merged);
        put_parts(cloud_wire_find(given, n), m->parts[n], true, &merged);
        cloud_wire_put_bytes(out, n, buf_bytes(&merged));
    }
}
