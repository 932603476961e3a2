#include "net/host_port.h"

static bool host_ok(struct bytes host, bool bracketed)
{
    if (host.len == 0 || host.len >= HOST_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char) host.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("/@?#[]\\\"", c) != NULL || (c == ':' && !bracketed))
            return false;
    }
    return true;
}

bool host_port_parse(struct bytes text, uint16_t port_default, struct host_port *ret_hp)
{
    bool bracketed = text.len > 0 && text.ptr[0] == '[';
    struct bytes host, rest;
    if (bracketed) {
        size_t end = bytes_find(text, 0, ']');
        if (end == text.len)
            return false;
        host = bytes_sub(text, 1, end - 1);
        rest = bytes_sub(text, end + 1, text.len);
    } else {
        size_t end = bytes_find(text, 0, ':');
        host = bytes_sub(text, 0, end);
        rest = bytes_sub(text, end, text.len);
    }
    if (!host_ok(host, bracketed))
        return false;
    uint64_t port = port_default;
    if (rest.len > 0 && (rest.ptr[0] != ':' || !bytes_to_u64(bytes_sub(rest, 1, rest.len), &port)))
        return false;
    if (port == 0 || port > UINT16_MAX)
        return false;
    memcpy(ret_hp->host, host.ptr, host.len);
    ret_hp->host[host.len] = 0;
    ret_hp->port = (uint16_t) port;
    return true;
}

void host_port_write(const char *host, uint16_t port, struct buf *out)
{
    if (strchr(host, ':') != NULL)
        buf_printf(out, "[%s]:%u", host, port);
    else
        buf_printf(out, "%s:%u", host, port);
}
