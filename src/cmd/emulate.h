/* The parts of `hl7relay emulate`: serving (emulate.c), `env-init`, `reset`. */
#ifndef CMD_EMULATE_H
#define CMD_EMULATE_H

#include "base/buf.h"
#include "cmd/command.h"

/* --host-port: "host:port", "[::1]:port", ":port" or "port". Class USAGE. Appends to host. */
bool emulate_host_port(const struct opt_values *v, struct buf *host, uint16_t *ret_port, struct err *err) MUST_USE;
/* The same as clients on this machine call it: 127.0.0.1 for 0.0.0.0, ::1 for ::. Appends to host. */
bool emulate_near(const struct opt_values *v, struct buf *host, uint16_t *ret_port, struct err *err) MUST_USE;

int emulate_env_init(const struct invocation *in);
int emulate_reset(const struct invocation *in);

#endif
