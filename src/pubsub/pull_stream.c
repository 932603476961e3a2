#include "pubsub/pull_stream.h"

#include "base/backoff.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pubsub/pubsub_codec.h"
#include "pubsub/pull_flow.h"

enum {
    PING_US = 30000000,       /* an empty request this often (protocol_version 1) */
    PONG_US = 15000000,       /* and this long for anything to come after it */
    LIVED_US = 30000000,      /* a stream that lived this long is opened again at once */
    FAULT_US = 5000000,       /* after a system fault, no sooner than this by itself */
    ENDING_US = 5000000,      /* how long a half-closed stream may still bring deliveries */
    TRANSIT_US = 1000000,     /* a lease began when the server sent it: taken off what we count on */
    DELIVERIES = 256          /* told together */
};

static const struct backoff reconnect = { 100000, 60000000, 4 };

/*
 *   CLOSED --allowance--> OPENING --heard--> OPEN --ended--> WAITING --time--> OPENING
 *      ^                     |                 |  \--permanent code--> FAULT --open_now--> OPENING
 *      '----- half-closed, then ended ---------'
 *
 * Public calls note what is wanted and post the task; look() does it.
 */
struct pull_stream {
    struct pull_stream_conf conf;
    struct buf subscription, routing;
    struct pull_stream_events ev;
    void *ctx;
    enum pull_state state;
    struct grpc_call *call;
    struct pull_flow flow;
    struct loop_timer timer;
    struct loop_task task;
    struct rnd rnd;
    char client_id[37];
    uint32_t failures, token_gen;
    us_t begun_us, pinged_us, reopen_us;
    us_t ending_us;               /* since when it is half-closed; 0: it is not */
    bool open_now, stopped, broken;
    bool unanswered;              /* nothing was heard since the last empty request */
    bool told_properties, exactly_once, ordered;
    struct pull_stream_stats stats;
    struct pubsub_delivery batch[DELIVERIES];
};

static us_t now_of(const struct pull_stream *s)
{
    return loop_now(s->conf.endpoint.loop);
}

static const struct pubsub_answer fine = { .class = ERR_OK };
static const struct err no_err = { .class = ERR_OK };

static void set_state(struct pull_stream *s, enum pull_state state, const struct pubsub_answer *why,
                      const struct err *err)
{
    if (s->state == state && why == NULL)
        return;
    s->state = state;
    s->stats.open_since_us = state == PULL_OPEN ? now_of(s) : 0;
    s->ev.on_state(s->ctx, state, why != NULL ? why : &fine, err != NULL ? err : &no_err);
}

/* ---- what the stream brings ---- */

static void heard(struct pull_stream *s)
{
    s->unanswered = false;
    if (s->state == PULL_OPENING)
        set_state(s, PULL_OPEN, NULL, NULL);
}

static void on_headers(void *ctx)
{
    heard(ctx);
}

static void tell_properties(struct pull_stream *s, const struct pubsub_codec_reply *r)
{
    if (!r->has_properties)
        return;
    if (s->told_properties && s->exactly_once == r->exactly_once && s->ordered == r->ordered)
        return;
    s->told_properties = true;
    s->exactly_once = r->exactly_once;
    s->ordered = r->ordered;
    s->ev.on_properties(s->ctx, r->exactly_once, r->ordered);
}

static void on_message(void *ctx, struct bytes message)
{
    struct pull_stream *s = ctx;
    struct pubsub_codec_reply r;
    size_t count = 0;
    if (!pubsub_codec_reply(message, &r)) {
        s->broken = true;
        loop_task_post(s->conf.endpoint.loop, &s->task);
        return;
    }
    heard(s);
    s->stats.replies++;
    s->stats.deliveries += r.deliveries;
    tell_properties(s, &r);
    us_t until_us = now_of(s) + (us_t) s->conf.lease_s * US_PER_S - TRANSIT_US;
    while (pubsub_codec_delivery(&r, &s->batch[count])) {
        if (++count == DELIVERIES) {
            s->ev.on_deliveries(s->ctx, s->batch, count, until_us);
            count = 0;
        }
    }
    if (count > 0)
        s->ev.on_deliveries(s->ctx, s->batch, count, until_us);
}

/* ---- how it ends ---- */

static bool is_fault(const struct pubsub_answer *a)
{
    switch (a->grpc) {
    case GRPC_NOT_FOUND: case GRPC_PERMISSION_DENIED: case GRPC_UNAUTHENTICATED: case GRPC_INVALID_ARGUMENT:
    case GRPC_FAILED_PRECONDITION: case GRPC_UNIMPLEMENTED:
        return true;
    default:
        return a->class == ERR_UNAUTHENTICATED;
    }
}

/* Told to the owner, who probes; looked at again from time to time all the same, so that nothing can be forgotten. */
static void fault(struct pull_stream *s, const struct pubsub_answer *why, const struct err *err)
{
    us_t wait_us = backoff_wait(&reconnect, s->failures++, BACKOFF_EQUAL, &s->rnd);
    s->reopen_us = now_of(s) + MAX(MAX(wait_us, why->wait_us), FAULT_US);
    set_state(s, PULL_FAULT, why, err);
}

