#include "cloud/attribute_filter.h"

#include "cloud/proto_wire.h"

enum { FILTER_MAX = 256, DEPTH_MAX = 32 };

/* Recursive descent that judges as it reads; `message` is empty when only the syntax is looked at. */
struct parse {
    struct bytes all, left;
    struct bytes message;
    unsigned depth;
    const char *wrong;    /* what was expected where it ended; NULL: all is well */
};

static bool expression(struct parse *p);

static void skip_space(struct parse *p)
{
    while (p->left.len > 0 && strchr(" \t\r\n", p->left.ptr[0]) != NULL && p->left.ptr[0] != '\0')
        p->left = bytes_sub(p->left, 1, SIZE_MAX);
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool take(struct parse *p, const char *token)
{
    skip_space(p);
    struct bytes t = bytes_str(token);
    if (!bytes_starts(p->left, t))
        return false;
    /* A word ends where no letter follows: NOTE is not NOT. */
    bool is_word = t.len > 1 && is_word_char(t.ptr[t.len - 1]);
    if (is_word && p->left.len > t.len && is_word_char(p->left.ptr[t.len]))
        return false;
    p->left = bytes_sub(p->left, t.len, SIZE_MAX);
    return true;
}

static bool fail(struct parse *p, const char *expected)
{
    if (p->wrong == NULL)
        p->wrong = expected;
    return false;
}

/* "text" with \" and \\ */
static bool quoted(struct parse *p, struct buf *out)
{
    skip_space(p);
    if (p->left.len == 0 || p->left.ptr[0] != '"')
        return fail(p, "a text in double quotes");
    for (size_t i = 1; i < p->left.len; i++) {
        char c = p->left.ptr[i];
        if (c == '"') {
            p->left = bytes_sub(p->left, i + 1, SIZE_MAX);
            return true;
        }
        if (c == '\\') {
            i++;
            if (i == p->left.len || (p->left.ptr[i] != '"' && p->left.ptr[i] != '\\'))
                return fail(p, "\\\" or \\\\ after a backslash");
            c = p->left.ptr[i];
        }
        buf_append_char(out, c);
    }
    return fail(p, "a closing double quote");
}

static bool key(struct parse *p, struct buf *out)
{
    skip_space(p);
    if (p->left.len > 0 && p->left.ptr[0] == '"')
        return quoted(p, out);
    size_t len = 0;
    while (len < p->left.len && is_word_char(p->left.ptr[len]))
        len++;
    if (len == 0)
        return fail(p, "the name of an attribute");
    buf_append(out, bytes_sub(p->left, 0, len));
    p->left = bytes_sub(p->left, len, SIZE_MAX);
    return true;
}

/* {NULL, 0}: the message does not have it. PubsubMessage{ attributes = 2 { key = 1; value = 2 } } */
static struct bytes attribute(const struct parse *p, struct bytes name)
{
    struct cloud_wire w = cloud_wire_of(p->message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == 2 && f.type == CLOUD_WIRE_LEN && bytes_eq(cloud_wire_find(f.octets, 1), name)) {
            struct bytes value = cloud_wire_find(f.octets, 2);
            return value.ptr != NULL ? value : BYTES_LIT("");
        }
    return (struct bytes) { 0 };
}

static bool has_prefix(struct parse *p)
{
    CLEANUP(buf_fini) struct buf name = { 0 }, prefix = { 0 };
    if (!take(p, "("))
        return fail(p, "( after hasPrefix");
    if (!take(p, "attributes.") || !key(p, &name))
        return fail(p, "attributes.NAME in hasPrefix");
    if (!take(p, ",") || !quoted(p, &prefix))
        return fail(p, ", and a text in hasPrefix");
    if (!take(p, ")"))
        return fail(p, ") after hasPrefix");
    struct bytes value = attribute(p, buf_bytes(&name));
    return value.ptr != NULL && bytes_starts(value, buf_bytes(&prefix));
}

static bool comparison(struct parse *p)
{
    CLEANUP(buf_fini) struct buf name = { 0 }, text = { 0 };
    if (take(p, "attributes:"))
        return key(p, &name) && attribute(p, buf_bytes(&name)).ptr != NULL;
    if (!take(p, "attributes."))
        return fail(p, "attributes.NAME, attributes:NAME or hasPrefix(...)");
    if (!key(p, &name))
        return false;
    bool differs = take(p, "!=");
    if (!differs && !take(p, "="))
        return fail(p, "= or != after an attribute");
    if (!quoted(p, &text))
        return false;
    struct bytes value = attribute(p, buf_bytes(&name));
    bool same = value.ptr != NULL && bytes_eq(value, buf_bytes(&text));
    return same != differs;
}

static bool term(struct parse *p)
{
    if (++p->depth > DEPTH_MAX)
        return fail(p, "less nesting");
    bool result;
    if (take(p, "NOT") || take(p, "-")) {
        result = !term(p);
    } else if (take(p, "(")) {
        result = expression(p);
        if (!take(p, ")"))
            fail(p, "a closing parenthesis");
    } else if (take(p, "hasPrefix")) {
        result = has_prefix(p);
    } else {
        result = comparison(p);
    }
    p->depth--;
    return result;
}

static bool expression(struct parse *p)
{
    bool result = term(p), ands = false, ors = false;
    while (p->wrong == NULL) {
        if (take(p, "AND")) {
            ands = true;
            result = term(p) && result;
        } else if (take(p, "OR")) {
            ors = true;
            result = term(p) || result;
        } else {
            break;
        }
        if (ands && ors)
            fail(p, "parentheses, since AND and OR stand side by side");
    }
    return result;
}

static bool judge(struct parse *p)
{
    bool result = expression(p);
    skip_space(p);
    if (p->left.len > 0)
        fail(p, "AND, OR or the end");
    return result;
}

bool cloud_attribute_filter_check(struct bytes filter, struct err *err)
{
    if (filter.len == 0)
        return true;
    if (filter.len > FILTER_MAX)
        return FAIL(err, REFUSED, "The filter has %zu bytes; at most %d are allowed.", filter.len, (int) FILTER_MAX);
    struct parse p = { .all = filter, .left = filter };
    judge(&p);
    if (p.wrong != NULL)
        return FAIL(err, REFUSED, "The filter cannot be read at byte %zu: %s is expected there.",
                    p.all.len - p.left.len, p.wrong);
    return true;
}

bool cloud_attribute_filter_match(struct bytes filter, struct bytes message)
{
    struct parse p = { .all = filter, .left = filter, .message = message };
    return filter.len == 0 || (judge(&p) && p.wrong == NULL);
}
