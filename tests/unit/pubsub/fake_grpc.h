/* grpc/grpc_client.h without a network, and a clock that stands until it is moved. */
#ifndef FAKE_GRPC_H
#define FAKE_GRPC_H

#include "../auth/fake_cold.h"
#include "unit.h"

#include "grpc/grpc_client.h"
#include "loop/clock.h"
#include "loop/loop.h"

struct grpc_call {
    const struct grpc_call_events *ev;
    void *ctx;
    char method[96];
    struct buf sent[64];
    unsigned sends;
    bool ended, open, cancelled;
};

enum { FAKE_CALLS = 64 };
static struct grpc_call fake_call[FAKE_CALLS];
static unsigned fake_calls;
static us_t fake_now = 1000 * US_PER_S;

#ifndef FAKE_GRPC_REAL_CLOCK    /* defined by a test that needs the rest of loop/clock.c */
us_t clock_now(void)
{
    return fake_now;
}

us_t clock_wall(void)
{
    return 1700000000 * US_PER_S + fake_now;
}
#endif

static struct grpc_call *new_fake(const struct grpc_call_conf *conf, const struct grpc_call_events *events, void *ctx)
{
    struct grpc_call *c = &fake_call[fake_calls++ % FAKE_CALLS];
    for (unsigned i = 0; i < ARRAY_LEN(c->sent); i++)
        buf_fini(&c->sent[i]);
    *c = (struct grpc_call) { .ev = events, .ctx = ctx, .open = true };
    assert_true(strlen(conf->method) < sizeof(c->method));
    memcpy(c->method, conf->method, strlen(conf->method));
    return c;
}

struct grpc_call *grpc_call_unary(struct h2_pool *p, const struct grpc_call_conf *conf, struct bytes request,
                                  const struct grpc_call_events *events, void *ctx)
{
    struct grpc_call *c = new_fake(conf, events, ctx);
    (void) p;
    buf_append(&c->sent[c->sends++], request);
    return c;
}

struct grpc_call *grpc_call_stream(struct h2_pool *p, const struct grpc_call_conf *conf,
                                   const struct grpc_call_events *events, void *ctx)
{
    (void) p;
    return new_fake(conf, events, ctx);
}

void grpc_call_send(struct grpc_call *c, struct bytes message)
{
    assert_true(c->open && !c->ended && c->sends < ARRAY_LEN(c->sent));
    buf_append(&c->sent[c->sends++], message);
}

void grpc_call_send_end(struct grpc_call *c)
{
    assert_true(c->open && !c->ended);
    c->ended = true;
}

size_t grpc_call_unsent(const struct grpc_call *c)
{
    (void) c;
    return 0;
}

void grpc_call_cancel(struct grpc_call *c)
{
    assert_true(c->open);
    c->open = false;
    c->cancelled = true;
}

UNUSED static struct grpc_call *fake_last(void)
{
    return &fake_call[(fake_calls - 1) % FAKE_CALLS];
}

UNUSED static void fake_end(struct grpc_call *c, enum grpc_code code, struct bytes details)
{
    struct grpc_result r = { .err = { .class = (uint16_t) grpc_code_class(code), .reach = ANSWERED }, .code = code,
                             .details = details };
    c->open = false;
    c->ev->on_done(c->ctx, &r);
}

UNUSED static void fake_answer(struct grpc_call *c, struct bytes message)
{
    c->ev->on_message(c->ctx, message);
    fake_end(c, GRPC_OK, bytes_of(NULL, 0));
}

/* Moves the clock and lets the loop see it. */
UNUSED static void fake_pass(struct loop *l, us_t us)
{
    fake_now += us;
    loop_pass(l, 0);
    loop_pass(l, 0);
}

UNUSED static void fake_fini(void)
{
    for (unsigned n = 0; n < FAKE_CALLS; n++)
        for (unsigned i = 0; i < ARRAY_LEN(fake_call[n].sent); i++)
            buf_fini(&fake_call[n].sent[i]);
}

#endif
