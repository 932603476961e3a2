/*
 * The messages of the Pub/Sub and IAM APIs and of google.rpc's error details, as
 * tables of their fields: what transcode.c needs to turn JSON into protobuf and back.
 */
#ifndef CLOUD_API_FIELDS_H
#define CLOUD_API_FIELDS_H

#include "cloud/transcode.h"

enum cloud_field_kind {
    CLOUD_FIELD_TEXT, CLOUD_FIELD_OCTETS, CLOUD_FIELD_INT32, CLOUD_FIELD_INT64, CLOUD_FIELD_BOOL,
    CLOUD_FIELD_DURATION, CLOUD_FIELD_TIMESTAMP, CLOUD_FIELD_MESSAGE, CLOUD_FIELD_PAIRS /* map<string, string> */,
    CLOUD_FIELD_ENUM, CLOUD_FIELD_MASK
};

struct cloud_field {
    const char *name;                     /* camelCase; snake_case is made from it */
    uint32_t number;
    enum cloud_field_kind kind;
    bool repeated;
    const struct cloud_fields *message;   /* of a MESSAGE */
    const char *const *words;             /* of an ENUM, by value, then NULL */
};

/* count 0: refused whole by its method, so nothing of it is looked into. */
struct cloud_fields {
    const struct cloud_field *fields;
    size_t count;
};

const struct cloud_fields *cloud_api_fields(enum cloud_message m);

#endif
