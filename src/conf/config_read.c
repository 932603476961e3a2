/*
 * The file's JSON, key by key. json/scan.h gives slices of the text, so that
 * every fault names its line and column.
 */
#include "base/check.h"
#include "base/limits.h"
#include "conf/config_internal.h"
#include "conf/opt_text.h"
#include "json/scan.h"

#include <stdio.h>

static void read_object(struct conf_work *w, struct bytes prefix, const struct json_value *object);
static void read_member(struct conf_work *w, struct bytes prefix, const struct json_value *key, const struct json_value *value);
static void read_value(struct conf_work *w, enum opt o, const struct json_value *key, const struct json_value *value);
static bool read_scalar(struct conf_work *w, enum opt o, const struct json_value *value);
static bool read_many(struct conf_work *w, enum opt o, const struct json_value *value);
static bool is_group(struct bytes name);
static void syntax(struct conf_work *w, const struct err *why);
static const char *syntax_hint(struct bytes text, size_t at);

static const char *const kinds[] = { "nothing", "an object", "a list", "text in quotes", "a number", "true", "false", "null" };

void conf_read_file(struct conf_work *w)
{
    struct err why = { 0 };
    struct json_value root;
    w->unreadable = true;
    if (bytes_starts(w->text, BYTES_LIT("\xef\xbb\xbf"))) {
        conf_fault(w, CONF_SYNTAX, NULL, "the file begins with a byte-order mark: save it as UTF-8 without BOM");
    } else if (bytes_trim(w->text).len == 0) {
        conf_fault(w, CONF_NOT_OBJECT, NULL, "the file is empty");
    } else if (memchr(w->text.ptr, '\0', w->text.len) != NULL) {
        conf_fault(w, CONF_SYNTAX, NULL, "the file is not UTF-8 text (it holds zero bytes): save it as UTF-8");
    } else if (!json_scan(w->text, &root, &why)) {
        syntax(w, &why);
    } else if (root.kind != JSON_OBJECT) {
        conf_fault(w, CONF_NOT_OBJECT, root.raw.ptr, "the file holds %s, not an object", kinds[root.kind]);
    } else {
        w->unreadable = false;
        read_object(w, BYTES_LIT(""), &root);
    }
}

static void read_object(struct conf_work *w, struct bytes prefix, const struct json_value *object)
{
    struct json_cursor c = json_cursor_of(object);
    struct json_value key, value;
    struct bytes seen[128];
    size_t seen_count = 0;
    while (json_next(&c, &key, &value)) {
        bool twice = false;
        for (size_t i = 0; i < seen_count; i++)
            twice = twice || bytes_eq(seen[i], key.raw);
        if (twice)
            conf_fault(w, CONF_DUPLICATE, key.raw.ptr - 1, "the key \"%.*s\" stands twice", (int) MIN(key.raw.len, (size_t) 64),
                       key.raw.ptr);
        else
            read_member(w, prefix, &key, &value);
        if (seen_count < ARRAY_LEN(seen))
            seen[seen_count++] = key.raw;
    }
}

static void read_member(struct conf_work *w, struct bytes prefix, const struct json_value *key, const struct json_value *value)
{
    CLEANUP(buf_fini) struct buf full = { 0 };
    buf_append(&full, prefix);
    buf_append(&full, bytes_sub(key->raw, 0, 128));
    enum opt o = opt_find_key(buf_bytes(&full));
    if (o != OPTS && !key->escaped) {
        read_value(w, o, key, value);
        return;
    }
    buf_append_char(&full, '.');
    if (is_group(buf_bytes(&full))) {
        if (value->kind == JSON_OBJECT)
            read_object(w, buf_bytes(&full), value);
        else
            conf_fault(w, CONF_TYPE, key->raw.ptr - 1, "\"%.*s\" must be an object, not %s", BYTES_FMT(key->raw), kinds[value->kind]);
        return;
    }
    CLEANUP(buf_fini) struct buf shown = { 0 };
    for (size_t i = 0; i < key->raw.len && i < 64; i++)
        buf_append_char(&shown, key->raw.ptr[i] >= 0x20 && key->raw.ptr[i] < 0x7f ? key->raw.ptr[i] : '?');
    conf_fault(w, CONF_UNKNOWN_KEY, key->raw.ptr - 1, "unknown key \"%s\"%s%.*s", buf_str(&shown), prefix.len > 0 ? " in " : "",
               prefix.len > 0 ? (int) prefix.len - 1 : 0, prefix.ptr);
    conf_suggest_key(w, prefix, bytes_sub(key->raw, 0, 64));
}

