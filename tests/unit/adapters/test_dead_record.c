#include "unit.h"

#include "adapters/dead_reader.h"
#include "base/rand.h"

#include <stdio.h>

#define NAME "projects/p/locations/l/datasets/d/hl7V2Stores/src/messages/abc_-="

static struct sink_record record(void)
{
    return (struct sink_record) {
        .stage = OP_INGEST, .reason = REASON_DEST_NACK, .answer = { .class = ERR_NACKED, .http = 400 }, .attempts = 3,
        .first_wall_us = (us_t) 1767225600 * US_PER_S, .last_wall_us = (us_t) 1767225601 * US_PER_S,
        .name = BYTES_LIT(NAME), .message_id = BYTES_LIT("1234")
    };
}

static void a_line_as_documented(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf line = { 0 };
    struct sink_record r = record();
    dead_record_put(&r, (us_t) 1767225602 * US_PER_S, &line);
    const char *json =
        "{\"v\":1,\"kind\":\"dead\",\"id\":\"21164e7a3bd4a997\",\"stage\":\"failed_ingest\",\"reason\":\"dest_nack\",\"class\":\"NACKED\","
        "\"http\":400,\"grpc\":0,\"attempts\":3,\"first\":\"2026-01-01T00:00:00.000000Z\",\"last\":\"2026-01-01T00:00:01.000000Z\","
        "\"written\":\"2026-01-01T00:00:02.000000Z\",\"name\":\"" NAME "\",\"message_id\":\"1234\"}\n";
    assert_string_equal(buf_str(&line) + DEAD_FRAME_LEN, json);
    char len[8];
    snprintf(len, sizeof(len), "%06zu", strlen(json) - 1);
    assert_memory_equal(buf_str(&line), len, 6);
    struct dead_record back;
    struct err err;
    assert_true(dead_record_read(bytes_sub(buf_bytes(&line), 0, line.len - 1), &back, &err));
    assert_bytes_equal(back.reason, "dest_nack");
    assert_bytes_equal(back.name, NAME);
    assert_int_equal(back.attempts, 3);
    assert_int_equal(back.http, 400);
}

/* What a notification holds may be anything, a message too. */
static void what_is_no_name_is_not_written(void **state UNUSED)
{
    static const char *const texts[] = { "MSH|^~\\&|SECRET", "SECRET", "projects/p SECRET", "projects/p\nSECRET", "/projects/SECRET" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        struct sink_record r = record();
        struct dead_record back;
        struct err err;
        r.reason = REASON_BAD_PATH;
        r.name = bytes_str(texts[i]);
        dead_record_put(&r, 0, &line);
        assert_null(strstr(buf_str(&line), "SECRET"));
        assert_true(dead_record_read(bytes_sub(buf_bytes(&line), 0, line.len - 1), &back, &err));
        assert_int_equal(back.name.len, 0);
        assert_int_equal(back.name_sha256.len, 64);
        assert_int_equal(back.name_bytes, strlen(texts[i]));
    }
    assert_true(dead_record_is_name(BYTES_LIT("projects/p/../messages/../x")));
}

static void one_id_for_message_and_reason(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf a = { 0 }, b = { 0 }, c = { 0 };
    struct sink_record r = record();
    dead_record_put(&r, 1, &a);
    r.attempts = 9;
    dead_record_put(&r, 2, &b);
    r.reason = REASON_DEST_REJECTED;
    dead_record_put(&r, 2, &c);
    struct dead_record ra, rb, rc;
    struct err err;
    assert_true(dead_record_read(bytes_sub(buf_bytes(&a), 0, a.len - 1), &ra, &err));
    assert_true(dead_record_read(bytes_sub(buf_bytes(&b), 0, b.len - 1), &rb, &err));
    assert_true(dead_record_read(bytes_sub(buf_bytes(&c), 0, c.len - 1), &rc, &err));
    assert_true(bytes_eq(ra.id, rb.id));
    assert_false(bytes_eq(ra.id, rc.id));
}

struct seen {
    unsigned records, torn, damaged;
};

static bool on_record(void *ctx, const struct dead_record *r UNUSED, struct dead_place at UNUSED)
{
    ((struct seen *) ctx)->records++;
    return true;
}

static void on_damage(void *ctx, struct dead_place at UNUSED, bool torn, const struct err *why)
{
    struct seen *seen = ctx;
    assert_true(why->text[0] != '\0');
    *(torn ? &seen->torn : &seen->damaged) += 1;
}

static const struct dead_reader_events events = { on_record, on_damage };

static void every_flipped_bit_is_found(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct sink_record r = record();
    dead_record_put_segment(1, 0, &text);
    size_t first = text.len;
    dead_record_put(&r, 1, &text);
    size_t second = text.len;
    dead_record_put(&r, 2, &text);
    for (size_t bit = first * 8; bit < second * 8; bit++) {
        struct seen seen = { 0 };
        text.ptr[bit / 8] ^= (char) (1 << (bit % 8));
        assert_true(dead_reader_lines("s", buf_bytes(&text), &events, &seen));
        assert_true(seen.damaged + seen.torn >= 1 && seen.records >= 1 && seen.records <= 2);
        text.ptr[bit / 8] ^= (char) (1 << (bit % 8));
    }
}

static void every_cut_is_a_torn_tail(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct sink_record r = record();
    for (int i = 0; i < 3; i++)
        dead_record_put(&r, i, &text);
    size_t each = text.len / 3;
    for (size_t len = 0; len <= text.len; len++) {
        struct seen seen = { 0 };
        assert_true(dead_reader_lines("s", bytes_of(text.ptr, len), &events, &seen));
        assert_int_equal(seen.records, len / each);
        assert_int_equal(seen.torn, len % each != 0);
        assert_int_equal(seen.damaged, 0);
    }
}

static void any_bytes_are_survived(void **state UNUSED)
{
    struct rnd rnd;
    rnd_seed(&rnd, 3);
    for (int round = 0; round < 2000; round++) {
        char raw[200];
        size_t len = rnd_below(&rnd, sizeof(raw));
        for (size_t i = 0; i < len; i++)
            raw[i] = "0123456789abcdef {}\":\n"[rnd_below(&rnd, 22)];
        struct seen seen = { 0 };
        assert_true(dead_reader_lines("s", bytes_of(raw, len), &events, &seen));
        assert_int_equal(seen.records, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_as_documented),
        cmocka_unit_test(what_is_no_name_is_not_written),
        cmocka_unit_test(one_id_for_message_and_reason),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_cut_is_a_torn_tail),
        cmocka_unit_test(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
