/* The local cloud that a command is to talk to: --endpoint, or HEALTHCARE_EMULATOR_HOST. Loopback only. */
#ifndef CMD_LOCAL_ENDPOINT_H
#define CMD_LOCAL_ENDPOINT_H

#include "cmd/command.h"

enum { LOCAL_ENDPOINT_HOST = 64 };

bool local_endpoint_is_given(const struct invocation *in);    /* by either */
/* command: for the sentence. Class USAGE. */
bool local_endpoint(const struct invocation *in, const char *command, char ret_host[LOCAL_ENDPOINT_HOST], uint16_t *ret_port,
                    struct err *err) MUST_USE;

#endif
