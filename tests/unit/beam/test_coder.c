/* The golden bytes of docs/BEAM.md: those that runners really sent, and those that we send. */
#include "unit.h"

#include "beam/coder.h"

#include "proto/beam.pb-c.h"

#define GOLDEN(s) ((struct bytes) { (s), sizeof(s) - 1 })

static void assert_same(struct bytes a, struct bytes b)
{
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
}

static void headers_have_the_bytes_of_the_contract(void **state)
{
    (void) state;
    static const struct {
        int64_t ms;
        struct bytes bytes;
    } rows[] = {
        { BEAM_TIME_MIN, GOLDEN("\x7f\xdf\x3b\x64\x5a\x1c\xac\x09\0\0\0\1\x0f") },
        { BEAM_TIME_WINDOW_END, GOLDEN("\x80\x20\xc4\x9b\xa0\xbc\xf7\xf7\0\0\0\1\x0f") },
        { BEAM_TIME_MAX, GOLDEN("\x80\x20\xc4\x9b\xa0\xbc\xf7\xf7\0\0\0\1\x0f") },    /* clamped */
        { INT64_MIN, GOLDEN("\x7f\xdf\x3b\x64\x5a\x1c\xac\x09\0\0\0\1\x0f") },
        { 1700000000000, GOLDEN("\x80\x00\x01\x8b\xcf\xe5\x68\x00\0\0\0\1\x0f") },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf out = { 0 };
        beam_coder_put_header(&out, rows[i].ms);
        assert_same(buf_bytes(&out), rows[i].bytes);
    }
}

static void varints_and_doubles(void **state)
{
    (void) state;
    static const struct {
        uint64_t n;
        struct bytes bytes;
    } rows[] = {
        { 0, GOLDEN("\0") }, { 127, GOLDEN("\x7f") }, { 128, GOLDEN("\x80\1") }, { 300, GOLDEN("\xac\2") },
        { UINT64_MAX, GOLDEN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1") },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf out = { 0 };
        beam_coder_put_varint(&out, rows[i].n);
        assert_same(buf_bytes(&out), rows[i].bytes);
        uint64_t back = 7;
        struct bytes in = buf_bytes(&out);
        assert_true(beam_coder_varint(&in, &back));
        assert_int_equal(back, rows[i].n);
        assert_int_equal(in.len, 0);
    }
    struct bytes eleven = GOLDEN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), wide = GOLDEN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2");
    uint64_t n;
    assert_false(beam_coder_varint(&eleven, &n));
    assert_false(beam_coder_varint(&wide, &n));
    CLEANUP(buf_fini) struct buf one = { 0 };
    beam_coder_put_double(&one, 1.0);
    assert_same(buf_bytes(&one), GOLDEN("\x3f\xf0\0\0\0\0\0\0"));
}

static void elements_come_out_of_a_block(void **state)
{
    (void) state;
    struct bytes data = GOLDEN("\x7f\xdf\x3b\x64\x5a\x1c\xac\x09\0\0\0\1\x0f\x00"
                               "\x80\x00\x01\x8b\xcf\xe5\x68\x00\0\0\0\1\x0f\x0cprojects/p/x");
    struct beam_value v;
    assert_int_equal(beam_coder_next(&data, BEAM_ELEMENT_BYTES, &v), BEAM_READ_VALUE);
    assert_int_equal(v.value.len, 0);
    assert_int_equal(v.time_ms, BEAM_TIME_MIN);
    assert_int_equal(beam_coder_next(&data, BEAM_ELEMENT_BYTES, &v), BEAM_READ_VALUE);
    assert_bytes_equal(v.value, "projects/p/x");
    assert_int_equal(v.time_ms, 1700000000000);
    assert_int_equal(v.header.len, 13);
    assert_int_equal(data.len, 0);
    assert_int_equal(beam_coder_next(&data, BEAM_ELEMENT_BYTES, &v), BEAM_READ_MORE);
}

static void pairs_and_sizes(void **state)
{
    (void) state;
    struct bytes sized = GOLDEN("\x7f\xdf\x3b\x64\x5a\x1c\xac\x09\0\0\0\1\x0f\4\0\0\0\3\1\1\x3f\xf0\0\0\0\0\0\0");
    struct bytes pair = bytes_sub(sized, 0, sized.len - 8), all = sized;
    struct beam_value v;
    assert_int_equal(beam_coder_next(&pair, BEAM_ELEMENT_PAIR, &v), BEAM_READ_VALUE);
    assert_same(v.value, GOLDEN("\0\0\0\3"));
    assert_same(v.restriction, GOLDEN("\1"));
    assert_same(v.element, GOLDEN("\4\0\0\0\3\1\1"));
    assert_int_equal(beam_coder_next(&sized, BEAM_ELEMENT_SIZED, &v), BEAM_READ_VALUE);
    assert_same(v.element, bytes_sub(all, 13, all.len));
}

