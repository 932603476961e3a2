/* The bodies of google.iam.v1, which every API has. */
#ifndef CLOUD_IAM_SCHEMA_H
#define CLOUD_IAM_SCHEMA_H

#include "cloud/rest_schema.h"

extern const struct cloud_rest_schema cloud_rest_policy, cloud_rest_set_policy, cloud_rest_test_request,
    cloud_rest_test_response;

#endif
