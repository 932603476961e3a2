/*
 * Acknowledgements, extensions and releases of leases, gathered and sent by
 * unary calls: a batch leaves after 10 ms, or with LIMIT_ACK_BATCH ids, or
 * before it would pass LIMIT_ACK_REQUEST_BYTES. Extensions of one length go
 * together. Never re-sends: each id gets exactly one result, later.
 *
 *     class OK           done (with exactly-once: confirmed)
 *     class LOST_LEASE   the id is not valid any more: expect a redelivery
 *     anything else      not known to be done (reach tells); ask again or let go
 *
 * Without exactly-once the service says OK to ids that are past their time too.
 */
#ifndef PUBSUB_ACK_BATCH_H
#define PUBSUB_ACK_BATCH_H

#include "base/slots.h"
#include "pubsub/pubsub_call.h"

struct ack_batch;

enum ack_op { ACK_DONE, ACK_EXTEND, ACK_RELEASE, ACK_OPS };

struct ack_result {
    struct slot_id lease;
    enum ack_op op;
    struct pubsub_answer answer;
    us_t until_us;    /* ACK_EXTEND and OK: loop time before which the lease cannot end */
};

/* The results of one call, together. */
typedef void ack_batch_fn(void *ctx, const struct ack_result *results, size_t count);

struct ack_batch_conf {
    struct pubsub_endpoint endpoint;
    struct bytes subscription;    /* copied */
    us_t gather_us;               /* 10 ms */
    us_t timeout_us;              /* of one call: 10 s */
};

struct ack_batch *ack_batch_make(const struct ack_batch_conf *conf, ack_batch_fn *fn, void *ctx);
void ack_batch_free(struct ack_batch *a);    /* open calls are cancelled, no results any more */

/* The ack id is copied. Ids longer than LIMIT_ACK_ID_LEN: answered LOST_LEASE. */
void ack_batch_ack(struct ack_batch *a, struct slot_id lease, struct bytes ack_id);
/* seconds: 1..600. */
void ack_batch_extend(struct ack_batch *a, struct slot_id lease, struct bytes ack_id, uint32_t seconds);
void ack_batch_release(struct ack_batch *a, struct slot_id lease, struct bytes ack_id);
/* Sends what is gathered at the end of this pass (drain). */
void ack_batch_flush(struct ack_batch *a);
size_t ack_batch_open(const struct ack_batch *a);    /* ids gathered or under way */

#endif
