/* Reads JSON against a schema table and writes what it says in the API's own form: camelCase names, no defaults. */
#ifndef CLOUD_REST_COPY_H
#define CLOUD_REST_COPY_H

#include "cloud/rest_schema.h"
#include "cloud/store_conf.h"

/* value: an object (or null: nothing is written). key: NULL at the top. at: what it is called in errors. False: a field that
 * the schema does not have (unless lenient), or a value of another type; what was written until then is no JSON. */
bool cloud_rest_copy(const struct cloud_rest_schema *schema, const struct json_value *value, bool strict,
                     const char *at, const char *key, struct json_writer *w, struct cloud_json_fault *fault) MUST_USE;

#endif
