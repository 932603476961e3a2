/*
 * JSON out: commas, quotes and escapes are this file's. Text that is not UTF-8
 * comes out with U+FFFD for what is broken, so the result is always JSON.
 *
 *     struct json_writer w = json_write_to(&buf);
 *     json_write_object(&w, NULL);
 *     json_write_str(&w, "name", name);
 *     json_write_end(&w);
 *
 * key: NULL at the top and inside arrays. Nothing but CHECKs can go wrong.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    unsigned depth;
    uint64_t is_array, has_some;    /* one bit a level */
};

struct json_writer json_write_to(struct buf *out);
void json_write_object(struct json_writer *w, const char *key);
void json_write_array(struct json_writer *w, const char *key);
void json_write_end(struct json_writer *w);    /* of the innermost object or array */
void json_write_str(struct json_writer *w, const char *key, struct bytes text);
void json_write_b64(struct json_writer *w, const char *key, struct bytes octets);
void json_write_int(struct json_writer *w, const char *key, int64_t n);
/* "123": int64 in proto3 JSON */
void json_write_int_str(struct json_writer *w, const char *key, int64_t n);
void json_write_double(struct json_writer *w, const char *key, double x);      /* not finite: null */
void json_write_bool(struct json_writer *w, const char *key, bool b);
void json_write_null(struct json_writer *w, const char *key);
void json_write_raw(struct json_writer *w, const char *key, struct bytes json);    /* sound JSON */
/* A member whose name is not a constant (labels): a str with a bytes key. */
void json_write_str_key(struct json_writer *w, struct bytes key, struct bytes text);

/* The text between the quotes, escaped. */
void json_write_escaped(struct buf *out, struct bytes text);

#endif
