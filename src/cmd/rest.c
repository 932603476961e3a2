#include "cmd/rest.h"

#include "base/limits.h"
#include "base/mem.h"

enum { REST_WINDOW = 64 << 10, REST_REPLY_MAX = 24 << 20, REST_ATTEMPTS = 30 };

struct rest_one {
    const struct rest *rest;
    struct h2_call *call;
    struct buf reply, bearer;
    uint16_t status;
    bool too_long;
    rest_fn *fn;
    void *ctx;
    uint64_t granted;
};

static void on_headers(void *ctx, uint16_t status, struct net_headers h UNUSED)
{
    struct rest_one *one = ctx;
    one->status = status;
}

static void on_data(void *ctx, struct bytes data)
{
    struct rest_one *one = ctx;
    if (one->reply.len + data.len > REST_REPLY_MAX)
        one->too_long = true;
    else
        buf_append(&one->reply, data);
}

static void on_want(void *ctx, uint64_t total)
{
    struct rest_one *one = ctx;
    uint64_t wanted = MIN(total, (uint64_t) REST_REPLY_MAX) + REST_WINDOW;
    h2_call_grant(one->call, wanted > one->granted ? wanted - one->granted : REST_WINDOW);
    one->granted = MAX(one->granted, wanted);
}

static void on_done(void *ctx, const struct h2_result *result)
{
    struct rest_one *one = ctx;
    struct rest_reply reply = { .err = result->err, .status = one->status, .body = buf_bytes(&one->reply) };
    if (reply.err.class == ERR_OK && one->too_long)
        err_set(&reply.err, ERR_TOO_LARGE, "the answer is longer than %d MiB", REST_REPLY_MAX >> 20);
    one->fn(one->ctx, &reply);
    buf_fini(&one->reply);
    buf_fini(&one->bearer);
    mem_free(one);
}

void rest_start(const struct rest *r, const char *method, struct bytes path, struct bytes body, rest_fn *fn, void *ctx)
{
    static const struct h2_call_events events = {
        .on_headers = on_headers, .on_data = on_data, .on_want = on_want, .on_done = on_done
    };
    struct rest_one *one = mem_alloc(sizeof(*one));
    *one = (struct rest_one) { .rest = r, .fn = fn, .ctx = ctx, .granted = REST_WINDOW };
    struct net_header headers[3];
    size_t count = 0;
    if (body.len > 0)
        headers[count++] = (struct net_header) { BYTES_LIT("content-type"), BYTES_LIT("application/json") };
    struct auth_token token = r->auth != NULL ? auth_token_now(r->auth) : (struct auth_token) { 0 };
    if (token.bearer.len > 0) {
        buf_append_str(&one->bearer, "Bearer ");
        buf_append(&one->bearer, token.bearer);
        headers[count++] = (struct net_header) { BYTES_LIT("authorization"), buf_bytes(&one->bearer) };
    }
    if (r->quota_project.len > 0)
        headers[count++] = (struct net_header) { BYTES_LIT("x-goog-user-project"), r->quota_project };
    struct h2_request req = {
        .method = method, .path = path, .headers = headers, .headers_count = count, .body = { body },
        .first_window = REST_WINDOW, .deadline_us = loop_now(r->loop) + US_PER_MIN
    };
    one->call = h2_call_start(r->pool, &req, &events, one);
}

/* ---- the crew ---- */

struct rest_hand {
    struct rest_job job;
    struct rest_working *working;
    unsigned attempt;
    bool busy;
    struct loop_timer again;
};

struct rest_working {
    const struct rest_crew *crew;
    size_t next, done;
    uint32_t busy;
    struct rest_hand *hands;
    struct loop_timer ticker;
};

static bool is_late(const struct rest_reply *reply)
{
    if (reply->err.class != ERR_OK)
        return reply->err.class != ERR_TOO_LARGE;
    uint16_t s = reply->status;
    return s == 408 || s == 425 || s == 429 || (s >= 500 && s != 501) || s == 401;
}

static void hand_done(void *ctx, const struct rest_reply *reply);

static void hand_send(struct rest_hand *h)
{
    struct auth_source *auth = h->working->crew->rest->auth;
    if (auth != NULL && h->attempt > 0)
        auth_refresh(auth, auth_token_now(auth).bearer.len > 0 ? auth_token_now(auth).gen - 1 : auth_token_now(auth).gen);
    h->attempt++;
    rest_start(h->working->crew->rest, h->job.method, buf_bytes(&h->job.path), buf_bytes(&h->job.body), hand_done, h);
}

