/*
 * struct err: what happened, for the code that decides and for the person who reads.
 *
 * A function that can fail returns bool and fills a struct err; its ret_
 * arguments stay as they were when it fails. The text is one sentence for
 * people: what, where, why, what to do. It never holds message content, header
 * values, tokens or text from a far side that may quote a message.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/bytes.h"

enum err_class {
#define ERR(name, text) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_CLASSES
};

/* May the far side have acted on what we sent? */
enum reach {
    NOT_SENT,         /* it cannot have: nothing of the request left, or it said so (REFUSED_STREAM) */
    MAYBE_APPLIED,    /* sent, no (complete) answer */
    ANSWERED          /* it answered */
};

struct err {
    uint16_t class;    /* enum err_class */
    uint8_t reach;     /* enum reach */
    uint16_t http;     /* status, 0: none */
    uint16_t grpc;     /* status, 0: none or OK */
    us_t wait_us;      /* Retry-After or RetryInfo, capped; 0: none */
    char text[320];
};

const char *err_name(uint16_t class);    /* "TRANSIENT" */
const char *err_text(uint16_t class);    /* for people */

/* Fills err (may be NULL) and returns false, so that `return FAIL(...)` ends a function. */
bool err_set(struct err *err, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "what: " before the text; returns false. */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define FAIL(err, class, ...) err_set((err), ERR_##class, __VA_ARGS__)
#define TRY(call)             \
    do {                      \
        if (!(call))          \
            return false;     \
    } while (0)

#endif
