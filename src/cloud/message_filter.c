#include "cloud/message_filter.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/clock.h"

enum { NODES_MAX = 128, DEPTH_MAX = 32, DAY_S = 86400 };

enum field { NO_FIELD, TYPE, FACILITY, SEND_TIME, SEND_DATE, CREATE_TIME, PATIENT, LABEL };
enum op { EQUAL, LESS, LESS_EQUAL, MORE, MORE_EQUAL, PRESENT };
enum kind { TEST, NOT, AND, OR };

struct node {
    enum kind kind;
    uint8_t left, right; /* of NOT: left */
    enum field field;
    enum op op;
    struct bytes key, value; /* into the filter's text; PATIENT: id and type */
    int64_t at;              /* microseconds, or days for SEND_DATE */
};

struct cloud_message_filter {
    char *text; /* where quoted texts stand unescaped */
    size_t count;
    uint8_t root;
    struct node nodes[NODES_MAX];
};

/* A recursive descent over text; `at` is the next byte. */
struct reader {
    struct cloud_message_filter *f;
    char *text;
    size_t len, at;
    unsigned depth;
    struct err *err;
};

static bool read_either(struct reader *r, uint8_t *ret_node);

static bool refuse(struct reader *r, const char *why)
{
    return FAIL(r->err, BAD_INPUT, "invalid filter, near character %zu: %s", r->at + 1, why);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->len && (r->text[r->at] == ' ' || r->text[r->at] == '\t' || r->text[r->at] == '\n'))
        r->at++;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || (unsigned char) c >= 0x80;
}

/* A bare word; empty if there is none. Dots and the rest of times belong to values alone. */
static struct bytes peek_word(struct reader *r, const char *also)
{
    size_t end = r->at;
    while (end < r->len &&
           (is_word_char(r->text[end]) || (r->text[end] != '\0' && strchr(also, r->text[end]) != NULL)))
        end++;
    return bytes_of(r->text + r->at, end - r->at);
}