static void hand_again(struct loop_timer *t)
{
    hand_send(CONTAINER_OF(t, struct rest_hand, again));
}

/* Gives the hand its next job; false: there is none. */
static bool hand_take(struct rest_hand *h)
{
    struct rest_working *w = h->working;
    while (w->next < w->crew->count) {
        h->job.index = w->next++;
        h->job.method = "GET";
        buf_clear(&h->job.path);
        buf_clear(&h->job.body);
        if (w->crew->make(w->crew->ctx, &h->job)) {
            h->attempt = 0;
            h->busy = true;
            w->busy++;
            hand_send(h);
            return true;
        }
        w->done++;
    }
    return false;
}

static void hand_done(void *ctx, const struct rest_reply *reply)
{
    struct rest_hand *h = ctx;
    struct rest_working *w = h->working;
    unsigned max = w->crew->attempts_max > 0 ? w->crew->attempts_max : REST_ATTEMPTS;
    if (is_late(reply) && h->attempt < max) {
        us_t wait = MIN(20 * US_PER_MS << MIN(h->attempt, 7u), US_PER_S);
        loop_timer_set(w->crew->rest->loop, &h->again, loop_now(w->crew->rest->loop) + wait);
        return;
    }
    w->crew->done(w->crew->ctx, &h->job, reply);
    w->done++;
    w->busy--;
    h->busy = false;
    hand_take(h);
}

static void on_tick(struct loop_timer *t)
{
    struct rest_working *w = CONTAINER_OF(t, struct rest_working, ticker);
    if (w->crew->tick != NULL)
        w->crew->tick(w->crew->ctx, w->done);
    loop_timer_set(w->crew->rest->loop, t, loop_now(w->crew->rest->loop) + 100 * US_PER_MS);
}

bool rest_crew_run(const struct rest_crew *crew, const volatile int *stop)
{
    struct loop *loop = crew->rest->loop;
    struct rest_working w = { .crew = crew };
    uint32_t hands = (uint32_t) MIN((size_t) MAX(crew->window, 1u), MAX(crew->count, (size_t) 1));
    w.hands = mem_alloc_n(hands, sizeof(*w.hands));
    w.ticker.fn = on_tick;
    loop_pass(loop, 0);    /* what was long ago must not count as now */
    loop_timer_set(loop, &w.ticker, loop_now(loop) + 100 * US_PER_MS);
    for (uint32_t i = 0; i < hands; i++) {
        w.hands[i].working = &w;
        w.hands[i].again.fn = hand_again;
        hand_take(&w.hands[i]);
    }
    while (w.busy > 0) {
        if (stop != NULL && *stop)
            w.next = crew->count;    /* what is under way ends by itself: nothing is left half done */
        loop_pass(loop, US_NEVER);
    }
    loop_timer_stop(loop, &w.ticker);
    for (uint32_t i = 0; i < hands; i++) {
        buf_fini(&w.hands[i].job.path);
        buf_fini(&w.hands[i].job.body);
    }
    mem_free(w.hands);
    return stop == NULL || !*stop;
}

/* ---- one call ---- */

struct rest_asking {
    const char *method;
    struct bytes path, body;
    struct buf *ret_body;
    struct err *err;
    uint16_t status;
};

static bool ask_make(void *ctx, struct rest_job *job)
{
    struct rest_asking *a = ctx;
    job->method = a->method;
    buf_append(&job->path, a->path);
    buf_append(&job->body, a->body);
    return true;
}

static void ask_done(void *ctx, const struct rest_job *job UNUSED, const struct rest_reply *reply)
{
    struct rest_asking *a = ctx;
    a->status = reply->err.class == ERR_OK ? reply->status : 0;
    if (a->err != NULL)
        *a->err = reply->err;
    if (a->ret_body != NULL) {
        buf_clear(a->ret_body);
        buf_append(a->ret_body, reply->body);
    }
}

uint16_t rest_ask(const struct rest *r, const char *method, struct bytes path, struct bytes body, struct buf *ret_body,
                  struct err *err)
{
    struct rest_asking a = { .method = method, .path = path, .body = body, .ret_body = ret_body, .err = err };
    const struct rest_crew crew = {
        .rest = r, .count = 1, .window = 1, .attempts_max = r->attempts_max, .make = ask_make, .done = ask_done, .ctx = &a
    };
    rest_crew_run(&crew, NULL);
    return a.status;
}
