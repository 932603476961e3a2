/* One message for people and for programs. Values are masked unless they were asked for. */
#include "cmd/get.h"

#include "hl7/tree.h"
#include "json/write.h"

enum { PATH_COLUMN = 18, NAME_COLUMN = 34, MASK_SHOWN = 40 };

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* What a terminal would obey is shown as '?'. */
static void put_value(struct bytes value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char) value.ptr[i];
        /* 0xc2 0x80..0x9f: control characters of the second set, in UTF-8 */
        bool second = c == 0xc2 && i + 1 < value.len && (unsigned char) value.ptr[i + 1] < 0xa0;
        if (second)
            i++;
        buf_append_char(out, c < 0x20 || c == 0x7f || second ? '?' : (char) c);
    }
}

static void shown(const struct hl7_tree_node *n, bool unmask, struct buf *out)
{
    if (unmask || n->open)
        buf_append(out, n->value);
    else
        hl7_tree_mask(n->value, out);
}

/* --- for people --- */

struct text {
    const struct get_show *how;
    struct buf *out;
};

static void pad(struct buf *out, size_t from, size_t column)
{
    size_t len = out->len - from;
    buf_printf(out, "%*s", (int) (len < column ? column - len : 1), "");
}

static void put_segment(struct text *t, const struct hl7_tree_node *n)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    hl7_tree_path(n, &path);
    buf_printf(t->out, "%s%s%s", t->how->colour ? BOLD : "", buf_str(&path), t->how->colour ? PLAIN : "");
    buf_printf(t->out, "%s%s\n", n->name[0] != '\0' ? "  " : "", n->name);
}

static void put_node(void *ctx, const struct hl7_tree_node *n)
{
    struct text *t = ctx;
    if (n->kind == HL7_TREE_SEGMENT) {
        put_segment(t, n);
        return;
    }
    CLEANUP(buf_fini) struct buf line = { 0 }, value = { 0 };
    buf_printf(&line, "%*s", n->kind == HL7_TREE_FIELD ? 2 : n->kind == HL7_TREE_COMPONENT ? 4 : 6, "");
    hl7_tree_path(n, &line);
    if (n->leaf || n->name[0] != '\0') {
        pad(&line, 0, PATH_COLUMN);
        buf_printf(&line, "%s%s%s", t->how->colour ? DIM : "", n->name, t->how->colour ? PLAIN : "");
    }
    if (n->leaf) {
        size_t extra = t->how->colour ? sizeof(DIM PLAIN) - 1 : 0;
        pad(&line, 0, PATH_COLUMN + NAME_COLUMN + extra);
        shown(n, t->how->unmask, &value);
        bool masked = !t->how->unmask && !n->open;
        put_value(masked ? bytes_sub(buf_bytes(&value), 0, MASK_SHOWN) : buf_bytes(&value), &line);
        if (masked && value.len > MASK_SHOWN)
            buf_printf(&line, "... (%zu)", value.len);
    }
    buf_append(t->out, buf_bytes(&line));
    buf_append_char(t->out, '\n');
}

static bool no_message(const struct get_message *m, struct err *err)
{
    return FAIL(err, BAD_INPUT, "get: the %zu bytes of this message are no HL7v2: --raw writes them as they are", m->bytes.len);
}

bool get_show_text(const struct get_message *m, const struct get_show *how, struct buf *out, struct err *err)
{
    CLEANUP(buf_fini) struct buf tree = { 0 };
    struct text t = { how, &tree };
    if (!hl7_tree_walk(buf_bytes(&m->bytes), put_node, &t))
        return no_message(m, err);
    buf_append(out, buf_bytes(&m->name));
    buf_printf(out, "\n%zu bytes", m->bytes.len);
    if (m->create_time.len > 0)
        buf_printf(out, ", created %.*s", BYTES_FMT(buf_bytes(&m->create_time)));
    buf_append_str(out, how->unmask ? "\n\n" : ", values masked (--unmask shows them)\n\n");
    buf_append(out, buf_bytes(&tree));
    return true;
}

/* --- for programs --- */

struct json {
    const struct get_show *how;
    struct json_writer w;
    bool any;
};

static void write_node(void *ctx, const struct hl7_tree_node *n)
{
    struct json *j = ctx;
    CLEANUP(buf_fini) struct buf path = { 0 }, value = { 0 };
    if (n->kind == HL7_TREE_SEGMENT) {
        if (j->any) {
            json_write_end(&j->w);
            json_write_end(&j->w);
        }
        j->any = true;
        json_write_object(&j->w, NULL);
        json_write_str(&j->w, "id", n->segment);
        if (n->name[0] != '\0')
            json_write_str(&j->w, "name", bytes_str(n->name));
        json_write_array(&j->w, "fields");
        return;
    }
    if (!n->leaf && n->name[0] == '\0')
        return;
    hl7_tree_path(n, &path);
    json_write_object(&j->w, NULL);
    json_write_str(&j->w, "path", buf_bytes(&path));
    if (n->name[0] != '\0')
        json_write_str(&j->w, "name", bytes_str(n->name));
    if (n->leaf) {
        shown(n, j->how->unmask, &value);
        json_write_str(&j->w, "value", buf_bytes(&value));
    }
    json_write_end(&j->w);
}

bool get_show_json(const struct get_message *m, const struct get_show *how, struct buf *out, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct json j = { .how = how, .w = json_write_to(&text) };
    json_write_object(&j.w, NULL);
    json_write_str(&j.w, "type", BYTES_LIT("message"));
    json_write_str(&j.w, "name", buf_bytes(&m->name));
    json_write_int(&j.w, "bytes", (int64_t) m->bytes.len);
    json_write_bool(&j.w, "masked", !how->unmask);
    if (m->create_time.len > 0)
        json_write_str(&j.w, "createTime", buf_bytes(&m->create_time));
    json_write_array(&j.w, "segments");
    if (!hl7_tree_walk(buf_bytes(&m->bytes), write_node, &j))
        return no_message(m, err);
    while (j.w.depth > 0)
        json_write_end(&j.w);
    buf_append_char(&text, '\n');
    buf_append(out, buf_bytes(&text));
    return true;
}
