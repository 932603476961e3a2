/*
 * google.rpc.RetryInfo inside a google.rpc.Status (google/rpc/error_details.proto):
 * how long a server wants to be left alone.
 */
#ifndef GRPC_RETRY_INFO_H
#define GRPC_RETRY_INFO_H

#include "base/bytes.h"

/* From grpc-status-details-bin, decoded. 0: none, or not readable. At most LIMIT_RETRY_AFTER_S. */
us_t grpc_retry_delay(struct bytes status);

#endif
