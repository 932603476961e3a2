#include "net/h1_parse.h"

/* RFC 9110, 5.6.2 */
static bool is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (!is_token_char(b.ptr[i]))
            return false;
    return b.len > 0;
}

size_t h1_head_length(struct bytes in, size_t *scanned, uint16_t *status)
{
    bool full = in.len >= LIMIT_HEADER_BYTES;
    in = bytes_sub(in, 0, LIMIT_HEADER_BYTES);
    *status = 0;
    for (size_t at = *scanned;;) {
        size_t lf = bytes_find(in, at, '\n');
        if (lf == in.len)
            break;
        if (lf == 0 || in.ptr[lf - 1] != '\r') {
            *status = 400;
            return 0;
        }
        if (lf >= 3 && in.ptr[lf - 2] == '\n')
            return lf + 1;
        at = *scanned = lf + 1;
    }
    if (full)
        *status = *scanned == 0 ? 414 : 431;
    return 0;
}

/* "GET", "/a?b", "http://host/a?b", "*" (OPTIONS). */
static uint16_t read_target(struct bytes target, struct h1_head *h)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.ptr[i] <= ' ' || target.ptr[i] >= 0x7f || target.ptr[i] == '#')
            return 400;
    if (bytes_eq_nocase(bytes_sub(target, 0, 7), BYTES_LIT("http://")) ||
        bytes_eq_nocase(bytes_sub(target, 0, 8), BYTES_LIT("https://"))) {
        size_t host = bytes_find(target, 0, '/') + 2;
        size_t path = bytes_find(target, host, '/');
        h->authority = bytes_sub(target, host, path - host);
        target = path < target.len ? bytes_sub(target, path, target.len) : BYTES_LIT("/");
    }
    bool star = bytes_eq_str(target, "*") && bytes_eq_str(h->method, "OPTIONS");
    if (!star && (target.len == 0 || target.ptr[0] != '/'))
        return 400;
    size_t mark = bytes_find(target, 0, '?');
    h->path = bytes_sub(target, 0, mark);
    h->query = bytes_sub(target, mark + 1, target.len);
    return 0;
}

static uint16_t read_request_line(struct bytes line, struct h1_head *h)
{
    h->method = bytes_cut(&line, ' ');
    struct bytes target = bytes_cut(&line, ' ');
    if (!is_token(h->method) || line.len != 8 || !bytes_starts(line, BYTES_LIT("HTTP/")))
        return 400;
    if (line.ptr[6] != '.' || line.ptr[5] < '0' || line.ptr[5] > '9' || line.ptr[7] < '0' || line.ptr[7] > '9')
        return 400;
    if (line.ptr[5] != '1')
        return 505;
    h->minor0 = line.ptr[7] == '0';
    h->close = h->minor0;
    return read_target(target, h);
}

/* Is `word` one of the comma-separated words of the value? */
static bool lists(struct bytes value, const char *word)
{
    while (value.len > 0)
        if (bytes_eq_nocase(bytes_trim(bytes_cut(&value, ',')), bytes_str(word)))
            return true;
    return false;
}

/* The fields that change how the rest is read. */
static uint16_t read_framing(struct h1_head *h, struct net_header f, bool *has_host)
{
    if (bytes_eq_str(f.name, "content-length")) {
        if (h->has_length || !bytes_to_u64(f.value, &h->length))
            return 400;
        h->has_length = true;
    } else if (bytes_eq_str(f.name, "transfer-encoding")) {
        if (h->minor0 || h->chunked)
            return 400;
        if (!bytes_eq_nocase(f.value, BYTES_LIT("chunked")))
            return 501;
        h->chunked = true;
    } else if (bytes_eq_str(f.name, "host")) {
        if (*has_host)
            return 400;
        *has_host = true;
        if (h->authority.len == 0)
            h->authority = f.value;
    } else if (bytes_eq_str(f.name, "connection")) {
        if (lists(f.value, "close"))
            h->close = true;
        else if (h->minor0 && lists(f.value, "keep-alive"))
            h->close = false;
    } else if (bytes_eq_str(f.name, "expect")) {
        if (!bytes_eq_nocase(f.value, BYTES_LIT("100-continue")))
            return 417;
        h->wants_continue = !h->minor0;
    }
    return 0;
}

static uint16_t read_field(char *line, size_t len, struct net_header *ret)
{
    size_t colon = bytes_find(bytes_of(line, len), 0, ':');
    if (colon == len || !is_token(bytes_of(line, colon)))
        return 400;
    for (size_t i = 0; i < colon; i++)
        if (line[i] >= 'A' && line[i] <= 'Z')
            line[i] = (char) (line[i] - 'A' + 'a');
    struct bytes value = bytes_of(line + colon + 1, len - colon - 1);
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char) value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return 400;
    *ret = (struct net_header) { bytes_of(line, colon), bytes_trim(value) };
    return 0;
}

