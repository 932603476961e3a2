/*
 * One REST request to the stores, apart from the connection it came by: what is asked, what will be answered,
 * which fault strikes it. A handler fills the answer and ends the call, at once or from a then-callback of
 * the database; nothing of the request is used after a commit, so that the peer may go away in between.
 */
#ifndef CLOUD_CALL_H
#define CLOUD_CALL_H

#include "cloud/fault.h"
#include "cloud/http_format.h"
#include "json/write.h"
#include "net/route.h"

/* Borrowed until the function it is given to returns. */
struct cloud_ask {
    struct bytes method, path, query, body;
    struct bytes override; /* X-HTTP-Method-Override; empty: none */
};

struct cloud_call;

/* The answer is there: status, json, plan. Called once; may come before the call that asked returns. */
typedef void cloud_call_done_fn(void *ctx, struct cloud_call *call);

struct cloud_call {
    struct cloud *c;
    const struct cloud_ask *ask; /* NULL once the handler has returned */
    struct route_hit hit;
    struct query query;
    struct cloud_http_format format; /* what the transport makes of the answer */
    struct cloud_fault_plan plan;
    uint16_t status;
    struct buf json;
    cloud_call_done_fn *done;
    void *ctx;
    /* for a handler that goes on after a barrier */
    struct buf key, name;
    int tag;
};

struct cloud_call *cloud_call_make(struct cloud *c, const struct cloud_ask *ask, cloud_call_done_fn *done,
                                   void *ctx);

/* Answers with call->status (0: 200) and call->json. The call is gone after each of these. */
void cloud_call_end(struct cloud_call *call);
/* An error as Google's APIs give it. details: JSON array elements, or empty. */
void cloud_call_fail(struct cloud_call *call, enum grpc_code code, struct bytes details, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void cloud_call_fail_disk(struct cloud_call *call);
/* Commits; then ends the call, with UNAVAILABLE if the disk failed. */
void cloud_call_commit(struct cloud_call *call, struct cloud_db_write *w);
/* Once all that was committed before is durable, calls again(call); else answers UNAVAILABLE. */
void cloud_call_after_barrier(struct cloud_call *call, void (*again)(struct cloud_call *call));

/* Writes the error object alone: also for a status that is not the code's own. */
void cloud_call_write_error(struct buf *out, uint16_t status, enum grpc_code code, struct bytes message,
                            struct bytes details);

#endif
