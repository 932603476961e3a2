#include "unit.h"

#include "beam/dofn.h"

static bool parse(const char *text, struct beam_dofn *ret, struct err *err)
{
    return beam_dofn_parse(bytes_str(text), ret, err);
}

static void a_step_is_read(void **state)
{
    (void) state;
    struct beam_dofn d;
    struct err err;
    assert_true(parse("{\"do\":\"fetch\",\"v\":1,\"runner\":\"DataflowRunner\",\"source\":\"pubsub_read\",\"with_attributes\":true,"
                      "\"settings\":{\"a\":{\"b\":1}},\"later\":[1]}", &d, &err));
    assert_int_equal(d.what, BEAM_DO_FETCH);
    assert_int_equal(d.runner, BEAM_RUNNER_DATAFLOW);
    assert_true(d.with_attributes);
    assert_bytes_equal(d.settings, "{\"a\":{\"b\":1}}");
    assert_true(parse("{\"do\":\"shards\",\"v\":1,\"runner\":\"PrismRunner\",\"shards\":8}", &d, &err));
    assert_int_equal(d.shards, 8);
    assert_true(parse("{\"do\":\"create\",\"v\":1,\"runner\":\"PrismRunner\",\"names\":[\"x\",\"y\"]}", &d, &err));
    assert_int_equal(d.names.kind, JSON_ARRAY);
}

static void what_is_wrong_is_said(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "", "[]", "{}", "{\"do\":\"fetch\"}", "{\"do\":\"fetch\",\"v\":2,\"runner\":\"PrismRunner\",\"settings\":{}}",
        "{\"do\":\"fetch\",\"v\":1,\"runner\":\"Prism\",\"settings\":{}}", "{\"do\":\"fetch\",\"v\":1,\"runner\":\"PrismRunner\"}",
        "{\"do\":\"dance\",\"v\":1,\"runner\":\"PrismRunner\",\"settings\":{}}",
        "{\"do\":\"shards\",\"v\":1,\"runner\":\"PrismRunner\",\"shards\":0}",
        "{\"do\":\"shards\",\"v\":1,\"runner\":\"PrismRunner\",\"shards\":1001}",
        "{\"do\":\"create\",\"v\":1,\"runner\":\"PrismRunner\"}", "{\"do\":\"create\",\"v\":1,\"runner\":\"PrismRunner\",\"names\":[1]}",
        "{\"do\":\"log\",\"v\":1,\"runner\":\"PrismRunner\",\"do\":\"pull\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct beam_dofn d = { .shards = 77 };
        struct err err = { 0 };
        assert_false(parse(wrong[i], &d, &err));
        assert_int_equal(err.class, ERR_BAD_INPUT);
        assert_true(err.text[0] != '\0');
        assert_int_equal(d.shards, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_read),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
