#include "unit.h"

#include "hl7/validate.h"

#define HEAD "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5"

static void judged(struct bytes message, enum hl7_defect want)
{
    assert_string_equal(hl7_defect_name(hl7_validate(message, &(struct hl7_rules) { 0 })),
                        hl7_defect_name(want));
}

static void sound_messages_are_taken(void **state)
{
    (void) state;
    judged(BYTES_LIT(HEAD), HL7_SOUND);
    judged(BYTES_LIT(HEAD "\r"), HL7_SOUND);
    judged(BYTES_LIT(HEAD "\rPID|1\rZA1\r"), HL7_SOUND);
    judged(BYTES_LIT("MSH|^~\\&|||||||ACK|1|P|2.3\r"), HL7_SOUND);
    judged(BYTES_LIT("MSH|^~\\&#|||||||ORU^^ORU_R01|1|P|2.5.1^USA\r"), HL7_SOUND);
    judged(BYTES_LIT(HEAD "\rPID|1||gr\xc3\xbc\xc3\x9f\r"), HL7_SOUND);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|01/15/2025||ADT^A01|1|P|2.5"), HL7_SOUND);
    judged(BYTES_LIT(HEAD "||||||unicode utf-8~ASCII\r"), HL7_SOUND);
}

static void each_defect_is_named(void **state)
{
    (void) state;
    judged(BYTES_LIT(""), HL7_DEFECT_EMPTY);
    judged(BYTES_LIT("EVN|A01\r" HEAD), HL7_DEFECT_NO_HEADER);
    judged(BYTES_LIT("\xef\xbb\xbf" HEAD), HL7_DEFECT_NO_HEADER);
    judged(BYTES_LIT("FHS|^~\\&\rBHS|^~\\&\rBTS|0\rFTS|1\r"), HL7_DEFECT_NO_HEADER);
    judged(BYTES_LIT("MSH|abcd|A"), HL7_DEFECT_SEPARATORS);
    judged(BYTES_LIT(HEAD "||||||8859/1\r"), HL7_DEFECT_ENCODING);
    judged(BYTES_LIT(HEAD "\rPID|\xff\r"), HL7_DEFECT_ENCODING);
    judged(BYTES_LIT(HEAD "\rPID|\0\r"), HL7_DEFECT_CONTROL);
    judged(BYTES_LIT(HEAD "\r\x1c\r"), HL7_DEFECT_CONTROL);
    judged(BYTES_LIT(HEAD "\nPID|1\n"), HL7_DEFECT_LINE_END);
    judged(BYTES_LIT(HEAD "\r\nPID|1\r\n"), HL7_DEFECT_LINE_END);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT|1|P|2.5"), HL7_DEFECT_TYPE);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|||A D^A01|1|P|2.5"), HL7_DEFECT_TYPE);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT^A01||P|2.5"), HL7_DEFECT_CONTROL_ID);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT^A01|\x1b[|P|2.5"), HL7_DEFECT_CONTROL_ID);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|"), HL7_DEFECT_VERSION);
    judged(BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|two.five"), HL7_DEFECT_VERSION);
    judged(BYTES_LIT(HEAD "\rpid|1\r"), HL7_DEFECT_SEGMENT);
    judged(BYTES_LIT(HEAD "\r\rPID|1\r"), HL7_DEFECT_SEGMENT);
    judged(BYTES_LIT(HEAD "\rPID^1\r"), HL7_DEFECT_SEGMENT);
    judged(BYTES_LIT(HEAD "\r" HEAD "\r"), HL7_DEFECT_SECOND_MSH);
    judged(BYTES_LIT(HEAD "\rBTS|1\r"), HL7_DEFECT_BATCH);
}

static void batches_must_agree_with_their_counts(void **state)
{
    (void) state;
    judged(BYTES_LIT("FHS|^~\\&\rBHS|^~\\&\r" HEAD "\rPID|1\r" HEAD "\rBTS|2\rFTS|1\r"), HL7_SOUND);
    judged(BYTES_LIT("BHS|^~\\&\r" HEAD "\rBTS\r"), HL7_SOUND);
    judged(BYTES_LIT("BHS|^~\\&\r" HEAD "\rBTS|2\r"), HL7_DEFECT_BATCH);
    judged(BYTES_LIT("FHS|^~\\&\rBHS|^~\\&\r" HEAD "\rBTS|1\rFTS|2\r"), HL7_DEFECT_BATCH);
    judged(BYTES_LIT("BHS|^~\\&\r" HEAD "\r"), HL7_DEFECT_BATCH);
    judged(BYTES_LIT("BHS|^~\\&\r" HEAD "\rMSH|^~\\&|\rBTS|2\r"), HL7_DEFECT_TYPE);
}

static void a_store_may_be_told_otherwise(void **state)
{
    (void) state;
    struct bytes lf = BYTES_LIT(HEAD "\nPID|1\n"), none = BYTES_LIT("PID|1\r"),
                 latin = BYTES_LIT(HEAD "||||||8859/1\rPID|\xfc\r");
    assert_int_equal(hl7_validate(lf, &(struct hl7_rules) { .terminator = BYTES_LIT("\n") }), HL7_SOUND);
    assert_int_equal(hl7_validate(none, &(struct hl7_rules) { .null_header = true }), HL7_SOUND);
    assert_int_equal(hl7_validate(latin, &(struct hl7_rules) { .any_charset = true }), HL7_SOUND);
}

static void utf8_is_judged_as_rfc_3629_says(void **state)
{
    (void) state;
    const char *const good[] = {
        "", "plain", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "12345678\xc3\xbc"
    };
    const char *const bad[] = { "\x80",
                                "\xc0\x80",
                                "\xc3",
                                "\xe0\x80\x80",
                                "\xed\xa0\x80",
                                "\xf4\x90\x80\x80",
                                "\xf5\x80\x80\x80",
                                "\xe2\x82",
                                "12345678\xff" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(hl7_validate_utf8(bytes_str(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hl7_validate_utf8(bytes_str(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_messages_are_taken),
        cmocka_unit_test(each_defect_is_named),
        cmocka_unit_test(batches_must_agree_with_their_counts),
        cmocka_unit_test(a_store_may_be_told_otherwise),
        cmocka_unit_test(utf8_is_judged_as_rfc_3629_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
