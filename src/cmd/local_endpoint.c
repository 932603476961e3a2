#include "cmd/local_endpoint.h"

#include <stdlib.h>

static const char *given(const struct invocation *in)
{
    const char *flag = opt_str(in->values, OPT_endpoint), *variable = getenv("HEALTHCARE_EMULATOR_HOST");
    return flag[0] != '\0' ? flag : variable != NULL ? variable : "";
}

bool local_endpoint_is_given(const struct invocation *in)
{
    return given(in)[0] != '\0';
}

bool local_endpoint(const struct invocation *in, const char *command, char ret_host[LOCAL_ENDPOINT_HOST], uint16_t *ret_port, struct err *err)
{
    const char *text = given(in);
    if (text[0] == '\0')
        return FAIL(err, USAGE, "%s: which local cloud? start one with `hl7relay emulate`, then give --endpoint 127.0.0.1:PORT "
                    "or set HEALTHCARE_EMULATOR_HOST", command);
    struct bytes rest = bytes_str(text);
    if (bytes_starts(rest, BYTES_LIT("http://")))
        rest = bytes_sub(rest, 7, SIZE_MAX);
    struct bytes host = bytes_cut(&rest, ':');
    uint64_t port = 0;
    if (!bytes_to_u64(rest, &port) || port == 0 || port > 65535 || host.len >= LOCAL_ENDPOINT_HOST)
        return FAIL(err, USAGE, "%s: \"%.80s\" is not HOST:PORT", command, text);
    if (!bytes_eq_str(host, "127.0.0.1") && !bytes_eq_str(host, "localhost"))
        return FAIL(err, USAGE, "%s: only a local cloud on 127.0.0.1 or localhost is spoken to so, not \"%.80s\"", command, text);
    memcpy(ret_host, host.ptr, host.len);
    ret_host[host.len] = '\0';
    *ret_port = (uint16_t) port;
    return true;
}