uint16_t h1_head_parse(char *block, size_t len, struct h1_head *h)
{
    struct bytes rest = bytes_of(block, len);
    bool has_host = false;
    h->count = 0;
    h->length = 0;
    h->has_length = h->chunked = h->wants_continue = false;
    h->authority = bytes_of("", 0);
    uint16_t bad = 0;
    for (bool first = true;; first = false) {
        struct bytes line = bytes_cut(&rest, '\n');
        line.len -= line.len > 0;    /* the CR that h1_head_length() saw */
        if (line.len == 0 && !first)
            break;
        if (first) {
            bad = read_request_line(line, h);
        } else if (h->count == LIMIT_HEADER_COUNT) {
            bad = 431;
        } else {
            struct net_header *f = &h->fields[h->count];
            bad = read_field(block + (line.ptr - block), line.len, f);
            if (bad == 0)
                bad = read_framing(h, *f, &has_host);
            h->count++;
        }
        if (bad != 0)
            return bad;
    }
    if ((h->chunked && h->has_length) || (!has_host && !h->minor0))
        return 400;
    return 0;
}

void h1_body_begin(struct h1_body *b, const struct h1_head *head)
{
    *b = (struct h1_body) { .state = head->chunked ? H1_CHUNK_SIZE : H1_LENGTH, .left = head->length };
}

enum { LINE_NONE, LINE_BAD, LINE_OK };

/* The line at the start of `in`, without CRLF. max: longer is bad. */
static int take_line(struct bytes in, size_t max, struct bytes *ret_line)
{
    size_t lf = bytes_find(bytes_sub(in, 0, max), 0, '\n');
    if (lf >= MIN(in.len, max))
        return in.len >= max ? LINE_BAD : LINE_NONE;
    if (lf == 0 || in.ptr[lf - 1] != '\r')
        return LINE_BAD;
    *ret_line = bytes_sub(in, 0, lf - 1);
    for (size_t i = 0; i < ret_line->len; i++)
        if (((unsigned char) in.ptr[i] < 0x20 && in.ptr[i] != '\t') || in.ptr[i] == 0x7f)
            return LINE_BAD;
    return LINE_OK;
}

static enum h1_step step_chunk_size(struct h1_body *b, struct bytes in, size_t *ret_used)
{
    struct bytes line = { 0 };
    int got = take_line(in, LIMIT_CHUNK_LINE, &line);
    if (got != LINE_OK)
        return got == LINE_BAD ? H1_BAD : H1_MORE;
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line.len; i++) {
        char c = line.ptr[i] | 0x20;
        if (c >= '0' && c <= '9' && line.ptr[i] >= '0')
            size = size << 4 | (uint64_t) (c - '0');
        else if (c >= 'a' && c <= 'f')
            size = size << 4 | (uint64_t) (c - 'a' + 10);
        else
            break;
        if (i >= 15)
            return H1_BAD;
    }
    bool extension = i < line.len;    /* allowed and passed over: RFC 9112, 7.1.1 */
    if (i == 0 || (extension && line.ptr[i] != ';' && line.ptr[i] != ' ' && line.ptr[i] != '\t'))
        return H1_BAD;
    *ret_used = line.len + 2;
    b->left = size;
    b->state = size > 0 ? H1_CHUNK_DATA : H1_TRAILERS;
    return H1_DATA;
}

/* Trailers are read to find the end, and forgotten. */
static enum h1_step step_trailer(struct h1_body *b, struct bytes in, size_t *ret_used)
{
    struct bytes line = { 0 };
    int got = take_line(in, LIMIT_TRAILER_BYTES, &line);
    if (got != LINE_OK)
        return got == LINE_BAD ? H1_BAD : H1_MORE;
    *ret_used = line.len + 2;
    b->trailer_bytes += *ret_used;
    if (line.len == 0) {
        b->state = H1_OVER;
        return H1_DATA;
    }
    bool field = is_token(bytes_sub(line, 0, bytes_find(line, 0, ':'))) && bytes_find(line, 0, ':') < line.len;
    return field && b->trailer_bytes <= LIMIT_TRAILER_BYTES ? H1_DATA : H1_BAD;
}

static enum h1_step step_chunk_end(struct h1_body *b, struct bytes in, size_t *ret_used)
{
    if ((in.len > 0 && in.ptr[0] != '\r') || (in.len > 1 && in.ptr[1] != '\n'))
        return H1_BAD;
    if (in.len < 2)
        return H1_MORE;
    *ret_used = 2;
    b->state = H1_CHUNK_SIZE;
    return H1_DATA;
}

static enum h1_step step_data(struct h1_body *b, struct bytes in, size_t *ret_used, struct bytes *ret_data)
{
    if (in.len == 0)
        return H1_MORE;
    *ret_data = bytes_sub(in, 0, b->left < in.len ? (size_t) b->left : in.len);
    *ret_used = ret_data->len;
    b->left -= ret_data->len;
    if (b->left == 0)
        b->state = b->state == H1_LENGTH ? H1_OVER : H1_CHUNK_END;
    return H1_DATA;
}

enum h1_step h1_body_step(struct h1_body *b, struct bytes in, size_t *ret_used, struct bytes *ret_data)
{
    *ret_used = 0;
    *ret_data = bytes_of(NULL, 0);
    switch (b->state) {
    case H1_LENGTH:
        if (b->left == 0) {
            b->state = H1_OVER;
            return H1_END;
        }
        return step_data(b, in, ret_used, ret_data);
    case H1_CHUNK_DATA:
        return step_data(b, in, ret_used, ret_data);
    case H1_CHUNK_SIZE:
        return step_chunk_size(b, in, ret_used);
    case H1_CHUNK_END:
        return step_chunk_end(b, in, ret_used);
    case H1_TRAILERS:
        return step_trailer(b, in, ret_used);
    case H1_OVER:
        break;
    }
    return H1_END;
}
