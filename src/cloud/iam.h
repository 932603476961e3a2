/*
 * IAM policies by resource name, for Pub/Sub and Healthcare alike: kept and answered
 * as google/iam/v1 says, with etags, conditions and policy versions; nobody is ever
 * refused by them, since the local cloud knows no callers.
 *
 * A policy is stored as google.iam.v1.Policy under the resource's full name
 * ("projects/p/topics/t"). Whether the resource exists is for the caller to know.
 */
#ifndef CLOUD_IAM_H
#define CLOUD_IAM_H

#include "cloud/call.h"
#include "cloud/db.h"

struct cloud;

/* request: google.iam.v1.GetIamPolicyRequest. A resource without a policy has an empty one.
 * False: err->grpc says the code. The same of the next two. */
bool cloud_iam_get(struct cloud *c, struct bytes request, struct buf *policy, struct err *err);
/* request: SetIamPolicyRequest. Writes within w; `policy` is the answer once w is durable. */
bool cloud_iam_set(struct cloud *c, struct cloud_db_write *w, struct bytes request, struct buf *policy,
                   struct err *err);
/* request: TestIamPermissionsRequest; response: TestIamPermissionsResponse, with everything that was asked for. */
bool cloud_iam_test(struct bytes request, struct buf *response, struct err *err);
/* The policies of the resource and of all beneath it go with it. */
void cloud_iam_erase(struct cloud_db_write *w, struct bytes resource);

/* --- over REST, for a resource of the stores that exists: the call is gone --- */

enum cloud_iam_method { CLOUD_IAM_GET, CLOUD_IAM_SET, CLOUD_IAM_TEST };

void cloud_iam_serve(struct cloud_call *call, struct bytes resource, enum cloud_iam_method method);

#endif
