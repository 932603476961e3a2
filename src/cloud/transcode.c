#include "cloud/transcode.h"

#include "base/b64.h"
#include "cloud/api_fields.h"
#include "cloud/proto_wire.h"
#include "json/doc.h"
#include "json/write.h"
#include "loop/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* --- JSON in --- */

/* True if key is name, or name in snake_case. */
static bool is_named(const char *name, struct bytes key)
{
    size_t at = 0;
    if (bytes_eq_str(key, name))
        return true;
    for (const char *c = name; *c != '\0'; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        if (upper && (at >= key.len || key.ptr[at++] != '_'))
            return false;
        if (at >= key.len || key.ptr[at++] != (upper ? *c - 'A' + 'a' : *c))
            return false;
    }
    return at == key.len;
}

static const struct cloud_field *find_field(const struct cloud_fields *m, struct bytes key)
{
    for (size_t i = 0; i < m->count; i++)
        if (is_named(m->fields[i].name, key))
            return &m->fields[i];
    return NULL;
}

/* "1.5s" */
static bool read_duration(struct bytes text, us_t *ret_us)
{
    if (text.len < 2 || text.ptr[text.len - 1] != 's')
        return false;
    struct bytes fraction = bytes_sub(text, 0, text.len - 1);
    uint64_t seconds, micros = 0;
    struct bytes whole = bytes_cut(&fraction, '.');
    if (!bytes_to_u64(whole, &seconds) || seconds > UINT64_C(315576000000) || fraction.len > 9)
        return false;
    for (size_t i = 0; i < fraction.len; i++)
        if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
            return false;
    for (size_t i = 0; i < 6; i++)
        micros = micros * 10 + (i < fraction.len ? (uint64_t) (fraction.ptr[i] - '0') : 0);
    *ret_us = (us_t) (seconds * US_PER_S + micros);
    return true;
}

/* "labels,ackDeadlineSeconds" as FieldMask{ paths = 1 } */
static void read_mask(struct bytes text, struct buf *out, uint32_t number)
{
    CLEANUP(buf_fini) struct buf paths = { 0 };
    while (text.len > 0)
        cloud_wire_put_text(&paths, 1, bytes_trim(bytes_cut(&text, ',')));
    cloud_wire_put_bytes(out, number, buf_bytes(&paths));
}

/* A value of an enum, by its word or its number. */
static bool read_enum(const struct cloud_field *f, struct bytes text, struct buf *out)
{
    uint64_t n = 0;
    if (!bytes_to_u64(text, &n)) {
        while (f->words[n] != NULL && !bytes_eq_str(text, f->words[n]))
            n++;
        if (f->words[n] == NULL)
            return false;
    }
    cloud_wire_put_uint(out, f->number, n);
    return n <= INT32_MAX;
}

static bool read_text(const struct cloud_field *f, struct bytes text, struct buf *out)
{
    us_t us;
    uint64_t n;
    switch (f->kind) {
    case CLOUD_FIELD_TEXT:
        cloud_wire_put_bytes(out, f->number, text);
        return true;
    case CLOUD_FIELD_OCTETS: {
        CLEANUP(buf_fini) struct buf octets = { 0 };
        if (!b64_decode(text, &octets))
            return false;
        cloud_wire_put_bytes(out, f->number, buf_bytes(&octets));
        return true;
    }
    case CLOUD_FIELD_INT32:
    case CLOUD_FIELD_INT64: {
        bool negative = text.len > 0 && text.ptr[0] == '-';
        if (!bytes_to_u64(bytes_sub(text, negative, SIZE_MAX), &n) || n > INT64_MAX)
            return false;
        cloud_wire_put_uint(out, f->number, negative ? (uint64_t) - (int64_t) n : n);
        return true;
    }
    case CLOUD_FIELD_BOOL:
        cloud_wire_put_uint(out, f->number, bytes_eq_str(text, "true"));
        return bytes_eq_str(text, "true") || bytes_eq_str(text, "false");
    case CLOUD_FIELD_DURATION:
        if (!read_duration(text, &us))
            return false;
        cloud_wire_put_time(out, f->number, us);
        return true;
    case CLOUD_FIELD_TIMESTAMP:
        if (!clock_parse_rfc3339(text.ptr, text.len, &us) || us < 0)
            return false;
        cloud_wire_put_time(out, f->number, us);
        return true;
    case CLOUD_FIELD_MASK:
        read_mask(text, out, f->number);
        return true;
    case CLOUD_FIELD_ENUM:
        return read_enum(f, text, out);
    case CLOUD_FIELD_MESSAGE:
    case CLOUD_FIELD_PAIRS:
        return false;
    }
    return false;
}

/* at: the path to the message from the outermost one ("subscription.retryPolicy"), for errors. */
static bool read_message(const struct cloud_fields *m, const struct json_node *node, const char *at, struct buf *out,
                         struct err *err);

