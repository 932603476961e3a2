#include "unit.h"

#include "net/html.h"

static void what_is_inserted_is_never_markup(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    HTML(&out, "<b title=\"$\">$</b>", "\"><script>", "<i>&'x'\r\n\x7f$");
    assert_string_equal(buf_str(&out), "<b title=\"&quot;&gt;&lt;script&gt;\">&lt;i&gt;&amp;&#39;x&#39;???$</b>");
}

static void a_template_without_values_is_itself(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    HTML(&out, "<p>plain</p>");
    HTML(&out, "$", NULL);
    assert_string_equal(buf_str(&out), "<p>plain</p>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_inserted_is_never_markup),
        cmocka_unit_test(a_template_without_values_is_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
