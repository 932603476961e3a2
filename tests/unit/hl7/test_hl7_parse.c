#include "unit.h"

#include "hl7/escape.h"
#include "hl7/msh.h"

static void segments_are_cut_at_the_terminator_and_the_last_one_may_lack_it(void **state)
{
    (void) state;
    struct bytes rest = BYTES_LIT("MSH|a\rPID|b\r\rZZZ"), s;
    assert_true(hl7_parse_segment(&rest, HL7_CR, &s));
    assert_bytes_equal(s, "MSH|a");
    assert_true(hl7_parse_segment(&rest, HL7_CR, &s));
    assert_bytes_equal(s, "PID|b");
    assert_true(hl7_parse_segment(&rest, HL7_CR, &s));
    assert_bytes_equal(s, "");
    assert_true(hl7_parse_segment(&rest, HL7_CR, &s));
    assert_bytes_equal(s, "ZZZ");
    assert_false(hl7_parse_segment(&rest, HL7_CR, &s));
}

static void a_terminator_of_two_bytes_is_found_whole(void **state)
{
    (void) state;
    struct bytes rest = BYTES_LIT("A|\r\r\nB\r\n"), s;
    assert_true(hl7_parse_segment(&rest, BYTES_LIT("\r\n"), &s));
    assert_bytes_equal(s, "A|\r");
    assert_true(hl7_parse_segment(&rest, BYTES_LIT("\r\n"), &s));
    assert_bytes_equal(s, "B");
    assert_false(hl7_parse_segment(&rest, BYTES_LIT("\r\n"), &s));
}

static void parts_are_walked_and_found_by_place(void **state)
{
    (void) state;
    struct bytes whole = BYTES_LIT("a^^c^"), part;
    struct hl7_parse p = hl7_parse_of(whole, '^');
    const char *const want[] = { "a", "", "c", "" };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(hl7_parse_next(&p, &part));
        assert_bytes_equal(part, want[i]);
        assert_bytes_equal(hl7_parse_part(whole, '^', i), want[i]);
    }
    assert_false(hl7_parse_next(&p, &part));
    assert_bytes_equal(hl7_parse_part(whole, '^', 4), "");
    p = hl7_parse_of(BYTES_LIT(""), '|');
    assert_true(hl7_parse_next(&p, &part));
    assert_false(hl7_parse_next(&p, &part));
}

static void header_fields_have_the_numbers_of_the_standard(void **state)
{
    (void) state;
    struct hl7_msh m;
    struct bytes message =
        BYTES_LIT("MSH@~&#\\@APP@FAC@RAPP@RFAC@20260419100000@@ADT~A01~ADT_A01@MSG1@P@2.5\rEVN@A01");
    assert_true(hl7_msh_read(message, HL7_CR, &m));
    assert_int_equal(m.seps.field, '@');
    assert_int_equal(m.seps.component, '~');
    assert_int_equal(m.seps.repetition, '&');
    assert_int_equal(m.seps.escape, '#');
    assert_int_equal(m.seps.subcomponent, '\\');
    assert_int_equal(m.seps.truncation, 0);
    assert_bytes_equal(m.field[1], "@");
    assert_bytes_equal(m.field[2], "~&#\\");
    assert_bytes_equal(m.field[HL7_MSH_SENDING_FACILITY], "FAC");
    assert_bytes_equal(hl7_msh_component(&m, HL7_MSH_TYPE, 1), "A01");
    assert_bytes_equal(m.field[HL7_MSH_VERSION], "2.5");
    assert_bytes_equal(m.field[HL7_MSH_CHARSET], "");
}

static void a_batch_has_the_header_of_its_first_message(void **state)
{
    (void) state;
    struct hl7_msh m;
    assert_true(hl7_msh_read(BYTES_LIT("FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|X\r"), HL7_CR, &m));
    assert_bytes_equal(m.field[3], "X");
}

static void separators_that_cannot_separate_are_no_header(void **state)
{
    (void) state;
    const char *const bad[] = { "",
                                "M",
                                "MSH",
                                "MSH|",
                                "MSH|^~\\",
                                "MSH|^~\\|x|",
                                "MSH|abcd|x",
                                "MSH|^^^^|x",
                                "MSH|||||x",
                                "MSH ^~\\& x",
                                "MSH|^~\\&#!|x",
                                "PID|^~\\&|x",
                                "MSH|^~\\&\xa6|x" };
    struct hl7_msh m;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hl7_msh_read(bytes_str(bad[i]), HL7_CR, &m));
}

static void separators_are_escaped_and_come_back(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    CLEANUP(buf_fini) struct buf back = { 0 };
    struct hl7_seps seps = HL7_SEPS_USUAL;
    hl7_escape_put(&seps, BYTES_LIT("a|b^c~d\\e&f#\r"), &out);
    assert_bytes_equal(buf_bytes(&out), "a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f# ");
    hl7_escape_undo(&seps, buf_bytes(&out), &back);
    assert_bytes_equal(buf_bytes(&back), "a|b^c~d\\e&f# ");
}

static void other_sequences_stay_and_open_nothing(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_seps seps = HL7_SEPS_USUAL;
    hl7_escape_undo(&seps, BYTES_LIT("\\H\\bold\\N\\ \\X0D\\F\\F\\ \\P\\ x\\T"), &out);
    assert_bytes_equal(buf_bytes(&out), "\\H\\bold\\N\\ \\X0D\\F| \\P\\ x\\T");
    buf_clear(&out);
    seps.truncation = '#';
    hl7_escape_undo(&seps, BYTES_LIT("\\P\\\\"), &out);
    assert_bytes_equal(buf_bytes(&out), "#\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_cut_at_the_terminator_and_the_last_one_may_lack_it),
        cmocka_unit_test(a_terminator_of_two_bytes_is_found_whole),
        cmocka_unit_test(parts_are_walked_and_found_by_place),
        cmocka_unit_test(header_fields_have_the_numbers_of_the_standard),
        cmocka_unit_test(a_batch_has_the_header_of_its_first_message),
        cmocka_unit_test(separators_that_cannot_separate_are_no_header),
        cmocka_unit_test(separators_are_escaped_and_come_back),
        cmocka_unit_test(other_sequences_stay_and_open_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
