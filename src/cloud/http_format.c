#include "cloud/http_format.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "json/scan.h"

/* --- fields: reading --- */

/* A tree of names. */
struct node {
    struct bytes name;    /* "*": every name */
    uint16_t child, next; /* 0: none (node 0 is the root, nobody's child) */
    bool whole;           /* asked for with all that is below it */
};

struct cloud_http_mask {
    char *text;
    uint16_t count;
    struct node nodes[LIMIT_CLOUD_FIELDS];
};

struct reader {
    struct cloud_http_mask *mask;
    struct bytes rest;
    struct err *err;
    unsigned depth;
};

static bool refuse(struct reader *r, struct bytes path)
{
    /* The path is the caller's own query; it goes back to nobody else. Cut, and without what breaks a line. */
    char shown[64];
    size_t len = MIN(path.len, sizeof(shown) - 1);
    for (size_t i = 0; i < len; i++)
        shown[i] = path.ptr[i] >= ' ' && path.ptr[i] < 0x7f ? path.ptr[i] : '?';
    shown[len] = '\0';
    return FAIL(r->err, BAD_INPUT,
                "Error expanding 'fields' parameter. Cannot find matching fields for path '%s'.", shown);
}

/* The child of that name, made if it is not there; 0: the mask has too many names. */
static uint16_t child_named(struct cloud_http_mask *m, uint16_t parent, struct bytes name)
{
    uint16_t *at = &m->nodes[parent].child;
    while (*at != 0 && !bytes_eq(m->nodes[*at].name, name))
        at = &m->nodes[*at].next;
    if (*at == 0 && m->count < LIMIT_CLOUD_FIELDS) {
        m->nodes[m->count] = (struct node) { .name = name };
        *at = m->count++;
    }
    return *at;
}

static struct bytes take_name(struct reader *r)
{
    size_t len = 0;
    while (len < r->rest.len && strchr("/.(),", r->rest.ptr[len]) == NULL)
        len++;
    struct bytes name = bytes_of(r->rest.ptr, len);
    r->rest = bytes_sub(r->rest, len, r->rest.len);
    return bytes_trim(name);
}

static char peek(const struct reader *r)
{
    return r->rest.len > 0 ? r->rest.ptr[0] : (char) 0;
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->rest = bytes_sub(r->rest, 1, r->rest.len);
    return true;
}

static bool read_list(struct reader *r, uint16_t parent, const struct cloud_rest_schema *schema, bool open);

/* One path below `parent`. schema: what is known there; open: anything may stand there (in maps and any). */
static bool read_path(struct reader *r, uint16_t parent, const struct cloud_rest_schema *schema, bool open)
{
    struct bytes name = take_name(r);
    const struct cloud_rest_property *p = NULL;
    bool star = bytes_eq_str(name, "*");
    if (name.len == 0 || (!open && !star && (schema == NULL || (p = cloud_rest_find(schema, name)) == NULL)))
        return refuse(r, name);
    uint16_t at = child_named(r->mask, parent, p != NULL ? bytes_str(p->name) : name);
    if (at == 0)
        return FAIL(r->err, BAD_INPUT, "The 'fields' parameter has more than %d names.", LIMIT_CLOUD_FIELDS);
    bool below_open = open || star || (p != NULL && (p->type == CLOUD_REST_ANY || p->type == CLOUD_REST_MAP));
    const struct cloud_rest_schema *below = p != NULL && p->type == CLOUD_REST_OBJECT ? p->of : NULL;
    if (take(r, '/') || take(r, '.')) {
        if (!below_open && below == NULL)
            return refuse(r, name);
        return read_path(r, at, below, below_open);
    }
    if (take(r, '(')) {
        if (++r->depth > LIMIT_JSON_DEPTH || (!below_open && below == NULL))
            return refuse(r, name);
        TRY(read_list(r, at, below, below_open));
        r->depth--;
        return take(r, ')') || refuse(r, name);
    }
    r->mask->nodes[at].whole = true;
    return true;
}

static bool read_list(struct reader *r, uint16_t parent, const struct cloud_rest_schema *schema, bool open)
{
    do
        TRY(read_path(r, parent, schema, open));
    while (take(r, ','));
    return true;
}

static void free_mask(struct cloud_http_mask *m)
{
    if (m != NULL)
        mem_free(m->text);
    mem_free(m);
}

static bool read_mask(struct bytes text, const struct cloud_rest_schema *response,
                      struct cloud_http_mask **ret_mask, struct err *err)
{
    struct cloud_http_mask *m = mem_alloc(sizeof(*m));
    m->text = mem_dup(text);
    m->count = 1;
    struct reader r = { .mask = m, .rest = bytes_of(m->text, text.len), .err = err };
    if (!read_list(&r, 0, response, false) || (r.rest.len > 0 && !refuse(&r, r.rest))) {
        free_mask(m);
        return false;
    }
    *ret_mask = m;
    return true;
}

/* --- the rest of the query --- */

static bool is_word(struct bytes text, const char *word, const char *digit)
{
    return bytes_eq_nocase(text, bytes_str(word)) || bytes_eq_str(text, digit);
}

bool cloud_http_format_compact(const struct query *q)
{
    struct bytes pretty = query_get(q, "prettyPrint");
    return is_word(pretty.ptr != NULL ? pretty : query_get(q, "$prettyPrint"), "false", "0");
}

