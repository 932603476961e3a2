#include "unit.h"

#include "cloud/proto_wire.h"

static void test_fields_are_read_back(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    cloud_wire_put_text(&b, 1, BYTES_LIT("name"));
    cloud_wire_put_uint(&b, 5, 300);
    cloud_wire_put_uint(&b, 6, 0);    /* proto3: left out */
    cloud_wire_put_pair(&b, 9, BYTES_LIT("k"), BYTES_LIT("v"));
    cloud_wire_put_time(&b, 17, 1500 * US_PER_MS);
    cloud_wire_put_uint(&b, 2047, UINT64_MAX);
    /* As protobuf's own encoder writes it. */
    static const char golden[] = "\x0a\x04name\x28\xac\x02\x4a\x06\x0a\x01k\x12\x01v\x8a\x01\x08\x08\x01\x10\x80\xca\xb5\xee\x01"
                                 "\xf8\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_int_equal(b.len, sizeof(golden) - 1);
    assert_memory_equal(b.ptr, golden, b.len);

    struct cloud_wire w = cloud_wire_of(buf_bytes(&b));
    struct cloud_wire_field f;
    assert_true(cloud_wire_next(&w, &f) && f.number == 1 && f.type == CLOUD_WIRE_LEN);
    assert_bytes_equal(f.octets, "name");
    assert_true(cloud_wire_next(&w, &f) && f.number == 5 && f.value == 300);
    assert_true(cloud_wire_next(&w, &f) && f.number == 9);
    assert_bytes_equal(cloud_wire_find(f.octets, 2), "v");
    us_t us = 0;
    assert_true(cloud_wire_next(&w, &f) && cloud_wire_read_time(f.octets, &us) && us == 1500 * US_PER_MS);
    assert_true(cloud_wire_next(&w, &f) && f.value == UINT64_MAX);
    assert_false(cloud_wire_next(&w, &f));
    assert_false(w.broken);
}

static void test_what_is_broken_is_told(void **state UNUSED)
{
    static const struct bytes broken[] = {
        BYTES_LIT("\x0a"), BYTES_LIT("\x0a\x05" "four"), BYTES_LIT("\x08"), BYTES_LIT("\x08\x80"),
        BYTES_LIT("\x00\x01"),                                              /* field number 0 */
        BYTES_LIT("\x0b\x0c"),                                              /* a group */
        BYTES_LIT("\x0f"),                                                  /* no such type */
        BYTES_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),          /* beyond 64 bits */
        BYTES_LIT("\x09\x01\x02\x03"), BYTES_LIT("\x0d\x01\x02\x03"),
        BYTES_LIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),          /* a length that wraps */
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        assert_false(cloud_wire_is_sound(broken[i]));
    assert_true(cloud_wire_is_sound(BYTES_LIT("")));
}

static void test_text_is_utf8(void **state UNUSED)
{
    static const struct bytes good[] = {
        BYTES_LIT(""), BYTES_LIT("a\0b"), BYTES_LIT("\xc3\xa9"), BYTES_LIT("\xe2\x82\xac"),
        BYTES_LIT("\xf0\x9f\x98\x80"), BYTES_LIT("\xf4\x8f\xbf\xbf"), BYTES_LIT("\xed\x9f\xbf"),
    };
    static const struct bytes bad[] = {
        BYTES_LIT("\xff"), BYTES_LIT("\x80"), BYTES_LIT("\xc3"), BYTES_LIT("\xc0\x80"), BYTES_LIT("\xe0\x9f\xbf"),
        BYTES_LIT("\xed\xa0\x80"), BYTES_LIT("\xf0\x8f\xbf\xbf"), BYTES_LIT("\xf4\x90\x80\x80"), BYTES_LIT("\xe2\x82"),
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(cloud_wire_is_text(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(cloud_wire_is_text(bad[i]));
}

static void test_times_out_of_range_are_refused(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf negative = { 0 }, late = { 0 }, nanos = { 0 };
    cloud_wire_put_uint(&negative, 1, (uint64_t) -1);
    cloud_wire_put_uint(&late, 1, UINT64_C(1) << 60);
    cloud_wire_put_uint(&nanos, 2, 1000000000);
    us_t us = 7;
    assert_false(cloud_wire_read_time(buf_bytes(&negative), &us));
    assert_false(cloud_wire_read_time(buf_bytes(&late), &us));
    assert_false(cloud_wire_read_time(buf_bytes(&nanos), &us));
    assert_int_equal(us, 7);
}

static void test_packed_numbers(void **state UNUSED)
{
    struct bytes packed = BYTES_LIT("\x01\xac\x02\x00");
    uint64_t n;
    assert_true(cloud_wire_packed(&packed, &n) && n == 1);
    assert_true(cloud_wire_packed(&packed, &n) && n == 300);
    assert_true(cloud_wire_packed(&packed, &n) && n == 0);
    assert_false(cloud_wire_packed(&packed, &n));
    assert_int_equal(packed.len, 0);
    packed = BYTES_LIT("\x80");
    assert_false(cloud_wire_packed(&packed, &n));
    assert_int_equal(packed.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_read_back),
        cmocka_unit_test(test_what_is_broken_is_told),
        cmocka_unit_test(test_text_is_utf8),
        cmocka_unit_test(test_times_out_of_range_are_refused),
        cmocka_unit_test(test_packed_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
