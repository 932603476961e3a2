/*
 * The header segment: separators and fields as slices.
 *
 *   MSH|^~\&|APP|FACILITY|...        MSH-1 is the separator itself, so MSH-3 is the third piece after "MSH"
 *   ^  ^^    ^
 *   |  |MSH-2 MSH-3
 *   |  MSH-1
 */
#ifndef HL7_MSH_H
#define HL7_MSH_H

#include "hl7/parse.h"

enum hl7_msh_field {
    HL7_MSH_SENDING_APP = 3,
    HL7_MSH_SENDING_FACILITY = 4,
    HL7_MSH_RECEIVING_APP = 5,
    HL7_MSH_RECEIVING_FACILITY = 6,
    HL7_MSH_TIME = 7,
    HL7_MSH_TYPE = 9,
    HL7_MSH_CONTROL_ID = 10,
    HL7_MSH_PROCESSING_ID = 11,
    HL7_MSH_VERSION = 12,
    HL7_MSH_CHARSET = 18,
    HL7_MSH_FIELDS = 25 /* MSH-25 is the last that version 2.9 knows */
};

struct hl7_msh {
    struct hl7_seps seps;
    struct bytes segment;                   /* without its terminator */
    struct bytes field[HL7_MSH_FIELDS + 1]; /* field[n] is MSH-n; [0] is "MSH" */
};

/* Reads the separators of a segment that begins with MSH, FHS or BHS. MSH-1 and the 4 or 5 characters of
 * MSH-2 must be different ASCII punctuation; else false. */
bool hl7_msh_separators(struct bytes segment, struct hl7_seps *ret_seps);

/* Reads the header of a message that begins with MSH, or of the first message in a batch that begins with
 * FHS or BHS. False: there is no such header, or its separators cannot be used. */
bool hl7_msh_read(struct bytes message, struct bytes terminator, struct hl7_msh *ret_msh);

/* A component of a header field; place 0 is the first. */
struct bytes hl7_msh_component(const struct hl7_msh *msh, enum hl7_msh_field field, size_t place);

#endif
