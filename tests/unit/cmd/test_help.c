#include "unit.h"

#include "cmd/help.h"
#include "conf/config.h"

/* Lines, and the longest of them. */
static size_t measure(const char *topic, size_t *ret_longest)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    size_t lines = 0;
    *ret_longest = 0;
    assert_true(help_render(topic, &text));
    for (struct bytes rest = buf_bytes(&text); rest.len > 0; lines++) {
        struct bytes line = bytes_cut(&rest, '\n');
        *ret_longest = MAX(*ret_longest, line.len);
    }
    return lines;
}

static void commands_fit_the_smallest_terminal(void **state UNUSED)
{
    for (unsigned c = 0; c <= COMMANDS; c++) {
        const char *topic = c < COMMANDS ? opt_command(c)->name : "";
        size_t longest, lines = measure(topic, &longest);
        if (lines > 24 || longest > 80)
            fail_msg("help %s: %zu lines of %zu columns", topic, lines, longest);
    }
}

static void every_command_has_three_examples(void **state UNUSED)
{
    for (unsigned c = 0; c < COMMANDS; c++) {
        size_t lines = 0;
        for (const char *e = opt_command(c)->examples; *e != '\0'; e++)
            lines += *e == '\n';
        assert_int_equal(lines, opt_command(c)->later ? 0 : 3);
    }
}

static void every_topic_key_and_code_has_help(void **state UNUSED)
{
    static const char *const topics[] = { "config", "exit-codes", "reasons", "metrics", "events", "errors", "config flow", "config pipeline" };
    size_t longest;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        assert_true(measure(topics[i], &longest) > 3 && longest <= 100);
    for (unsigned o = 0; o < OPTS; o++)
        if (opt_info(o)->key)
            assert_true(measure(opt_info(o)->name, &longest) >= 2 && longest <= 90);
    for (unsigned c = 0; c < CONF_CODES; c++)
        assert_true(measure(conf_code_text(c), &longest) >= 2 && longest <= 80);
    CLEANUP(buf_fini) struct buf none = { 0 };
    assert_false(help_render("nonsense", &none));
}

static void pages_have_a_row_for_every_row(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf page = { 0 };
    assert_true(help_markdown("OPTIONS", &page));
    for (unsigned o = 0; o < OPTS; o++)
        assert_non_null(strstr(buf_str(&page), opt_info(o)->name));
    static const char *const pages[] = { "METRICS", "EVENTS", "ERRORS" };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        assert_true(help_markdown(pages[i], &page));
    assert_false(help_markdown("NONE", &page));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_fit_the_smallest_terminal),
        cmocka_unit_test(every_command_has_three_examples),
        cmocka_unit_test(every_topic_key_and_code_has_help),
        cmocka_unit_test(pages_have_a_row_for_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
