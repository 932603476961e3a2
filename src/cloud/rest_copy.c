#include "cloud/rest_copy.h"

#include "base/limits.h"

#include <stdio.h>

/* What is kept is given back within other objects and lists, which may be as deep as LIMIT_JSON_DEPTH in all. */
enum { DEPTH_MAX = LIMIT_JSON_DEPTH / 2 };

/* Where a value stands and what it must be. */
struct place {
    const struct cloud_rest_property *p;
    const char *at, *key;
    bool strict;
};

static bool bad(const struct place *x, const char *why, struct cloud_json_fault *fault)
{
    char field[128];
    snprintf(field, sizeof(field), "%.90s.%.30s", x->at, x->p->name);
    return cloud_json_bad(fault, field, why);
}

/* Text, also an enum's; the rules of enums are the caller's. */
static bool copy_text(const struct place *x, const struct json_value *v, struct json_writer *w,
                      struct cloud_json_fault *fault)
{
    CLEANUP(buf_fini) struct buf scratch = { 0 };
    struct bytes text;
    TRY(cloud_json_text(v, x->p->name, &scratch, &text, fault));
    if (text.len > 0 || x->key == NULL)
        json_write_str(w, x->key, text);
    return true;
}

static bool copy_map(const struct place *x, const struct json_value *v, struct json_writer *w,
                     struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(v);
    struct json_value key, one;
    if (v->kind != JSON_OBJECT)
        return bad(x, "it must be an object", fault);
    json_write_object(w, x->key);
    while (json_next(&members, &key, &one)) {
        CLEANUP(buf_fini) struct buf name = { 0 };
        if (!json_unescape(key.raw, &name) || memchr(buf_str(&name), '\0', name.len) != NULL)
            return bad(x, "a key is no text", fault);
        if (x->p->of != NULL) {
            TRY(cloud_rest_copy(x->p->of, &one, x->strict, x->p->name, buf_str(&name), w, fault));
        } else {
            CLEANUP(buf_fini) struct buf scratch = { 0 };
            struct bytes text;
            TRY(cloud_json_text(&one, x->p->name, &scratch, &text, fault));
            json_write_str_key(w, buf_bytes(&name), text);
        }
    }
    json_write_end(w);
    return true;
}

static bool copy_value(const struct place *x, const struct json_value *v, struct json_writer *w,
                       struct cloud_json_fault *fault)
{
    int64_t n;
    switch (x->p->type) {
    case CLOUD_REST_OBJECT:
        return cloud_rest_copy(x->p->of, v, x->strict, x->p->name, x->key, w, fault);
    case CLOUD_REST_MAP:
        return copy_map(x, v, w, fault);
    case CLOUD_REST_BOOL:
        if (v->kind != JSON_TRUE && v->kind != JSON_FALSE)
            return bad(x, "it must be true or false", fault);
        if (v->kind == JSON_TRUE)
            json_write_bool(w, x->key, true);
        return true;
    case CLOUD_REST_INT32:
        if (!json_to_i64(v, &n) || n < INT32_MIN || n > INT32_MAX)
            return bad(x, "it must be a whole number", fault);
        if (n != 0)
            json_write_int(w, x->key, n);
        return true;
    default:
        return copy_text(x, v, w, fault);
    }
}

static bool copy_list(const struct place *x, const struct json_value *v, struct json_writer *w,
                      struct cloud_json_fault *fault)
{
    struct json_cursor items = json_cursor_of(v);
    struct json_value one;
    struct place each = *x;
    bool some = false;
    if (v->kind != JSON_ARRAY)
        return bad(x, "it must be a list", fault);
    for (each.key = NULL; json_next(&items, NULL, &one); some = true) {
        if (!some)
            json_write_array(w, x->key);
        if (one.kind == JSON_NULL)
            return bad(x, "a list may hold no null", fault);
        TRY(copy_value(&each, &one, w, fault));
    }
    if (some)
        json_write_end(w);
    return true;
}

bool cloud_rest_copy(const struct cloud_rest_schema *schema, const struct json_value *value, bool strict,
                     const char *at, const char *key, struct json_writer *w, struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(value);
    struct json_value name, one;
    if (value->kind == JSON_NULL)
        return true;
    if (value->kind != JSON_OBJECT)
        return cloud_json_bad(fault, at, "it must be an object");
    if (w->depth > DEPTH_MAX)
        return cloud_json_bad(fault, at, "nested too deeply");
    json_write_object(w, key);
    while (json_next(&members, &name, &one)) {
        const struct cloud_rest_property *p = cloud_rest_find(schema, name.raw);
        if (p == NULL && strict)
            return cloud_json_unknown(&name, at, fault);
        if (p == NULL || one.kind == JSON_NULL)
            continue;
        struct place x = { .p = p, .at = at, .key = p->name, .strict = strict };
        TRY(p->repeated ? copy_list(&x, &one, w, fault) : copy_value(&x, &one, w, fault));
    }
    json_write_end(w);
    return true;
}
