#include "unit.h"

#include "cmd/get.h"

static void fill(struct get_message *m, const char *bytes)
{
    *m = (struct get_message) { 0 };
    buf_append_str(&m->bytes, bytes);
    buf_append_str(&m->name, "projects/p/x");
    buf_append_str(&m->create_time, "2026-01-01T00:00:00Z");
}

static void empty(struct get_message *m)
{
    buf_fini(&m->bytes);
    buf_fini(&m->name);
    buf_fini(&m->create_time);
}

static const char MESSAGE[] = "MSH|^~\\&|APP|||||||42|P|2.5\rPID|1||99^^^H||DOE^JANE\033[31m\xc2\x9b\rOBX|1|TX|||"
                              "0123456789012345678901234567890123456789012345678901234567890123456789";

static void values_are_masked_unless_asked_for(void **state UNUSED)
{
    struct get_message m;
    struct err err = { 0 };
    CLEANUP(buf_fini) struct buf masked = { 0 }, plain = { 0 }, coloured = { 0 }, json = { 0 };
    fill(&m, MESSAGE);
    assert_true(get_show_text(&m, &(struct get_show) { 0 }, &masked, &err));
    assert_null(strstr(buf_str(&masked), "DOE"));
    assert_null(strstr(buf_str(&masked), "0123"));
    assert_null(strstr(buf_str(&masked), "\033"));
    assert_non_null(strstr(buf_str(&masked), "  PID-5           Patient name\n"));
    assert_non_null(strstr(buf_str(&masked), "    PID-5.1                                         ***\n"));
    assert_non_null(strstr(buf_str(&masked), "**************... (70)\n"));
    assert_non_null(strstr(buf_str(&masked), "2.5\n"));
    assert_true(get_show_text(&m, &(struct get_show) { .unmask = true }, &plain, &err));
    assert_non_null(strstr(buf_str(&plain), "DOE\n"));
    assert_non_null(strstr(buf_str(&plain), "JANE?[31m?\n"));    /* a terminal obeys nothing of it */
    assert_true(get_show_text(&m, &(struct get_show) { .colour = true }, &coloured, &err));
    assert_non_null(strstr(buf_str(&coloured), "\033[1mPID\033[0m  Patient identification\n"));
    assert_true(get_show_json(&m, &(struct get_show) { 0 }, &json, &err));
    assert_null(strstr(buf_str(&json), "DOE"));
    assert_non_null(strstr(buf_str(&json), "{\"path\":\"PID-5\",\"name\":\"Patient name\"},{\"path\":\"PID-5.1\",\"value\":\"***\"}"));
    empty(&m);
}

static void what_is_no_message_is_said_without_it(void **state UNUSED)
{
    struct get_message m;
    struct err err = { 0 };
    CLEANUP(buf_fini) struct buf out = { 0 };
    fill(&m, "JANE DOE");
    assert_false(get_show_text(&m, &(struct get_show) { .unmask = true }, &out, &err));
    assert_false(get_show_json(&m, &(struct get_show) { 0 }, &out, &err));
    assert_int_equal(err.class, ERR_BAD_INPUT);
    assert_null(strstr(err.text, "JANE"));
    assert_int_equal(out.len, 0);
    empty(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_masked_unless_asked_for),
        cmocka_unit_test(what_is_no_message_is_said_without_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
