/*
 * CHECK: what cannot happen. It stays on in release builds: a wrong state must
 * end the process before it acknowledges anything.
 *
 * The report names the module, the line and the expression, never data. What is
 * done with it (one line on stderr, exit 70) is the program's affair and is set
 * with check_on_failure(); without that the process aborts.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "base/def.h"

typedef void check_failure_fn(const char *file, int line, const char *expr);

void check_on_failure(check_failure_fn *fn);
NO_RETURN void check_failed(const char *file, int line, const char *expr);

#define CHECK(expr) \
    ((expr) ? (void) 0 : check_failed(__FILE__, __LINE__, #expr))

/* The tag of a long-lived object, looked at on entry. */
#define CHECK_MAGIC(obj, tag) CHECK((obj) != NULL && (obj)->magic == (tag))

#endif
