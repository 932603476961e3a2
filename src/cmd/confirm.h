/*
 * Asking before what cannot be undone, or shows patient data: --yes answers beforehand; without a terminal nobody can
 * be asked, and it is refused with the sentence that names --yes.
 */
#ifndef CMD_CONFIRM_H
#define CMD_CONFIRM_H

#include "cmd/command.h"

/* question: one line without its "[y/N]". False: err, class USAGE. */
bool confirm(const struct invocation *in, const char *question, struct err *err) MUST_USE;

#endif
