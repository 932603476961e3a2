/* The local cloud that a command is to talk to: --endpoint, or HEALTHCARE_EMULATOR_HOST. Loopback only. */
#ifndef CMD_ENDPOINT_H
#define CMD_ENDPOINT_H

#include "cmd/command.h"

enum { ENDPOINT_HOST = 64 };

bool endpoint_is_given(const struct invocation *in);    /* by either */
/* command: for the sentence. Class USAGE. */
bool endpoint_local(const struct invocation *in, const char *command, char ret_host[ENDPOINT_HOST], uint16_t *ret_port,
                    struct err *err) MUST_USE;

#endif
