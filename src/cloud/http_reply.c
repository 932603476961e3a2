#include "cloud/http_reply.h"

#include "base/mem.h"

#include <stdio.h>

#define CHALLENGE "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""
#define PAGE                                                                                                 \
    "<!DOCTYPE html><html><head><title>Sign in</title></head>"                                               \
    "<body>This network needs you to sign in.</body></html>"

struct cloud_http_reply {
    struct cloud *c;
    struct net_request *r;   /* NULL: the peer is gone */
    struct loop_timer timer; /* of a slow answer */
    uint16_t status;
    struct cloud_fault_plan plan;
    struct buf json;
    bool ready; /* send() was called: only the timer is waited for */
    void (*gone_fn)(void *ctx);
    void *gone_ctx;
};

static void free_reply(struct cloud_http_reply *reply)
{
    loop_timer_stop(reply->c->loop, &reply->timer);
    buf_fini(&reply->json);
    mem_free(reply);
}

static void on_gone(void *ctx)
{
    struct cloud_http_reply *reply = ctx;
    reply->r = NULL;
    if (reply->ready)
        free_reply(reply);
    else if (reply->gone_fn != NULL)
        reply->gone_fn(reply->gone_ctx);
}

void cloud_http_reply_on_gone(struct cloud_http_reply *reply, void (*fn)(void *ctx), void *ctx)
{
    reply->gone_fn = fn;
    reply->gone_ctx = ctx;
}

struct cloud_http_reply *cloud_http_reply_make(struct cloud *c, struct net_request *r)
{
    static const struct net_request_events events = { .on_gone = on_gone };
    struct cloud_http_reply *reply = mem_alloc(sizeof(*reply));
    reply->c = c;
    reply->r = r;
    net_request_watch(r, &events, reply);
    return reply;
}

/* Finds `what` and gives the place after it; NULL: it is not there. */
static char *after(struct buf *json, const char *what)
{
    char *at = json->len > 0 ? memmem(json->ptr, json->len, what, strlen(what)) : NULL;
    return at != NULL ? at + strlen(what) : NULL;
}

/* The first character of the data, whether the JSON was made pretty or not; NULL: there is none. */
static char *first_of_data(struct buf *json)
{
    char *at = after(json, "\"data\":");
    if (at != NULL && *at == ' ')
        at++;
    return at != NULL && at[0] == '"' && at[1] != '"' ? at + 1 : NULL;
}

void cloud_http_reply_spoil(enum cloud_fault_kind kind, struct buf *json)
{
    char *at;
    switch (kind) {
    case CLOUD_FAULT_WRONG_NAME:
        /* Another id of the same form: its first character changes. */
        at = after(json, "/messages/");
        if (at != NULL)
            *at = *at == 'A' ? 'B' : 'A';
        break;
    case CLOUD_FAULT_NO_DATA:
        at = after(json, "\"data\":");
        if (at != NULL)
            memcpy(at - 7, "\"none\":", 7);
        break;
    case CLOUD_FAULT_BAD_BASE64:
        at = first_of_data(json);
        if (at != NULL)
            *at = '!';
        break;
    case CLOUD_FAULT_TRUNCATE:
        json->len /= 2;
        break;
    default:
        break;
    }
}

/* Half of the answer, then the end: of the stream in HTTP/2, of the connection in HTTP/1.1. */
static void cut(struct cloud_http_reply *reply, const struct net_header *headers, size_t count)
{
    net_reply_begin(reply->r, reply->status, headers, count);
    net_reply_send(reply->r, bytes_sub(buf_bytes(&reply->json), 0, reply->json.len / 2));
    net_reply_reset(reply->r);
}

static void give(struct cloud_http_reply *reply)
{
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%u", reply->plan.retry_after_s);
    struct net_header headers[3] = { { BYTES_LIT("content-type"),
                                       BYTES_LIT("application/json; charset=UTF-8") } };
    size_t count = 1;
    if (reply->plan.retry_after_s > 0)
        headers[count++] = (struct net_header) { BYTES_LIT("retry-after"), bytes_str(seconds) };
    if (reply->status == 401)
        headers[count++] = (struct net_header) { BYTES_LIT("www-authenticate"), BYTES_LIT(CHALLENGE) };
    cloud_http_reply_spoil(reply->plan.kind, &reply->json);
    net_reply_may_gzip(reply->r);
    switch (reply->plan.kind) {
    case CLOUD_FAULT_RESET:
    case CLOUD_FAULT_LOST:
        net_reply_reset(reply->r);
        break;
    case CLOUD_FAULT_DISCONNECT:
        net_reply_cut_connection(reply->r);
        break;
    case CLOUD_FAULT_CUT:
        cut(reply, headers, count);
        break;
    case CLOUD_FAULT_HTML:
        headers[0].value = BYTES_LIT("text/html; charset=UTF-8");
        net_reply(reply->r, 200, headers, count, BYTES_LIT(PAGE));
        break;
    default:
        net_reply(reply->r, reply->status, headers, count, buf_bytes(&reply->json));
    }
    reply->r = NULL;
    free_reply(reply);
}

static void on_timer(struct loop_timer *t)
{
    give(CONTAINER_OF(t, struct cloud_http_reply, timer));
}

void cloud_http_reply_send(struct cloud_http_reply *reply, uint16_t status,
                           const struct cloud_fault_plan *plan, struct buf *json)
{
    if (reply->r == NULL) {
        free_reply(reply);
        return;
    }
    reply->status = status;
    reply->plan = *plan;
    reply->json = *json;
    reply->ready = true;
    *json = (struct buf) { 0 };
    if (plan->delay_us > 0) {
        reply->timer.fn = on_timer;
        loop_timer_set(reply->c->loop, &reply->timer, loop_now(reply->c->loop) + plan->delay_us);
        return;
    }
    give(reply);
}
