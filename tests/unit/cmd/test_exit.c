#include "unit.h"

#include "cmd/exit.h"

/* Codes are stable: scripts and systemd units hold them. */
static void codes(void **state UNUSED)
{
    static const struct {
        uint16_t class;
        int code;
    } rows[] = {
        { ERR_OK, 0 },         { ERR_USAGE, 64 },     { ERR_BAD_INPUT, 65 }, { ERR_REFUSED_CONNECT, 69 }, { ERR_INTERNAL, 70 },
        { ERR_DISK, 73 },      { ERR_THROTTLED, 75 }, { ERR_FORBIDDEN, 77 }, { ERR_UNAUTHENTICATED, 77 }, { ERR_CONFIG, 78 },
        { ERR_CANCELLED, 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = { .class = rows[i].class };
        assert_int_equal(exit_for(&err), rows[i].code);
    }
    assert_int_equal(CMD_EXIT_DEAD_LETTERS, 3);
    assert_int_equal(CMD_EXIT_DIFFERENT, 4);
    assert_int_equal(CMD_EXIT_INTERRUPTED, 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(codes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
