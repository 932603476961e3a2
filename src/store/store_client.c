#include "store/store_call.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- life of the client ---- */

/* names are slices of the caller's text: they get a copy of it, taken apart again. */
static void copy_names(struct store_client *c, const struct store_names *names)
{
    struct err err;
    size_t at[STORE_ALIASES + 1], count = names->aliases_count + 1;
    CHECK(names->aliases_count <= STORE_ALIASES);
    for (size_t i = 0; i < count; i++) {
        at[i] = c->names_text.len;
        buf_append(&c->names_text, i == 0 ? names->own.full : names->alias[i - 1].full);
    }
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? at[i + 1] : c->names_text.len;
        struct store_name *to = i == 0 ? &c->names.own : &c->names.alias[i - 1];
        CHECK(store_name_parse(bytes_of(c->names_text.ptr + at[i], end - at[i]), to, &err));
    }
    c->names.aliases_count = names->aliases_count;
}

struct store_client *store_client_make(struct loop *l, const struct store_client_conf *conf)
{
    struct store_client *c = mem_alloc(sizeof(*c));
    c->loop = l;
    c->pool = conf->pool;
    c->reply_max = conf->reply_max > 0 ? conf->reply_max : LIMIT_REPLY_BODY;
    c->slow_us = conf->slow_us;
    copy_names(c, conf->names);
    buf_append(&c->quota_project, conf->quota_project);
    c->quota_project_ok = net_header_value_ok(buf_bytes(&c->quota_project));
    list_init(&c->open);
    list_init(&c->spare);
    return c;
}

static void free_call(struct store_call *call)
{
    buf_fini(&call->token);
    buf_fini(&call->url);
    buf_fini(&call->request);
    buf_fini(&call->own);
    buf_fini(&call->scratch);
    buf_fini(&call->retry_after);
    mem_free(call);
}

static struct store_call *first_of(struct list *l)
{
    return list_is_empty(l) ? NULL : CONTAINER_OF(l->head.next, struct store_call, link);
}

void store_client_free(struct store_client *c)
{
    struct store_call *call;
    if (c == NULL)
        return;
    while ((call = first_of(&c->open)) != NULL)
        store_cancel(call);
    while ((call = first_of(&c->spare)) != NULL) {
        list_remove(&c->spare, &call->link);
        free_call(call);
    }
    buf_fini(&c->names_text);
    buf_fini(&c->quota_project);
    buf_fini(&c->bearer);
    mem_free(c);
}

/* ---- life of a call ---- */

enum { CALL_KEEP = 64 << 10 };    /* a spare call's buffers are at most this */

static void keep_small(struct buf *b)
{
    if (b->cap > CALL_KEEP)
        buf_fini(b);
    else if (b->len > 0)
        buf_clear(b);
}

static void recycle(struct store_call *call)
{
    struct store_client *c = call->client;
    list_remove(&c->open, &call->link);
    keep_small(&call->own);
    keep_small(&call->scratch);
    keep_small(&call->request);
    /* Last in, first out: its memory is still in the cache. */
    list_push_front(&c->spare, &call->link);
}

static void finish(struct store_call *call, struct store_result *r)
{
    store_then_fn *then = call->then;
    call->h2 = NULL;
    call->then = NULL;
    if (then != NULL && then(call, r))
        return;
    if (call->done != NULL)
        call->done(call, r);
    else
        call->ev->on_done(call->ctx, r);
    recycle(call);
}

/* What the text begins with: "fetch from projects/p/.../hl7V2Stores/s". */
static void fail_text(const struct store_call *call, struct err *err, enum err_class class, const char *why)
{
    struct bytes store = call->client->names.own.full;
    uint16_t http = err->http;
    us_t wait_us = err->wait_us;
    uint8_t reach = err->reach;
    if (http != 0)
        err_set(err, class, "%s, %.*s: HTTP %u: %s", call->what, BYTES_FMT(store), http, why);
    else
        err_set(err, class, "%s, %.*s: %s", call->what, BYTES_FMT(store), why);
    err->http = http;
    err->wait_us = wait_us;
    err->reach = reach;
}

void store_read_fail(struct store_result *r, struct err *err, enum err_class class, const char *text)
{
    r->class = (uint16_t) class;
    err_set(err, class, "%s", text);
}

