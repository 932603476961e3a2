/* The one place that asks the kernel for randomness (getrandom). */
#ifndef LOOP_ENTROPY_H
#define LOOP_ENTROPY_H

#include "base/def.h"

void entropy_fill(void *out, size_t len);
uint64_t entropy_u64(void);
/* "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" and NUL */
void entropy_uuid4(char out[37]);

#endif
