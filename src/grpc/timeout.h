/* The grpc-timeout header (PROTOCOL-HTTP2.md): at most eight digits and a unit, "100m". */
#ifndef GRPC_TIMEOUT_H
#define GRPC_TIMEOUT_H

#include "base/bytes.h"

/* Nanoseconds count as the microsecond they begin. False: malformed. */
bool grpc_timeout_parse(struct bytes text, us_t *ret_us);

#endif
