/* Values of options as text: numbers with units, ranges, choices. Both ways. */
#ifndef CONF_OPT_TEXT_H
#define CONF_OPT_TEXT_H

#include "conf/opt.h"

/* Fills b, i and r of *ret_value for every type but LIST and MAP; strings are the caller's. `trusted`: the table's own default. */
enum opt_wrong opt_text_read(const struct opt_info *info, struct bytes text, bool trusted, struct opt_value *ret_value,
                             struct err *err);
void opt_text_show(const struct opt_info *info, const struct opt_value *value, struct buf *out);

/* "250ms", "30s", "1.5h", "7d"; without a unit: seconds. */
bool opt_text_duration(struct bytes text, us_t *ret_us);
/* "64KiB", "256MiB", "10MB"; without a unit: bytes. */
bool opt_text_size(struct bytes text, uint64_t *ret_bytes);
/* A decimal number with an optional fraction and exponent; nothing else. */
bool opt_text_real(struct bytes text, double *ret_real);
/* What people call the type: "a number", "a duration such as 30s". */
const char *opt_text_type(enum opt_type type);

#endif
