/* What store_conf.c and messages.c share in reading requests. */
#include "cloud/store_conf.h"

#include "base/limits.h"
#include "hl7/validate.h"

#include <stdio.h>

enum { KEY_CHARS_MAX = 63, VALUE_CHARS_MAX = 63, LABEL_BYTES_MAX = 128 };

bool cloud_json_bad(struct cloud_json_fault *fault, const char *field, const char *why)
{
    snprintf(fault->field, sizeof(fault->field), "%s", field);
    return FAIL(&fault->err, BAD_INPUT, "Invalid value at '%s': %s", field, why);
}

bool cloud_json_unknown(const struct json_value *key, const char *at, struct cloud_json_fault *fault)
{
    /* The name is the caller's own; cut, and without what could break a line. */
    char name[64];
    size_t len = MIN(key->raw.len, sizeof(name) - 1);
    for (size_t i = 0; i < len; i++)
        name[i] = key->raw.ptr[i] >= ' ' && key->raw.ptr[i] < 0x7f ? key->raw.ptr[i] : '?';
    name[len] = '\0';
    snprintf(fault->field, sizeof(fault->field), "%s", at);
    return FAIL(&fault->err, BAD_INPUT,
                "Invalid JSON payload received. Unknown name \"%s\"%s%s%s: Cannot find field.", name,
                at[0] != '\0' ? " at '" : "", at, at[0] != '\0' ? "'" : "");
}

bool cloud_json_text(const struct json_value *value, const char *field, struct buf *scratch,
                     struct bytes *ret_text, struct cloud_json_fault *fault)
{
    struct bytes text = value->raw;
    if (value->kind == JSON_NULL) {
        *ret_text = bytes_of("", 0);
        return true;
    }
    if (value->kind != JSON_STRING)
        return cloud_json_bad(fault, field, "it must be a string");
    if (value->escaped) {
        buf_clear(scratch);
        if (!json_unescape(value->raw, scratch))
            return cloud_json_bad(fault, field, "a lone surrogate in the string");
        text = buf_bytes(scratch);
    }
    *ret_text = text;
    return true;
}

/* Google allows letters of any script in lower case ({Ll}, {Lo}), digits, _ and -. Beyond ASCII all are taken
 * but the capitals of Latin-1, Greek and Cyrillic: full tables of Unicode's classes are not worth their size
 * here. */
static bool label_chars_ok(struct bytes b, bool key, size_t chars_max)
{
    size_t chars = 0;
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = (unsigned char) b.ptr[i];
        if ((c & 0xc0) == 0x80)
            continue;
        bool letter = (c >= 'a' && c <= 'z') || c >= 0x80;
        bool other = (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!letter && !(other && (!key || chars > 0)))
            return false;
        unsigned char next = i + 1 < b.len ? (unsigned char) b.ptr[i + 1] : 0;
        if ((c == 0xc3 && next <= 0x9e) || (c == 0xce && next >= 0x91 && next <= 0xa9) ||
            (c == 0xd0 && next >= 0x80 && next <= 0xaf))
            return false;
        chars++;
    }
    return chars <= chars_max && b.len <= LABEL_BYTES_MAX && hl7_validate_utf8(b);
}

bool cloud_json_labels(const struct json_value *value, struct buf *pairs, uint32_t *ret_count,
                       struct cloud_json_fault *fault)
{
    CLEANUP(buf_fini) struct buf key_text = { 0 };
    CLEANUP(buf_fini) struct buf value_text = { 0 };
    struct json_cursor members = json_cursor_of(value);
    struct json_value key, one;
    struct bytes k, v;
    uint32_t count = 0;
    if (value->kind != JSON_OBJECT && value->kind != JSON_NULL)
        return cloud_json_bad(fault, "labels", "it must be an object of strings");
    while (json_next(&members, &key, &one)) {
        TRY(cloud_json_text(&key, "labels", &key_text, &k, fault));
        TRY(cloud_json_text(&one, "labels", &value_text, &v, fault));
        if (k.len == 0 || !label_chars_ok(k, true, KEY_CHARS_MAX))
            return cloud_json_bad(
                fault, "labels",
                "a key has 1 to 63 characters: a lower-case letter, then lower-case letters, digits, "
                "_ and -");
        if (!label_chars_ok(v, false, VALUE_CHARS_MAX))
            return cloud_json_bad(fault, "labels",
                                  "a value has up to 63 lower-case letters, digits, _ and -");
        if (++count > LIMIT_LABELS)
            return cloud_json_bad(fault, "labels", "there may be 64 labels");
        cloud_facts_append_pair(pairs, k, v);
    }
    *ret_count = count;
    return true;
}
