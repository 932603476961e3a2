#include "base/check.h"

#include <stdlib.h>

static check_failure_fn *on_failure;

void check_on_failure(check_failure_fn *fn)
{
    on_failure = fn;
}

void check_failed(const char *file, int line, const char *expr)
{
    if (on_failure != NULL)
        on_failure(file, line, expr);
    abort();
}
