/*
 * The cold path: requests over libcurl on a thread of its own, for tokens and
 * the like. Bounded in time and size, no redirects, certificates checked,
 * proxies as everywhere (net/proxy.h). Never re-sends.
 *
 * Callbacks run from the loop, never inside a call of this header; after its
 * callback or http_cold_cancel() a call is gone.
 */
#ifndef NET_HTTP_COLD_H
#define NET_HTTP_COLD_H

#include "base/buf.h"
#include "loop/loop.h"

struct http_cold;
struct http_cold_call;

struct http_cold_conf {
    const char *ca_file;      /* "" : system's */
    const char *proxy;        /* "" : HTTPS_PROXY / NO_PROXY of the environment */
};

struct http_cold_request {
    const char *method, *url;      /* all copied */
    const char *const *headers;    /* "Name: value", NULL-terminated; may be NULL */
    struct bytes body;
    size_t reply_max;
    us_t timeout_us;
    bool no_proxy;                 /* metadata server: never through a proxy */
};

struct http_cold_reply {
    struct err err;                /* OK: a complete reply, whatever its status. text names the host, no path */
    uint16_t status;
    struct bytes body;             /* until the callback returns */
    struct bytes metadata_flavor;  /* the Metadata-Flavor header, or empty */
};

typedef void http_cold_fn(void *ctx, const struct http_cold_reply *reply);

struct http_cold *http_cold_make(struct loop *l, const struct http_cold_conf *conf);
void http_cold_free(struct http_cold *h);    /* open calls are cancelled. Not from within a callback */
struct http_cold_call *http_cold_start(struct http_cold *h, const struct http_cold_request *req,
                                       http_cold_fn *fn, void *ctx);
void http_cold_cancel(struct http_cold_call *c);

#endif
