/*
 * What a strict HL7v2 store refuses. Form alone is judged: header, separators, encoding, line ends, segment
 * ids, batch frame. Required segments, tables and data types are not: stores without a schema take any
 * content.
 */
#ifndef HL7_VALIDATE_H
#define HL7_VALIDATE_H

#include "hl7/msh.h"

enum hl7_defect {
    HL7_SOUND,
#define HL7_DEFECT(name, text) HL7_DEFECT_##name,
#include "hl7/defect.def"
#undef HL7_DEFECT
    HL7_DEFECTS
};

struct hl7_rules {
    struct bytes terminator; /* parserConfig.segmentTerminator; empty: CR */
    bool null_header;        /* parserConfig.allowNullHeader: a message without MSH is taken */
    bool any_charset;        /* take what MSH-18 names; else ASCII and UTF-8 alone, as documented */
};

enum hl7_defect hl7_validate(struct bytes message, const struct hl7_rules *rules);
const char *hl7_defect_name(enum hl7_defect defect); /* "NO_HEADER" */
const char *hl7_defect_text(enum hl7_defect defect); /* one sentence without message content */

/* True if b is UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool hl7_validate_utf8(struct bytes b);

#endif
