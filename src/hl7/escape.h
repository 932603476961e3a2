/* Escape sequences of HL7v2 chapter 2.7: \F\ \S\ \T\ \R\ \E\ and, with a truncation character, \P\. */
#ifndef HL7_ESCAPE_H
#define HL7_ESCAPE_H

#include "base/buf.h"
#include "hl7/parse.h"

/* Appends text so that no separator in it is taken for one. CR, LF and other control characters, which
 * cannot stand in a field, become spaces. */
void hl7_escape_put(const struct hl7_seps *seps, struct bytes text, struct buf *out);

/* Appends text with the sequences for separators undone. Others (\H\, \.br\, \X0D\) stay as they are, as does
 * an escape character that begins no sequence. */
void hl7_escape_undo(const struct hl7_seps *seps, struct bytes text, struct buf *out);

#endif
