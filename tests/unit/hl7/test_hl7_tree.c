#include "unit.h"

#include "hl7/tree.h"

static void note(void *ctx, const struct hl7_tree_node *n)
{
    struct buf *out = ctx;
    hl7_tree_path(n, out);
    if (n->leaf)
        buf_printf(out, "=%.*s%s", BYTES_FMT(n->value), n->open ? "!" : "");
    else if (n->kind == HL7_TREE_SEGMENT && n->name[0] != '\0')
        buf_printf(out, "(%s)", n->name);
    buf_append_char(out, ' ');
}

static void every_part_has_its_path(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    assert_true(hl7_tree_walk(BYTES_LIT("MSH|^~\\&|APP||||2026||ADT^A01|7|P|2.5\rPID|1||a^^^H&1.2&ISO~b||DOE^JANE\r\nZZZ|x\nOBX|1|NM\rOBX|2"),
                              note, &out));
    assert_string_equal(buf_str(&out),
                        "MSH(Message header) MSH-1=|! MSH-2=^~\\&! MSH-3=APP MSH-7=2026 MSH-9 MSH-9.1=ADT! MSH-9.2=A01! MSH-10=7 MSH-11=P! "
                        "MSH-12=2.5! PID(Patient identification) PID-1=1! PID-3[1] PID-3[1].1=a PID-3[1].4 PID-3[1].4.1=H PID-3[1].4.2=1.2 "
                        "PID-3[1].4.3=ISO PID-3[2]=b PID-5 PID-5.1=DOE PID-5.2=JANE ZZZ ZZZ-1=x OBX(Observation/result) OBX-1=1! OBX-2=NM! "
                        "OBX[2](Observation/result) OBX[2]-1=2! ");
}

static void what_is_open_is_a_code_and_nothing_else(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    assert_true(hl7_tree_walk(BYTES_LIT("MSH|^~\\&|||||||Jane Doe^A01|||\rPID|123456789\rEVN|DOEJANEDOEJANEDOEJANEDOEJANE"), note, &out));
    assert_null(strstr(buf_str(&out), "Doe!"));
    assert_non_null(strstr(buf_str(&out), "PID-1=123456789 "));    /* an identifier where a set id belongs */
    assert_non_null(strstr(buf_str(&out), "JANE "));
}

static void other_bytes_are_no_tree(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    const char *const bad[] = { "", "\r\n\r", "PID|1", "MSH", "MSH|", "{\"a\": 1}", "MSH||||" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hl7_tree_walk(bytes_str(bad[i]), note, &out));
    assert_int_equal(out.len, 0);
}

static void a_mask_has_the_length_of_what_it_hides(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    hl7_tree_mask(BYTES_LIT("M\xc3\xbcller"), &out);
    assert_string_equal(buf_str(&out), "******");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_has_its_path),
        cmocka_unit_test(what_is_open_is_a_code_and_nothing_else),
        cmocka_unit_test(other_bytes_are_no_tree),
        cmocka_unit_test(a_mask_has_the_length_of_what_it_hides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
