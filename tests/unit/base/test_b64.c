#include "unit.h"

#include "base/b64.h"
#include "base/rand.h"

static void known_values(void **state UNUSED)
{
    static const struct {
        const char *plain, *coded;
    } rows[] = {    /* RFC 4648, section 10 */
        { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf coded = { 0 }, plain = { 0 };
        b64_encode(bytes_str(rows[i].plain), &coded);
        assert_bytes_equal(buf_bytes(&coded), rows[i].coded);
        assert_true(b64_decode(bytes_str(rows[i].coded), &plain));
        assert_bytes_equal(buf_bytes(&plain), rows[i].plain);
    }
}

static void refuses(void **state UNUSED)
{
    static const char *const rows[] = {
        "Z", "Zg=", "Zm9v=", "Zm9vY===", "====", "Zm9 v", "Zm9v\n", "Zh==", "Zm9=", "+_==", "!!!!", "Zg==Zg==",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_false(b64_is_valid(bytes_str(rows[i]), NULL));
    assert_false(b64_is_valid(bytes_of("Zm9v\0Zm9", 8), NULL));
}

static void nothing_decodes_to_nothing(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    assert_true(b64_decode(bytes_of(NULL, 0), &out));
    assert_int_equal(out.len, 0);
}

/* Whatever its place, in a block of sixteen or behind the last: a character is of an alphabet or refused. */
static void each_character_at_each_place(void **state UNUSED)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    for (size_t at = 0; at < 36; at++)
        for (int c = 0; c < 256; c++) {
            char text[40];
            memset(text, 'A', sizeof(text));
            text[at] = (char) c;
            bool right = c != 0 && strchr(letters, c) != NULL;
            assert_int_equal(b64_is_valid(bytes_of(text, sizeof(text)), NULL), right);
        }
    assert_false(b64_is_valid(BYTES_LIT("+AAAAAAAAAAAAAAAAAA_AAAAAAAAAAAA"), NULL));
    assert_false(b64_is_valid(BYTES_LIT("AAAAAAAAAAAAAAA+AAA_"), NULL));
}

static void both_alphabets_and_no_padding(void **state UNUSED)
{
    struct rnd r;
    rnd_seed(&r, 7);
    for (int round = 0; round < 2000; round++) {
        char raw[64];
        size_t len = rnd_below(&r, sizeof(raw));
        for (size_t i = 0; i < len; i++)
            raw[i] = (char) rnd_u64(&r);
        void (*const encoders[])(struct bytes, struct buf *) = { b64_encode, b64_encode_url, b64_encode_url_bare };
        for (size_t e = 0; e < ARRAY_LEN(encoders); e++) {
            CLEANUP(buf_fini) struct buf coded = { 0 }, back = { 0 };
            size_t said;
            encoders[e](bytes_of(raw, len), &coded);
            assert_true(b64_is_valid(buf_bytes(&coded), &said));
            assert_int_equal(said, len);
            assert_true(b64_decode(buf_bytes(&coded), &back));
            assert_true(bytes_eq(buf_bytes(&back), bytes_of(raw, len)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(refuses),
        cmocka_unit_test(each_character_at_each_place),
        cmocka_unit_test(nothing_decodes_to_nothing),
        cmocka_unit_test(both_alphabets_and_no_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
