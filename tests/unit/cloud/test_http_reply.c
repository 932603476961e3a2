/* How answers are spoiled. What happens to the connection is seen by the end-to-end stories. */
#include "unit.h"

#include "cloud/http_reply.h"

#define NAME "projects/p/locations/l/datasets/d/hl7V2Stores/s/messages/"

static void is_spoiled(enum cloud_fault_kind kind, const char *before, const char *after)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    buf_append_str(&json, before);
    cloud_http_reply_spoil(kind, &json);
    assert_bytes_equal(buf_bytes(&json), after);
}

static void each_kind_spoils_in_its_way(void **state)
{
    (void) state;
    const char *whole = "{\"name\":\"" NAME "Bcd=\",\"data\":\"TVNI\"}";
    is_spoiled(CLOUD_FAULT_NONE, whole, whole);
    is_spoiled(CLOUD_FAULT_CUT, whole, whole);
    is_spoiled(CLOUD_FAULT_WRONG_NAME, whole, "{\"name\":\"" NAME "Acd=\",\"data\":\"TVNI\"}");
    is_spoiled(CLOUD_FAULT_WRONG_NAME, "{\"name\":\"" NAME "Abc=\"}", "{\"name\":\"" NAME "Bbc=\"}");
    is_spoiled(CLOUD_FAULT_NO_DATA, whole, "{\"name\":\"" NAME "Bcd=\",\"none\":\"TVNI\"}");
    is_spoiled(CLOUD_FAULT_BAD_BASE64, whole, "{\"name\":\"" NAME "Bcd=\",\"data\":\"!VNI\"}");
    is_spoiled(CLOUD_FAULT_TRUNCATE, "{\"a\":\"bc\"}", "{\"a\":");
}

static void what_is_not_there_cannot_be_spoiled(void **state)
{
    (void) state;
    const enum cloud_fault_kind kinds[] = { CLOUD_FAULT_WRONG_NAME, CLOUD_FAULT_NO_DATA,
                                            CLOUD_FAULT_BAD_BASE64 };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        is_spoiled(kinds[i], "{}", "{}");
        is_spoiled(kinds[i], "", "");
    }
    is_spoiled(CLOUD_FAULT_BAD_BASE64, "{\"data\":\"\"}", "{\"data\":\"\"}");
    is_spoiled(CLOUD_FAULT_TRUNCATE, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_spoils_in_its_way),
        cmocka_unit_test(what_is_not_there_cannot_be_spoiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
