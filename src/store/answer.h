/*
 * One HTTP answer of the Healthcare API to a class of base/err.def. Every status
 * and every error body; no deed (relay/verdict.def has those).
 *
 * Retried statuses keep their class whatever the body is. For all others the
 * body must be the API's own error ({"error":{"code":<the status>,"status":
 * "..."}}): else it is the network that answered (NOT_API), never the store.
 */
#ifndef STORE_ANSWER_H
#define STORE_ANSWER_H

#include "base/err.h"
#include "json/scan.h"

struct answer_head {
    uint16_t status;
    bool encoded;               /* content-encoding other than identity */
    struct bytes retry_after;   /* of the header; empty: none */
    us_t date_wall_us;          /* of the Date header; 0: none */
};

struct answer_error {
    uint16_t class;
    us_t wait_us;
    struct json_value nack;     /* hl7Nack, a string of base64, or JSON_NONE */
    const char *status;         /* "INVALID_ARGUMENT" or another name of google.rpc.Code; "": none */
};

/* status is not 2xx. wall_us: our clock, when the server's Date is missing. */
struct answer_error answer_classify(const struct answer_head *head, struct bytes body, us_t wall_us);

/* Retry-After (RFC 9110, 10.2.3): seconds or a date; 0 for garbage, the past, none. Capped. */
us_t answer_retry_after(struct bytes value, us_t date_wall_us, us_t wall_us);
/* An HTTP date in any of the three forms. */
bool answer_http_date(struct bytes value, us_t *ret_wall_us);
/* google.rpc.RetryInfo's retryDelay, "3.5s"; 0 for garbage. Capped. */
us_t answer_retry_delay(struct bytes value);

/*
 * MSA-1 and, if ERR-2 is a place ("PID^1^5"), that place, of an HL7 acknowledgement in base64. Only its
 * first 3 KiB are looked at. False: not one. Both must be zeroed before.
 */
bool answer_hl7_ack(struct bytes b64, struct buf *scratch, char ret_code[3], char ret_where[24]);

#endif
