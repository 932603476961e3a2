/* gRPC status codes (grpc.io, "Status codes"), and what they mean to us. */
#ifndef GRPC_GRPC_STATUS_H
#define GRPC_GRPC_STATUS_H

#include "base/err.h"

enum grpc_code {
    GRPC_OK, GRPC_CANCELLED, GRPC_UNKNOWN, GRPC_INVALID_ARGUMENT, GRPC_DEADLINE_EXCEEDED, GRPC_NOT_FOUND,
    GRPC_ALREADY_EXISTS, GRPC_PERMISSION_DENIED, GRPC_RESOURCE_EXHAUSTED, GRPC_FAILED_PRECONDITION,
    GRPC_ABORTED, GRPC_OUT_OF_RANGE, GRPC_UNIMPLEMENTED, GRPC_INTERNAL, GRPC_UNAVAILABLE, GRPC_DATA_LOSS,
    GRPC_UNAUTHENTICATED, GRPC_CODES
};

const char *grpc_code_name(enum grpc_code code);          /* "NOT_FOUND" */
enum err_class grpc_code_class(enum grpc_code code);      /* our classification */
uint16_t grpc_code_http(enum grpc_code code);             /* google/rpc/code.proto's mapping */
enum grpc_code grpc_code_from_http(uint16_t status);      /* when a reply has no grpc-status */

#endif
