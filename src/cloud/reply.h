/*
 * Answers of the REST halves: JSON, and errors as Google's APIs give them:
 * {"error":{"code":404,"message":"...","status":"NOT_FOUND"}}.
 * Faults on command act here (fault.h), so every REST answer goes this way.
 */
#ifndef CLOUD_REPLY_H
#define CLOUD_REPLY_H

#include "cloud/parts.h"
#include "grpc/grpc_status.h"

/* The request is gone after either. json is copied. */
void cloud_reply_json(struct cloud *c, struct net_request *r, uint16_t status, struct bytes json);
/* details: JSON array elements that go into "details", or empty. The HTTP status is the code's. */
void cloud_reply_error(struct cloud *c, struct net_request *r, enum grpc_code code, struct bytes message,
                       struct bytes details);
/* What a failed transaction or read is to the caller: UNAVAILABLE, without the disk's words. */
void cloud_reply_disk(struct cloud *c, struct net_request *r);

/* Appends s as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void cloud_reply_quote(struct buf *out, struct bytes s);
/* One query parameter, percent-decoded ('+' is a space); false: not there. */
bool cloud_reply_query(struct bytes query, const char *name, struct buf *out);
/* Percent-decodes a path; false: a broken escape or a NUL. '+' stays. */
bool cloud_reply_path(struct bytes path, struct buf *out);

#endif
