/* The parts of `hl7relay get`: fetching (get.c), showing (get_show.c). */
#ifndef CMD_GET_H
#define CMD_GET_H

#include "base/buf.h"
#include "base/err.h"

/* One message as its store gave it. */
struct get_message {
    struct buf bytes;
    struct buf name, create_time;    /* as the store says; empty: it does not */
};

struct get_show {
    bool unmask, colour;
};

/* Appends. Class BAD_INPUT: it is no HL7v2 message. */
bool get_show_text(const struct get_message *m, const struct get_show *how, struct buf *out, struct err *err) MUST_USE;
bool get_show_json(const struct get_message *m, const struct get_show *how, struct buf *out, struct err *err) MUST_USE;

#endif
