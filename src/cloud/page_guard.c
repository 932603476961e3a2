/*
 * Who may see the page, and who may change what it shows. Two attacks come through a browser on this machine:
 *
 *   DNS rebinding   evil.example is pointed at 127.0.0.1, and its page reads ours as its own. Its requests
 *                   carry "Host: evil.example": only addresses and names of our own are answered.
 *   cross-site POST a form of evil.example is sent here. It carries "Origin: https://evil.example" and
 *                   "Sec-Fetch-Site: cross-site" (Fetch standard, 3.1; Fetch Metadata, 2.3).
 */
#include "cloud/page.h"

#include "net/host_port.h"

#include <arpa/inet.h>

static bool is_address(const char *host)
{
    struct in6_addr octets;
    return inet_pton(AF_INET, host, &octets) == 1 || inet_pton(AF_INET6, host, &octets) == 1;
}

static bool host_ok(const struct cloud *c, struct bytes authority)
{
    struct host_port hp;
    if (!host_port_parse(authority, 80, &hp))
        return false;
    struct bytes host = bytes_str(hp.host);
    return is_address(hp.host) || bytes_eq_nocase(host, BYTES_LIT("localhost")) ||
           bytes_ends(host, BYTES_LIT(".localhost")) || (c->host != NULL && bytes_eq_nocase(host, bytes_str(c->host)));
}

/* A browser says where a POST comes from; others say nothing. */
static bool is_own_page(const struct net_request *r)
{
    struct bytes origin = net_request_header(r, "origin"), site = net_request_header(r, "sec-fetch-site");
    struct bytes scheme = net_request_is_tls(r) ? BYTES_LIT("https://") : BYTES_LIT("http://");
    if (site.len > 0 && !bytes_eq_str(site, "same-origin") && !bytes_eq_str(site, "none"))
        return false;
    return origin.len == 0 ||
           (bytes_starts(origin, scheme) && bytes_eq_nocase(bytes_sub(origin, scheme.len, SIZE_MAX), net_request_authority(r)));
}

uint16_t cloud_page_guard(const struct cloud *c, const struct net_request *r, bool changes, const char **ret_why)
{
    if (!host_ok(c, net_request_authority(r))) {
        *ret_why = "This port answers browsers by its address or as localhost, not by another name.";
        return 421;
    }
    if (changes && !net_request_is_local(r)) {
        *ret_why = "This changes the local cloud and is done from its own machine only.";
        return 403;
    }
    if (changes && !is_own_page(r)) {
        *ret_why = "This request comes from a page of another site.";
        return 403;
    }
    return 0;
}
