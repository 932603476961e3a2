/*
 * Calls to one HL7v2 store. Messages are bytes here: the base64 that a fetch
 * brings goes into an ingest as the same slice of the same buffer.
 *
 * Each call is sent once, with the token handed in, and ends in exactly one
 * on_done, later, never inside the call that began it. The result says what
 * the far side showed (base/err.def) and whether it may have acted; what to do
 * about it is relay/verdict.def's. Nothing of a reply but names, codes and
 * sizes is in an error's text.
 *
 * Bodies are pooled, and owned by the caller from store_body_take() to
 * store_body_give(); a call borrows its body until on_done or store_cancel().
 */
#ifndef STORE_STORE_CLIENT_H
#define STORE_STORE_CLIENT_H

#include "base/sha256.h"
#include "base/slots.h"
#include "net/h2_client.h"
#include "store/store_path.h"

/* ---- bodies ---- */

struct store_bodies;

/*
 *   reply:  {"name":"...","data":"TVNIfF5+...","labels":{...}}
 *                                 ^ data            ^ labels
 */
struct store_body {
    struct slot_id id;
    struct buf reply;             /* what the source answered; steady state: no allocation */
    struct bytes data, labels;    /* slices of reply: base64 as it came; a JSON object or empty */
    size_t message_bytes;         /* length of data when decoded */
};

struct store_bodies *store_bodies_make(uint32_t max);
void store_bodies_free(struct store_bodies *b);
struct store_body *store_body_take(struct store_bodies *b);                          /* NULL: all are taken */
struct store_body *store_body_find(const struct store_bodies *b, struct slot_id id); /* NULL: gone */
/* buffers over 64 KiB are freed */
void store_body_give(struct store_bodies *b, struct store_body *body);
/* What a message's id would be by its content: base64url(SHA-256 of the decoded bytes), padded. */
void store_body_content_id(const struct store_body *body, struct buf *out);

/* ---- the client ---- */

struct store_client;

struct store_client_conf {
    struct h2_pool *pool;           /* borrowed; source and destination on one host share it */
    const struct store_names *names;    /* copied */
    struct bytes quota_project;     /* x-goog-user-project, or empty; copied */
    size_t reply_max;               /* a longer reply of a fetch: TOO_LARGE. LIMIT_REPLY_BODY */
    us_t slow_us;                   /* no byte of a reply for this long: TIMEOUT; 0: no bound */
};

struct store_client *store_client_make(struct loop *l, const struct store_client_conf *conf);
void store_client_free(struct store_client *c);    /* open calls are cancelled */

/* What each call is sent with. */
struct store_attempt {
    struct bytes token;        /* bearer, copied; empty: none */
    uint32_t token_gen;
    us_t deadline_us;          /* loop time */
};

struct store_result {
    uint16_t class;              /* enum err_class */
    uint8_t reach;               /* enum reach */
    uint16_t http;
    uint32_t token_gen;
    us_t wait_us;                /* Retry-After, RetryInfo, capped; 0: none */
    us_t sent_us, first_byte_us; /* loop time; 0: not reached */
    size_t reply_bytes;
    char ack[3];                 /* MSA-1 of the ACK or NACK: "AA", "AE", "AR"; "": none */
    char nack_where[24];         /* ERR-2 of a NACK if it is a place ("PID^1^5"), never a value; else "" */
    bool labels_differ;          /* compare, OK: the copy has other labels */
    /* ingest, OK: the resource's name, which is in this store; until on_done returns */
    struct bytes name;
    struct bytes id;             /* its last part */
    const struct err *err;       /* for people; never NULL, until on_done returns */
};

struct store_call;

struct store_events {
    /* Fetch: the reply will take `total` bytes in all at least; nothing more is read until
     * store_grant(). May be NULL for calls other than fetch. */
    void (*on_want)(void *ctx, uint64_t total);
    void (*on_done)(void *ctx, const struct store_result *r);
};

/*
 * GET message id, RAW_ONLY. into->reply is filled; OK: into->data is non-empty
 * base64 and into->labels is set. Classes of its own: BAD_PAYLOAD (data missing,
 * empty, no base64), WRONG_NAME, BAD_REPLY, TOO_LARGE.
 */
struct store_call *store_fetch(struct store_client *c, const struct store_attempt *a, struct bytes id,
                               struct store_body *into, const struct store_events *ev, void *ctx);
void store_grant(struct store_call *call, uint64_t bytes_more);

/*
 * POST messages:ingest. data: base64, labels: JSON object or empty; both
 * borrowed until the end, sent where they lie. OK: the HL7 ACK says AA and
 * the name is of this store. NOT_ACCEPTED: 200 without an AA. NACKED: an
 * hl7Nack came (whatever the status, but an explicit ALREADY_EXISTS stays
 * that). TOO_LARGE, NOT_SENT: beyond LIMIT_REQUEST_BODY.
 */
struct store_call *store_ingest(struct store_client *c, const struct store_attempt *a, struct bytes data,
                                struct bytes labels, const struct store_events *ev, void *ctx);

/* GET messages?pageSize=1: OK when the store itself answers. Also the probe. */
struct store_call *store_prove_alive(struct store_client *c, const struct store_attempt *a,
                                     const struct store_events *ev, void *ctx);

/*
 * GET message id, RAW_ONLY, and compare its bytes (not its base64) with those
 * of `want` (base64, borrowed until the end). OK: the same, and then its labels
 * are compared with `labels` (an object, or empty for none; NULL: not looked at;
 * borrowed, too) for labels_differ. DIFFERENT: other bytes;
 * NOT_FOUND and the rest as fetch. Not there under id: looked for once more
 * under the id that its content gives it, if that is another. Reads at most what `want` can need; a longer copy is DIFFERENT.
 */
struct store_call *store_compare(struct store_client *c, const struct store_attempt *a, struct bytes id,
                                 struct bytes want, const struct bytes *labels, const struct store_events *ev, void *ctx);
/* Two objects of strings, as JSON, or empty: the same keys with the same values, in any order. */
bool store_labels_same(struct bytes a, struct bytes b);

/*
 * The cheapest calls that show that a target is back and lets us in.
 * Source: list of one message; where that is FORBIDDEN (a role with .get
 * alone), one GET of an id that no message has: the API's 404 is OK.
 * Destination: an ingest of no message, which permission and store are looked
 * at before it is refused: that refusal (400) is OK. Nothing can be created.
 */
struct store_call *store_probe_source(struct store_client *c, const struct store_attempt *a,
                                      const struct store_events *ev, void *ctx);
struct store_call *store_probe_dest(struct store_client *c, const struct store_attempt *a,
                                    const struct store_events *ev, void *ctx);

void store_cancel(struct store_call *call);    /* no callback any more */

#endif