static void read_value(struct conf_work *w, enum opt o, const struct json_value *key, const struct json_value *value)
{
    const struct opt_info *info = opt_info(o);
    bool many = info->type == OPT_LIST || info->type == OPT_MAP;
    bool later = (info->attributes & OPT_LATER) != 0;
    bool odd = value->kind == JSON_OBJECT || value->kind == JSON_ARRAY;
    if (later && odd && !many) {
        conf_fault(w, CONF_LATER, key->raw.ptr - 1, "\"%s\" is not in this version", info->name);
        return;
    }
    if (!(many ? read_many(w, o, value) : read_scalar(w, o, value)))
        return;
    unsigned line, column;
    json_place(w->text, key->raw.ptr - 1, &line, &column);
    opt_place(w->values, o, line, column);
}

static bool read_scalar(struct conf_work *w, enum opt o, const struct json_value *value)
{
    const struct opt_info *info = opt_info(o);
    bool worded = info->type == OPT_STR || info->type == OPT_CHOICE;
    bool united = info->type == OPT_DURATION || info->type == OPT_SIZE;
    bool fits = value->kind == JSON_STRING ? worded || united
                : value->kind == JSON_NUMBER ? !worded && info->type != OPT_BOOL
                : value->kind == JSON_TRUE || value->kind == JSON_FALSE ? info->type == OPT_BOOL : false;
    const char *at = value->kind == JSON_STRING ? value->raw.ptr - 1 : value->raw.ptr;
    if (!fits) {
        const char *hint = value->kind == JSON_STRING ? ": take the quotes away"
                           : value->kind == JSON_NULL ? ": give a value, or remove the key"
                           : value->kind == JSON_NUMBER && worded ? ": put it in double quotes" : "";
        return conf_fault(w, CONF_TYPE, at, "\"%s\" wants %s, not %s%s", info->name, opt_text_type(info->type), kinds[value->kind], hint);
    }
    CLEANUP(buf_fini) struct buf text = { 0 };
    if (value->kind != JSON_STRING)
        buf_append(&text, value->raw);
    else if (!json_unescape(value->raw, &text) || memchr(buf_str(&text), '\0', text.len) != NULL)
        return conf_fault(w, CONF_CHARACTER, at, "\"%s\" holds an escape that stands for no character", info->name);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return conf_fault(w, CONF_CHARACTER, at, "\"%s\" holds a control character", info->name);
    struct err why = { 0 };
    enum opt_wrong wrong = opt_set_text(w->values, o, OPT_FROM_FILE, buf_bytes(&text), &why);
    if (wrong == OPT_RIGHT)
        return true;
    conf_fault(w, conf_code_of(wrong), at, "%s", why.text);
    if (wrong == OPT_WRONG_CHOICE)
        conf_suggest_choice(w, info->range, buf_bytes(&text));
    return false;
}