/* No prefix of a value is taken for one, and none is refused. */
static void a_cut_value_waits_for_the_rest(void **state)
{
    (void) state;
    struct bytes all = GOLDEN("\x80\x00\x01\x8b\xcf\xe5\x68\x00\0\0\0\1\xaf\x80\x01\x05\x02hi\4\0\0\0\3\1\1\x3f\xf0\0\0\0\0\0\0");
    struct beam_value v;
    for (size_t len = 0; len < all.len; len++) {
        struct bytes part = bytes_of(all.ptr, len);
        assert_int_equal(beam_coder_next(&part, BEAM_ELEMENT_SIZED, &v), BEAM_READ_MORE);
        assert_int_equal(part.len, len);
    }
    assert_int_equal(beam_coder_next(&all, BEAM_ELEMENT_SIZED, &v), BEAM_READ_VALUE);
    assert_same(v.restriction, GOLDEN("\1"));
    assert_int_equal(all.len, 0);
}

static void panes_of_every_kind(void **state)
{
    (void) state;
    static const struct bytes panes[] = {
        GOLDEN("\x0f"), GOLDEN("\x00"), GOLDEN("\x1f\x05"), GOLDEN("\x25\x80\x01\x02"), GOLDEN("\x8f\x00"), GOLDEN("\x9f\x01\x03""abc"),
    };
    for (size_t i = 0; i < ARRAY_LEN(panes); i++) {
        CLEANUP(buf_fini) struct buf b = { 0 };
        buf_append(&b, GOLDEN("\x80\x00\x01\x8b\xcf\xe5\x68\x00\0\0\0\1"));
        buf_append(&b, panes[i]);
        size_t header = b.len;
        beam_coder_put_bytes(&b, BYTES_LIT("x"));
        struct bytes data = buf_bytes(&b);
        struct beam_value v;
        assert_int_equal(beam_coder_next(&data, BEAM_ELEMENT_BYTES, &v), BEAM_READ_VALUE);
        assert_bytes_equal(v.value, "x");
        assert_int_equal(v.header.len, header);
    }
    struct bytes bad = GOLDEN("\x80\x00\x01\x8b\xcf\xe5\x68\x00\0\0\0\1\x3f\1\1\1\0");
    struct beam_value v;
    assert_int_equal(beam_coder_next(&bad, BEAM_ELEMENT_BYTES, &v), BEAM_READ_BAD);
}

/* The numbers of the messages: one that we read and one that we send, byte for byte. */
static void messages_have_their_numbers(void **state)
{
    (void) state;
    struct bytes request = GOLDEN("\x0a\x06inst-1\xca\x3e\x06\x0a\x04S[0]");
    Beam__InstructionRequest *r = beam__instruction_request__unpack(NULL, request.len, (const uint8_t *) request.ptr);
    assert_non_null(r);
    assert_int_equal(r->request_case, BEAM__INSTRUCTION_REQUEST__REQUEST_PROCESS_BUNDLE);
    assert_string_equal(r->process_bundle->process_bundle_descriptor_id, "S[0]");
    beam__instruction_request__free_unpacked(r, NULL);

    Beam__ProcessBundleResponse done = BEAM__PROCESS_BUNDLE_RESPONSE__INIT;
    Beam__InstructionResponse response = BEAM__INSTRUCTION_RESPONSE__INIT;
    done.requires_finalization = true;
    response.instruction_id = (char *) "inst-1";
    response.response_case = BEAM__INSTRUCTION_RESPONSE__RESPONSE_PROCESS_BUNDLE;
    response.process_bundle = &done;
    uint8_t out[64];
    size_t len = beam__instruction_response__pack(&response, out);
    assert_same(bytes_of((char *) out, len), GOLDEN("\x0a\x06inst-1\xca\x3e\x02\x20\x01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_have_the_bytes_of_the_contract),
        cmocka_unit_test(varints_and_doubles),
        cmocka_unit_test(elements_come_out_of_a_block),
        cmocka_unit_test(pairs_and_sizes),
        cmocka_unit_test(a_cut_value_waits_for_the_rest),
        cmocka_unit_test(panes_of_every_kind),
        cmocka_unit_test(messages_have_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
