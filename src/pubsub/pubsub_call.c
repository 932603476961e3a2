#include "pubsub/pubsub_call.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pubsub/pubsub_codec.h"

struct pubsub_call {
    struct loop *loop;
    struct grpc_call *grpc;
    struct loop_task task;    /* answers a call that was not sent */
    pubsub_call_fn *fn;
    void *ctx;
    uint32_t token_gen;
    us_t sent_us;
    struct buf message;
    bool has_message;
    struct err refused;
    _Alignas(max_align_t) char room[];
};

static void end(struct pubsub_call *c)
{
    buf_fini(&c->message);
    mem_free(c);
}

static void answer_refused(struct loop_task *t)
{
    struct pubsub_call *c = CONTAINER_OF(t, struct pubsub_call, task);
    struct pubsub_reply r = {
        .answer = { .class = c->refused.class, .reach = NOT_SENT, .token_gen = c->token_gen },
        .sent_us = c->sent_us,
        .err = &c->refused,
    };
    c->fn(c->ctx, &r);
    end(c);
}

static void on_message(void *ctx, struct bytes message)
{
    struct pubsub_call *c = ctx;
    buf_clear(&c->message);
    buf_append(&c->message, message);
    c->has_message = true;
}

static void on_done(void *ctx, const struct grpc_result *result)
{
    struct pubsub_call *c = ctx;
    struct err err = result->err;
    struct pubsub_reply r = {
        .answer = pubsub_call_answer(result, c->token_gen), .details = result->details,
        .sent_us = c->sent_us, .err = &err,
    };
    if (r.answer.class == ERR_OK && !c->has_message) {
        r.answer.class = ERR_BAD_REPLY;
        err_set(&err, ERR_BAD_REPLY, "the call ended well without a message");
    }
    if (r.answer.class == ERR_OK)
        r.message = buf_bytes(&c->message);
    c->fn(c->ctx, &r);
    end(c);
}

static struct pubsub_call *new_call(const struct pubsub_endpoint *e, const struct pubsub_call_conf *conf)
{
    struct pubsub_call *c = mem_alloc(sizeof(*c) + conf->room);
    c->loop = e->loop;
    c->task.fn = answer_refused;
    c->fn = conf->fn;
    c->ctx = conf->room > 0 ? c->room : conf->ctx;
    c->sent_us = loop_now(e->loop);
    return c;
}

static void refuse(struct pubsub_call *c, enum err_class class, const char *text)
{
    err_set(&c->refused, class, "%s", text);
    loop_task_post(c->loop, &c->task);
}

struct pubsub_call *pubsub_call_begin(const struct pubsub_endpoint *e, const struct pubsub_call_conf *conf)
{
    static const struct grpc_call_events events = { NULL, on_message, on_done };
    struct pubsub_call *c = new_call(e, conf);
    struct grpc_call_conf grpc = {
        .method = conf->method,
        .routing = conf->routing,
        .quota_project = e->auth != NULL ? auth_source_quota_project(e->auth) : bytes_of(NULL, 0),
        .deadline_us = c->sent_us + conf->timeout_us,
        .message_max = LIMIT_GRPC_MESSAGE,
    };
    if (!pubsub_call_token(e, &grpc.token, &c->token_gen))
        refuse(c, ERR_UNAUTHENTICATED, "there is no token that is still good");
    else
        c->grpc = grpc_call_unary(e->pool, &grpc, conf->request, &events, c);
    return c;
}

struct pubsub_call *pubsub_call_start(const struct pubsub_endpoint *e, const char *method, struct bytes routing,
                                      struct bytes request, us_t timeout_us, pubsub_call_fn *fn, void *ctx)
{
    struct pubsub_call_conf conf = {
        .method = method, .routing = routing, .request = request, .timeout_us = timeout_us, .fn = fn, .ctx = ctx,
    };
    return pubsub_call_begin(e, &conf);
}

struct pubsub_call *pubsub_call_refuse(const struct pubsub_endpoint *e, const struct pubsub_call_conf *conf,
                                       enum err_class class, const char *text)
{
    struct pubsub_call *c = new_call(e, conf);
    refuse(c, class, text);
    return c;
}

void pubsub_call_cancel(struct pubsub_call *c)
{
    if (c->grpc != NULL)
        grpc_call_cancel(c->grpc);
    loop_task_cancel(c->loop, &c->task);
    end(c);
}

void *pubsub_call_room(struct pubsub_call *c)
{
    return c->room;
}

bool pubsub_call_token(const struct pubsub_endpoint *e, struct bytes *ret_bearer, uint32_t *ret_gen)
{
    *ret_bearer = bytes_of(NULL, 0);
    *ret_gen = 0;
    if (e->auth == NULL || auth_source_kind(e->auth) == AUTH_NONE)
        return true;
    struct auth_token t = auth_token_now(e->auth);
    *ret_bearer = t.bearer;
    *ret_gen = t.gen;
    return t.bearer.len > 0;
}

struct pubsub_answer pubsub_call_answer(const struct grpc_result *result, uint32_t token_gen)
{
    us_t asked_us = result->details.len > 0 ? pubsub_cold_details(result->details, NULL, NULL, NULL) : 0;
    return (struct pubsub_answer) {
        .class = result->err.class,
        .reach = result->err.class == ERR_OK ? ANSWERED : result->err.reach,
        .http = result->err.http,
        .grpc = (uint16_t) result->code,
        .token_gen = token_gen,
        .wait_us = MAX(result->err.wait_us, asked_us),
    };
}

void pubsub_call_routing(const char *key, struct bytes name, struct buf *out)
{
    buf_append_str(out, key);
    buf_append_char(out, '=');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        if (plain)
            buf_append_char(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned char) c);
    }
}
