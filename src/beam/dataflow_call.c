#include "beam/dataflow_call.h"

#include "base/limits.h"
#include "beam/job_client.h"
#include "json/doc.h"

#include <stdio.h>

enum { ATTEMPTS = 4, FIRST_WAIT_MS = 500, CALL_S = 60, WORDS = 240 };

struct answer_wait {
    bool done;
    struct err err;
    uint16_t status;
    struct buf body;
};

struct token_wait {
    struct auth_watcher watcher;
    bool done;
    struct err err;
};

static void on_reply(void *ctx, const struct http_cold_reply *reply)
{
    struct answer_wait *w = ctx;
    w->done = true;
    w->err = reply->err;
    w->status = reply->status;
    buf_append(&w->body, reply->body);
}

static void on_token(struct auth_watcher *watcher, uint32_t gen UNUSED, const struct err *err)
{
    struct token_wait *t = CONTAINER_OF(watcher, struct token_wait, watcher);
    t->done = true;
    t->err = *err;
}

static bool is_stopped(const struct dataflow_caller *c)
{
    return c->stop != NULL && *c->stop != 0;
}

/* A bearer newer than `gen`; "" where none is needed. */
static bool get_token(struct dataflow_caller *c, bool newer, struct buf *ret_header, struct err *err)
{
    struct auth_source *auth = c->a.auth;
    struct auth_token token = auth_token_now(auth);
    if (auth_source_kind(auth) == AUTH_NONE)
        return true;
    if (token.bearer.len == 0 || newer) {
        struct token_wait t = { .watcher.fn = on_token };
        auth_watch(auth, &t.watcher);
        auth_refresh(auth, token.gen);
        while (!t.done && !is_stopped(c))
            loop_pass(c->a.loop, 100 * US_PER_MS);
        auth_unwatch(auth, &t.watcher);
        if (!t.done)
            return FAIL(err, CANCELLED, "interrupted before there was an access token");
        if (t.err.class != ERR_OK) {
            *err = t.err;
            return err_wrap(err, "no access token");
        }
        token = auth_token_now(auth);
    }
    buf_append_str(ret_header, "Authorization: Bearer ");
    buf_append(ret_header, token.bearer);
    return true;
}

static enum err_class class_of(uint16_t status)
{
    switch (status) {
    case 401: return ERR_UNAUTHENTICATED;
    case 403: return ERR_FORBIDDEN;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_ALREADY_EXISTS;
    case 412: return ERR_PRECONDITION;
    case 429: return ERR_THROTTLED;
    case 408: return ERR_TRANSIENT;
    default:  return status >= 500 ? ERR_TRANSIENT : status >= 400 ? ERR_REFUSED : ERR_NOT_API;
    }
}

static bool is_late(const struct err *err)
{
    return err->class == ERR_TRANSIENT || err->class == ERR_THROTTLED || err->class == ERR_RESET || err->class == ERR_TIMEOUT ||
           err->class == ERR_REFUSED_CONNECT || err->class == ERR_DNS;
}

/* Google's errors are {"error": {"code", "message", "status"}}; anything else is not its own answer. */
static bool judge(const char *url, const struct answer_wait *w, struct err *err)
{
    struct bytes host = bytes_str(url);
    host = bytes_sub(host, bytes_find(host, 0, ':') + 3, host.len);
    host = bytes_cut(&host, '/');
    if (w->err.class != ERR_OK) {
        *err = w->err;
        return false;
    }
    if (w->status / 100 == 2)
        return true;
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = json_doc_parse(buf_bytes(&w->body), NULL);
    const struct json_node *error = doc != NULL ? json_doc_get(json_doc_root(doc), "error") : NULL;
    CLEANUP(buf_fini) struct buf words = { 0 };
    job_text_clean(bytes_str(json_doc_str(json_doc_get(error, "message"), "")), WORDS, &words);
    if (words.len > 0)
        err_set(err, class_of(w->status), "%.*s answers %u: %s", BYTES_FMT(host), w->status, buf_str(&words));
    else
        err_set(err, w->status >= 500 || w->status == 429 ? class_of(w->status) : ERR_NOT_API,
                "%.*s answers %u without Google's error; look at proxies in between", BYTES_FMT(host), w->status);
    err->http = w->status;
    return false;
}

static bool call_once(struct dataflow_caller *c, const struct dataflow_ask *ask, bool newer, struct buf *ret_body, struct err *err)
{
    CLEANUP(buf_fini) struct buf bearer = { 0 }, type = { 0 }, quota = { 0 };
    const char *headers[6] = { "Accept: application/json", c->params };
    size_t count = 2;
    if (ask->encrypted) {
        TRY(get_token(c, newer, &bearer, err));
        struct bytes project = auth_source_quota_project(c->a.auth);
        if (bearer.len > 0)
            headers[count++] = buf_str(&bearer);
        buf_printf(&quota, "x-goog-user-project: %.*s", BYTES_FMT(project));
        if (project.len > 0)
            headers[count++] = buf_str(&quota);
    }
    buf_printf(&type, "Content-Type: %s", ask->content_type);
    if (ask->body.len > 0)
        headers[count++] = buf_str(&type);
    struct answer_wait w = { 0 };
    struct http_cold_call *call = http_cold_start(c->a.cold, &(struct http_cold_request) {
        .method = ask->method, .url = ask->url, .headers = headers, .body = ask->body, .reply_max = LIMIT_REPLY_BODY,
        .timeout_us = CALL_S * US_PER_S,
    }, on_reply, &w);
    while (!w.done && !is_stopped(c))
        loop_pass(c->a.loop, 100 * US_PER_MS);
    if (!w.done) {
        http_cold_cancel(call);
        buf_fini(&w.body);
        return FAIL(err, CANCELLED, "interrupted before the answer");
    }
    bool ok = judge(ask->url, &w, err);
    if (ok)
        buf_append(ret_body, buf_bytes(&w.body));
    buf_fini(&w.body);
    return ok;
}

bool dataflow_call(struct dataflow_caller *c, const struct dataflow_ask *ask, struct buf *ret_body, struct err *err)
{
    us_t wait_us = FIRST_WAIT_MS * US_PER_MS;
    bool newer = false;
    for (unsigned attempt = 1;; attempt++) {
        if (call_once(c, ask, newer, ret_body, err))
            return true;
        bool stale = err->class == ERR_UNAUTHENTICATED && err->http == 401 && !newer;
        newer = newer || stale;
        if (attempt == ATTEMPTS || !(is_late(err) || stale))
            return false;
        us_t until = loop_now(c->a.loop) + (stale ? 0 : wait_us);
        wait_us *= 3;
        while (loop_now(c->a.loop) < until && !is_stopped(c))
            loop_pass(c->a.loop, until - loop_now(c->a.loop));
    }
}
