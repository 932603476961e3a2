#include "cloud/store_conf.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/check.h"
#include "base/mem.h"
#include "cloud/healthcare_schema.h"
#include "cloud/rest_copy.h"

#include <stdio.h>

static bool read_bool(const struct json_value *v, const char *field, bool *ret,
                      struct cloud_json_fault *fault)
{
    if (v->kind != JSON_TRUE && v->kind != JSON_FALSE && v->kind != JSON_NULL)
        return cloud_json_bad(fault, field, "it must be true or false");
    *ret = v->kind == JSON_TRUE;
    return true;
}

static bool read_version(const struct json_value *v, enum cloud_parser *ret, struct cloud_json_fault *fault)
{
    static const char *const names[] = { "PARSER_VERSION_UNSPECIFIED", "V1", "V2", "V3" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_str_is(v, names[i])) {
            *ret = (enum cloud_parser) i;
            return true;
        }
    return cloud_json_bad(fault, "parserConfig.version", "it must be V1, V2 or V3");
}

static bool read_terminator(const struct json_value *v, struct buf *out, struct cloud_json_fault *fault)
{
    CLEANUP(buf_fini) struct buf scratch = { 0 };
    struct bytes text;
    TRY(cloud_json_text(v, "parserConfig.segmentTerminator", &scratch, &text, fault));
    buf_clear(out);
    if (!b64_decode(text, out) || out->len > 8)
        return cloud_json_bad(fault, "parserConfig.segmentTerminator", "it must be base64 of 1 to 8 bytes");
    return true;
}

static bool is_key(const struct json_value *key, const char *camel, const char *snake)
{
    return json_str_is(key, camel) || json_str_is(key, snake);
}

/* False: the value under this name is none of the words. */
static bool check_words(const struct json_value *schema, const char *name, const char *const *words, size_t count,
                        struct cloud_json_fault *fault)
{
    struct json_field field = { .key = name };
    TRY(json_scan_object(schema->raw, &field, 1, &fault->err));
    if (field.value.kind == JSON_NONE)
        return true;
    for (size_t i = 0; i < count; i++)
        if (json_str_is(&field.value, words[i]))
            return true;
    return cloud_json_bad(fault, name, "it is none of the words that this field may have");
}

/*
 * A schema is kept and given back; no message is parsed by it. That is what SOFT_FAIL allows, with an error in each
 * message's schematizedData; with HARD_FAIL messages would have to be refused that nobody here can judge.
 */
static bool read_schema(const struct json_value *v, bool strict, struct cloud_store_conf *conf,
                        struct cloud_json_fault *fault)
{
    static const char *const fails[] = { "SCHEMATIZED_PARSING_TYPE_UNSPECIFIED", "SOFT_FAIL" };
    static const char *const handlings[] = { "UNEXPECTED_SEGMENT_HANDLING_MODE_UNSPECIFIED", "FAIL", "SKIP", "PARSE" };
    struct json_value written;
    buf_clear(&conf->schema);
    struct json_writer w = json_write_to(&conf->schema);
    TRY(cloud_rest_copy(&cloud_rest_schema_package, v, strict, "parserConfig.schema", NULL, &w, fault));
    if (conf->schema.len == 0)
        return true;
    CHECK(json_scan(buf_bytes(&conf->schema), &written, &fault->err));
    struct json_field hard = { .key = "schematizedParsingType" };
    CHECK(json_scan_object(written.raw, &hard, 1, &fault->err));
    if (json_str_is(&hard.value, "HARD_FAIL"))
        return FAIL(&fault->err, UNIMPLEMENTED,
                    "parserConfig.schema: the local cloud parses no message by a schema, so it cannot refuse those that do "
                    "not fit (HARD_FAIL); SOFT_FAIL stores them");
    return check_words(&written, "schematizedParsingType", fails, ARRAY_LEN(fails), fault) &&
           check_words(&written, "unexpectedSegmentHandling", handlings, ARRAY_LEN(handlings), fault);
}

static bool read_parser(const struct json_value *parser, bool strict, struct cloud_store_conf *conf,
                        struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(parser);
    struct json_value key, v;
    if (parser->kind != JSON_OBJECT && parser->kind != JSON_NULL)
        return cloud_json_bad(fault, "parserConfig", "it must be an object");
    conf->has_parser = parser->kind == JSON_OBJECT;
    while (json_next(&members, &key, &v)) {
        if (is_key(&key, "allowNullHeader", "allow_null_header"))
            TRY(read_bool(&v, "parserConfig.allowNullHeader", &conf->null_header, fault));
        else if (is_key(&key, "segmentTerminator", "segment_terminator"))
            TRY(read_terminator(&v, &conf->terminator, fault));
        else if (json_str_is(&key, "version"))
            TRY(read_version(&v, &conf->parser, fault));
        else if (json_str_is(&key, "schema"))
            TRY(read_schema(&v, strict, conf, fault));
        else if (strict)
            return cloud_json_unknown(&key, "parserConfig", fault);
    }
    return true;
}

