/*
 * Zero-copy JSON (RFC 8259) for the hot path: one strict walk over the text,
 * values come out as slices of it. Nothing is allocated.
 *
 * Strict: one value, no trailing text, no comments, no control characters in
 * strings, proper escapes, proper numbers, LIMIT_JSON_DEPTH. Not checked: UTF-8
 * of strings that nobody asks for, and repeated keys of objects that nobody
 * looks into (a repeated key that is asked for is refused).
 *
 * Slices live as long as the text.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "base/buf.h"
#include "base/err.h"

enum json_kind {
    JSON_NONE,
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
};

struct json_value {
    enum json_kind kind;    /* JSON_NONE: not there */
    bool escaped;           /* a string that holds a backslash: json_unescape() before use */
    /* as it stands; of strings what is between the quotes; objects and arrays with their brackets */
    struct bytes raw;
};

/* The whole text as one value; false with class BAD_INPUT, and where ("line 3, column 7: ..."). */
bool json_scan(struct bytes text, struct json_value *ret_root, struct err *err) MUST_USE;

/* One field asked for. */
struct json_field {
    const char *key;
    struct json_value value;    /* out; kind JSON_NONE when the object does not have it */
};
/*
 * Walks text, which must be one object, once, checks all of it and fills the
 * fields asked for (at most 16). A field that stands there twice: BAD_INPUT.
 * Deeper paths: json_scan_object(fields[i].value.raw, ...).
 */
bool json_scan_object(struct bytes text, struct json_field *fields, size_t count, struct err *err) MUST_USE;

/* Over the members of an object or the elements of an array that a scan has given out (so it is sound). */
struct json_cursor {
    const char *at, *end;
    bool object;
};
struct json_cursor json_cursor_of(const struct json_value *v);    /* not an object or array: empty */
/* False: no more. ret_key (may be NULL) is a JSON_STRING for objects. */
bool json_next(struct json_cursor *c, struct json_value *ret_key, struct json_value *ret_value);

/* Appends what a string's raw text stands for, as UTF-8; false for a lone surrogate (out is as it was). */
bool json_unescape(struct bytes raw, struct buf *out) MUST_USE;
/* The same in place: what it stands for is never longer. False: *b is as it was. */
bool json_unescape_in_place(char *raw, size_t *len) MUST_USE;

/* A JSON_STRING that stands for exactly this text. */
bool json_str_is(const struct json_value *v, const char *text);
/* A whole number without fraction or exponent; also in a string, as proto3 JSON writes int64. */
bool json_to_i64(const struct json_value *v, int64_t *ret_n);
/* Line and column (bytes, both from 1) of a slice within the text, for people. */
void json_place(struct bytes text, const char *at, unsigned *ret_line, unsigned *ret_column);

#endif