/* The stream is gone: what now? */
static void ended(struct pull_stream *s, const struct pubsub_answer *why, const struct err *err)
{
    us_t now = now_of(s);
    bool lived = s->stats.open_since_us != 0 && now - s->begun_us >= LIVED_US;
    bool asked_for = s->ending_us != 0;
    s->call = NULL;
    s->ending_us = 0;
    s->broken = false;
    s->stats.ended++;
    s->stats.limit = 0;
    pull_flow_closed(&s->flow);
    loop_task_post(s->conf.endpoint.loop, &s->task);
    if (asked_for || s->stopped) {
        set_state(s, PULL_CLOSED, NULL, NULL);
    } else if (is_fault(why)) {
        fault(s, why, err);
    } else {
        s->failures = lived ? 0 : s->failures + 1;
        us_t wait_us = lived ? (us_t) rnd_below(&s->rnd, (uint64_t) reconnect.initial_us)
                             : backoff_wait(&reconnect, s->failures - 1, BACKOFF_EQUAL, &s->rnd);
        s->reopen_us = now + MAX(wait_us, why->wait_us);
        set_state(s, PULL_WAITING, why, err);
    }
}

static void on_done(void *ctx, const struct grpc_result *result)
{
    struct pull_stream *s = ctx;
    struct pubsub_answer why = pubsub_call_answer(result, s->token_gen);
    /* A stream that ends well has ended all the same. */
    if (why.class == ERR_OK)
        why.class = ERR_TRANSIENT;
    ended(s, &why, &result->err);
}

/* ---- opening, closing ---- */

static void open_stream(struct pull_stream *s)
{
    static const struct grpc_call_events events = { on_headers, on_message, on_done };
    CLEANUP(buf_fini) struct buf request = { 0 };
    us_t now = now_of(s);
    struct grpc_call_conf grpc = {
        .method = "/google.pubsub.v1.Subscriber/StreamingPull",
        .routing = buf_bytes(&s->routing),
        .quota_project =
            s->conf.endpoint.auth != NULL ? auth_source_quota_project(s->conf.endpoint.auth) : bytes_of(NULL, 0),
        .deadline_us = US_NEVER,
        .message_max = LIMIT_GRPC_MESSAGE,
    };
    s->open_now = false;
    if (!pubsub_call_token(&s->conf.endpoint, &grpc.token, &s->token_gen)) {
        struct pubsub_answer why = { .class = ERR_UNAUTHENTICATED, .reach = NOT_SENT, .token_gen = s->token_gen };
        struct err err;
        FAIL(&err, UNAUTHENTICATED, "there is no token that is still good");
        fault(s, &why, &err);
        return;
    }
    s->begun_us = s->pinged_us = now;
    s->unanswered = true;
    s->stats.opened++;
    s->stats.limit = pull_flow_opened(&s->flow, now);
    struct pubsub_codec_open open = {
        .subscription = buf_bytes(&s->subscription), .client_id = bytes_str(s->client_id),
        .lease_s = s->conf.lease_s, .outstanding_messages = s->stats.limit,
        .outstanding_bytes = s->conf.outstanding_bytes != 0 ? s->conf.outstanding_bytes : LIMIT_PULL_BYTES,
    };
    pubsub_codec_open(&open, &request);
    s->call = grpc_call_stream(s->conf.endpoint.pool, &grpc, &events, s);
    grpc_call_send(s->call, buf_bytes(&request));
    /* The first empty request asks for a sign of life: with nothing to deliver there may be none else. */
    grpc_call_send(s->call, bytes_of("", 0));
    set_state(s, PULL_OPENING, NULL, NULL);
}

static void half_close(struct pull_stream *s)
{
    grpc_call_send_end(s->call);
    s->ending_us = now_of(s);
}

static void cut(struct pull_stream *s, enum err_class class, const char *text)
{
    struct pubsub_answer why = { .class = (uint16_t) class, .reach = MAYBE_APPLIED, .token_gen = s->token_gen };
    struct err err;
    err_set(&err, class, "%s", text);
    grpc_call_cancel(s->call);
    ended(s, &why, &err);
}

/* ---- the one place where things are decided ---- */

static void look_at_open(struct pull_stream *s)
{
    us_t now = now_of(s);
    if (s->open_now && s->state == PULL_OPEN && s->ending_us == 0) {
        /* Asked while it is open: that is the answer. */
        s->open_now = false;
        s->ev.on_state(s->ctx, PULL_OPEN, &fine, &no_err);
    }
    if (s->broken) {
        cut(s, ERR_PROTOCOL, "StreamingPull: a reply that cannot be read");
        return;
    }
    if (s->ending_us != 0) {
        if (now - s->ending_us >= ENDING_US)
            cut(s, ERR_CANCELLED, "StreamingPull: closed");
        return;
    }
    if (s->unanswered && now - s->pinged_us >= PONG_US) {
        s->stats.timeouts++;
        cut(s, ERR_TIMEOUT, "StreamingPull: no sign of life for 15 s");
        return;
    }
    enum pull_flow_deed deed = pull_flow_look(&s->flow, now);
    if (s->stopped || deed == PULL_FLOW_CLOSE || deed == PULL_FLOW_REPLACE) {
        half_close(s);
    } else if (now - s->pinged_us >= PING_US) {
        grpc_call_send(s->call, bytes_of("", 0));
        s->pinged_us = now;
        s->unanswered = true;
    }
}

