/*
 * HTTP/1.1, one connection: requests are answered one after the other, in the
 * order they came (pipelining). While one is being answered the input behind it waits.
 *
 *   in:   read -> `in` -> head -> body pieces -> request.c
 *   out:  begin/body/end -> request's `out`, framing included -> fill() -> conn_send
 *
 * Whatever ends a request before its body is over ends the connection too,
 * after its reply: what follows could not be told apart from the rest of the body.
 */
#include "net/serve.h"

#include "base/mem.h"
#include "net/h1_parse.h"

#include <stdio.h>

struct h1 {
    struct buf in;                 /* in_at of it are done with */
    size_t in_at;
    size_t scanned;                /* of the rest, by h1_head_length() */
    us_t head_since_us;            /* a head has begun and is not complete; 0: none */
    struct net_request *r;         /* the one in work, or NULL */
    struct h1_body body;
    bool body_over;
    bool minor0;
    bool close;                    /* the connection ends after r */
    bool drop;                     /* the input cannot be understood any more */
    us_t linger_until_us;          /* replied early: what still comes is dropped until then; 0: not so */
};

/* Closing while the peer still sends would reset the connection, and the reply might be lost with it. */
static void finish_or_linger(struct serve_conn *c, struct h1 *h)
{
    c->half = true;
    if (h->body_over)
        c->finish = true;
    else
        h->linger_until_us = loop_now(c->listener->loop) + LIMIT_SERVER_LINGER_S * US_PER_S;
    serve_dirty(c);
}

/* ---- in --------------------------------------------------------------- */

static void refuse_input(struct serve_conn *c, struct h1 *h, uint16_t status)
{
    h->close = h->drop = true;
    h->body_over = false;
    serve_request_refuse(h->r, status);
    serve_dirty(c);
}

static void fill_request(struct net_request *r, const struct h1_head *head)
{
    r->method = head->method;
    r->path = head->path;
    r->query = head->query;
    r->authority = head->authority;
    for (size_t i = 0; i < head->count; i++)
        serve_request_add_field(r, head->fields[i]);
}

static void take_head(struct serve_conn *c, struct h1 *h, struct bytes block)
{
    struct h1_head head;
    struct net_request *r = h->r = serve_request_take(c);
    buf_append(&r->text, block);
    uint16_t bad = h1_head_parse(r->text.ptr, r->text.len, &head);
    h->head_since_us = 0;
    if (bad != 0) {
        refuse_input(c, h, bad);
        return;
    }
    fill_request(r, &head);
    h1_body_begin(&h->body, &head);
    h->minor0 = head.minor0;
    h->close = head.close || c->listener->draining;
    h->body_over = !head.chunked && head.length == 0;
    r->wants_continue = head.wants_continue && !h->body_over;
    serve_request_route(r);
}

/* Both steps return how much of `in` they are done with; 0: more is needed. */
static size_t head_step(struct serve_conn *c, struct h1 *h, struct bytes in)
{
    if (bytes_starts(in, BYTES_LIT("\r\n"))) {    /* RFC 9112, 2.2 */
        h->head_since_us = 0;
        return 2;
    }
    uint16_t bad;
    size_t len = h1_head_length(in, &h->scanned, &bad);
    if (bad != 0) {
        h->r = serve_request_take(c);
        refuse_input(c, h, bad);
        return in.len;
    }
    if (len > 0) {
        h->scanned = 0;
        take_head(c, h, bytes_sub(in, 0, len));
    } else if (in.len > 0 && h->head_since_us == 0) {
        h->head_since_us = loop_now(c->listener->loop);
    }
    return len;
}

