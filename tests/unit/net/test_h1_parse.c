#include "unit.h"

#include "net/h1_parse.h"

/* Reads one head; 0 and what it says, or the status. */
static uint16_t read_head(const char *text, char *block, struct h1_head *head)
{
    size_t scanned = 0;
    uint16_t status;
    size_t len = h1_head_length(bytes_str(text), &scanned, &status);
    if (status != 0)
        return status;
    assert_true(len > 0);
    memcpy(block, text, len);
    return h1_head_parse(block, len, head);
}

static void reads_a_head(void **state UNUSED)
{
    char block[512];
    struct h1_head h;
    assert_int_equal(read_head("POST /a%20b?x=y?z HTTP/1.1\r\nHost: here:80\r\nX-Two-Words: \t a b \t\r\nempty:\r\n"
                               "Content-Length: 12\r\nexpect: 100-Continue\r\nConnection: foo, close\r\n\r\nbody",
                               block, &h), 0);
    assert_bytes_equal(h.method, "POST");
    assert_bytes_equal(h.path, "/a%20b");
    assert_bytes_equal(h.query, "x=y?z");
    assert_bytes_equal(h.authority, "here:80");
    assert_int_equal(h.count, 6);
    assert_bytes_equal(h.fields[1].name, "x-two-words");
    assert_bytes_equal(h.fields[1].value, "a b");
    assert_bytes_equal(h.fields[2].value, "");
    assert_true(h.has_length && h.length == 12 && !h.chunked && h.close && h.wants_continue && !h.minor0);
}

static void knows_the_forms_of_a_target(void **state UNUSED)
{
    char block[512];
    struct h1_head h;
    assert_int_equal(read_head("GET http://other/x?y HTTP/1.1\r\nhost: here\r\n\r\n", block, &h), 0);
    assert_bytes_equal(h.authority, "other");
    assert_bytes_equal(h.path, "/x");
    assert_bytes_equal(h.query, "y");
    assert_int_equal(read_head("GET HTTP://other HTTP/1.1\r\nhost: here\r\n\r\n", block, &h), 0);
    assert_bytes_equal(h.path, "/");
    assert_int_equal(read_head("OPTIONS * HTTP/1.1\r\nhost: here\r\n\r\n", block, &h), 0);
    assert_bytes_equal(h.path, "*");
    assert_int_equal(read_head("GET / HTTP/1.0\r\n\r\n", block, &h), 0);
    assert_true(h.minor0 && h.close);
    assert_int_equal(read_head("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", block, &h), 0);
    assert_false(h.close);
}