static bool read_many(struct conf_work *w, enum opt o, const struct json_value *value)
{
    const struct opt_info *info = opt_info(o);
    enum json_kind wanted = info->type == OPT_LIST ? JSON_ARRAY : JSON_OBJECT;
    if (value->kind != wanted)
        return conf_fault(w, CONF_TYPE, value->kind == JSON_STRING ? value->raw.ptr - 1 : value->raw.ptr, "\"%s\" wants %s, not %s",
                          info->name, opt_text_type(info->type), kinds[value->kind]);
    struct json_cursor c = json_cursor_of(value);
    struct json_value key, item;
    opt_set_text(w->values, o, OPT_FROM_FILE, BYTES_LIT(""), NULL);
    while (json_next(&c, &key, &item)) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        const char *at = item.kind == JSON_STRING ? item.raw.ptr - 1 : item.raw.ptr;
        if (item.kind != JSON_STRING)
            return conf_fault(w, CONF_TYPE, at, "\"%s\" holds text only, not %s", info->name, kinds[item.kind]);
        if (wanted == JSON_OBJECT) {
            buf_append(&text, key.raw);
            buf_append_char(&text, '=');
        }
        bool sound = !key.escaped || wanted == JSON_ARRAY;
        sound = sound && json_unescape(item.raw, &text) && text.len > 0;
        for (size_t i = 0; sound && i < text.len; i++)
            sound = (unsigned char) text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f && text.ptr[i] != ',';
        if (!sound)
            return conf_fault(w, CONF_CHARACTER, at, "\"%s\" holds an item that is empty or has a comma or a control character", info->name);
        struct err why = { 0 };
        if (opt_set_text(w->values, o, OPT_FROM_FILE, buf_bytes(&text), &why) != OPT_RIGHT)
            return conf_fault(w, CONF_TYPE, at, "%s", why.text);
    }
    return true;
}

/* "flow." begins the name of a key. */
static bool is_group(struct bytes name)
{
    for (unsigned o = 0; o < OPTS; o++)
        if (opt_info(o)->key && bytes_starts(bytes_str(opt_info(o)->name), name))
            return true;
    return false;
}

/* json_scan says "line 3, column 7: why". */
static void syntax(struct conf_work *w, const struct err *why)
{
    struct bytes rest = bytes_str(why->text), said = rest;
    uint64_t line = 0, column = 0;
    size_t at = 0;
    if (bytes_starts(rest, BYTES_LIT("line "))) {
        rest = bytes_sub(rest, 5, rest.len);
        struct bytes number = bytes_cut(&rest, ',');
        rest = bytes_trim(rest);
        if (bytes_starts(rest, BYTES_LIT("column ")))
            rest = bytes_sub(rest, 7, rest.len);
        struct bytes second = bytes_cut(&rest, ':');
        if (bytes_to_u64(number, &line) && bytes_to_u64(second, &column) && line > 0 && column > 0)
            said = bytes_trim(rest);
    }
    for (uint64_t n = 1; n < line; n++)
        at = MIN(bytes_find(w->text, at, '\n') + 1, w->text.len);
    at = MIN(at + (column > 0 ? (size_t) column - 1 : 0), w->text.len);
    const char *hint = syntax_hint(w->text, at);
    size_t shown = at > 0 && at == w->text.len ? at - 1 : at;
    conf_fault(w, CONF_SYNTAX, w->text.ptr + shown, "not valid JSON: %.*s%s%s", BYTES_FMT(said), hint[0] != '\0' ? ": " : "", hint);
}

/* The commonest slips of people who write JSON by hand. */
static const char *syntax_hint(struct bytes text, size_t at)
{
    if (at >= text.len)
        return "the file ends too early; is a } or \" missing?";
    struct bytes rest = bytes_sub(text, at, text.len);
    size_t before = at;
    while (before > 0 && strchr(" \t\r\n", text.ptr[before - 1]) != NULL)
        before--;
    char last = before > 0 ? text.ptr[before - 1] : '\0';
    if (rest.ptr[0] == '/' || rest.ptr[0] == '#')
        return "JSON has no comments";
    if (rest.ptr[0] == '\'' || bytes_starts(rest, BYTES_LIT("\xe2\x80\x9c")) || bytes_starts(rest, BYTES_LIT("\xe2\x80\x9d")))
        return "use plain double quotes";
    if ((rest.ptr[0] == '}' || rest.ptr[0] == ']') && last == ',')
        return "remove the comma before it";
    if (bytes_starts(rest, BYTES_LIT("True")) || bytes_starts(rest, BYTES_LIT("False")) || bytes_starts(rest, BYTES_LIT("None")))
        return "JSON writes true, false and null";
    if (rest.ptr[0] == '"' && last != ',' && last != '{' && last != '[' && last != ':')
        return "a comma is missing before it";
    if (rest.ptr[0] == '=')
        return "write a colon between key and value";
    if (rest.ptr[0] == ',' && (last == ',' || last == '{'))
        return "remove one comma";
    if (last == '{' || last == ',')
        return "keys stand in double quotes";
    return "";
}
