/* The seed file as text: where something stands, and what the APIs are to be given of it. */
#include "cloud/seed_parts.h"

#include "json/write.h"

bool cloud_seed_wrong(struct cloud_seed *s, const char *at, const char *path, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf why = { 0 };
    unsigned line, column;
    va_list args;
    if (s->first.class != ERR_OK)
        return false;
    va_start(args, fmt);
    buf_vprintf(&why, fmt, args);
    va_end(args);
    json_place(s->text, at, &line, &column);
    return FAIL(&s->first, BAD_INPUT, "%s: line %u, column %u: %s: %s", s->file, line, column, path, buf_str(&why));
}

/* --- which key a sentence is about --- */

/* Lower case, and nothing but letters and digits: "ack_deadline_seconds" and "ackDeadlineSeconds" are the same. */
static void squeeze(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char) (c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            buf_append_char(out, c);
    }
}

static bool names(const char *sentence, struct bytes key)
{
    CLEANUP(buf_fini) struct buf all = { 0 }, word = { 0 };
    squeeze(bytes_str(sentence), &all);
    squeeze(key, &word);
    return word.len >= 4 && strstr(buf_str(&all), buf_str(&word)) != NULL;
}

const char *cloud_seed_place(const struct json_value *value, const char *sentence, struct buf *path)
{
    struct json_cursor members = json_cursor_of(value);
    struct json_value key, below;
    if (value->kind != JSON_OBJECT)
        return value->raw.ptr;
    while (json_next(&members, &key, &below)) {
        size_t len = path->len;
        buf_printf(path, ".%.*s", (int) MIN(key.raw.len, (size_t) 60), key.raw.ptr);
        const char *at = cloud_seed_place(&below, sentence, path);
        if (at != below.raw.ptr || names(sentence, key.raw))
            return at != below.raw.ptr ? at : key.raw.ptr;
        path->len = len;
    }
    return value->raw.ptr;
}

/* --- what the APIs are given --- */

static bool is_topic(const struct json_value *key)
{
    return json_str_is(key, "topic") || json_str_is(key, "pubsubTopic") || json_str_is(key, "pubsub_topic") ||
           json_str_is(key, "deadLetterTopic") || json_str_is(key, "dead_letter_topic");
}

static bool is_short(const struct json_value *value)
{
    return value->kind == JSON_STRING && !value->escaped && value->raw.len > 0 && bytes_find(value->raw, 0, '/') == value->raw.len;
}

static void copy(const struct json_value *value, struct bytes project, struct buf *out);

static void copy_member(const struct json_value *key, const struct json_value *value, struct bytes project, struct buf *out)
{
    buf_printf(out, "\"%.*s\":", BYTES_FMT(key->raw));
    if (is_topic(key) && is_short(value))
        buf_printf(out, "\"projects/%.*s/topics/%.*s\"", BYTES_FMT(project), BYTES_FMT(value->raw));
    else
        copy(value, project, out);
}

/* Compact JSON again. Labels are not looked into: a label may be called "topic". */
static void copy(const struct json_value *value, struct bytes project, struct buf *out)
{
    struct json_cursor parts = json_cursor_of(value);
    struct json_value key, part;
    bool object = value->kind == JSON_OBJECT, some = false;
    if (value->kind == JSON_STRING) {
        buf_printf(out, "\"%.*s\"", BYTES_FMT(value->raw));
        return;
    }
    if (!object && value->kind != JSON_ARRAY) {
        buf_append(out, value->raw);
        return;
    }
    buf_append_char(out, object ? '{' : '[');
    while (json_next(&parts, object ? &key : NULL, &part)) {
        if (object && (json_str_is(&key, "messages") || json_str_is(&key, "hl7V2Stores")))
            continue;
        if (some)
            buf_append_char(out, ',');
        some = true;
        if (object && json_str_is(&key, "labels"))
            buf_printf(out, "\"labels\":%.*s", BYTES_FMT(part.raw));
        else if (object)
            copy_member(&key, &part, project, out);
        else
            copy(&part, project, out);
    }
    buf_append_char(out, object ? '}' : ']');
}

void cloud_seed_body(const struct json_value *object, struct bytes project, struct buf *out)
{
    copy(object, project, out);
}

void cloud_seed_mask(const struct json_value *object, enum cloud_seed_kind kind, struct buf *out)
{
    /* What a subscription cannot change any more is compared instead (seed_make.c). */
    static const char *const fixed[] = { "name", "topic", "filter", "enableMessageOrdering", "enable_message_ordering", "messages" };
    struct json_cursor members = json_cursor_of(object);
    struct json_value key, value;
    while (json_next(&members, &key, &value)) {
        bool leave = false;
        for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
            leave = leave || (json_str_is(&key, fixed[i]) && (kind == CLOUD_SEED_SUBSCRIPTION || i == 0 || i == 5));
        if (!leave)
            buf_printf(out, "%s%.*s", out->len > 0 ? "," : "", BYTES_FMT(key.raw));
    }
}
