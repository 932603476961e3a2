/* net/http_cold.h without a network: the test is the token server. */
#ifndef FAKE_COLD_H
#define FAKE_COLD_H

#include "unit.h"

#include "net/http_cold.h"

struct http_cold_call {
    http_cold_fn *fn;
    void *ctx;
    char method[8], url[1024], header[128];
    struct buf body;
    bool no_proxy, open;
};

static struct http_cold_call fake_cold;
static unsigned fake_colds;

struct http_cold_call *http_cold_start(struct http_cold *h, const struct http_cold_request *req, http_cold_fn *fn,
                                       void *ctx)
{
    (void) h;
    assert_false(fake_cold.open);
    buf_clear(&fake_cold.body);
    buf_append(&fake_cold.body, req->body);
    fake_cold.fn = fn;
    fake_cold.ctx = ctx;
    memcpy(fake_cold.method, req->method, strlen(req->method) + 1);
    memcpy(fake_cold.url, req->url, strlen(req->url) + 1);
    memcpy(fake_cold.header, req->headers[0], strlen(req->headers[0]) + 1);
    fake_cold.no_proxy = req->no_proxy;
    fake_cold.open = true;
    fake_colds++;
    return &fake_cold;
}

void http_cold_cancel(struct http_cold_call *c)
{
    assert_true(c->open);
    c->open = false;
}

UNUSED static void fake_cold_reply(uint16_t status, const char *flavor, const char *body)
{
    struct http_cold_reply r = { .status = status, .body = bytes_str(body), .metadata_flavor = bytes_str(flavor) };
    assert_true(fake_cold.open);
    fake_cold.open = false;
    fake_cold.fn(fake_cold.ctx, &r);
}

UNUSED static void fake_cold_fails(enum err_class class)
{
    struct http_cold_reply r = { .err = { .class = (uint16_t) class } };
    fake_cold.open = false;
    fake_cold.fn(fake_cold.ctx, &r);
}

#endif
