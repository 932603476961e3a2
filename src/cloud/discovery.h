/*
 * Discovery documents (developers.google.com/discovery/v1/reference) of what is here of Healthcare and Pub/Sub,
 * written from the tables of methods and schemas:
 *
 *   /$discovery/rest?version=v1             as each API's own host has it; healthcare's, or pubsub's if the host
 *                                           begins with "pubsub"; &api=NAME says which
 *   /discovery/v1/apis/NAME/VERSION/rest    as www.googleapis.com has it
 *
 * Their rootUrl is the address that the client asked at.
 */
#ifndef CLOUD_DISCOVERY_H
#define CLOUD_DISCOVERY_H

#include "base/buf.h"
#include "cloud/rest_schema.h"
#include "net/listen.h"

/* For the listener's route function. False: not a path of this half. */
bool cloud_discovery_route(const struct net_request *r, struct net_route *ret_route);

/* The document, compact. False: no such API or version. root: "http://127.0.0.1:8085/". */
bool cloud_discovery_write(struct bytes api, struct bytes version, struct bytes root, struct buf *out);

struct cloud_discovery_api {
    const char *name, *title;
    const struct cloud_rest_method *methods;
    size_t count;
    const char *const *scopes; /* ends with NULL */
};

/* In pubsub_schema.c. */
extern const struct cloud_discovery_api cloud_pubsub_api;

#endif
