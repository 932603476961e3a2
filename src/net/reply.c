#include "net/serve.h"

enum {
    GZIP_FROM = 1 << 10,     /* below it the time is worth more than the bytes */
    DROP_FROM = 64 << 10     /* what has left is moved away when it is that much, and the larger part */
};

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
    r->status = status;
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
    serve_request_give_back(r);
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
    serve_request_over(r, status, NULL, 0);
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
    serve_request_over(r, status, headers, headers_count);
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
    serve_request_over(r, r->status, trailers, trailers_count);
    end(r, trailers, trailers_count);
}

void net_reply_reset(struct net_request *r)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open);
    r->open = false;
    r->out_end = r->broken = true;
    serve_request_over(r, 0, NULL, 0);
    if (!r->conn->dead)
        r->conn->proto->reset(r);
}

void net_reply_cut_connection(struct net_request *r)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    CHECK(r->open);
    r->open = false;
    serve_request_over(r, 0, NULL, 0);
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
    } else if (r->out_at > DROP_FROM && r->out_at > r->out.len / 2) {
        buf_drop_front(&r->out, r->out_at);
        r->out_at = 0;
    }
}
