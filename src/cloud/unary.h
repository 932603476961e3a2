/*
 * One unary call of the Pub/Sub API, by gRPC or REST alike. Its method answers
 * now or later, once; requests and responses are protobuf messages.
 *
 * A call whose client has gone is still answered (into nothing): that is what
 * frees it. Who must know earlier sets on_gone.
 */
#ifndef CLOUD_UNARY_H
#define CLOUD_UNARY_H

#include "cloud/parts.h"
#include "grpc/grpc_status.h"

struct cloud_unary {
    struct cloud *cloud;
    us_t deadline_us;                                   /* loop time; US_NEVER: none */
    bool gone;
    void (*on_gone)(struct cloud_unary *u);             /* the method's; NULL: does not care. May answer. */
    void *owner;                                        /* the method's */
    /* The transport's; response is NULL-free bytes, empty unless code is GRPC_OK. */
    void (*answer)(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details,
                   struct bytes response);
};

/* u is gone after either. */
void cloud_unary_ok(struct cloud_unary *u, struct bytes response);
void cloud_unary_fail(struct cloud_unary *u, enum grpc_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * The same, with the details that Google's API design guide recommends for the code
 * (cloud/details.h). about: the field of the request that is wrong (INVALID_ARGUMENT),
 * or the resource's full name.
 */
void cloud_unary_fail_about(struct cloud_unary *u, enum grpc_code code, struct bytes about, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* With google.rpc.Status in details. */
void cloud_unary_fail_with(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details);
/* What a failed transaction is to the caller: UNAVAILABLE, or RESOURCE_EXHAUSTED when too much waits. */
void cloud_unary_disk(struct cloud_unary *u, const struct err *err);

/* Then-callbacks: answers `u` (ctx) with an empty message, or with the disk's failure. */
void cloud_unary_then_empty(void *ctx, const struct err *err);

typedef void cloud_unary_fn(struct cloud_unary *u, struct bytes request);

#endif
