/* /status.json of a relay as text for a terminal: what `status` and `top` print. */
#ifndef CMD_STATUS_SHOW_H
#define CMD_STATUS_SHOW_H

#include "base/buf.h"
#include "base/err.h"

/* At most `width` columns a line. Appends. Class BAD_INPUT: the answer is not a relay's. */
bool status_show(struct bytes json, size_t width, bool colour, struct buf *out, struct err *err) MUST_USE;

#endif