static bool check_alt(struct bytes alt, struct err *err)
{
    struct bytes form = bytes_trim(bytes_cut(&alt, ';'));
    if (form.len == 0 || bytes_eq_nocase(form, BYTES_LIT("json")))
        return true;
    if (bytes_eq_nocase(form, BYTES_LIT("media")) || bytes_eq_nocase(form, BYTES_LIT("proto")))
        return FAIL(err, UNIMPLEMENTED, "alt: the local cloud answers in JSON alone; leave alt out");
    return FAIL(err, BAD_INPUT, "Invalid value for the query parameter 'alt': json is what there is");
}

bool cloud_http_format_read(const struct query *q, const struct cloud_rest_schema *response,
                            struct cloud_http_format *ret_format, struct err *err)
{
    struct bytes fields = query_get(q, "fields");
    struct cloud_http_format f = { .compact = cloud_http_format_compact(q) };
    if (fields.ptr == NULL)
        fields = query_get(q, "$fields");
    TRY(check_alt(query_get(q, "alt"), err) && check_alt(query_get(q, "$alt"), err));
    if (fields.len > 0)
        TRY(read_mask(fields, response, &f.mask, err));
    *ret_format = f;
    return true;
}

void cloud_http_format_fini(struct cloud_http_format *f)
{
    free_mask(f->mask);
    *f = (struct cloud_http_format) { 0 };
}

/* --- fields: applying --- */

/* The nodes that a value stands under: several when "*" and a name both lead to it. */
struct under {
    uint16_t at[8];
    size_t count;
    bool whole;
};

static void step_down(const struct cloud_http_mask *m, const struct under *from, const struct json_value *key,
                      struct under *to)
{
    *to = (struct under) { 0 };
    for (size_t i = 0; i < from->count; i++)
        for (uint16_t c = m->nodes[from->at[i]].child; c != 0; c = m->nodes[c].next) {
            if (!bytes_eq_str(m->nodes[c].name, "*") && !bytes_eq(m->nodes[c].name, key->raw))
                continue;
            if (m->nodes[c].whole || to->count == ARRAY_LEN(to->at))
                to->whole = true;
            else
                to->at[to->count++] = c;
        }
}

static void keep(const struct cloud_http_mask *m, const struct under *under, const struct json_value *v,
                 struct buf *out)
{
    struct json_cursor members = json_cursor_of(v);
    struct json_value key, one;
    const char *comma = "";
    bool object = v->kind == JSON_OBJECT;
    buf_append_char(out, object ? '{' : '[');
    while (json_next(&members, &key, &one)) {
        struct under below = *under;
        bool nested = one.kind == JSON_OBJECT || one.kind == JSON_ARRAY;
        if (object)
            step_down(m, under, &key, &below);
        if (!below.whole && (below.count == 0 || !nested))
            continue;
        buf_append_str(out, comma);
        comma = ",";
        if (object)
            buf_append(out, bytes_of(key.raw.ptr - 1, (size_t) (one.raw.ptr - key.raw.ptr) + 1 -
                                                          (one.kind == JSON_STRING)));
        if (!below.whole)
            keep(m, &below, &one, out);
        else if (one.kind == JSON_STRING)
            buf_append(out, bytes_of(one.raw.ptr - 1, one.raw.len + 2));
        else
            buf_append(out, one.raw);
    }
    buf_append_char(out, object ? '}' : ']');
}

/* --- prettyPrint --- */

static void new_line(unsigned depth, struct buf *out)
{
    size_t len = 1 + 2 * (size_t) depth;
    char *to = buf_reserve(out, len);
    memset(to, ' ', len);
    *to = '\n';
    out->len += len;
    out->ptr[out->len] = '\0';
}

/* The string that begins at `at` with its quotation marks. */
static size_t string_len(struct bytes json, size_t at)
{
    size_t end = at + 1;
    for (;;) {
        end = bytes_find(json, end, '"');
        size_t slashes = 0;
        while (json.ptr[end - 1 - slashes] == '\\')
            slashes++;
        end++;
        if (slashes % 2 == 0 || end >= json.len)
            return MIN(end, json.len) - at;
    }
}

void cloud_http_pretty(struct bytes json, struct buf *out)
{
    unsigned depth = 0;
    buf_reserve(out, json.len + json.len / 8 + 256);
    for (size_t at = 0; at < json.len;) {
        char c = json.ptr[at], next = at + 1 < json.len ? json.ptr[at + 1] : (char) 0;
        if (c == '"') {
            size_t len = string_len(json, at);
            buf_append(out, bytes_sub(json, at, len));
            at += len;
            continue;
        }
        at++;
        if ((c == '{' || c == '[') && (next == '}' || next == ']')) {
            buf_append(out, bytes_of(json.ptr + at - 1, 2));
            at++;
            continue;
        }
        if (c == '}' || c == ']')
            new_line(--depth, out);
        buf_append_char(out, c);
        if (c == '{' || c == '[')
            new_line(++depth, out);
        else if (c == ',')
            new_line(depth, out);
        else if (c == ':')
            buf_append_char(out, ' ');
    }
    buf_append_char(out, '\n');
}

void cloud_http_format_apply(const struct cloud_http_format *f, struct buf *json)
{
    if (f->mask != NULL) {
        struct buf kept = { 0 };
        struct json_value root;
        struct err err = { 0 };
        struct under all = { .at = { 0 }, .count = 1 };
        CHECK(json_scan(buf_bytes(json), &root, &err) && root.kind == JSON_OBJECT);
        keep(f->mask, &all, &root, &kept);
        buf_fini(json);
        *json = kept;
    }
    if (!f->compact) {
        struct buf pretty = { 0 };
        cloud_http_pretty(buf_bytes(json), &pretty);
        buf_fini(json);
        *json = pretty;
    }
}
