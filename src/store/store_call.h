/*
 * How the calls of store/ are made: one HTTP exchange over net/h2_client.h,
 * with a reader of its good reply. For the files of this folder alone.
 *
 * Calls are pooled with their buffers; in steady state nothing is allocated.
 */
#ifndef STORE_STORE_CALL_H
#define STORE_STORE_CALL_H

#include "store/answer.h"
#include "store/store_client.h"

struct store_call;

/* Reads a complete reply with status 200 into r->class and, when not OK, the error's text. */
typedef void store_read_fn(struct store_call *call, struct store_result *r, struct err *err);
/* Looks at a result before it is told: may change its class, or send another request instead (true). */
typedef bool store_then_fn(struct store_call *call, struct store_result *r);
typedef void store_done_fn(struct store_call *call, struct store_result *r);

/* What every call touches comes first, what failures and rare kinds need last: a thousand of these are cold. */
struct store_call {
    struct store_client *client;
    struct list_link link;        /* of the client's open or spare calls */
    struct h2_call *h2;
    const struct store_events *ev;
    void *ctx;
    store_read_fn *read;
    store_then_fn *then;          /* calls of two steps; reset before it runs */
    store_done_fn *done;          /* instead of ev->on_done: calls with a result of their own */
    const char *what;             /* "fetch": for people */
    struct buf *reply;            /* where a good reply goes: own, or a body's */
    struct store_body *into;      /* fetch */
    size_t reply_max;
    uint64_t granted;
    uint32_t token_gen;
    bool ask_first;               /* longer replies wait for store_grant() */
    bool doomed;                  /* the task ends the call, with doom */
    struct answer_head head;
    struct buf url, own, scratch;
    struct buf request;           /* what is said in a body of our own making */
    struct loop_task task;        /* ends a call that is not to be, or to be no more */
    struct buf retry_after;
    size_t id_len;
    char id[257];                 /* the message asked for */

    struct bytes want;            /* compare: base64 */
    struct bytes labels;          /* compare */
    bool labels_too;              /* compare them */
    void (*fn)(void);             /* the caller's callback of a call with `done`, under a neutral type */
    struct buf token;             /* calls of two steps: their attempt, to be sent with again */
    us_t deadline_us;
    struct err doom;
};

struct store_client {
    struct loop *loop;
    struct h2_pool *pool;
    struct store_names names;
    struct buf names_text;        /* what names are slices of */
    struct buf quota_project;
    struct buf bearer;            /* "Bearer ..." of bearer_gen */
    uint32_t bearer_gen;
    bool bearer_ok, quota_project_ok;    /* fit for a header: looked at once, not with each call */
    size_t reply_max;
    us_t slow_us;
    struct list open, spare;
};

/* A call that is ready to be filled: url empty, own reply, limits of a small reply. */
struct store_call *store_call_new(struct store_client *c, const char *what, store_read_fn *read,
                                  const struct store_events *ev, void *ctx);
/* Sends it; parts: up to H2_BODY_PARTS, borrowed until the end. */
void store_call_go(struct store_call *call, const struct store_attempt *a, const char *method,
                   const struct bytes *parts, size_t parts_count);
/* To be called before store_call_go(): `then` sees the result first. */
void store_call_then(struct store_call *call, const struct store_attempt *a, store_then_fn *then);
/* From `then`: another request of the same call, with the same attempt. */
void store_call_again(struct store_call *call, const char *method, const struct bytes *parts, size_t parts_count);
/* Instead of sending: ends later with this error, NOT_SENT. */
void store_call_refuse(struct store_call *call, const struct store_attempt *a, enum err_class class,
                       const char *text);

/* Of a 200: is it an object of JSON? Fills the fields, or says NOT_API, BAD_REPLY, `twice` (a field stands there twice). */
bool store_read_object(struct bytes body, struct json_field *fields, size_t count, enum err_class twice,
                       struct store_result *r, struct err *err);
/* Sets class and text. */
void store_read_fail(struct store_result *r, struct err *err, enum err_class class, const char *text);
/* A string's bytes, unescaped where it lies, which is in a buffer of ours. False: a lone surrogate. */
bool store_read_string(struct json_value *v);

/* GET of message id; false: refused (ends later). */
bool store_call_message(struct store_call *call, const struct store_attempt *a, struct bytes id);

void store_read_fetch(struct store_call *call, struct store_result *r, struct err *err);
void store_read_compare(struct store_call *call, struct store_result *r, struct err *err);
void store_read_ingest(struct store_call *call, struct store_result *r, struct err *err);

#endif
