#include "net/proxy.h"

#include "base/b64.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* ---- which proxy ------------------------------------------------------ */

static const char *environment(const char *upper, const char *lower)
{
    const char *value = getenv(lower);
    if (value == NULL || value[0] == 0)
        value = getenv(upper);
    return value != NULL ? value : "";
}

static bool is_local(const char *host)
{
    static const char *const names[] = { "localhost", "metadata.google.internal", "metadata",
                                        "169.254.169.254", "fd20:ce::254" };
    struct bytes h = bytes_str(host);
    if (bytes_ends(h, BYTES_LIT(".")))
        h.len--;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (bytes_eq_nocase(h, bytes_str(names[i])))
            return true;
    }
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return h.len > 10 && bytes_eq_nocase(bytes_sub(h, h.len - 10, 10), BYTES_LIT(".localhost"));
}

static int address_of(const char *text, uint8_t out[16])
{
    if (inet_pton(AF_INET, text, out) == 1)
        return 32;
    return inet_pton(AF_INET6, text, out) == 1 ? 128 : 0;
}

/* "10.0.0.0/8" */
static bool in_network(struct bytes network, const char *host)
{
    struct bytes bits_text = network;
    struct bytes base = bytes_cut(&bits_text, '/');
    char text[64];
    uint64_t bits;
    uint8_t a[16], b[16];
    if (base.len >= sizeof(text) || !bytes_to_u64(bits_text, &bits))
        return false;
    memcpy(text, base.ptr, base.len);
    text[base.len] = 0;
    int len = address_of(text, a);
    if (len == 0 || address_of(host, b) != len || bits > (uint64_t) len)
        return false;
    size_t whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* One entry of NO_PROXY: "*", a network, or a name that holds for itself and all below it, with or
 * without a port. */
static bool entry_matches(struct bytes entry, const char *host, uint16_t port)
{
    struct host_port hp;
    if (bytes_eq_str(entry, "*"))
        return true;
    if (bytes_find(entry, 0, '/') < entry.len)
        return in_network(entry, host);
    struct bytes name = entry, h = bytes_str(host);
    if (host_port_parse(entry, port, &hp)) {
        if (hp.port != port)
            return false;
        name = bytes_str(hp.host);
    }
    while (bytes_starts(name, BYTES_LIT(".")))
        name = bytes_sub(name, 1, name.len);
    if (name.len == 0 || name.len > h.len)
        return false;
    struct bytes tail = bytes_sub(h, h.len - name.len, name.len);
    return bytes_eq_nocase(tail, name) && (h.len == name.len || h.ptr[h.len - name.len - 1] == '.');
}

static bool is_exempt(const char *host, uint16_t port)
{
    struct bytes list = bytes_str(environment("NO_PROXY", "no_proxy"));
    while (list.len > 0) {
        struct bytes entry = bytes_trim(bytes_cut(&list, ','));
        if (entry.len > 0 && entry_matches(entry, host, port))
            return true;
    }
    return false;
}

const char *proxy_for_host(const char *configured, const char *host, uint16_t port)
{
    const char *proxy = configured != NULL && configured[0] != 0 ? configured
                                                                 : environment("HTTPS_PROXY", "https_proxy");
    if (proxy[0] == 0 || is_local(host) || is_exempt(host, port))
        return NULL;
    return proxy;
}

/* ---- its URL ---------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unescape(struct bytes in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '%') {
            buf_append_char(out, in.ptr[i]);
            continue;
        }
        if (i + 2 >= in.len || hex_digit(in.ptr[i + 1]) < 0 || hex_digit(in.ptr[i + 2]) < 0)
            return false;
        buf_append_char(out, (char) (hex_digit(in.ptr[i + 1]) << 4 | hex_digit(in.ptr[i + 2])));
        i += 2;
    }
    return true;
}

bool proxy_parse(const char *url, struct proxy *ret_proxy, struct err *err)
{
    static const char shape[] = "it must be http://[user:password@]host[:port]";
    struct bytes rest = bytes_str(url);
    struct proxy p = { 0 };
    if (!bytes_starts(rest, BYTES_LIT("http://")))
        return FAIL(err, CONFIG, "the proxy's URL does not begin with http://; %s", shape);
    rest = bytes_sub(rest, 7, rest.len);
    if (bytes_ends(rest, BYTES_LIT("/")))
        rest.len--;
    CLEANUP(buf_fini) struct buf user = { 0 };
    size_t at = rest.len;
    while (at > 0 && rest.ptr[at - 1] != '@')    /* the last one: a password may hold another */
        at--;
    if (at > 0 && !unescape(bytes_sub(rest, 0, at - 1), &user))
        return FAIL(err, CONFIG,
                    "the proxy's user or password has a %% that is no percent-encoding; write it %%25");
    if (!host_port_parse(bytes_sub(rest, at, rest.len), 80, &p.at))
        return FAIL(err, CONFIG, "the proxy's URL has no valid host and port; %s", shape);
    if (user.len > 0) {
        buf_append_str(&p.authorization, "Basic ");
        b64_encode(buf_bytes(&user), &p.authorization);
    }
    *ret_proxy = p;
    return true;
}

