#include "hl7/tree.h"

#include "base/limits.h"

enum { OPEN_MAX = 24, SEEN_MAX = 64 };

static const struct {
    const char *id, *name;
} segments[] = {
#define HL7_SEGMENT(id, name) { id, name },
#include "hl7/names.def"
};

enum { MASKED, OPEN };

static const struct {
    const char *id;
    unsigned number;
    bool open;
    const char *name;
} fields[] = {
#define HL7_FIELD(id, number, open, name) { id, number, open, name },
#include "hl7/names.def"
};

struct walk {
    hl7_tree_fn *fn;
    void *ctx;
    struct hl7_seps seps;
    struct hl7_tree_node node;
    bool named_open;
    /* how often each id came; those beyond the room count as first */
    struct {
        struct bytes id;
        unsigned times;
    } seen[SEEN_MAX];
    size_t seen_count;
};

/* A code, not a text or a long number: what a sender put into the wrong field does not get out by its place. */
static bool is_code(struct bytes value)
{
    uint64_t number;
    if (value.len > 4 && bytes_to_u64(value, &number))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || strchr("_.-/#|^~\\&", c) != NULL;
        if (!ok || c == '\0')
            return false;
    }
    return value.len <= OPEN_MAX;
}

static void give(struct walk *w, int kind, bool leaf, struct bytes value)
{
    w->node.kind = kind;
    w->node.leaf = leaf;
    w->node.value = leaf ? value : (struct bytes) { 0 };
    w->node.open = leaf && w->named_open && is_code(value);
    w->fn(w->ctx, &w->node);
}

static bool has(struct bytes value, char sep)
{
    return sep != 0 && bytes_find(value, 0, sep) < value.len;
}

static void walk_component(struct walk *w, struct bytes value)
{
    struct hl7_parse parts = hl7_parse_of(value, w->seps.subcomponent);
    struct bytes part;
    if (!has(value, w->seps.subcomponent)) {
        give(w, HL7_TREE_COMPONENT, true, value);
        return;
    }
    give(w, HL7_TREE_COMPONENT, false, value);
    for (w->node.subcomponent = 1; hl7_parse_next(&parts, &part); w->node.subcomponent++)
        if (part.len > 0)
            give(w, HL7_TREE_SUBCOMPONENT, true, part);
    w->node.subcomponent = 0;
}

static void walk_repetition(struct walk *w, const char *name, struct bytes value)
{
    struct hl7_parse parts = hl7_parse_of(value, w->seps.component);
    struct bytes part;
    bool leaf = !has(value, w->seps.component) && !has(value, w->seps.subcomponent);
    w->node.name = name;
    give(w, HL7_TREE_FIELD, leaf, value);
    w->node.name = "";
    for (w->node.component = 1; !leaf && hl7_parse_next(&parts, &part); w->node.component++)
        if (part.len > 0)
            walk_component(w, part);
    w->node.component = 0;
}

static void walk_field(struct walk *w, struct bytes value)
{
    const char *name = "";
    w->named_open = false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].number == w->node.field && bytes_eq_str(w->node.segment, fields[i].id)) {
            name = fields[i].name;
            w->named_open = fields[i].open == OPEN;
        }
    struct hl7_parse parts = hl7_parse_of(value, w->seps.repetition);
    struct bytes part;
    bool many = has(value, w->seps.repetition);
    for (unsigned n = 1; hl7_parse_next(&parts, &part); n++) {
        w->node.repetition = many ? n : 0;
        if (part.len > 0)
            walk_repetition(w, name, part);
    }
    w->node.repetition = 0;
}

static unsigned times_seen(struct walk *w, struct bytes id)
{
    for (size_t i = 0; i < w->seen_count; i++)
        if (bytes_eq(w->seen[i].id, id))
            return ++w->seen[i].times;
    if (w->seen_count < SEEN_MAX) {
        w->seen[w->seen_count].id = id;
        w->seen[w->seen_count++].times = 1;
    }
    return 1;
}

static bool is_header(struct bytes id)
{
    return bytes_eq_str(id, "MSH") || bytes_eq_str(id, "FHS") || bytes_eq_str(id, "BHS");
}

static void walk_segment(struct walk *w, struct bytes segment)
{
    struct hl7_parse parts = hl7_parse_of(segment, w->seps.field);
    struct bytes part;
    hl7_parse_next(&parts, &part);
    w->node = (struct hl7_tree_node) { .segment = part, .name = "" };
    w->node.occurrence = times_seen(w, part);
    for (size_t i = 0; i < ARRAY_LEN(segments); i++)
        if (bytes_eq_str(part, segments[i].id))
            w->node.name = segments[i].name;
    w->named_open = false;
    give(w, HL7_TREE_SEGMENT, false, part);
    w->node.name = "";
    w->node.field = 1;
    if (is_header(part)) {
        struct hl7_seps seps = w->seps;
        w->seps.repetition = w->seps.component = w->seps.subcomponent = 0;    /* they are themselves the value */
        walk_field(w, bytes_sub(segment, part.len, 1));
        w->node.field = 2;
        if (hl7_parse_next(&parts, &part))
            walk_field(w, part);
        w->node.field = 3;
        w->seps = seps;
    }
    for (; hl7_parse_next(&parts, &part); w->node.field++)
        if (part.len > 0)
            walk_field(w, part);
}

/* Cuts at CR, LF, or both; empty ones are passed over. */
static bool next_segment(struct bytes *rest, struct bytes *ret)
{
    while (rest->len > 0) {
        size_t end = MIN(bytes_find(*rest, 0, '\r'), bytes_find(*rest, 0, '\n'));
        *ret = bytes_sub(*rest, 0, end);
        *rest = bytes_sub(*rest, end + 1, SIZE_MAX);
        if (ret->len > 0)
            return true;
    }
    return false;
}

bool hl7_tree_walk(struct bytes message, hl7_tree_fn *fn, void *ctx)
{
    struct walk w = { .fn = fn, .ctx = ctx };
    struct bytes rest = message, segment;
    if (!next_segment(&rest, &segment) || !hl7_msh_separators(segment, &w.seps))
        return false;
    size_t count = 0;
    do
        walk_segment(&w, segment);
    while (++count < LIMIT_HL7_SEGMENTS && next_segment(&rest, &segment));
    return true;
}

void hl7_tree_path(const struct hl7_tree_node *node, struct buf *out)
{
    for (size_t i = 0; i < MIN(node->segment.len, (size_t) 8); i++)
        buf_append_char(out, node->segment.ptr[i] > ' ' && node->segment.ptr[i] < 0x7f ? node->segment.ptr[i] : '?');
    if (node->occurrence > 1)
        buf_printf(out, "[%u]", node->occurrence);
    if (node->kind == HL7_TREE_SEGMENT)
        return;
    buf_printf(out, "-%u", node->field);
    if (node->repetition > 0)
        buf_printf(out, "[%u]", node->repetition);
    if (node->component > 0)
        buf_printf(out, ".%u", node->component);
    if (node->subcomponent > 0)
        buf_printf(out, ".%u", node->subcomponent);
}

void hl7_tree_mask(struct bytes value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char) value.ptr[i] & 0xc0) != 0x80)
            buf_append_char(out, '*');
}
