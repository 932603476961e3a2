/* The nearest of a set of names, for "did you mean". */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include "base/bytes.h"

/* Edits (insert, delete, replace, swap of neighbours) between a and b; '-' equals '_', case is ignored. Above max: max + 1. */
unsigned suggest_distance(struct bytes a, struct bytes b, unsigned max);
/* Near enough to be offered: at most a third of the longer name, at least 1; or a cuts b short. */
bool suggest_is_near(struct bytes a, struct bytes b, unsigned *ret_distance);

#endif
