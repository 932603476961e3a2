/*
 * What the bodies of a REST API are made of and which methods it has: tables that discovery documents are
 * written from, and that `fields` masks are checked against.
 */
#ifndef CLOUD_REST_SCHEMA_H
#define CLOUD_REST_SCHEMA_H

#include "base/bytes.h"

enum cloud_rest_type {
    CLOUD_REST_STRING,
    CLOUD_REST_BYTES,
    CLOUD_REST_BOOL,
    CLOUD_REST_INT32,
    CLOUD_REST_INT64, /* a string of digits */
    CLOUD_REST_TIME,
    CLOUD_REST_DURATION,
    CLOUD_REST_OBJECT, /* of `of` */
    CLOUD_REST_MAP,    /* names to strings, or to `of` */
    CLOUD_REST_ANY     /* an object that says its own type */
};

struct cloud_rest_schema;

struct cloud_rest_property {
    const char *name; /* camelCase */
    enum cloud_rest_type type;
    bool repeated;
    const struct cloud_rest_schema *of;
};

struct cloud_rest_schema {
    const char *name, *about;
    const struct cloud_rest_property *at;
    size_t count;
};

struct cloud_rest_method {
    const char *version; /* "v1" */
    const char *place;   /* "projects.locations.datasets": where clients find it */
    const char *name;    /* "create" */
    const char *verb;    /* "POST" */
    const char *param;   /* "parent": what the first part of the path is called */
    const char *resource; /* "projects/{p}/locations/{l}": that first part */
    const char *rest;     /* "/datasets": what follows it */
    const char *query;    /* "datasetId pageSize:integer": its own query parameters */
    const struct cloud_rest_schema *request, *response; /* NULL: no body */
    const char *about;
};

/* NULL: there is no such property. The name may be in snake_case. */
const struct cloud_rest_property *cloud_rest_find(const struct cloud_rest_schema *schema, struct bytes name);

#endif