static size_t body_step(struct serve_conn *c, struct h1 *h, struct bytes in)
{
    size_t used;
    struct bytes data;
    switch (h1_body_step(&h->body, in, &used, &data)) {
    case H1_MORE:
        /* Only now: a client that sent its body at once needs no permission. */
        if (h->r->wants_continue && !h->r->begun) {
            h->r->wants_continue = false;
            conn_send(c->conn, BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
            serve_dirty(c);
        }
        break;
    case H1_DATA:
        if (data.len > 0)
            serve_request_body(h->r, data);
        break;
    case H1_END:
        h->body_over = true;
        break;
    case H1_BAD:
        if (h->r->open || h->r->begun)
            serve_kill(c);
        else
            refuse_input(c, h, 400);
        return in.len;
    }
    return used;
}

/* Does all that can be done with `in`; returns how much of it is used up. */
static size_t advance(struct serve_conn *c, struct bytes in)
{
    struct h1 *h = c->h1;
    size_t at = 0;
    while (!c->dead && !c->finish) {
        if (h->drop || h->linger_until_us != 0)
            return in.len;
        struct bytes rest = bytes_sub(in, at, in.len);
        bool stuck;
        if (h->r == NULL) {
            size_t used = head_step(c, h, rest);
            at += used;
            stuck = used == 0;
        } else if (!h->body_over) {
            size_t used = body_step(c, h, rest);
            at += used;
            stuck = used == 0;
        } else {
            break;    /* a reply is awaited */
        }
        if (h->r != NULL && h->body_over)
            serve_request_end(h->r);
        else if (stuck)
            break;
    }
    return at;
}

static size_t waiting(const struct h1 *h)
{
    return h->in.len - h->in_at;
}

/* The front is moved away when it is the larger part: each byte is moved once at most. */
static void advance_kept(struct serve_conn *c)
{
    struct h1 *h = c->h1;
    h->in_at += advance(c, bytes_sub(buf_bytes(&h->in), h->in_at, h->in.len));
    if (h->in_at * 2 >= h->in.len) {
        buf_drop_front(&h->in, h->in_at);
        h->in_at = 0;
    }
}

static void h1_on_bytes(struct serve_conn *c, struct bytes data)
{
    struct h1 *h = c->h1;
    if (waiting(h) > 0) {
        buf_append(&h->in, data);
        advance_kept(c);
    } else {
        size_t used = advance(c, data);
        buf_append(&h->in, bytes_sub(data, used, data.len));
    }
    if (waiting(h) > LIMIT_SERVER_AHEAD && h->r != NULL && h->body_over)
        conn_want_read(c->conn, false);
}

/* ---- out -------------------------------------------------------------- */

static const char *reason_of(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } rows[] = {
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 304, "Not Modified" },
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
        { 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
        { 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" }, { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].text;
    return "Status";
}

static void add_line(struct buf *out, struct bytes name, struct bytes value)
{
    buf_append(out, name);
    buf_append(out, BYTES_LIT(": "));
    buf_append(out, value);
    buf_append(out, BYTES_LIT("\r\n"));
}

static void h1_begin(struct net_request *r, uint16_t status, const struct net_header *headers, size_t count,
                     size_t body_len)
{
    struct h1 *h = r->conn->h1;
    bool no_body = status == 204 || status == 304;
    bool early = !h->body_over && r->route.kind != NET_STREAM;    /* a stream may be over when its reply is */
    if (early || r->conn->listener->draining)
        h->close = true;
    buf_printf(&r->out, "HTTP/1.1 %u %s\r\n", status, reason_of(status));
    for (size_t i = 0; i < count; i++)
        add_line(&r->out, headers[i].name, headers[i].value);
    add_line(&r->out, BYTES_LIT("date"), serve_date(r->conn->listener));
    if (no_body) {
        r->is_head = true;    /* in that nothing may follow the head */
    } else if (body_len != NO_LENGTH) {
        buf_printf(&r->out, "content-length: %zu\r\n", body_len);
    } else if (r->out_end) {
        buf_append_str(&r->out, "content-length: 0\r\n");
    } else if (h->minor0) {
        h->close = true;      /* the end of the connection is the end of the body */
    } else {
        r->chunks = true;
        buf_append_str(&r->out, "transfer-encoding: chunked\r\n");
    }
    if (h->close)
        buf_append_str(&r->out, "connection: close\r\n");
    else if (h->minor0)
        buf_append_str(&r->out, "connection: keep-alive\r\n");
    buf_append(&r->out, BYTES_LIT("\r\n"));
    serve_dirty(r->conn);
}

static void h1_body(struct net_request *r, struct bytes data)
{
    if (r->is_head)
        return;
    if (r->chunks)
        buf_printf(&r->out, "%zx\r\n", data.len);
    buf_append(&r->out, data);
    if (r->chunks)
        buf_append(&r->out, BYTES_LIT("\r\n"));
    serve_dirty(r->conn);
}

static void h1_end(struct net_request *r, const struct net_header *trailers UNUSED, size_t count UNUSED)
{
    if (r->chunks && !r->is_head)
        buf_append(&r->out, BYTES_LIT("0\r\n\r\n"));
    serve_dirty(r->conn);
}

static void h1_reset(struct net_request *r)
{
    if (r->begun) {
        serve_dirty(r->conn);
        return;
    }
    r->conn->cut = true;
    serve_kill(r->conn);
}

/* The reply is out. The next request, if it is here already, begins. */
static void next(struct serve_conn *c, struct h1 *h)
{
    bool broken = h->r->broken;
    serve_request_free(TAKE(h->r));
    if (broken) {
        c->finish = h->drop = true;
        return;
    }
    if (h->close || !h->body_over) {
        finish_or_linger(c, h);
        return;
    }
    advance_kept(c);
    if (waiting(h) <= LIMIT_SERVER_AHEAD)
        conn_want_read(c->conn, true);
}

static void h1_fill(struct serve_conn *c)
{
    struct h1 *h = c->h1;
    while (h->r != NULL && !c->dead && conn_unsent(c->conn) < LIMIT_SERVER_OUT) {
        struct net_request *r = h->r;
        struct bytes part = bytes_sub(serve_request_unsent(r), 0, LIMIT_SERVER_OUT - conn_unsent(c->conn));
        if (part.len > 0) {
            conn_send(c->conn, part);
            serve_request_sent(r, part.len);
        } else if (r->out_end && r->begun) {
            next(c, h);
        } else {
            break;
        }
        if (part.len > 0 && r->out.len == 0 && r->open && r->events.on_drained != NULL)
            r->events.on_drained(r->ctx);
    }
}

/* ---- time and end ------------------------------------------------------ */

static void h1_drain(struct serve_conn *c)
{
    struct h1 *h = c->h1;
    h->close = true;
    if (h->r == NULL && waiting(h) == 0)
        c->finish = true;
    serve_dirty(c);
}

static us_t h1_deadline(const struct serve_conn *c)
{
    const struct h1 *h = c->h1;
    if (h->linger_until_us != 0)
        return h->linger_until_us;
    if (h->r == NULL && h->head_since_us != 0)
        return h->head_since_us + LIMIT_SERVER_WAIT_S * US_PER_S;
    if (h->r == NULL)
        return c->heard_us + LIMIT_SERVER_IDLE_S * US_PER_S;
    if (!h->body_over)
        return c->heard_us + LIMIT_SERVER_WAIT_S * US_PER_S;
    return US_NEVER;
}

static void h1_expire(struct serve_conn *c)
{
    struct h1 *h = c->h1;
    bool mute = h->linger_until_us != 0 || (h->r == NULL && h->head_since_us == 0);
    if (mute || (h->r != NULL && (h->r->open || h->r->begun))) {
        serve_kill(c);
        return;
    }
    if (h->r == NULL)
        h->r = serve_request_take(c);
    refuse_input(c, h, 408);
}

static void h1_fini(struct serve_conn *c)
{
    buf_fini(&c->h1->in);
    mem_free(TAKE(c->h1));
}

const struct serve_proto h1_proto = {
    .on_bytes = h1_on_bytes,
    .fill = h1_fill,
    .drain = h1_drain,
    .deadline = h1_deadline,
    .expire = h1_expire,
    .fini = h1_fini,
    .begin = h1_begin,
    .body = h1_body,
    .end = h1_end,
    .reset = h1_reset,
};

void h1_start(struct serve_conn *c)
{
    c->h1 = mem_alloc(sizeof(*c->h1));
    c->proto = &h1_proto;
}
