/* The golden bytes of google-apis reference samples: the ACK of Google's how-to page and the NACK of a real
 * log. */
#include "unit.h"

#include "base/b64.h"
#include "base/sha256.h"
#include "hl7/ack.h"
#include "hl7/dtm.h"
#include "hl7/validate.h"

/* Google's own sample message; its id is in the tests of three of their client libraries. */
#define SAMPLE                                                                                               \
    "MSH|^~\\&|A|SEND_FACILITY|A|A|20180101000000||TYPE^A|20180101000000|T|0.0|||AA||00|ASCII\r"             \
    "EVN|A00|20180101040000\rPID||14\x01"                                                                    \
    "111^^^^MRN|11111111^^^^MRN~1111111111^^^^ORGNMBR"

static us_t at(const char *dtm)
{
    us_t wall = 0;
    assert_true(hl7_dtm_read(bytes_str(dtm), &wall));
    return wall;
}

static void the_ack_has_the_bytes_of_the_sample(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_msh m;
    assert_true(hl7_msh_read(BYTES_LIT(SAMPLE), HL7_CR, &m));
    hl7_ack_accept(&m, at("20200214212005"), "1f2d5243-0000-4000-8000-000000000000", &out);
    assert_bytes_equal(buf_bytes(&out), "MSH|^~\\&|A|A|A|SEND_FACILITY|20200214212005||ACK|"
                                        "1f2d5243-0000-4000-8000-000000000000|T|0.0\rMSA|AA|20180101000000");
}

static void the_nack_has_the_bytes_of_the_sample(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_msh m;
    assert_true(hl7_msh_read(BYTES_LIT("MSH|^~\\&|EEH|EHS|||||ADT^A08|1026295|P|2.3||||||8859/1\rEVN|A08"),
                             HL7_CR, &m));
    hl7_ack_refuse(&m, at("20191205184132"), "16e1e565-0000-4000-8000-000000000000",
                   hl7_defect_text(HL7_DEFECT_ENCODING), &out);
    assert_bytes_equal(buf_bytes(&out),
                       "MSH|^~\\&|||EEH|EHS|20191205184132||ACK|16e1e565-0000-4000-8000-000000000000|P|2.3\r"
                       "MSA|AE|1026295|unsupported encoding in message, only ASCII and UTF-8 are supported");
}

static void separators_are_the_requests_and_the_reason_is_escaped(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_msh m;
    assert_true(hl7_msh_read(BYTES_LIT("MSH,^~\\&#,A,B,C,D,,,ADT^A01,1,P,2.7"), HL7_CR, &m));
    hl7_ack_refuse(&m, 0, "id", "one, two", &out);
    assert_bytes_equal(buf_bytes(&out),
                       "MSH,^~\\&#,C,D,A,B,19700101000000,,ACK,id,P,2.7\rMSA,AE,1,one\\F\\ two");
}

static void a_separator_within_the_new_id_is_escaped(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct hl7_msh m;
    assert_true(hl7_msh_read(BYTES_LIT("MSH-^~\\&-A-B-C-D---ADT^A01-1-P-2.7"), HL7_CR, &m));
    hl7_ack_accept(&m, 0, "1f2d-5243", &out);
    assert_bytes_equal(buf_bytes(&out), "MSH-^~\\&-C-D-A-B-19700101000000--ACK-1f2d\\F\\5243-P-2.7\rMSA-AA-1");
}

static void without_a_header_the_usual_separators_are_taken(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    hl7_ack_refuse(NULL, 0, "id", "no header", &out);
    assert_bytes_equal(buf_bytes(&out), "MSH|^~\\&|||||19700101000000||ACK|id||\rMSA|AE||no header");
}

static void the_sample_has_the_known_message_id(void **state)
{
    (void) state;
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct sha256 sum = sha256_of(BYTES_LIT(SAMPLE));
    b64_encode_url(bytes_of((const char *) sum.octet, SHA256_LEN), &out);
    assert_bytes_equal(buf_bytes(&out), "2yqbdhYHlk_ucSmWkcKOVm_N0p0OpBXgIlVG18rB-cw=");
    assert_int_equal(hl7_validate(BYTES_LIT(SAMPLE), &(struct hl7_rules) { 0 }), HL7_SOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ack_has_the_bytes_of_the_sample),
        cmocka_unit_test(the_nack_has_the_bytes_of_the_sample),
        cmocka_unit_test(separators_are_the_requests_and_the_reason_is_escaped),
        cmocka_unit_test(a_separator_within_the_new_id_is_escaped),
        cmocka_unit_test(without_a_header_the_usual_separators_are_taken),
        cmocka_unit_test(the_sample_has_the_known_message_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