void proxy_fini(struct proxy *p)
{
    if (p != NULL)
        buf_fini(&p->authorization);
}

/* ---- CONNECT ---------------------------------------------------------- */

void proxy_write_connect(const struct proxy *p, const char *host, uint16_t port, struct buf *out)
{
    buf_append_str(out, "CONNECT ");
    host_port_write(host, port, out);
    buf_append_str(out, " HTTP/1.1\r\nHost: ");
    host_port_write(host, port, out);
    if (p->authorization.len > 0) {
        buf_append_str(out, "\r\nProxy-Authorization: ");
        buf_append(out, buf_bytes(&p->authorization));
    }
    buf_append_str(out, "\r\n\r\n");
}

/* "HTTP/1.x NNN" and then a space or the end (RFC 9112, 4). */
static bool read_status(struct bytes line, uint16_t *ret_status)
{
    if (!bytes_starts(line, BYTES_LIT("HTTP/1.")) || line.len < 12 || line.ptr[8] != ' ')
        return false;
    if (line.ptr[7] != '0' && line.ptr[7] != '1')
        return false;
    if (line.len > 12 && line.ptr[12] != ' ')
        return false;
    uint64_t status;
    if (!bytes_to_u64(bytes_sub(line, 9, 3), &status) || status < 100 || status > 599)
        return false;
    *ret_status = (uint16_t) status;
    return true;
}

enum proxy_reply proxy_read_reply(struct bytes so_far, uint16_t *ret_status, size_t *ret_len)
{
    size_t at = 0;
    uint16_t status = 0;
    for (bool first = true; at < so_far.len; first = false) {
        size_t end = bytes_find(so_far, at, '\n');
        if (end == so_far.len)
            break;
        struct bytes line = bytes_sub(so_far, at, end - at);
        if (bytes_ends(line, BYTES_LIT("\r")))
            line.len--;
        at = end + 1;
        if (first && !read_status(line, &status))
            return PROXY_BAD;
        if (!first && line.len == 0) {
            *ret_status = status;
            *ret_len = at;
            return at <= LIMIT_PROXY_REPLY ? PROXY_COMPLETE : PROXY_BAD;
        }
    }
    /* Something that is not HTTP is told from its first bytes, not when it has sent a bufferful. */
    struct bytes magic = BYTES_LIT("HTTP/1.");
    size_t n = MIN(so_far.len, magic.len);
    if (n > 0 && memcmp(so_far.ptr, magic.ptr, n) != 0)
        return PROXY_BAD;
    return so_far.len < LIMIT_PROXY_REPLY ? PROXY_MORE : PROXY_BAD;
}
