#include "unit.h"

#include "cloud/message_filter.h"

static struct buf record;
static struct cloud_facts facts;

static int make_facts(void **state)
{
    (void) state;
    struct hl7_msh msh;
    struct bytes m = BYTES_LIT("MSH|^~\\&|A|EAST WING^2|C|D|20260131235959+0100||ADT^A01|1|P|2.5\r"
                               "PID|1|00|123456^^^H^MRN~99||\r");
    assert_true(hl7_msh_read(m, HL7_CR, &msh));
    cloud_facts_append(m, HL7_CR, &msh, NULL, 0, &record);
    cloud_facts_append_labels_count(&record, 2);
    cloud_facts_append_pair(&record, BYTES_LIT("priority"), BYTES_LIT("high"));
    cloud_facts_append_pair(&record, BYTES_LIT("x"), BYTES_LIT(""));
    return cloud_facts_read(buf_bytes(&record), &facts) ? 0 : -1;
}

static int free_facts(void **state)
{
    (void) state;
    buf_fini(&record);
    return 0;
}

static bool matches(const char *text)
{
    struct cloud_message_filter *f = NULL;
    struct err err = { 0 };
    if (!cloud_message_filter_make(bytes_str(text), &f, &err))
        fail_msg("%s: %s", text, err.text);
    bool ok = cloud_message_filter_match(f, &facts);
    cloud_message_filter_free(f);
    return ok;
}

static void each_field_can_be_asked(void **state)
{
    (void) state;
    const char *const yes[] = { "",
                                "message_type = \"ADT\"",
                                "messageType=AD",
                                "send_facility=\"EAST\"",
                                "sendFacility = \"WING\"",
                                "send_time >= \"2026-01-31T22:59:59Z\"",
                                "sendTime=2026-01-31T23:59:59+01:00",
                                "send_date = \"2026-01-31\"",
                                "sendDate > 2026-01-30",
                                "create_time < \"1970-01-02T00:00:00Z\"",
                                "PatientId(\"123456\",\"MRN\")",
                                "PatientId( \"99\" , \"\" )",
                                "labels.\"priority\"=\"high\"",
                                "labels.priority:*",
                                "labels.x:*",
                                "labels.x=\"\"" };
    const char *const no[] = { "message_type = \"adt\"",
                               "send_facility=\"2\"",
                               "send_time > \"2026-01-31T22:59:59Z\"",
                               "send_date = \"2026-02-01\"",
                               "PatientId(\"123456\",\"X\")",
                               "labels.priority=low",
                               "labels.y:*" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (!matches(yes[i]))
            fail_msg("must match: %s", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (matches(no[i]))
            fail_msg("must not match: %s", no[i]);
}

static void parts_are_joined(void **state)
{
    (void) state;
    assert_true(matches("message_type=ADT AND send_facility=EAST AND labels.x:*"));
    assert_true(matches("message_type=ORU OR send_facility=EAST"));
    assert_false(matches("NOT message_type=ADT"));
    assert_true(matches("NOT NOT message_type=ADT"));
    assert_true(matches("message_type=ADT AND NOT (send_facility=WEST OR send_facility=NORTH)"));
    assert_false(matches("(message_type=ORU OR send_facility=EAST) AND labels.y:*"));
}

static void other_texts_are_refused_with_the_place(void **state)
{
    (void) state;
    const struct {
        const char *text;
        enum err_class class;
    } cases[] = {
        { "message_type", ERR_BAD_INPUT },
        { "message_type != \"ADT\"", ERR_BAD_INPUT },
        { "message_type > \"ADT\"", ERR_BAD_INPUT },
        { "message_type = ", ERR_BAD_INPUT },
        { "message_type = \"ADT", ERR_BAD_INPUT },
        { "send_time = \"yesterday\"", ERR_BAD_INPUT },
        { "send_date = \"2026-1-1\"", ERR_BAD_INPUT },
        { "(message_type=ADT", ERR_BAD_INPUT },
        { "message_type=ADT message_type=ORU", ERR_BAD_INPUT },
        { "PatientId(\"1\")", ERR_BAD_INPUT },
        { "labels.x > 1", ERR_BAD_INPUT },
        { "AND", ERR_BAD_INPUT },
        { "segment = \"PID\"", ERR_UNIMPLEMENTED },
        { "message_type=A OR message_type=B AND message_type=C", ERR_UNIMPLEMENTED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cloud_message_filter *f = NULL;
        struct err err = { 0 };
        if (cloud_message_filter_make(bytes_str(cases[i].text), &f, &err))
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(err.class, cases[i].class);
        assert_null(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_can_be_asked),
        cmocka_unit_test(parts_are_joined),
        cmocka_unit_test(other_texts_are_refused_with_the_place),
    };
    return cmocka_run_group_tests(tests, make_facts, free_facts);
}
