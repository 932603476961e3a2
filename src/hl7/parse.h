/*
 * HL7v2 taken apart without a copy: everything that comes out is a slice of what went in.
 *
 *   message   = segment CR segment CR ...          (the terminator is the store's: CR unless it says
 * otherwise) segment   = ID | field | field ... field     = repetition ~ repetition ... repetition =
 * component ^ component ... component = subcomponent & subcomponent ...
 *
 * Nothing here judges content: hl7/validate.h does. Escapes stay as they are: hl7/escape.h undoes them.
 */
#ifndef HL7_PARSE_H
#define HL7_PARSE_H

#include "base/bytes.h"

/* What MSH-1 and MSH-2 declare. */
struct hl7_seps {
    char field, component, repetition, escape, subcomponent;
    char truncation; /* 0: MSH-2 has four characters */
};

#define HL7_SEPS_USUAL ((struct hl7_seps) { '|', '^', '~', '\\', '&', 0 })
#define HL7_CR         BYTES_LIT("\r")

/* Cuts the next segment off *rest; false when there is none. The last terminator may be missing, and begins
 * no further segment. The terminator must not be empty: CHECKed. */
bool hl7_parse_segment(struct bytes *rest, struct bytes terminator, struct bytes *ret_segment);

/* What stands before the first field separator. */
struct bytes hl7_parse_id(struct bytes segment, const struct hl7_seps *seps);

/* A walk over the parts between separators. An empty whole has one empty part, as in HL7. */
struct hl7_parse {
    struct bytes rest;
    char sep;
    bool more;
};

struct hl7_parse hl7_parse_of(struct bytes whole, char sep);
bool hl7_parse_next(struct hl7_parse *p, struct bytes *ret_part);

/* The part at `place` (0 is the first); empty if there is none. */
struct bytes hl7_parse_part(struct bytes whole, char sep, size_t place);

#endif
