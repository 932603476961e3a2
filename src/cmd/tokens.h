/* The first access token of an assembly, for commands that ask the same services as the relay. */
#ifndef CMD_TOKENS_H
#define CMD_TOKENS_H

#include "run/assemble.h"

/* Runs passes of the loop until it is there; without credentials at once. stop (may be NULL): set by a signal handler.
 * command: for the sentence. */
bool tokens_wait(struct assembly *a, const char *command, const volatile int *stop, struct err *err) MUST_USE;

#endif