static bool read_pairs(const struct cloud_field *f, const struct json_node *node, struct buf *out)
{
    for (const struct json_node *n = json_doc_first(node); n != NULL; n = json_doc_next(n)) {
        if (json_doc_kind(n) != JSON_STRING)
            return false;
        cloud_wire_put_pair(out, f->number, bytes_str(json_doc_key(n)), bytes_str(json_doc_str(n, "")));
    }
    return true;
}

static bool read_value(const struct cloud_field *f, const struct json_node *node, const char *at, struct buf *out,
                       struct err *err)
{
    enum json_kind kind = json_doc_kind(node);
    char number[32];
    struct bytes text = { 0 };
    bool ok;
    if (f->kind == CLOUD_FIELD_MESSAGE && kind == JSON_OBJECT) {
        CLEANUP(buf_fini) struct buf inner = { 0 };
        TRY(read_message(f->message, node, at, &inner, err));
        cloud_wire_put_bytes(out, f->number, buf_bytes(&inner));
        return true;
    }
    if (kind == JSON_STRING)
        text = bytes_str(json_doc_str(node, ""));
    else if (kind == JSON_TRUE || kind == JSON_FALSE)
        text = bytes_str(kind == JSON_TRUE ? "true" : "false");
    else if (kind == JSON_NUMBER)
        text = bytes_of(number, (size_t) snprintf(number, sizeof(number), "%.0f", json_doc_number(node, 0)));
    bool number_fits = f->kind == CLOUD_FIELD_INT32 || f->kind == CLOUD_FIELD_INT64 || f->kind == CLOUD_FIELD_ENUM;
    if (kind == JSON_NUMBER && !number_fits)
        ok = false;
    else if (f->kind == CLOUD_FIELD_PAIRS)
        ok = kind == JSON_OBJECT && read_pairs(f, node, out);
    else
        ok = text.ptr != NULL && read_text(f, text, out);
    return ok ? true : FAIL(err, BAD_INPUT, "Invalid value at '%s'.", at);
}

static bool read_message(const struct cloud_fields *m, const struct json_node *node, const char *at, struct buf *out,
                         struct err *err)
{
    for (const struct json_node *n = json_doc_first(node); n != NULL; n = json_doc_next(n)) {
        struct bytes key = bytes_str(json_doc_key(n));
        const struct cloud_field *f = find_field(m, key);
        /* What is refused whole is not looked into. */
        if (f == NULL && m->count == 0)
            cloud_wire_put_uint(out, 1, 1);
        else if (f == NULL)
            return FAIL(err, BAD_INPUT, "Invalid JSON payload received. Unknown name \"%.*s\"%s%s%s: Cannot find field.",
                        (int) MIN(key.len, 100), key.ptr, at[0] != '\0' ? " at '" : "", at, at[0] != '\0' ? "'" : "");
        if (f == NULL || json_doc_kind(n) == JSON_NULL)
            continue;
        char path[200];
        snprintf(path, sizeof(path), "%s%s%s", at, at[0] != '\0' ? "." : "", f->name);
        if (!f->repeated) {
            TRY(read_value(f, n, path, out, err));
            continue;
        }
        if (json_doc_kind(n) != JSON_ARRAY)
            return FAIL(err, BAD_INPUT, "Invalid value at '%s': a list is needed.", path);
        for (const struct json_node *each = json_doc_first(n); each != NULL; each = json_doc_next(each))
            TRY(read_value(f, each, path, out, err));
    }
    return true;
}

bool cloud_transcode_read(enum cloud_message m, struct bytes json, struct buf *out, struct err *err)
{
    if (bytes_trim(json).len == 0)
        return true;
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = json_doc_parse(json, err);
    if (doc == NULL || json_doc_kind(json_doc_root(doc)) != JSON_OBJECT)
        return FAIL(err, BAD_INPUT, "Payload isn't valid for request.");
    return read_message(cloud_api_fields(m), json_doc_root(doc), "", out, err);
}

bool cloud_transcode_read_field(enum cloud_message m, const char *field, struct bytes text, struct buf *out)
{
    struct bytes rest = bytes_str(field);
    const struct cloud_field *f = find_field(cloud_api_fields(m), bytes_cut(&rest, '.'));
    if (f == NULL)
        return cloud_api_fields(m)->count == 0;    /* a method that is not offered takes anything */
    if (rest.len == 0)
        return read_text(f, text, out);
    /* A part of a message field: merged with what stands there already, as protobuf messages do. */
    const struct cloud_field *inner = find_field(f->message, rest);
    CLEANUP(buf_fini) struct buf part = { 0 };
    buf_append(&part, cloud_wire_find(buf_bytes(out), f->number));
    if (inner == NULL || !read_text(inner, text, &part))
        return false;
    cloud_wire_put_bytes(out, f->number, buf_bytes(&part));
    return true;
}

