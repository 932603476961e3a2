/* The methods of Pub/Sub and the bodies that they take and give, as REST has them. */
#ifndef CLOUD_PUBSUB_SCHEMA_H
#define CLOUD_PUBSUB_SCHEMA_H

#include "cloud/discovery.h"

/* What the method of a row of pubsub_methods.def ("GET", "/v1/projects/{p}/topics/{t}") answers with; NULL: nothing
 * is known of it. */
const struct cloud_rest_schema *cloud_pubsub_answers(struct bytes verb, struct bytes path);

#endif
