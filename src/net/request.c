#include "net/serve.h"

#include "base/mem.h"

enum {
    TEXT_FIRST = 1 << 10,
    KEPT_BYTES = 16 << 10    /* buffers larger than this do not stay with a spare request */
};

/* ---- life ------------------------------------------------------------- */

struct net_request *serve_request_take(struct serve_conn *c)
{
    struct list_link *spare = list_pop_front(&c->listener->spare);
    struct net_request *r;
    if (spare != NULL) {
        r = serve_request_of_link(spare);
    } else {
        r = mem_alloc(sizeof(*r));
        buf_reserve(&r->text, TEXT_FIRST);
    }
    r->magic = REQUEST_MAGIC;
    r->conn = c;
    list_push_back(&c->requests, &r->link);
    return r;
}

/* Counts what the request keeps in memory; false: the port holds too much. */
static bool hold(struct net_request *r)
{
    struct net_listener *n = r->conn->listener;
    size_t now = r->text.len + r->body.len + r->handler_held;
    n->held += now - r->held;
    r->held = now;
    return n->held <= LIMIT_SERVER_BODIES;
}

void serve_request_give_back(struct net_request *r)
{
    r->conn->listener->held -= r->held;
    r->held = 0;
    gunzip_free(TAKE(r->gunzip));
}

static void shrink(struct buf *b)
{
    if (b->cap > KEPT_BYTES)
        buf_fini(b);
    else
        buf_clear(b);
}

static void destroy(struct net_request *r)
{
    buf_fini(&r->text);
    buf_fini(&r->body);
    buf_fini(&r->out);
    mem_free(r->fields);
    mem_free(r);
}

void serve_request_free(struct net_request *r)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(!r->open);
    struct net_listener *n = r->conn->listener;
    serve_request_give_back(r);
    r->conn->owed -= r->owed;
    mem_free(r->trailers);
    list_remove(&r->conn->requests, &r->link);
    shrink(&r->text);
    shrink(&r->body);
    shrink(&r->out);
    /* All but the memory is as in a new one. */
    struct net_request spare = { .text = r->text, .body = r->body, .out = r->out, .fields = r->fields,
                                 .fields_cap = r->fields_cap };
    *r = spare;
    if (n->spare.count < LIMIT_REQUESTS_KEPT)
        list_push_front(&n->spare, &r->link);
    else
        destroy(r);
}

void serve_request_free_spare(struct net_listener *n)
{
    for (struct list_link *link; (link = list_pop_front(&n->spare)) != NULL;)
        destroy(serve_request_of_link(link));
}

void serve_request_gone(struct net_request *r)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!r->open)
        return;
    r->open = false;
    serve_request_over(r, 0, NULL, 0);
    if (r->events.on_gone != NULL)
        r->events.on_gone(r->ctx);
}

void serve_request_over(struct net_request *r, uint16_t status, const struct net_header *fields, size_t count)
{
    struct net_listener *n = r->conn->listener;
    uint64_t code;
    if (n->answered == NULL)
        return;
    struct net_answer answer = { .status = status, .grpc_status = -1, .took_us = loop_now(n->loop) - r->routed_us };
    struct bytes said = net_headers_get((struct net_headers) { (struct net_header *) fields, count }, "grpc-status");
    if (bytes_to_u64(said, &code))
        answer.grpc_status = (int) MIN(code, (uint64_t) 99);
    n->answered(n->ctx, r, &answer);
}

/* ---- head ------------------------------------------------------------- */

static void rebase(struct bytes *b, uintptr_t old, const char *now)
{
    if (b->len > 0)
        b->ptr = now + ((uintptr_t) b->ptr - old);
}

struct bytes serve_request_keep(struct net_request *r, struct bytes b)
{
    if (b.len == 0)
        return bytes_of("", 0);
    uintptr_t old = (uintptr_t) r->text.ptr;
    char *at = buf_reserve(&r->text, b.len);
    if ((uintptr_t) r->text.ptr != old) {    /* it moved: so do the strings in it */
        struct bytes *const fixed[] = { &r->method, &r->path, &r->query, &r->authority };
        for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
            rebase(fixed[i], old, r->text.ptr);
        for (size_t i = 0; i < r->fields_count; i++) {
            rebase(&r->fields[i].name, old, r->text.ptr);
            rebase(&r->fields[i].value, old, r->text.ptr);
        }
    }
    memcpy(at, b.ptr, b.len);
    r->text.len += b.len;
    return bytes_of(at, b.len);
}

void serve_request_add_field(struct net_request *r, struct net_header field)
{
    if (r->fields_count == r->fields_cap) {
        r->fields_cap = MAX((size_t) 32, r->fields_cap * 2);
        r->fields = mem_grow(r->fields, r->fields_cap * sizeof(*r->fields));
    }
    r->fields[r->fields_count++] = field;
}

