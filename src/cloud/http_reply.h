/*
 * The last step of a REST answer: over the connection if it is still there, and through the fault that was
 * planned for it. Owns itself: made when the request arrives, gone when the answer has been given or the peer
 * has left.
 */
#ifndef CLOUD_HTTP_REPLY_H
#define CLOUD_HTTP_REPLY_H

#include "cloud/fault.h"
#include "net/request.h"

struct cloud_http_reply;

struct cloud_http_reply *cloud_http_reply_make(struct cloud *c, struct net_request *r);
/* fn is called when the peer has gone before the answer was sent; then nothing is left to do but to send it. */
void cloud_http_reply_on_gone(struct cloud_http_reply *reply, void (*fn)(void *ctx), void *ctx);
/* Once. json is taken. */
void cloud_http_reply_send(struct cloud_http_reply *reply, uint16_t status,
                           const struct cloud_fault_plan *plan, struct buf *json);

/* Changes an answer as WRONG_NAME, NO_DATA, BAD_BASE64 and TRUNCATE say; other kinds leave it. */
void cloud_http_reply_spoil(enum cloud_fault_kind kind, struct buf *json);

#endif
