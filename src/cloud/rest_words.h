/* Short words for the rows of schema tables. */
#ifndef CLOUD_REST_WORDS_H
#define CLOUD_REST_WORDS_H

#include "cloud/rest_schema.h"

#define REST_TEXT(name)            { name, CLOUD_REST_STRING, false, NULL }
#define REST_TEXTS(name)           { name, CLOUD_REST_STRING, true, NULL }
#define REST_OCTETS(name)          { name, CLOUD_REST_BYTES, false, NULL }
#define REST_FLAG(name)            { name, CLOUD_REST_BOOL, false, NULL }
#define REST_SMALL(name)           { name, CLOUD_REST_INT32, false, NULL }
#define REST_LONG(name)            { name, CLOUD_REST_INT64, false, NULL }
#define REST_TIME(name)            { name, CLOUD_REST_TIME, false, NULL }
#define REST_SPAN(name)            { name, CLOUD_REST_DURATION, false, NULL }
#define REST_OBJECT(name, schema)  { name, CLOUD_REST_OBJECT, false, &(schema) }
#define REST_OBJECTS(name, schema) { name, CLOUD_REST_OBJECT, true, &(schema) }
#define REST_PAIRS(name)           { name, CLOUD_REST_MAP, false, NULL }
#define REST_MAP(name, schema)     { name, CLOUD_REST_MAP, false, &(schema) }
#define REST_ANY(name)             { name, CLOUD_REST_ANY, false, NULL }
#define REST_ANYS(name)            { name, CLOUD_REST_ANY, true, NULL }
#define REST_NEXT                  REST_TEXT("nextPageToken")

#define REST_SCHEMA(id, title, words, ...)                                                                   \
    static const struct cloud_rest_property id##_properties[] = { __VA_ARGS__ };                             \
    static const struct cloud_rest_schema id = { title, words, id##_properties, ARRAY_LEN(id##_properties) }

/* One that other files name, too. */
#define REST_SHARED_SCHEMA(id, title, words, ...)                                                            \
    static const struct cloud_rest_property id##_properties[] = { __VA_ARGS__ };                             \
    const struct cloud_rest_schema id = { title, words, id##_properties, ARRAY_LEN(id##_properties) }

#endif