bool cloud_store_conf_is_topic(struct bytes name)
{
    struct bytes rest = name;
    bool projects = bytes_eq_str(bytes_cut(&rest, '/'), "projects");
    bool project = bytes_cut(&rest, '/').len > 0;
    bool topics = bytes_eq_str(bytes_cut(&rest, '/'), "topics");
    return projects && project && topics && rest.len > 0 && bytes_find(rest, 0, '/') == rest.len;
}

static bool read_notification(const struct json_value *one, bool strict, struct cloud_notification *n,
                              struct cloud_json_fault *fault)
{
    CLEANUP(buf_fini) struct buf scratch = { 0 };
    struct json_cursor members = json_cursor_of(one);
    struct json_value key, v;
    struct bytes text;
    while (json_next(&members, &key, &v)) {
        bool topic = is_key(&key, "pubsubTopic", "pubsub_topic"), filter = json_str_is(&key, "filter");
        if (!topic && !filter) {
            if (strict)
                return cloud_json_unknown(&key, "notificationConfigs", fault);
            continue;
        }
        TRY(cloud_json_text(&v, topic ? "notificationConfigs.pubsubTopic" : "notificationConfigs.filter",
                            &scratch, &text, fault));
        char **to = topic ? &n->topic : &n->filter_text;
        mem_free(*to);
        *to = mem_dup(text);
    }
    if (n->topic == NULL || !cloud_store_conf_is_topic(bytes_str(n->topic)))
        return cloud_json_bad(fault, "notificationConfigs.pubsubTopic", "it must be projects/P/topics/T");
    if (n->filter_text != NULL &&
        !cloud_message_filter_make(bytes_str(n->filter_text), &n->filter, &fault->err)) {
        snprintf(fault->field, sizeof(fault->field), "notificationConfigs.filter");
        return false;
    }
    return true;
}

static bool read_notifications(const struct json_value *list, bool strict, struct cloud_store_conf *conf,
                               struct cloud_json_fault *fault)
{
    struct json_cursor items = json_cursor_of(list);
    struct json_value one;
    if (list->kind != JSON_ARRAY && list->kind != JSON_NULL)
        return cloud_json_bad(fault, "notificationConfigs", "it must be a list");
    while (json_next(&items, NULL, &one)) {
        if (conf->notifications_count == LIMIT_CLOUD_NOTIFICATIONS)
            return cloud_json_bad(fault, "notificationConfigs", "there are too many");
        conf->notifications =
            mem_grow(conf->notifications, (conf->notifications_count + 1) * sizeof(*conf->notifications));
        struct cloud_notification *n = &conf->notifications[conf->notifications_count++];
        *n = (struct cloud_notification) { 0 };
        TRY(read_notification(&one, strict, n, fault));
    }
    return true;
}

static bool read_members(const struct json_value *store, bool strict, struct cloud_store_conf *conf,
                         struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(store);
    struct json_value key, v;
    if (store->kind != JSON_OBJECT)
        return cloud_json_bad(fault, "hl7V2Store", "it must be an object");
    while (json_next(&members, &key, &v)) {
        if (is_key(&key, "parserConfig", "parser_config"))
            TRY(read_parser(&v, strict, conf, fault));
        else if (is_key(&key, "notificationConfigs", "notification_configs"))
            TRY(read_notifications(&v, strict, conf, fault));
        else if (is_key(&key, "rejectDuplicateMessage", "reject_duplicate_message"))
            TRY(read_bool(&v, "rejectDuplicateMessage", &conf->reject_duplicates, fault));
        else if (json_str_is(&key, "labels"))
            TRY(cloud_json_labels(&v, &conf->labels, &conf->labels_count, fault));
        else if (!json_str_is(&key, "name") && strict)
            return cloud_json_unknown(&key, "", fault);
    }
    return true;
}

bool cloud_store_conf_read(const struct json_value *store, bool strict, struct cloud_store_conf *ret_conf,
                           struct cloud_json_fault *fault)
{
    struct cloud_store_conf conf = { 0 };
    if (!read_members(store, strict, &conf, fault)) {
        cloud_store_conf_fini(&conf);
        return false;
    }
    *ret_conf = conf;
    return true;
}

static void free_notifications(struct cloud_store_conf *conf)
{
    for (size_t i = 0; i < conf->notifications_count; i++) {
        mem_free(conf->notifications[i].topic);
        mem_free(conf->notifications[i].filter_text);
        cloud_message_filter_free(conf->notifications[i].filter);
    }
    mem_free(conf->notifications);
    conf->notifications = NULL;
    conf->notifications_count = 0;
}

