/* HTTP/1.1: what is read does not depend on how the input is cut; nothing is read twice or passed over. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/h1_parse.h"

enum { REQUESTS_MAX = 64 };

/* What was read, as text. False: no more of this input can be read. */
struct reader {
    struct buf out;
    size_t scanned;
    bool in_body, over;
    struct h1_body body;
    unsigned requests;
};

static void read_head(struct reader *r, struct bytes in, size_t *ret_used)
{
    uint16_t status;
    size_t len = h1_head_length(in, &r->scanned, &status);
    *ret_used = len;
    if (len > 0) {
        struct h1_head head;
        CLEANUP(mem_free_ptr) char *block = mem_dup(bytes_sub(in, 0, len));
        r->scanned = 0;
        status = h1_head_parse(block, len, &head);
        if (status == 0) {
            buf_printf(&r->out, "%.*s %.*s ? %.*s @ %.*s %zu %d%d%d%d\n", BYTES_FMT(head.method), BYTES_FMT(head.path),
                       BYTES_FMT(head.query), BYTES_FMT(head.authority), head.count, head.chunked, head.minor0,
                       head.close, head.wants_continue);
            for (size_t i = 0; i < head.count; i++)
                buf_printf(&r->out, "%.*s=%.*s\n", BYTES_FMT(head.fields[i].name), BYTES_FMT(head.fields[i].value));
            CHECK(!head.chunked || !head.has_length);
            CHECK(head.path.len > 0 && (head.path.ptr[0] == '/' || bytes_eq_str(head.path, "*")));
            h1_body_begin(&r->body, &head);
            r->in_body = true;
        }
    }
    if (status != 0) {
        CHECK(status >= 400 && status < 600);
        buf_printf(&r->out, "refused %u\n", status);
        r->over = true;
    }
}

static void read_body(struct reader *r, struct bytes in, size_t *ret_used, bool *ret_more)
{
    struct bytes data;
    enum h1_step step = h1_body_step(&r->body, in, ret_used, &data);
    CHECK(*ret_used <= in.len && data.len <= *ret_used);
    buf_append(&r->out, data);
    *ret_more = step == H1_MORE;
    if (step == H1_BAD) {
        buf_append_str(&r->out, "\nbad\n");
        r->over = true;
    } else if (step == H1_END) {
        buf_append_str(&r->out, "\nend\n");
        r->in_body = false;
        r->over = ++r->requests == REQUESTS_MAX;
    }
}

static void read_all(struct bytes text, size_t step, struct reader *r)
{
    size_t at = 0, have = 0;
    while (have < text.len && !r->over) {
        have = MIN(text.len, have + step);
        for (bool more = false; !more && !r->over;) {
            size_t used = 0;
            struct bytes in = bytes_sub(text, at, have - at);
            if (r->in_body) {
                read_body(r, in, &used, &more);
            } else {
                read_head(r, in, &used);
                more = used == 0;
            }
            at += used;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    struct bytes text = fuzz_bytes(data + 1, len - 1);
    struct reader whole = { 0 }, cut = { 0 };
    read_all(text, text.len + 1, &whole);
    read_all(text, 1 + (size_t) data[0] % 64, &cut);
    CHECK(bytes_eq(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    buf_fini(&whole.out);
    buf_fini(&cut.out);
    return 0;
}
