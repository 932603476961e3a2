/* Pub/Sub over REST: the methods of pubsub_methods.def behind JSON. */
#ifndef CLOUD_HTTP_PUBSUB_H
#define CLOUD_HTTP_PUBSUB_H

#include "cloud/parts.h"

struct cloud_http_pubsub;

struct cloud_http_pubsub *cloud_http_pubsub_make(struct cloud *c);    /* c outlives it */
void cloud_http_pubsub_free(struct cloud_http_pubsub *h);
/* False: not a path of Pub/Sub. */
bool cloud_http_pubsub_route(struct cloud_http_pubsub *h, const struct net_request *r, struct net_route *ret_route);

#endif
