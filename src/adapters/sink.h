/*
 * Where dead letters and skip records go. A record is durable when it outlives
 * the machine that wrote it: only then is `done` called with class OK, and only
 * then may the message be acknowledged. A sink does not retry: what it cannot
 * write it answers with class DISK, and the engine holds, probes and puts it
 * again; records are idempotent by name and reason.
 */
#ifndef ADAPTERS_SINK_H
#define ADAPTERS_SINK_H

#include "relay/ports.h"

struct sink_record {
    bool skipped;               /* kind: skipped, else dead */
    enum relay_op stage;        /* OP_FETCH: failed_fetch; OP_INGEST: failed_ingest */
    enum relay_reason reason;
    struct relay_answer answer; /* the last one: class, statuses */
    uint32_t attempts;
    us_t first_wall_us, last_wall_us;
    struct bytes name;          /* source name as announced; empty when skipped */
    struct bytes message_id;    /* of the notification */
};

typedef void sink_done_fn(void *ctx, const struct err *err);    /* class OK: durable. From the loop, later. */

struct sink {
    void (*put)(struct sink *s, const struct sink_record *r, sink_done_fn *done, void *ctx);    /* r is copied */
    void (*probe)(struct sink *s, sink_done_fn *done, void *ctx);    /* can it write again? */
    void (*close)(struct sink *s);    /* what was put is still written; its done is not called any more; then frees */
    size_t (*pending)(const struct sink *s);
};

static inline void sink_put(struct sink *s, const struct sink_record *r, sink_done_fn *done, void *ctx)
{
    s->put(s, r, done, ctx);
}

static inline void sink_probe(struct sink *s, sink_done_fn *done, void *ctx)
{
    s->probe(s, done, ctx);
}

static inline size_t sink_pending(const struct sink *s)
{
    return s->pending(s);
}

static inline void sink_close(struct sink *s)
{
    if (s != NULL)
        s->close(s);
}

#endif