/* Status and body of a reply that is not 200. */
static void read_error(struct store_call *call, struct store_result *r, struct err *err)
{
    us_t wall_us = loop_wall(call->client->loop);
    struct answer_error a = answer_classify(&call->head, buf_bytes(call->reply), wall_us);
    r->class = a.class;
    r->wait_us = a.wait_us;
    if (a.nack.kind == JSON_STRING && store_read_string(&a.nack))
        answer_hl7_ack(a.nack.raw, &call->scratch, r->ack, r->nack_where);
    err_set(err, a.class, "%s%s%s", a.status, a.status[0] != '\0' ? ": " : "", err_text(a.class));
}

static void finish_failed(struct store_call *call, struct store_result *r, const struct err *why)
{
    struct err err = *why;
    err.http = r->http;
    err.wait_us = r->wait_us;
    err.reach = r->reach;
    fail_text(call, &err, r->class, why->text);
    r->err = &err;
    finish(call, r);
}

/* The end of every call: result and error from what came. */
static void conclude(struct store_call *call, const struct h2_result *h2, const struct err *why)
{
    struct err err;
    struct store_result r = {
        .class = why->class, .reach = why->reach, .http = call->head.status, .token_gen = call->token_gen,
        .sent_us = h2->sent_us, .first_byte_us = h2->first_byte_us, .reply_bytes = call->reply->len, .err = why,
    };
    if (why->class == ERR_OK) {
        r.reach = ANSWERED;
        if (call->head.status != 200)
            read_error(call, &r, &err);
        else if (call->head.encoded)
            store_read_fail(&r, &err, ERR_BAD_REPLY, "the reply is compressed, which was not asked for");
        else
            call->read(call, &r, &err);
        if (r.class != ERR_OK)
            why = &err;
    }
    if (r.class == ERR_OK)
        finish(call, &r);
    else
        finish_failed(call, &r, why);
}

static void end_by_task(struct loop_task *t)
{
    struct store_call *call = CONTAINER_OF(t, struct store_call, task);
    struct h2_result none = { 0 };
    if (call->h2 != NULL)
        h2_call_cancel(call->h2);
    conclude(call, &none, &call->doom);
}

/* Ends the call later in this pass; what still comes is not looked at. */
static void doom(struct store_call *call, enum err_class class, enum reach reach, const char *text)
{
    if (call->doomed)
        return;
    call->doomed = true;
    err_set(&call->doom, class, "%s", text);
    call->doom.reach = (uint8_t) reach;
    loop_task_post(call->client->loop, &call->task);
}

/* ---- what the connection tells ---- */

static void on_headers(void *ctx, uint16_t status, struct net_headers h)
{
    struct store_call *call = ctx;
    struct bytes encoding = net_headers_get(h, "content-encoding");
    call->head.status = status;
    call->head.encoded = encoding.len > 0 && !bytes_eq_nocase(encoding, BYTES_LIT("identity"));
    if (status == 200)
        return;
    /* An error's body is small and not the caller's. */
    call->reply = &call->own;
    call->ask_first = false;
    call->reply_max = CALL_KEEP;
    buf_append(&call->retry_after, bytes_sub(net_headers_get(h, "retry-after"), 0, 64));
    call->head.retry_after = buf_bytes(&call->retry_after);
    if (!answer_http_date(net_headers_get(h, "date"), &call->head.date_wall_us))
        call->head.date_wall_us = 0;
}

static void doom_long_reply(struct store_call *call)
{
    /* An error too long to be the API's is judged by what there is of it. */
    enum err_class class = call->head.status == 200 ? ERR_TOO_LARGE : ERR_OK;
    doom(call, class, ANSWERED, "the reply is longer than the limit for it");
}

static void on_data(void *ctx, struct bytes data)
{
    struct store_call *call = ctx;
    if (call->doomed)
        return;
    if (call->reply->len + data.len > call->reply_max)
        doom_long_reply(call);
    else
        buf_append(call->reply, data);
}

