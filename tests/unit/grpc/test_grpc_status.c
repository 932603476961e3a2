#include "unit.h"

#include "grpc/grpc_status.h"

static void every_code_has_its_name_and_status(void **state UNUSED)
{
    static const struct {
        enum grpc_code code;
        const char *name;
        int number, http;
        enum err_class class;
    } want[] = {    /* google/rpc/code.proto */
        { GRPC_OK, "OK", 0, 200, ERR_OK },
        { GRPC_CANCELLED, "CANCELLED", 1, 499, ERR_TRANSIENT },
        { GRPC_UNKNOWN, "UNKNOWN", 2, 500, ERR_TRANSIENT },
        { GRPC_INVALID_ARGUMENT, "INVALID_ARGUMENT", 3, 400, ERR_REFUSED },
        { GRPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 4, 504, ERR_TIMEOUT },
        { GRPC_NOT_FOUND, "NOT_FOUND", 5, 404, ERR_NOT_FOUND },
        { GRPC_ALREADY_EXISTS, "ALREADY_EXISTS", 6, 409, ERR_ALREADY_EXISTS },
        { GRPC_PERMISSION_DENIED, "PERMISSION_DENIED", 7, 403, ERR_FORBIDDEN },
        { GRPC_RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED", 8, 429, ERR_THROTTLED },
        { GRPC_FAILED_PRECONDITION, "FAILED_PRECONDITION", 9, 400, ERR_PRECONDITION },
        { GRPC_ABORTED, "ABORTED", 10, 409, ERR_TRANSIENT },
        { GRPC_OUT_OF_RANGE, "OUT_OF_RANGE", 11, 400, ERR_REFUSED },
        { GRPC_UNIMPLEMENTED, "UNIMPLEMENTED", 12, 501, ERR_UNIMPLEMENTED },
        { GRPC_INTERNAL, "INTERNAL", 13, 500, ERR_TRANSIENT },
        { GRPC_UNAVAILABLE, "UNAVAILABLE", 14, 503, ERR_TRANSIENT },
        { GRPC_DATA_LOSS, "DATA_LOSS", 15, 500, ERR_TRANSIENT },
        { GRPC_UNAUTHENTICATED, "UNAUTHENTICATED", 16, 401, ERR_UNAUTHENTICATED },
    };
    assert_int_equal(ARRAY_LEN(want), GRPC_CODES);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(want[i].code, want[i].number);
        assert_string_equal(grpc_code_name(want[i].code), want[i].name);
        assert_int_equal(grpc_code_http(want[i].code), want[i].http);
        assert_int_equal(grpc_code_class(want[i].code), want[i].class);
    }
}

static void a_code_from_nowhere_is_unknown(void **state UNUSED)
{
    assert_string_equal(grpc_code_name((enum grpc_code) 99), "UNKNOWN");
    assert_int_equal(grpc_code_class((enum grpc_code) 17), ERR_TRANSIENT);
    assert_int_equal(grpc_code_http((enum grpc_code) -1), 500);
}

static void replies_of_other_servers_are_mapped(void **state UNUSED)
{
    assert_int_equal(grpc_code_from_http(400), GRPC_INTERNAL);
    assert_int_equal(grpc_code_from_http(401), GRPC_UNAUTHENTICATED);
    assert_int_equal(grpc_code_from_http(403), GRPC_PERMISSION_DENIED);
    assert_int_equal(grpc_code_from_http(404), GRPC_UNIMPLEMENTED);
    assert_int_equal(grpc_code_from_http(429), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_http(502), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_http(503), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_http(504), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_http(200), GRPC_UNKNOWN);
    assert_int_equal(grpc_code_from_http(0), GRPC_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_name_and_status),
        cmocka_unit_test(a_code_from_nowhere_is_unknown),
        cmocka_unit_test(replies_of_other_servers_are_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
