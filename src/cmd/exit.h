/* Exit codes: stable, documented (`hl7relay help exit-codes`), tested. Others mean failure too. */
#ifndef CMD_EXIT_H
#define CMD_EXIT_H

#include "base/err.h"

#define EXITS(EXIT)                                                                              \
    EXIT(OK, 0, "success, a clean stop included")                                                \
    EXIT(FAILURE, 1, "a failure of no other kind")                                               \
    EXIT(DEAD_LETTERS, 3, "finished, but dead letters were written")                             \
    EXIT(DIFFERENT, 4, "verify found differences; demo found something lost, altered or leaked") \
    EXIT(EMPTY, 5, "nothing to do (--error-on-empty)")                                           \
    EXIT(USAGE, 64, "the command was called wrongly")                                            \
    EXIT(DATA, 65, "input data is wrong")                                                        \
    EXIT(UNAVAILABLE, 69, "a service stayed unavailable")                                        \
    EXIT(SOFTWARE, 70, "a fault of the program itself (an assertion)")                           \
    EXIT(CANT_CREATE, 73, "state or the dead-letter sink cannot be created or locked")           \
    EXIT(TEMPORARY, 75, "temporary: try again")                                                  \
    EXIT(PERMISSION, 77, "permission or credentials")                                            \
    EXIT(CONFIG, 78, "the configuration is invalid")                                             \
    EXIT(INTERRUPTED, 130, "interrupted twice")

enum exit_code {
#define EXIT(name, code, text) CMD_EXIT_##name = (code),
    EXITS(EXIT)
#undef EXIT
};

/* The code that fits an error's class. */
int exit_for(const struct err *err);

#endif