static void not_found(void *ctx UNUSED, struct net_request *r)
{
    serve_request_refuse(r, 404);
}

static void hand_over(struct net_request *r)
{
    r->open = true;
    r->route.fn(r->route.ctx, r);
}

/* Content-Encoding of a buffered body: 0, or what to answer. */
static uint16_t begin_coding(struct net_request *r)
{
    struct bytes coding = net_request_header(r, "content-encoding");
    if (coding.len == 0 || bytes_eq_nocase(coding, BYTES_LIT("identity")))
        return 0;
    if (!bytes_eq_nocase(coding, BYTES_LIT("gzip")) && !bytes_eq_nocase(coding, BYTES_LIT("x-gzip")))
        return 415;
    r->gunzip = gunzip_make();
    return 0;
}

void serve_request_route(struct net_request *r)
{
    uint64_t length = 0;
    struct bytes said = net_request_header(r, "content-length");
    r->is_head = bytes_eq_str(r->method, "HEAD");
    r->routed_us = loop_now(r->conn->listener->loop);
    if (r->bad == 0 && said.len > 0 && !bytes_to_u64(said, &length))
        r->bad = 400;
    if (!hold(r) && r->bad == 0)
        r->bad = 503;
    if (r->bad != 0) {
        serve_request_refuse(r, r->bad);
        return;
    }
    struct net_listener *n = r->conn->listener;
    r->route = n->route(n->ctx, r);
    if (r->route.fn == NULL)
        r->route = (struct net_route) { NET_BUFFERED, LIMIT_REQUEST_BODY, not_found, NULL };
    if (r->route.kind == NET_STREAM) {
        r->routed = true;
        hand_over(r);
        return;
    }
    uint16_t bad = begin_coding(r);
    if (length > r->route.body_max)
        bad = 413;
    if (bad != 0)
        serve_request_refuse(r, bad);
    else
        r->routed = true;
}

/* ---- body ------------------------------------------------------------- */

static void buffer_body(struct net_request *r, struct bytes data)
{
    uint16_t bad = 0;
    if (data.len > r->route.body_max - r->body_came) {
        bad = 413;
    } else if (r->gunzip != NULL) {
        enum gunzip_result result = gunzip_feed(r->gunzip, data, r->route.body_max, &r->body);
        bad = result == GUNZIP_OK ? 0 : result == GUNZIP_BAD ? 400 : 413;
    } else {
        buf_append(&r->body, data);
    }
    if (!hold(r) && bad == 0)
        bad = 503;
    r->body_came += data.len;
    if (bad != 0)
        serve_request_refuse(r, bad);
}

void serve_request_body(struct net_request *r, struct bytes data)
{
    if (!r->routed || r->ended)
        return;
    if (r->route.kind == NET_BUFFERED)
        buffer_body(r, data);
    else if (r->open && r->events.on_data != NULL)
        r->events.on_data(r->ctx, data);
}

void serve_request_end(struct net_request *r)
{
    if (r->ended)
        return;
    r->ended = true;
    if (!r->routed)
        return;
    if (r->route.kind == NET_STREAM) {
        if (r->open && r->events.on_end != NULL)
            r->events.on_end(r->ctx);
    } else if (r->gunzip != NULL && !gunzip_is_whole(r->gunzip)) {
        serve_request_refuse(r, 400);
    } else {
        hand_over(r);
    }
}

/* ---- what the handler sees -------------------------------------------- */

struct bytes net_request_method(const struct net_request *r)
{
    return r->method;
}

struct bytes net_request_path(const struct net_request *r)
{
    return r->path;
}

struct bytes net_request_query(const struct net_request *r)
{
    return r->query;
}

struct bytes net_request_authority(const struct net_request *r)
{
    return r->authority;
}

struct net_headers net_request_headers(const struct net_request *r)
{
    return (struct net_headers) { r->fields, r->fields_count };
}

struct bytes net_request_header(const struct net_request *r, const char *name)
{
    return net_headers_get(net_request_headers(r), name);
}

struct bytes net_request_body(const struct net_request *r)
{
    return buf_bytes(&r->body);
}

bool net_request_is_h2(const struct net_request *r)
{
    return r->conn->proto == &h2_proto;
}

bool net_request_is_tls(const struct net_request *r)
{
    return r->conn->listener->tls != NULL;
}

bool net_request_is_local(const struct net_request *r)
{
    return r->conn->local;
}

struct loop *net_request_loop(const struct net_request *r)
{
    return r->conn->listener->loop;
}

void net_request_watch(struct net_request *r, const struct net_request_events *events, void *ctx)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open);
    r->events = *events;
    r->ctx = ctx;
}

bool net_request_hold(struct net_request *r, size_t bytes)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    r->handler_held = bytes;
    return hold(r);
}