static void refuses_heads(void **state UNUSED)
{
    static const struct {
        uint16_t status;
        const char *text;
    } rows[] = {
        { 400, "\x16\x03\x01\r\n\r\n" },                                    /* TLS to a clear port */
        { 400, "GET / HTTP/1.1\nhost: x\n\n" },                             /* bare LF */
        { 400, "GET / HTTP/1.1\r\nhost: x\n\r\n" },
        { 400, "GET  / HTTP/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET / HTTP/1.1 \r\nhost: x\r\n\r\n" },
        { 400, "GET /\r\nhost: x\r\n\r\n" },
        { 400, "GET / http/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET / HTTP/1.x\r\nhost: x\r\n\r\n" },
        { 505, "GET / HTTP/2.0\r\nhost: x\r\n\r\n" },
        { 400, "G@T / HTTP/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET x HTTP/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET * HTTP/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET /a#b HTTP/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET /\xc3\xa4 HTTP/1.1\r\nhost: x\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n\r\n" },                                  /* no host */
        { 400, "GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nhost : x\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nhost: x\r\nnocolon\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nhost: x\r\na: b\rc\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nhost: x\r\na: b\x01\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3, 3\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -3\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length:\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" },
        { 501, "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n" },
        { 400, "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n" },
        { 417, "POST / HTTP/1.1\r\nhost: x\r\nexpect: more\r\n\r\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char block[512];
        struct h1_head h;
        assert_int_equal(read_head(rows[i].text, block, &h), rows[i].status);
    }
}

static void bounds_heads(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf in = { 0 };
    size_t scanned = 0;
    uint16_t status;
    buf_append_str(&in, "GET /");
    while (in.len < LIMIT_HEADER_BYTES - 1)
        buf_append_char(&in, 'a');
    assert_int_equal(h1_head_length(buf_bytes(&in), &scanned, &status), 0);
    assert_int_equal(status, 0);
    buf_append_char(&in, 'a');
    assert_int_equal(h1_head_length(buf_bytes(&in), &scanned, &status), 0);
    assert_int_equal(status, 414);
    buf_clear(&in);
    scanned = 0;
    buf_append_str(&in, "GET / HTTP/1.1\r\n");
    while (in.len < LIMIT_HEADER_BYTES)
        buf_append_str(&in, "a: b\r\n");
    assert_int_equal(h1_head_length(buf_bytes(&in), &scanned, &status), 0);
    assert_int_equal(status, 431);
    buf_clear(&in);
    buf_append_str(&in, "GET / HTTP/1.1\r\nhost: x\r\n");
    for (int i = 0; i < LIMIT_HEADER_COUNT; i++)
        buf_append_str(&in, "a: b\r\n");
    buf_append_str(&in, "\r\n");
    struct h1_head h;
    assert_int_equal(h1_head_parse(in.ptr, in.len, &h), 431);
}

/* The body, fed `step` bytes at a time; the end and the bytes behind it, or false. */
static bool read_body(const char *text, bool chunked, uint64_t length, size_t step, struct buf *out, size_t *ret_rest)
{
    struct h1_head head = { .chunked = chunked, .length = length };
    struct h1_body body;
    h1_body_begin(&body, &head);
    size_t len = strlen(text), at = 0;
    for (size_t have = MIN(step, len);;) {
        size_t used;
        struct bytes data;
        enum h1_step what = h1_body_step(&body, bytes_of(text + at, have - at), &used, &data);
        at += used;
        if (data.len > 0)
            buf_append(out, data);
        if (what == H1_BAD)
            return false;
        if (what == H1_END) {
            *ret_rest = len - at;
            return true;
        }
        if (what == H1_MORE) {
            if (have == len)
                return false;
            have = MIN(have + step, len);
        }
    }
}

static void every_split_of_a_body_gives_the_same(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool chunked, ok;
        uint64_t length;
        const char *body;
        size_t rest;
    } rows[] = {
        { "abcGET", false, true, 3, "abc", 3 },
        { "", false, true, 0, "", 0 },
        { "ab", false, false, 3, "", 0 },
        { "3\r\nabc\r\n0\r\n\r\nNEXT", true, true, 0, "abc", 4 },
        { "3;x=y\r\nabc\r\n00A \t;q\r\n0123456789\r\n0;end\r\nA: b\r\nC:\r\n\r\nN", true, true, 0, "abc0123456789", 1 },
        { "0\r\n\r\n", true, true, 0, "", 0 },
        { "3\r\nabcd\r\n0\r\n\r\n", true, false, 0, "", 0 },
        { "3\r\nabc\n0\r\n\r\n", true, false, 0, "", 0 },
        { "3\nabc\r\n0\r\n\r\n", true, false, 0, "", 0 },
        { "\r\n", true, false, 0, "", 0 },
        { "-1\r\n", true, false, 0, "", 0 },
        { "0x3\r\nabc\r\n0\r\n\r\n", true, false, 0, "", 0 },
        { " 3\r\nabc\r\n0\r\n\r\n", true, false, 0, "", 0 },
        { "1234567890abcdef\r\n", true, false, 0, "", 0 },
        { "0\r\nno trailer\r\n\r\n", true, false, 0, "", 0 },
        { "0\r\n: x\r\n\r\n", true, false, 0, "", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step <= strlen(rows[i].text) + 1; step++) {
            CLEANUP(buf_fini) struct buf out = { 0 };
            size_t rest = 0;
            bool ok = read_body(rows[i].text, rows[i].chunked, rows[i].length, step, &out, &rest);
            assert_int_equal(ok, rows[i].ok);
            if (ok) {
                assert_bytes_equal(buf_bytes(&out), rows[i].body);
                assert_int_equal(rest, rows[i].rest);
            }
        }
}

static void bounds_chunk_lines_and_trailers(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf in = { 0 }, out = { 0 };
    size_t rest;
    buf_append_str(&in, "1;");
    for (int i = 0; i < LIMIT_CHUNK_LINE; i++)
        buf_append_char(&in, 'x');
    assert_false(read_body(buf_str(&in), true, 0, 7, &out, &rest));
    buf_clear(&in);
    buf_append_str(&in, "0\r\n");
    for (int i = 0; i < LIMIT_TRAILER_BYTES; i += 4)
        buf_append_str(&in, "a:\r\n");
    buf_append_str(&in, "b:\r\n\r\n");
    assert_false(read_body(buf_str(&in), true, 0, 4096, &out, &rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_head),
        cmocka_unit_test(knows_the_forms_of_a_target),
        cmocka_unit_test(refuses_heads),
        cmocka_unit_test(bounds_heads),
        cmocka_unit_test(every_split_of_a_body_gives_the_same),
        cmocka_unit_test(bounds_chunk_lines_and_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
