#include "grpc/grpc_status.h"

/* Names and HTTP statuses: google/rpc/code.proto. A status that the server gave itself leaves
 * open whether it acted, so CANCELLED, UNKNOWN, INTERNAL and DATA_LOSS are worth another attempt. */
static const struct {
    const char *name;
    enum err_class class;
    uint16_t http;
} codes[GRPC_CODES] = {
    [GRPC_OK] = { "OK", ERR_OK, 200 },
    [GRPC_CANCELLED] = { "CANCELLED", ERR_TRANSIENT, 499 },
    [GRPC_UNKNOWN] = { "UNKNOWN", ERR_TRANSIENT, 500 },
    [GRPC_INVALID_ARGUMENT] = { "INVALID_ARGUMENT", ERR_REFUSED, 400 },
    [GRPC_DEADLINE_EXCEEDED] = { "DEADLINE_EXCEEDED", ERR_TIMEOUT, 504 },
    [GRPC_NOT_FOUND] = { "NOT_FOUND", ERR_NOT_FOUND, 404 },
    [GRPC_ALREADY_EXISTS] = { "ALREADY_EXISTS", ERR_ALREADY_EXISTS, 409 },
    [GRPC_PERMISSION_DENIED] = { "PERMISSION_DENIED", ERR_FORBIDDEN, 403 },
    [GRPC_RESOURCE_EXHAUSTED] = { "RESOURCE_EXHAUSTED", ERR_THROTTLED, 429 },
    [GRPC_FAILED_PRECONDITION] = { "FAILED_PRECONDITION", ERR_PRECONDITION, 400 },
    [GRPC_ABORTED] = { "ABORTED", ERR_TRANSIENT, 409 },
    [GRPC_OUT_OF_RANGE] = { "OUT_OF_RANGE", ERR_REFUSED, 400 },
    [GRPC_UNIMPLEMENTED] = { "UNIMPLEMENTED", ERR_UNIMPLEMENTED, 501 },
    [GRPC_INTERNAL] = { "INTERNAL", ERR_TRANSIENT, 500 },
    [GRPC_UNAVAILABLE] = { "UNAVAILABLE", ERR_TRANSIENT, 503 },
    [GRPC_DATA_LOSS] = { "DATA_LOSS", ERR_TRANSIENT, 500 },
    [GRPC_UNAUTHENTICATED] = { "UNAUTHENTICATED", ERR_UNAUTHENTICATED, 401 },
};

static bool is_code(enum grpc_code code)
{
    return (unsigned) code < GRPC_CODES;
}

const char *grpc_code_name(enum grpc_code code)
{
    return codes[is_code(code) ? code : GRPC_UNKNOWN].name;
}

enum err_class grpc_code_class(enum grpc_code code)
{
    return codes[is_code(code) ? code : GRPC_UNKNOWN].class;
}

uint16_t grpc_code_http(enum grpc_code code)
{
    return codes[is_code(code) ? code : GRPC_UNKNOWN].http;
}

/* gRPC, doc/http-grpc-status-mapping.md: for replies of something that is not a gRPC server. */
enum grpc_code grpc_code_from_http(uint16_t status)
{
    switch (status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}
