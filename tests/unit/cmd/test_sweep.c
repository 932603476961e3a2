#include "unit.h"

#include "base/def.h"
#include "cmd/sweep.h"

#include <stdio.h>

static const char *const mark = "CANARY0000002A";

static size_t found_in(struct bytes text, struct sweep *s)
{
    sweep_init(s, mark);
    sweep_text(s, text, "here");
    return s->found;
}

/* Every form, bare and in gzip, with every tail of a canary, is found once and named rightly. */
static void every_form_is_found(void **state UNUSED)
{
    for (int form = 0; form < SWEEP_FORMS; form++) {
        for (int zipped = 0; zipped < 2; zipped++) {
            CLEANUP(buf_fini) struct buf text = { 0 };
            sweep_plant(BYTES_LIT("CANARY0000002AF0000270F"), (enum sweep_form) form, zipped, &text);
            struct sweep s;
            assert_int_equal(found_in(buf_bytes(&text), &s), 1);
            assert_int_equal(s.first[0].form, form);
            assert_int_equal(s.first[0].gzip_depth, zipped);
        }
    }
}

static void nothing_is_found_where_nothing_is(void **state UNUSED)
{
    struct sweep s;
    assert_int_equal(found_in(BYTES_LIT(""), &s), 0);
    assert_int_equal(found_in(BYTES_LIT("CANARY0000002B CANARY 0000002A %43 \\u0043 \x1f\x8b\x08 no gzip at all"), &s), 0);
}

/* Whatever stands before it, one of the three alignments finds it. */
static void base64_at_every_offset(void **state UNUSED)
{
    for (int before = 0; before < 12; before++) {
        CLEANUP(buf_fini) struct buf plain = { 0 }, text = { 0 };
        for (int i = 0; i < before; i++)
            buf_append_char(&plain, (char) ('a' + i));
        buf_printf(&plain, "%sF00000001|rest", mark);
        sweep_plant(buf_bytes(&plain), SWEEP_BASE64_0, false, &text);
        struct sweep s;
        assert_int_equal(found_in(buf_bytes(&text), &s), 1);
        assert_in_range(s.first[0].form, SWEEP_BASE64_0, SWEEP_BASE64_2);
    }
}

static void counts_go_on_after_the_first_finds(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "x%sF%08x ", mark, i);
    struct sweep s;
    assert_int_equal(found_in(buf_bytes(&text), &s), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_found),
        cmocka_unit_test(nothing_is_found_where_nothing_is),
        cmocka_unit_test(base64_at_every_offset),
        cmocka_unit_test(counts_go_on_after_the_first_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
