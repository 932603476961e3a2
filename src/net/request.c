#include "net/serve.h"

#include "base/mem.h"

#include <stdio.h>

enum {
    TEXT_FIRST = 1 << 10,
    KEPT_BYTES = 16 << 10,    /* buffers larger than this do not stay with a spare request */
    GZIP_FROM = 1 << 10       /* below it the time is worth more than the bytes */
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

static void give_back(struct net_request *r)
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
    give_back(r);
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
    if (r->events.on_gone != NULL)
        r->events.on_gone(r->ctx);
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

/* ---- reply ------------------------------------------------------------ */

/* A line feed in a value would begin a field, or a reply, of the client's choosing. */
static void send_harmless(struct net_request *r, uint16_t status, const struct net_header *headers, size_t count,
                          size_t body_len)
{
    struct net_header safe[LIMIT_REPLY_HEADERS];
    CLEANUP(buf_fini) struct buf text = { 0 };
    for (size_t i = 0; i < count; i++)
        buf_append(&text, headers[i].value);
    char *at = text.ptr;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char) at[i] < 0x20 || at[i] == 0x7f)
            at[i] = ' ';
    for (size_t i = 0; i < count; i++) {
        safe[i] = (struct net_header) { headers[i].name, { at, headers[i].value.len } };
        at += headers[i].value.len;
    }
    r->conn->proto->begin(r, status, safe, count, body_len);
}

static void begin(struct net_request *r, uint16_t status, const struct net_header *headers, size_t count,
                  size_t body_len)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(!r->begun && status >= 200 && status <= 599 && count <= LIMIT_REPLY_HEADERS);
    r->begun = true;
    if (r->conn->dead)
        return;
    for (size_t i = 0; i < count; i++)
        if (!net_header_value_ok(headers[i].value)) {
            send_harmless(r, status, headers, count, body_len);
            return;
        }
    r->conn->proto->begin(r, status, headers, count, body_len);
}

/* The handler's last call: it has no business with the request any more. */
static void end(struct net_request *r, const struct net_header *trailers, size_t count)
{
    r->open = false;
    r->out_end = true;
    give_back(r);
    r->owed = true;
    r->conn->owed++;
    if (!r->conn->dead)
        r->conn->proto->end(r, trailers, count);
}

static void whole(struct net_request *r, uint16_t status, const struct net_header *headers, size_t count,
                  struct bytes body)
{
    begin(r, status, headers, count, body.len);
    if (!r->is_head && !r->conn->dead)
        r->conn->proto->body(r, body);
    end(r, NULL, 0);
}

/* Does the client take gzip? "gzip", "x, gzip;q=0.5", but not "gzip;q=0". */
static bool takes_gzip(const struct net_request *r)
{
    struct bytes list = net_request_header(r, "accept-encoding");
    while (list.len > 0) {
        struct bytes item = bytes_cut(&list, ',');
        struct bytes name = bytes_trim(bytes_cut(&item, ';'));
        struct bytes q = bytes_trim(item);
        if (!bytes_eq_nocase(name, BYTES_LIT("gzip")))
            continue;
        for (size_t i = 0; i < q.len; i++)
            if (q.ptr[i] >= '1' && q.ptr[i] <= '9')
                return true;
        return q.len == 0;
    }
    return false;
}

void net_reply_may_gzip(struct net_request *r)
{
    r->may_gzip = true;
}

void net_reply(struct net_request *r, uint16_t status, const struct net_header *headers, size_t headers_count,
               struct bytes body)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open && headers_count + 2 <= LIMIT_REPLY_HEADERS);
    if (!r->may_gzip || body.len <= GZIP_FROM) {
        whole(r, status, headers, headers_count, body);
        return;
    }
    struct net_header with[LIMIT_REPLY_HEADERS];
    size_t count = headers_count;
    if (count > 0)
        memcpy(with, headers, count * sizeof(*with));
    with[count++] = (struct net_header) { BYTES_LIT("vary"), BYTES_LIT("accept-encoding") };
    CLEANUP(buf_fini) struct buf packed = { 0 };
    if (takes_gzip(r)) {
        gzip_append(body, &packed);
        body = buf_bytes(&packed);
        with[count++] = (struct net_header) { BYTES_LIT("content-encoding"), BYTES_LIT("gzip") };
    }
    whole(r, status, with, count, body);
}

void net_reply_head(struct net_request *r, uint16_t status, const struct net_header *headers, size_t headers_count)
{
    CHECK(r->open);
    r->out_end = true;    /* before begin: nothing follows the headers */
    begin(r, status, headers, headers_count, NO_LENGTH);
    end(r, NULL, 0);
}

void net_reply_begin(struct net_request *r, uint16_t status, const struct net_header *headers, size_t headers_count)
{
    CHECK(r->open);
    begin(r, status, headers, headers_count, NO_LENGTH);
}

void net_reply_send(struct net_request *r, struct bytes data)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open && r->begun);
    if (data.len > 0 && !r->is_head && !r->conn->dead)
        r->conn->proto->body(r, data);
}

size_t net_reply_unsent(const struct net_request *r)
{
    return r->out.len - r->out_at;
}

void net_reply_end(struct net_request *r, const struct net_header *trailers, size_t trailers_count)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open && r->begun);
    end(r, trailers, trailers_count);
}

void net_reply_reset(struct net_request *r)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open);
    r->open = false;
    r->out_end = true;
    if (!r->conn->dead)
        r->conn->proto->reset(r);
}

void net_reply_cut_connection(struct net_request *r)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open);
    r->open = false;
    r->conn->cut = true;
    serve_kill(r->conn);
}

void serve_request_refuse(struct net_request *r, uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } rows[] = {
        { 400, "Bad Request: this is not a well-formed HTTP request or its body cannot be unpacked.\n" },
        { 404, "Not Found\n" },
        { 408, "Request Timeout: the rest of the request did not come in time.\n" },
        { 413, "Content Too Large: the request body is over the limit of this method.\n" },
        { 414, "URI Too Long\n" },
        { 415, "Unsupported Media Type: of content encodings only gzip and identity are known.\n" },
        { 417, "Expectation Failed: only 100-continue is known.\n" },
        { 431, "Request Header Fields Too Large\n" },
        { 501, "Not Implemented: of transfer encodings only chunked is known.\n" },
        { 503, "Service Unavailable: too many request bodies are held at this moment. Try again.\n" },
        { 505, "HTTP Version Not Supported\n" },
    };
    static const struct net_header type = { BYTES_LIT("content-type"), BYTES_LIT("text/plain; charset=utf-8") };
    const char *text = "";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            text = rows[i].text;
    CHECK(*text != '\0');
    r->routed = false;
    whole(r, status, &type, 1, bytes_str(text));
}

/* ---- bytes out -------------------------------------------------------- */

void serve_request_sent(struct net_request *r, size_t len)
{
    r->out_at += len;
    if (r->out_at == r->out.len) {
        buf_clear(&r->out);
        r->out_at = 0;
    } else if (r->out_at > KEPT_BYTES * 4 && r->out_at > r->out.len / 2) {
        buf_drop_front(&r->out, r->out_at);
        r->out_at = 0;
    }
}