static void on_want(void *ctx, uint64_t total)
{
    struct store_call *call = ctx;
    if (call->doomed)
        return;
    if (total > call->reply_max)
        doom_long_reply(call);
    else if (call->ask_first && call->ev->on_want != NULL)
        call->ev->on_want(call->ctx, total);
    else
        store_grant(call, total > call->granted ? total - call->granted : LIMIT_STREAM_WINDOW);
}

static void on_done(void *ctx, const struct h2_result *result)
{
    struct store_call *call = ctx;
    call->h2 = NULL;
    loop_task_cancel(call->client->loop, &call->task);
    conclude(call, result, call->doomed ? &call->doom : &result->err);
}

/* ---- for the kinds of calls ---- */

struct store_call *store_call_new(struct store_client *c, const char *what, store_read_fn *read,
                                  const struct store_events *ev, void *ctx)
{
    struct store_call *call = first_of(&c->spare);
    if (call != NULL) {
        list_remove(&c->spare, &call->link);
    } else {
        call = mem_alloc(sizeof(*call));
        call->client = c;
        call->task.fn = end_by_task;
    }
    list_push_back(&c->open, &call->link);
    buf_clear(&call->url);
    if (call->retry_after.len > 0)
        buf_clear(&call->retry_after);
    call->h2 = NULL;
    call->what = what;
    call->read = read;
    call->ev = ev;
    call->ctx = ctx;
    call->done = NULL;
    call->then = NULL;
    call->reply = &call->own;
    call->into = NULL;
    call->reply_max = LIMIT_REPLY_BODY;
    call->granted = LIMIT_STREAM_WINDOW;
    call->ask_first = false;
    call->head = (struct answer_head) { 0 };
    call->doomed = false;
    call->id_len = 0;
    return call;
}

static struct bytes bearer_of(struct store_client *c, const struct store_attempt *a)
{
    if (a->token.len == 0)
        return bytes_of(NULL, 0);
    if (a->token_gen == 0 || a->token_gen != c->bearer_gen || c->bearer.len != a->token.len + 7) {
        buf_clear(&c->bearer);
        buf_append(&c->bearer, BYTES_LIT("Bearer "));
        buf_append(&c->bearer, a->token);
        c->bearer_gen = a->token_gen;
        c->bearer_ok = net_header_value_ok(buf_bytes(&c->bearer));
    }
    return buf_bytes(&c->bearer);
}

void store_call_refuse(struct store_call *call, const struct store_attempt *a, enum err_class class,
                       const char *text)
{
    call->token_gen = a->token_gen;
    doom(call, class, NOT_SENT, text);
}

void store_call_go(struct store_call *call, const struct store_attempt *a, const char *method,
                   const struct bytes *parts, size_t parts_count)
{
    static const struct h2_call_events events = { on_headers, on_data, on_want, NULL, on_done };
    struct store_client *c = call->client;
    struct net_header headers[8] = {
        { BYTES_LIT("accept"), BYTES_LIT("application/json") },
        { BYTES_LIT("accept-encoding"), BYTES_LIT("identity") },
        { BYTES_LIT("user-agent"), BYTES_LIT("hl7relay/" HL7RELAY_VERSION) },
    };
    size_t n = 3;
    struct bytes bearer = bearer_of(c, a);
    if (bearer.len > 0)
        headers[n++] = (struct net_header) { BYTES_LIT("authorization"), bearer };
    if (c->quota_project.len > 0)
        headers[n++] = (struct net_header) { BYTES_LIT("x-goog-user-project"), buf_bytes(&c->quota_project) };
    if (parts_count > 0) {
        headers[n++] = (struct net_header) { BYTES_LIT("content-type"), BYTES_LIT("application/json") };
        /* Asks for hl7Nack in the details of an error, as Google's own adapter does. */
        headers[n++] = (struct net_header) { BYTES_LIT("x-goog-api-format-version"), BYTES_LIT("2") };
    }
    if (!c->quota_project_ok || (bearer.len > 0 && !c->bearer_ok)) {
        store_call_refuse(call, a, ERR_CONFIG, "the token or the quota project holds a control character");
        return;
    }
    struct h2_request req = {
        .method = method, .path = buf_bytes(&call->url), .headers = headers, .headers_count = n,
        .first_window = LIMIT_STREAM_WINDOW, .deadline_us = a->deadline_us, .slow_us = c->slow_us,
    };
    CHECK(parts_count <= H2_BODY_PARTS);
    for (size_t i = 0; i < parts_count; i++)
        req.body[i] = parts[i];
    call->token_gen = a->token_gen;
    buf_clear(call->reply);
    call->h2 = h2_call_start(c->pool, &req, &events, call);
}

