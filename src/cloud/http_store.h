/* REST of the Healthcare half: which paths are its own, and the way from a request to a handler and back. */
#ifndef CLOUD_HTTP_STORE_H
#define CLOUD_HTTP_STORE_H

#include "cloud/call.h"

/* For the listener's route function. False: not a path of this half. */
bool cloud_http_store_route(struct cloud *c, const struct net_request *r, struct net_route *ret_route);

/* The whole way without a connection: routes, asks for faults, handles; done is called once, now or later. */
void cloud_http_store_serve(struct cloud *c, const struct cloud_ask *ask, cloud_call_done_fn *done,
                            void *ctx);

/* True if the path is one of this half: /v1/projects/P/locations/..., or the same of v1beta1 */
bool cloud_http_store_owns(struct bytes path);

#endif
