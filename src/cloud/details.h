/*
 * google.rpc error details: which ones go with a code is the table of Google's API
 * design guide ("Error payloads"); over gRPC they are google.rpc.Status in the
 * trailers, over REST error.details.
 */
#ifndef CLOUD_DETAILS_H
#define CLOUD_DETAILS_H

#include "base/buf.h"
#include "grpc/grpc_status.h"
#include "json/write.h"

/* about: a field of the request (INVALID_ARGUMENT) or a resource's name; empty: unknown. Nothing is written where
 * there is nothing to say beyond the message. */
void cloud_details_write(enum grpc_code code, struct bytes message, struct bytes about, struct buf *status);
/* google.rpc.Status with one detail of that type ("google.rpc.ErrorInfo"). */
void cloud_details_write_one(enum grpc_code code, struct bytes message, const char *type, struct bytes detail,
                             struct buf *status);
/* The member "details" of the error object that is open. */
void cloud_details_json(struct json_writer *w, struct bytes status);

#endif