void store_call_then(struct store_call *call, const struct store_attempt *a, store_then_fn *then)
{
    call->then = then;
    call->deadline_us = a->deadline_us;
    buf_clear(&call->token);
    buf_append(&call->token, a->token);
}

void store_call_again(struct store_call *call, const char *method, const struct bytes *parts, size_t parts_count)
{
    struct store_attempt a = {
        .token = buf_bytes(&call->token), .token_gen = call->token_gen, .deadline_us = call->deadline_us,
    };
    buf_clear(&call->retry_after);
    call->reply = &call->own;
    call->granted = LIMIT_STREAM_WINDOW;
    call->head = (struct answer_head) { 0 };
    call->doomed = false;
    store_call_go(call, &a, method, parts, parts_count);
}

void store_grant(struct store_call *call, uint64_t bytes_more)
{
    call->granted += bytes_more;
    /* Room for what was granted and no more: doubling would take up to twice what the engine counts. */
    if (call->granted > call->reply->len && call->granted <= call->reply_max)
        buf_reserve(call->reply, (size_t) call->granted - call->reply->len);
    if (call->h2 != NULL)
        h2_call_grant(call->h2, bytes_more);
}

void store_cancel(struct store_call *call)
{
    if (call->h2 != NULL)
        h2_call_cancel(call->h2);
    call->h2 = NULL;
    loop_task_cancel(call->client->loop, &call->task);
    recycle(call);
}

/* ---- the calls ---- */

bool store_call_message(struct store_call *call, const struct store_attempt *a, struct bytes id)
{
    if (!store_path_id_ok(id)) {
        store_call_refuse(call, a, ERR_BAD_INPUT, "the message id is none");
        return false;
    }
    CHECK(id.len < sizeof(call->id));
    memcpy(call->id, id.ptr, id.len);
    call->id_len = id.len;
    buf_clear(&call->url);
    store_path_message_url(&call->client->names.own, id, "?view=RAW_ONLY", &call->url);
    return true;
}

struct store_call *store_fetch(struct store_client *c, const struct store_attempt *a, struct bytes id,
                               struct store_body *into, const struct store_events *ev, void *ctx)
{
    struct store_call *call = store_call_new(c, "fetch", store_read_fetch, ev, ctx);
    into->data = into->labels = bytes_of(NULL, 0);
    into->message_bytes = 0;
    call->into = into;
    call->reply = &into->reply;
    call->reply_max = c->reply_max;
    call->ask_first = true;
    if (store_call_message(call, a, id))
        store_call_go(call, a, "GET", NULL, 0);
    return call;
}

struct store_call *store_ingest(struct store_client *c, const struct store_attempt *a, struct bytes data,
                                struct bytes labels, const struct store_events *ev, void *ctx)
{
    static const struct bytes head = { "{\"message\":{\"data\":\"", 20 }, tail = { "\"}}", 3 };
    static const struct bytes label_head = { "\",\"labels\":", 11 }, label_tail = { "}}", 2 };
    struct store_call *call = store_call_new(c, "ingest", store_read_ingest, ev, ctx);
    struct bytes parts[H2_BODY_PARTS] = { head, data, tail };
    size_t count = 3, size = head.len + data.len + tail.len;
    if (labels.len > 0) {
        /* Four parts in all: what closes the data and what follows it are one part of our own. */
        buf_clear(&call->request);
        buf_append(&call->request, label_head);
        buf_append(&call->request, labels);
        buf_append(&call->request, label_tail);
        parts[2] = buf_bytes(&call->request);
        size = head.len + data.len + call->request.len;
    }
    if (size > LIMIT_REQUEST_BODY) {
        store_call_refuse(call, a, ERR_TOO_LARGE, "the message is larger than the 10 MB that a store takes");
        return call;
    }
    store_path_url(&c->names.own, "/messages:ingest", &call->url);
    store_call_go(call, a, "POST", parts, count);
    return call;
}
