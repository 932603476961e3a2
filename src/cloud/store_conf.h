/*
 * An Hl7V2Store resource: read from JSON, checked, written back with what clients set and nothing else.
 */
#ifndef CLOUD_STORE_CONF_H
#define CLOUD_STORE_CONF_H

#include "cloud/message_filter.h"
#include "json/scan.h"

enum cloud_parser { CLOUD_PARSER_UNSET, CLOUD_PARSER_V1, CLOUD_PARSER_V2, CLOUD_PARSER_V3 };

struct cloud_notification {
    char *topic, *filter_text;
    struct cloud_message_filter *filter; /* NULL: all messages */
};

struct cloud_store_conf {
    enum cloud_parser parser;
    bool null_header, reject_duplicates;
    bool has_parser;       /* parserConfig was set, maybe to nothing */
    struct buf terminator; /* empty: CR */
    struct buf schema;     /* parserConfig.schema as JSON; empty: none */
    struct cloud_notification *notifications;
    size_t notifications_count;
    struct buf labels; /* pairs as in facts.h */
    uint32_t labels_count;
};

/* What is wrong with a request's JSON. */
struct cloud_json_fault {
    struct err err;  /* BAD_INPUT or UNIMPLEMENTED; the text is the error's message */
    char field[128]; /* for BadRequest.fieldViolations; "": none */
};

/* strict: unknown fields are refused. */
bool cloud_store_conf_read(const struct json_value *store, bool strict, struct cloud_store_conf *ret_conf,
                           struct cloud_json_fault *fault) MUST_USE;
void cloud_store_conf_fini(struct cloud_store_conf *conf);
/* The resource without "name": members of the object that is open. */
void cloud_store_conf_write(const struct cloud_store_conf *conf, struct json_writer *w);
/* Moves what updateMask names from *from to *to. False: the mask names what cannot be changed, or nothing. */
bool cloud_store_conf_merge(struct cloud_store_conf *to, struct cloud_store_conf *from, struct bytes mask,
                            struct cloud_json_fault *fault) MUST_USE;

/* True for projects/P/topics/T. */
bool cloud_store_conf_is_topic(struct bytes name);

/* --- shared with messages.c --- */

/* Refuses a member that is not known, in the words of Google's APIs. at: "message", or "" at the top. Returns
 * false. */
bool cloud_json_unknown(const struct json_value *key, const char *at, struct cloud_json_fault *fault);
/* The text of a string, into scratch if it has escapes. False: not a string, or not UTF-8. */
bool cloud_json_text(const struct json_value *value, const char *field, struct buf *scratch,
                     struct bytes *ret_text, struct cloud_json_fault *fault) MUST_USE;
/* A labels object into pairs; the documented rules of keys and values. */
bool cloud_json_labels(const struct json_value *value, struct buf *pairs, uint32_t *ret_count,
                       struct cloud_json_fault *fault) MUST_USE;
bool cloud_json_bad(struct cloud_json_fault *fault, const char *field, const char *why); /* returns false */

#endif