static bool take_char(struct reader *r, char c)
{
    skip_space(r);
    if (r->at >= r->len || r->text[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool take_keyword(struct reader *r, const char *word)
{
    skip_space(r);
    if (!bytes_eq_str(peek_word(r, ""), word))
        return false;
    r->at += strlen(word);
    return true;
}

/* "quoted", with \" and \\ undone in place, or a bare word. */
static bool read_text(struct reader *r, struct bytes *ret)
{
    skip_space(r);
    if (r->at >= r->len || r->text[r->at] != '"') {
        *ret = peek_word(r, ".:+");
        r->at += ret->len;
        return ret->len > 0 || refuse(r, "a value is missing");
    }
    char *out = r->text + ++r->at, *begin = out;
    for (; r->at < r->len && r->text[r->at] != '"'; r->at++) {
        if (r->text[r->at] == '\\' && r->at + 1 < r->len)
            r->at++;
        *out++ = r->text[r->at];
    }
    if (r->at >= r->len)
        return refuse(r, "a quotation mark is not closed");
    r->at++;
    *ret = bytes_of(begin, (size_t) (out - begin));
    return true;
}

static bool add(struct reader *r, struct node node, uint8_t *ret_node)
{
    if (r->f->count == NODES_MAX)
        return FAIL(r->err, BAD_INPUT, "invalid filter: more than %d parts", NODES_MAX);
    r->f->nodes[r->f->count] = node;
    *ret_node = (uint8_t) r->f->count++;
    return true;
}

static enum field field_of(struct bytes word)
{
    static const struct {
        const char *snake, *camel;
        enum field field;
    } table[] = {
        { "message_type", "messageType", TYPE },
        { "send_facility", "sendFacility", FACILITY },
        { "send_time", "sendTime", SEND_TIME },
        { "send_date", "sendDate", SEND_DATE },
        { "create_time", "createTime", CREATE_TIME },
        { "PatientId", "PatientId", PATIENT },
        { "labels", "labels", LABEL },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (bytes_eq_str(word, table[i].snake) || bytes_eq_str(word, table[i].camel))
            return table[i].field;
    return NO_FIELD;
}

static bool read_op(struct reader *r, enum op *ret_op)
{
    skip_space(r);
    char c = r->at < r->len ? r->text[r->at] : '\0', next = r->at + 1 < r->len ? r->text[r->at + 1] : '\0';
    if (c == '!' || (c == '<' && next == '>'))
        return refuse(r, "there is no \"not equal\"; write NOT before the comparison");
    if (c != '=' && c != '<' && c != '>')
        return refuse(r, "one of = < <= > >= must follow a field");
    bool two = c != '=' && next == '=';
    r->at += two ? 2 : 1;
    *ret_op = c == '=' ? EQUAL : c == '<' ? (two ? LESS_EQUAL : LESS) : (two ? MORE_EQUAL : MORE);
    return true;
}

static int64_t day_of(us_t wall_us)
{
    int64_t s = wall_us / US_PER_S - (wall_us % US_PER_S < 0 ? 1 : 0);
    return s / DAY_S - (s % DAY_S < 0 ? 1 : 0);
}

static bool read_time(struct reader *r, struct node *node)
{
    us_t at;
    if (node->field == SEND_DATE) {
        char whole[32];
        if (node->value.len != 10)
            return refuse(r, "a date is written yyyy-mm-dd");
        memcpy(whole, node->value.ptr, 10);
        memcpy(whole + 10, "T00:00:00Z", 10);
        if (!clock_parse_rfc3339(whole, 20, &at))
            return refuse(r, "a date is written yyyy-mm-dd");
        node->at = day_of(at);
        return true;
    }
    if (!clock_parse_rfc3339(node->value.ptr, node->value.len, &at))
        return refuse(r, "a time is written as RFC 3339 has it: 2026-01-31T23:59:59Z");
    node->at = at;
    return true;
}

static bool read_patient(struct reader *r, struct node *node)
{
    if (!take_char(r, '(') || !read_text(r, &node->key) || !take_char(r, ',') ||
        !read_text(r, &node->value) || !take_char(r, ')'))
        return refuse(r, "patients are asked for with PatientId(\"ID\", \"TYPE\")");
    return true;
}

static bool read_label(struct reader *r, struct node *node)
{
    if (!take_char(r, '.') || !read_text(r, &node->key))
        return refuse(r, "labels are asked for with labels.\"KEY\" = \"VALUE\"");
    /* A bare key swallowed what follows it in values: a colon, as in labels.priority:* */
    if (node->key.len > 1 && node->key.ptr[node->key.len - 1] == ':' && r->text[r->at - 1] == ':') {
        node->key.len--;
        r->at--;
    }
    if (take_char(r, ':')) {
        node->op = PRESENT;
        return take_char(r, '*') || refuse(r, "only labels.\"KEY\":* may follow a label with a colon");
    }
    TRY(read_op(r, &node->op));
    if (node->op != EQUAL)
        return refuse(r, "labels compare with = alone");
    return read_text(r, &node->value);
}

static bool read_test(struct reader *r, uint8_t *ret_node)
{
    struct node node = { .kind = TEST };
    skip_space(r);
    struct bytes word = peek_word(r, "");
    node.field = field_of(word);
    if (node.field == NO_FIELD)
        return word.len > 0 && r->at + word.len < r->len
                   ? FAIL(r->err, UNIMPLEMENTED, "filter, character %zu: this field cannot be asked for here",
                          r->at + 1)
                   : refuse(r, "a field is missing");
    r->at += word.len;
    if (node.field == PATIENT)
        TRY(read_patient(r, &node));
    else if (node.field == LABEL)
        TRY(read_label(r, &node));
    else {
        bool text = node.field == TYPE || node.field == FACILITY;
        TRY(read_op(r, &node.op));
        TRY(read_text(r, &node.value));
        if (text && node.op != EQUAL)
            return refuse(r, "text compares with = alone");
        if (!text)
            TRY(read_time(r, &node));
    }
    return add(r, node, ret_node);
}

static bool read_not(struct reader *r, uint8_t *ret_node)
{
    struct node node = { .kind = NOT };
    if (++r->depth > DEPTH_MAX)
        return refuse(r, "nested too deeply");
    bool ok;
    if (take_keyword(r, "NOT"))
        ok = read_not(r, &node.left) && add(r, node, ret_node);
    else if (take_char(r, '('))
        ok = read_either(r, ret_node) && (take_char(r, ')') || refuse(r, "a parenthesis is not closed"));
    else
        ok = read_test(r, ret_node);
    r->depth--;
    return ok;
}

/* a AND b AND c, or a OR b OR c */
static bool read_either(struct reader *r, uint8_t *ret_node)
{
    uint8_t left, right;
    enum kind kind = TEST;
    TRY(read_not(r, &left));
    for (;;) {
        enum kind next = take_keyword(r, "AND") ? AND : take_keyword(r, "OR") ? OR : TEST;
        if (next == TEST)
            break;
        if (kind != TEST && next != kind)
            return FAIL(r->err, UNIMPLEMENTED,
                        "filter, character %zu: put parentheses where AND and OR meet; no document says "
                        "which binds more",
                        r->at + 1);
        kind = next;
        TRY(read_not(r, &right));
        TRY(add(r, (struct node) { .kind = kind, .left = left, .right = right }, &left));
    }
    *ret_node = left;
    return true;
}

bool cloud_message_filter_make(struct bytes text, struct cloud_message_filter **ret_filter, struct err *err)
{
    if (bytes_trim(text).len == 0) {
        *ret_filter = NULL;
        return true;
    }
    if (text.len > LIMIT_CLOUD_FILTER)
        return FAIL(err, BAD_INPUT, "invalid filter: longer than %d bytes", LIMIT_CLOUD_FILTER);
    struct cloud_message_filter *f = mem_alloc(sizeof(*f));
    f->text = mem_dup(text);
    struct reader r = { .f = f, .text = f->text, .len = text.len, .err = err };
    bool ok = read_either(&r, &f->root);
    skip_space(&r);
    if (ok && r.at < r.len)
        ok = refuse(&r, "something follows that is no part of it");
    if (!ok) {
        cloud_message_filter_free(f);
        return false;
    }
    *ret_filter = f;
    return true;
}

void cloud_message_filter_free(struct cloud_message_filter *f)
{
    if (f == NULL)
        return;
    mem_free(f->text);
    mem_free(f);
}

static bool holds(struct bytes text, struct bytes part)
{
    return part.len == 0 || (text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len) != NULL);
}

static bool compares(int64_t a, enum op op, int64_t b)
{
    switch (op) {
    case EQUAL:
        return a == b;
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    case MORE:
        return a > b;
    default:
        return a >= b;
    }
}

static bool has_pair(struct bytes pairs, struct bytes first, struct bytes second, bool any_second)
{
    struct bytes a, b;
    while (cloud_facts_pair(&pairs, &a, &b))
        if (bytes_eq(a, first) && (any_second || bytes_eq(b, second)))
            return true;
    return false;
}

static bool test_holds(const struct node *n, const struct cloud_facts *facts)
{
    switch (n->field) {
    case TYPE:
        return holds(facts->type, n->value);
    case FACILITY:
        return holds(facts->facility, n->value);
    case SEND_TIME:
        return facts->send_us != CLOUD_FACTS_NO_TIME && compares(facts->send_us, n->op, n->at);
    case SEND_DATE:
        return facts->send_us != CLOUD_FACTS_NO_TIME &&
               compares(day_of(facts->send_us + cloud_zone_offset(facts->zone, facts->send_us) * US_PER_S), n->op, n->at);
    case CREATE_TIME:
        return compares(facts->create_us, n->op, n->at);
    case PATIENT:
        return has_pair(facts->ids, n->key, n->value, false);
    default:
        return has_pair(facts->labels, n->key, n->value, n->op == PRESENT);
    }
}

static bool node_holds(const struct cloud_message_filter *f, uint8_t place, const struct cloud_facts *facts)
{
    const struct node *n = &f->nodes[place];
    switch (n->kind) {
    case NOT:
        return !node_holds(f, n->left, facts);
    case AND:
        return node_holds(f, n->left, facts) && node_holds(f, n->right, facts);
    case OR:
        return node_holds(f, n->left, facts) || node_holds(f, n->right, facts);
    default:
        return test_holds(n, facts);
    }
}

bool cloud_message_filter_match(const struct cloud_message_filter *f, const struct cloud_facts *facts)
{
    return f == NULL || node_holds(f, f->root, facts);
}
