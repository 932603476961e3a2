/* net/h2_client.h without a network: the test plays the far side, call by call. */
#ifndef FAKE_H2_H
#define FAKE_H2_H

#include "unit.h"

#include "net/h2_client.h"

struct h2_call {
    const struct h2_call_events *ev;
    void *ctx;
    struct buf method, path, headers, body;
    uint64_t granted;
    us_t deadline_us;
    bool open, cancelled;
};

enum { FAKE_CALLS = 64 };
static struct h2_call fake_call[FAKE_CALLS];
static unsigned fake_calls;

struct h2_call *h2_call_start(struct h2_pool *p, const struct h2_request *req, const struct h2_call_events *events,
                              void *ctx)
{
    struct h2_call *c = &fake_call[fake_calls++ % FAKE_CALLS];
    (void) p;
    buf_clear(&c->method);
    buf_clear(&c->path);
    buf_clear(&c->headers);
    buf_clear(&c->body);
    c->ev = events;
    c->ctx = ctx;
    buf_append_str(&c->method, req->method);
    buf_append(&c->path, req->path);
    for (size_t i = 0; i < req->headers_count; i++) {
        buf_append(&c->headers, req->headers[i].name);
        buf_append_str(&c->headers, ": ");
        buf_append(&c->headers, req->headers[i].value);
        buf_append_char(&c->headers, '\n');
    }
    for (size_t i = 0; i < H2_BODY_PARTS; i++)
        buf_append(&c->body, req->body[i]);
    c->granted = req->first_window;
    c->deadline_us = req->deadline_us;
    c->open = true;
    c->cancelled = false;
    return c;
}

void h2_call_grant(struct h2_call *c, uint64_t bytes_more)
{
    assert_true(c->open);
    c->granted += bytes_more;
}

void h2_call_cancel(struct h2_call *c)
{
    assert_true(c->open);
    c->open = false;
    c->cancelled = true;
}

static struct h2_call *fake_last(void)
{
    return &fake_call[(fake_calls - 1) % FAKE_CALLS];
}

static void fake_done(struct h2_call *c, enum err_class class, enum reach reach)
{
    struct h2_result r = { .err = { .class = (uint16_t) class, .reach = (uint8_t) reach }, .sent_us = 1,
                           .first_byte_us = 2 };
    c->open = false;
    c->ev->on_done(c->ctx, &r);
}

/* A whole reply; header: one more field, or NULL. */
static void fake_reply(struct h2_call *c, uint16_t status, const char *header, const char *value, const char *body)
{
    struct net_header h = { bytes_str(header != NULL ? header : "x"), bytes_str(value) };
    c->ev->on_headers(c->ctx, status, (struct net_headers) { &h, 1 });
    if (body[0] != '\0')
        c->ev->on_data(c->ctx, bytes_str(body));
    fake_done(c, ERR_OK, ANSWERED);
}

static bool fake_sent(const struct h2_call *c, const char *line)
{
    return memmem(c->headers.ptr, c->headers.len, line, strlen(line)) != NULL;
}

static void fake_fini(void)
{
    for (unsigned i = 0; i < FAKE_CALLS; i++) {
        buf_fini(&fake_call[i].method);
        buf_fini(&fake_call[i].path);
        buf_fini(&fake_call[i].headers);
        buf_fini(&fake_call[i].body);
    }
}

#endif