static void look_at_shut(struct pull_stream *s)
{
    if (s->stopped)
        set_state(s, PULL_CLOSED, NULL, NULL);
    else if (s->open_now)
        open_stream(s);
    else if (s->state == PULL_CLOSED && pull_flow_look(&s->flow, now_of(s)) == PULL_FLOW_OPEN)
        open_stream(s);
    else if (s->state == PULL_CLOSED || s->reopen_us > now_of(s))
        return;
    else if (s->flow.allowance > 0 || s->state == PULL_FAULT)
        open_stream(s);
    else
        set_state(s, PULL_CLOSED, NULL, NULL);
}

static us_t due(const struct pull_stream *s)
{
    if (s->call != NULL && s->ending_us != 0)
        return s->ending_us + ENDING_US;
    if (s->call != NULL) {
        us_t sign = s->unanswered ? s->pinged_us + PONG_US : s->pinged_us + PING_US;
        return MIN(sign, pull_flow_due(&s->flow));
    }
    if (s->stopped)
        return US_NEVER;
    return s->state == PULL_CLOSED ? pull_flow_due(&s->flow) : s->reopen_us;
}

static void look(struct pull_stream *s)
{
    if (s->call != NULL)
        look_at_open(s);
    else
        look_at_shut(s);
    loop_timer_set(s->conf.endpoint.loop, &s->timer, due(s));
}

static void on_timer(struct loop_timer *t)
{
    look(CONTAINER_OF(t, struct pull_stream, timer));
}

static void on_task(struct loop_task *t)
{
    look(CONTAINER_OF(t, struct pull_stream, task));
}

/* ---- public ---- */

static void make_client_id(struct pull_stream *s)
{
    uint64_t a = rnd_u64(&s->rnd), b = rnd_u64(&s->rnd);
    CLEANUP(buf_fini) struct buf id = { 0 };
    buf_printf(&id, "%08x-%04x-4%03x-%04x-%012llx", (unsigned) (a >> 32), (unsigned) (a >> 16 & 0xffff),
               (unsigned) (a & 0xfff), (unsigned) (0x8000 | (b >> 48 & 0x3fff)),
               (unsigned long long) (b & 0xffffffffffff));
    CHECK(id.len < sizeof(s->client_id));
    memcpy(s->client_id, id.ptr, id.len + 1);
}

struct pull_stream *pull_stream_make(const struct pull_stream_conf *conf, const struct pull_stream_events *events,
                                     void *ctx)
{
    struct pull_stream *s = mem_alloc(sizeof(*s));
    CHECK(conf->lease_s >= 10 && conf->lease_s <= 600 && conf->outstanding_max > 0);
    s->conf = *conf;
    s->ev = *events;
    s->ctx = ctx;
    buf_append(&s->subscription, conf->subscription);
    pubsub_call_routing("subscription", conf->subscription, &s->routing);
    s->flow = pull_flow_of(conf->outstanding_max, now_of(s));
    s->timer.fn = on_timer;
    s->task.fn = on_task;
    rnd_seed(&s->rnd, conf->seed);
    make_client_id(s);
    return s;
}

void pull_stream_free(struct pull_stream *s)
{
    if (s == NULL)
        return;
    if (s->call != NULL)
        grpc_call_cancel(s->call);
    loop_timer_stop(s->conf.endpoint.loop, &s->timer);
    loop_task_cancel(s->conf.endpoint.loop, &s->task);
    buf_fini(&s->subscription);
    buf_fini(&s->routing);
    mem_free(s);
}

void pull_stream_flow(struct pull_stream *s, uint32_t allowance)
{
    if (MIN(allowance, s->conf.outstanding_max) == s->flow.allowance)
        return;
    pull_flow_allow(&s->flow, allowance, now_of(s));
    loop_task_post(s->conf.endpoint.loop, &s->task);
}

void pull_stream_open_now(struct pull_stream *s)
{
    if (s->stopped)
        return;
    s->open_now = true;
    loop_task_post(s->conf.endpoint.loop, &s->task);
}

void pull_stream_stop(struct pull_stream *s)
{
    s->stopped = true;
    loop_task_post(s->conf.endpoint.loop, &s->task);
}

enum pull_state pull_stream_state(const struct pull_stream *s)
{
    return s->state;
}

struct pull_stream_stats pull_stream_stats(const struct pull_stream *s)
{
    return s->stats;
}