void cloud_store_conf_fini(struct cloud_store_conf *conf)
{
    free_notifications(conf);
    buf_fini(&conf->terminator);
    buf_fini(&conf->schema);
    buf_fini(&conf->labels);
}

static void write_parser(const struct cloud_store_conf *conf, struct json_writer *w)
{
    static const char *const names[] = { "", "V1", "V2", "V3" };
    json_write_object(w, "parserConfig");
    if (conf->null_header)
        json_write_bool(w, "allowNullHeader", true);
    if (conf->terminator.len > 0)
        json_write_b64(w, "segmentTerminator", buf_bytes(&conf->terminator));
    if (conf->schema.len > 0)
        json_write_raw(w, "schema", buf_bytes(&conf->schema));
    if (conf->parser != CLOUD_PARSER_UNSET)
        json_write_str(w, "version", bytes_str(names[conf->parser]));
    json_write_end(w);
}

void cloud_store_conf_write(const struct cloud_store_conf *conf, struct json_writer *w)
{
    struct bytes pairs = buf_bytes(&conf->labels), key, value;
    if (conf->has_parser)
        write_parser(conf, w);
    if (conf->notifications_count > 0) {
        json_write_array(w, "notificationConfigs");
        for (size_t i = 0; i < conf->notifications_count; i++) {
            const struct cloud_notification *n = &conf->notifications[i];
            json_write_object(w, NULL);
            json_write_str(w, "pubsubTopic", bytes_str(n->topic));
            if (n->filter_text != NULL && n->filter_text[0] != '\0')
                json_write_str(w, "filter", bytes_str(n->filter_text));
            json_write_end(w);
        }
        json_write_end(w);
    }
    if (conf->reject_duplicates)
        json_write_bool(w, "rejectDuplicateMessage", true);
    if (pairs.len > 0) {
        json_write_object(w, "labels");
        while (cloud_facts_pair(&pairs, &key, &value))
            json_write_str_key(w, key, value);
        json_write_end(w);
    }
}

static void take_buf(struct buf *to, struct buf *from)
{
    buf_fini(to);
    *to = *from;
    *from = (struct buf) { 0 };
}

static bool merge_one(struct cloud_store_conf *to, struct cloud_store_conf *from, struct bytes path,
                      struct cloud_json_fault *fault)
{
    if (bytes_eq_str(path, "rejectDuplicateMessage") || bytes_eq_str(path, "reject_duplicate_message")) {
        to->reject_duplicates = from->reject_duplicates;
    } else if (bytes_eq_str(path, "notificationConfigs") || bytes_eq_str(path, "notification_configs")) {
        free_notifications(to);
        to->notifications = from->notifications;
        to->notifications_count = from->notifications_count;
        from->notifications = NULL;
        from->notifications_count = 0;
    } else if (bytes_eq_str(path, "labels")) {
        take_buf(&to->labels, &from->labels);
        to->labels_count = from->labels_count;
    } else if (bytes_eq_str(path, "parserConfig.allowNullHeader") ||
               bytes_eq_str(path, "parser_config.allow_null_header")) {
        to->null_header = from->null_header;
        to->has_parser = true;
    } else if (bytes_eq_str(path, "parserConfig.schema") || bytes_eq_str(path, "parser_config.schema")) {
        take_buf(&to->schema, &from->schema);
        to->has_parser = true;
    } else if (bytes_eq_str(path, "parserConfig.segmentTerminator") ||
               bytes_eq_str(path, "parser_config.segment_terminator")) {
        take_buf(&to->terminator, &from->terminator);
        to->has_parser = true;
    } else if (bytes_eq_str(path, "parserConfig") || bytes_eq_str(path, "parser_config")) {
        if (from->parser != to->parser)
            return cloud_json_bad(fault, "parserConfig.version",
                                  "it cannot be changed after the store was created");
        to->null_header = from->null_header;
        to->has_parser = from->has_parser;
        take_buf(&to->terminator, &from->terminator);
        take_buf(&to->schema, &from->schema);
    } else {
        return cloud_json_bad(fault, "updateMask",
                              "what can be changed: rejectDuplicateMessage, notificationConfigs, labels, "
                              "parserConfig.allowNullHeader, parserConfig.segmentTerminator, parserConfig.schema");
    }
    return true;
}

bool cloud_store_conf_merge(struct cloud_store_conf *to, struct cloud_store_conf *from, struct bytes mask,
                            struct cloud_json_fault *fault)
{
    if (bytes_trim(mask).len == 0)
        return cloud_json_bad(fault, "updateMask", "it is required and names the fields to change");
    while (mask.len > 0)
        TRY(merge_one(to, from, bytes_trim(bytes_cut(&mask, ',')), fault));
    return true;
}
