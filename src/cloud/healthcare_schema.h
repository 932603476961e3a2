/* The methods of Healthcare and the bodies that they take and give. */
#ifndef CLOUD_HEALTHCARE_SCHEMA_H
#define CLOUD_HEALTHCARE_SCHEMA_H

#include "cloud/rest_schema.h"

/* By the ids of healthcare_methods.def; those that are absent are left out at the end. */
enum cloud_healthcare_method {
#define HC(id, op, fn, version, place, name, verb, param, resource, rest, query, request, response, words) CLOUD_HC_##id,
#define HC_ABSENT(id, verb, resource, rest, words)
#include "cloud/healthcare_methods.def"
#undef HC
#undef HC_ABSENT
    CLOUD_HC_METHODS
};

extern const struct cloud_rest_schema cloud_rest_schema_package; /* of parserConfig.schema */

extern const struct cloud_rest_method cloud_healthcare_methods[CLOUD_HC_METHODS];

#endif
