/*
 * The services of one runner, reached by their addresses ("host:port", in the
 * clear: runners of today serve their workers on loopback or inside one
 * machine). Every call carries the worker's id as metadata.
 */
#ifndef BEAM_ENDPOINT_H
#define BEAM_ENDPOINT_H

#include "grpc/grpc_client.h"

struct beam_endpoints;

struct beam_endpoints *beam_endpoints_make(struct loop *l, struct resolver *r, const char *worker_id);
/* Open calls end without a callback. */
void beam_endpoints_free(struct beam_endpoints *e);
/* NULL: no address. One pool for each, kept. */
struct h2_pool *beam_endpoint(struct beam_endpoints *e, const char *url, struct err *err);
struct grpc_call_conf beam_endpoint_call(const struct beam_endpoints *e, const char *method, us_t deadline_us);

#endif
