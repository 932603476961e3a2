#include "unit.h"

#include "hl7/gen.h"
#include "hl7/validate.h"

enum { MANY = 3000 };

static void every_message_is_sound_and_carries_its_canaries(void **state)
{
    (void) state;
    struct hl7_gen g = { .seed = 42 };
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t total = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        char canary[HL7_GEN_CANARY_LEN];
        struct hl7_msh msh;
        buf_clear(&out);
        hl7_gen_message(&g, i, &out);
        total += out.len;
        assert_int_equal(hl7_validate(buf_bytes(&out), &(struct hl7_rules) { 0 }), HL7_SOUND);
        assert_in_range(out.len, 300, 9000);
        assert_true(hl7_msh_read(buf_bytes(&out), HL7_CR, &msh));
        assert_true(bytes_starts(msh.field[HL7_MSH_TYPE], bytes_str(hl7_gen_type(&g, i))));
        for (int which = HL7_GEN_FAMILY_NAME; which < HL7_GEN_TEXT; which++) {
            hl7_gen_canary(42, i, (enum hl7_gen_canary) which, canary);
            assert_non_null(memmem(out.ptr, out.len, canary, strlen(canary)));
        }
    }
    assert_in_range(total / MANY, 1000, 3000);
}

static void the_same_seed_and_index_make_the_same_bytes(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf a = { 0 };
    CLEANUP(buf_fini) struct buf b = { 0 };
    struct hl7_gen g = { .seed = 7 }, other = { .seed = 8 };
    hl7_gen_message(&g, 5, &b);
    hl7_gen_message(&g, 6, &a);
    buf_clear(&a);
    hl7_gen_message(&g, 5, &a);
    assert_true(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
    buf_clear(&a);
    hl7_gen_message(&other, 5, &a);
    assert_false(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
}

static void big_ones_come_when_asked_for(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_gen g = { .seed = 1, .big_every = 10, .big_bytes = 300000 };
    hl7_gen_message(&g, 9, &out);
    assert_in_range(out.len, 400000, 402000);
    assert_string_equal(hl7_gen_type(&g, 9), "ORU^R01");
    assert_int_equal(hl7_validate(buf_bytes(&out), &(struct hl7_rules) { 0 }), HL7_SOUND);
}

static void malformed_ones_are_refused(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_gen g = { .seed = 42 };
    for (uint64_t i = 0; i < 500; i++) {
        buf_clear(&out);
        hl7_gen_malformed(&g, i, &out);
        assert_int_not_equal(hl7_validate(buf_bytes(&out), &(struct hl7_rules) { 0 }), HL7_SOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_sound_and_carries_its_canaries),
        cmocka_unit_test(the_same_seed_and_index_make_the_same_bytes),
        cmocka_unit_test(big_ones_come_when_asked_for),
        cmocka_unit_test(malformed_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
