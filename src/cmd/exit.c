#include "cmd/exit.h"

int exit_for(const struct err *err)
{
    switch ((enum err_class) err->class) {
    case ERR_OK:
        return CMD_EXIT_OK;
    case ERR_USAGE:
        return CMD_EXIT_USAGE;
    case ERR_CONFIG:
        return CMD_EXIT_CONFIG;
    case ERR_BAD_INPUT:
    case ERR_BAD_PAYLOAD:
    case ERR_TOO_LARGE:
        return CMD_EXIT_DATA;
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:
        return CMD_EXIT_PERMISSION;
    case ERR_DISK:
        return CMD_EXIT_CANT_CREATE;
    case ERR_TRANSIENT:
    case ERR_TIMEOUT:
    case ERR_RESET:
    case ERR_DNS:
    case ERR_REFUSED_CONNECT:
    case ERR_TLS:
    case ERR_PROXY:
        return CMD_EXIT_UNAVAILABLE;
    case ERR_THROTTLED:
        return CMD_EXIT_TEMPORARY;
    case ERR_INTERNAL:
        return CMD_EXIT_SOFTWARE;
    default:
        return CMD_EXIT_FAILURE;
    }
}