/* --- JSON out --- */

static void write_duration(struct json_writer *w, const char *key, us_t us)
{
    char text[40];
    int len = us % US_PER_S == 0
                  ? snprintf(text, sizeof(text), "%llds", (long long) (us / US_PER_S))
                  : snprintf(text, sizeof(text), "%lld.%06llds", (long long) (us / US_PER_S),
                             (long long) (us % US_PER_S));
    json_write_str(w, key, bytes_of(text, (size_t) len));
}

static void write_time(struct json_writer *w, const char *key, us_t wall_us)
{
    char text[CLOCK_RFC3339_LEN];
    clock_rfc3339(wall_us, text);
    if (wall_us % US_PER_MS == 0)
        memcpy(text + 23, "Z", 2);    /* "...:59.123000Z" as "...:59.123Z" */
    json_write_str(w, key, bytes_str(text));
}

static void write_message(struct json_writer *w, const struct cloud_fields *m, struct bytes message);

static void write_pairs(struct json_writer *w, const struct cloud_field *f, struct bytes message)
{
    bool begun = false;
    struct cloud_wire wire = cloud_wire_of(message);
    struct cloud_wire_field v;
    while (cloud_wire_next(&wire, &v)) {
        if (v.number != f->number || v.type != CLOUD_WIRE_LEN)
            continue;
        if (!begun)
            json_write_object(w, f->name);
        begun = true;
        json_write_str_key(w, cloud_wire_find(v.octets, 1), cloud_wire_find(v.octets, 2));
    }
    if (begun)
        json_write_end(w);
}

static void write_enum(struct json_writer *w, const char *key, const struct cloud_field *f, uint64_t value)
{
    for (uint64_t n = 0; f->words[n] != NULL; n++)
        if (n == value) {
            json_write_str(w, key, bytes_str(f->words[n]));
            return;
        }
    json_write_int(w, key, (int32_t) value);
}

static void write_value(struct json_writer *w, const char *key, const struct cloud_field *f,
                        const struct cloud_wire_field *v)
{
    us_t us;
    switch (f->kind) {
    case CLOUD_FIELD_TEXT:
        json_write_str(w, key, v->octets);
        break;
    case CLOUD_FIELD_OCTETS:
        json_write_b64(w, key, v->octets);
        break;
    case CLOUD_FIELD_INT32:
        json_write_int(w, key, (int32_t) v->value);
        break;
    case CLOUD_FIELD_INT64:
        json_write_int_str(w, key, (int64_t) v->value);
        break;
    case CLOUD_FIELD_BOOL:
        json_write_bool(w, key, v->value != 0);
        break;
    case CLOUD_FIELD_ENUM:
        write_enum(w, key, f, v->value);
        break;
    case CLOUD_FIELD_DURATION:
        if (cloud_wire_read_time(v->octets, &us))
            write_duration(w, key, us);
        break;
    case CLOUD_FIELD_TIMESTAMP:
        if (cloud_wire_read_time(v->octets, &us))
            write_time(w, key, us);
        break;
    case CLOUD_FIELD_MESSAGE:
        json_write_object(w, key);
        write_message(w, f->message, v->octets);
        json_write_end(w);
        break;
    case CLOUD_FIELD_PAIRS:
    case CLOUD_FIELD_MASK:
        break;
    }
}

static void write_field(struct json_writer *w, const struct cloud_field *f, struct bytes message)
{
    bool begun = false, seen = false;
    struct cloud_wire_field v, last = { 0 };
    struct cloud_wire wire = cloud_wire_of(message);
    while (cloud_wire_next(&wire, &v)) {
        if (v.number != f->number)
            continue;
        last = v;
        seen = true;
        if (!f->repeated)
            continue;
        if (!begun)
            json_write_array(w, f->name);
        begun = true;
        write_value(w, NULL, f, &v);
    }
    if (begun)
        json_write_end(w);
    else if (seen)
        write_value(w, f->name, f, &last);
}

static void write_message(struct json_writer *w, const struct cloud_fields *m, struct bytes message)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->fields[i].kind == CLOUD_FIELD_PAIRS)
            write_pairs(w, &m->fields[i], message);
        else
            write_field(w, &m->fields[i], message);
}

void cloud_transcode_members(enum cloud_message m, struct bytes message, struct json_writer *w)
{
    write_message(w, cloud_api_fields(m), message);
}

void cloud_transcode_write(enum cloud_message m, struct bytes message, struct buf *json)
{
    struct json_writer w = json_write_to(json);
    json_write_object(&w, NULL);
    write_message(&w, cloud_api_fields(m), message);
    json_write_end(&w);
}
