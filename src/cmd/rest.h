/*
 * JSON calls for commands: to the local cloud, or to Google with the configured
 * credentials. Written apart from store/ on purpose: `verify` and `demo` judge
 * the relay, and must not repeat its mistakes.
 *
 * rest_start() is one call, never re-sent. rest_crew() runs many of them, a
 * window at a time, and repeats what is merely late: it blocks, running the
 * loop, until all are answered. All calls made here are safe to repeat
 * (equal bytes meet the same resource; GET; DELETE).
 */
#ifndef CMD_REST_H
#define CMD_REST_H

#include "auth/token.h"
#include "base/buf.h"
#include "net/h2_client.h"

struct rest {
    struct loop *loop;
    struct h2_pool *pool;
    struct auth_source *auth;     /* NULL: no credentials (the local cloud) */
    struct bytes quota_project;   /* x-goog-user-project, or empty */
    uint32_t attempts_max;        /* of rest_ask(); 0: 30, for what may be late for half a minute */
};

struct rest_reply {
    struct err err;        /* class OK: an answer came, whatever its status */
    uint16_t status;
    struct bytes body;     /* until the callback returns */
};

typedef void rest_fn(void *ctx, const struct rest_reply *reply);

/* body: JSON, or empty; borrowed until fn is called. Replies are at most 24 MiB long. */
void rest_start(const struct rest *r, const char *method, struct bytes path, struct bytes body, rest_fn *fn, void *ctx);

/* A call of a crew, made by make(): what it sends is the job's own. */
struct rest_job {
    size_t index;
    const char *method;
    struct buf path, body;
};

struct rest_crew {
    const struct rest *rest;
    size_t count;                                    /* jobs 0 .. count-1 */
    uint32_t window;                                 /* calls at once */
    uint32_t attempts_max;                           /* of a job; 0: 30 */
    bool (*make)(void *ctx, struct rest_job *job);   /* false: nothing to do for this index */
    /* Once for each job that was made. Late answers (408, 425, 429, 5xx, transport) come here
     * only when attempts_max is used up. */
    void (*done)(void *ctx, const struct rest_job *job, const struct rest_reply *reply);
    void (*tick)(void *ctx, size_t jobs_done);       /* ten times a second; may be NULL */
    void *ctx;
};

/* False: stopped by *stop (may be NULL), which a signal handler may set. */
bool rest_crew_run(const struct rest_crew *crew, const volatile int *stop);

/* One call, repeated while it is merely late; *body gets the answer. */
uint16_t rest_ask(const struct rest *r, const char *method, struct bytes path, struct bytes body, struct buf *ret_body,
                  struct err *err);

#endif
