/* Pub/Sub over gRPC: each method of pubsub_methods.def, and StreamingPull. */
#ifndef CLOUD_GRPC_PUBSUB_H
#define CLOUD_GRPC_PUBSUB_H

#include "cloud/parts.h"
#include "grpc/grpc_server.h"

struct grpc_server *cloud_grpc_make(struct cloud *c);    /* c outlives it */

#endif
