/* A machine without libcurl: this program's own dlopen() finds nothing. */
#include "unit.h"

#include "net/curl_calls.h"

#include <dlfcn.h>

static unsigned asked;

void *dlopen(const char *file, int mode)
{
    (void) mode;
    assert_string_equal(file, "libcurl.so.4");
    asked++;
    return NULL;
}

char *dlerror(void)
{
    static char text[] = "no such file";
    return text;
}

static void what_is_missing_is_said(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        struct err err = { 0 };
        assert_null(curl_calls(&err));
        assert_int_equal(err.class, ERR_CONFIG);
        assert_non_null(strstr(err.text, "no such file"));
        assert_non_null(strstr(err.text, "libcurl4"));
    }
    assert_int_equal(asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_missing_is_said) };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
