#include "unit.h"

#include "conf/opt.h"
#include "conf/opt_text.h"
#include "conf/suggest.h"

static void durations_and_sizes(void **state UNUSED)
{
    static const struct {
        const char *text;
        us_t us;
    } durations[] = {
        { "250ms", 250000 }, { "30s", 30000000 }, { "15m", 900000000 }, { "1.5h", 5400000000 }, { "7d", 604800000000 },
        { "500", 500000000 }, { "0.5", 500000 }, { "2 min", 120000000 }, { "0", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        us_t us = -1;
        assert_true(opt_text_duration(bytes_str(durations[i].text), &us));
        assert_int_equal(us, durations[i].us);
    }
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = { { "256MiB", 256 << 20 }, { "64KiB", 65536 }, { "1.5 GiB", 1610612736 }, { "10MB", 10000000 }, { "42", 42 }, { "7B", 7 } };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint64_t bytes = 0;
        assert_true(opt_text_size(bytes_str(sizes[i].text), &bytes));
        assert_int_equal(bytes, sizes[i].bytes);
    }
    static const char *const wrong[] = { "", "s", "1x", "-1s", "1 fortnight", "1e400", "0x10", "1..2", "nan", "inf", "1s2" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        us_t us;
        uint64_t bytes;
        assert_false(opt_text_duration(bytes_str(wrong[i]), &us));
        assert_false(opt_text_size(bytes_str(wrong[i]), &bytes) && strcmp(wrong[i], "1..2") == 0);
    }
}

static void every_default_reads_and_is_shown_again(void **state UNUSED)
{
    struct opt_values *v = opt_values_make();
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_info *info = opt_info(o);
        assert_true(strlen(info->help) >= 10 && info->help[strlen(info->help) - 1] == '.');
        if (info->type == OPT_LIST || info->type == OPT_MAP || info->type == OPT_STR)
            continue;
        CLEANUP(buf_fini) struct buf shown = { 0 };
        struct opt_value before = *opt_get(v, o);
        opt_show(v, o, &shown);
        struct err err;
        assert_int_equal(opt_set_text(v, o, OPT_FROM_FLAG, buf_bytes(&shown), &err), OPT_RIGHT);
        assert_true(opt_get(v, o)->i == before.i && opt_get(v, o)->b == before.b && opt_get(v, o)->r == before.r);
    }
    opt_values_free(v);
}

static bool parse(unsigned command, const char *const *args, struct opt_values **ret_v, const char **rest, size_t *count, struct err *err)
{
    int argc = 0;
    char *argv[16];
    while (args[argc] != NULL) {
        argv[argc] = (char *) args[argc];
        argc++;
    }
    *ret_v = opt_values_make();
    return opt_parse_args(*ret_v, command, argc, argv, rest, count, err);
}

static void flags_are_read(void **state UNUSED)
{
    static const char *const args[] = { "--config-path", "c.json", "--flow.rate_limit=12.5", "--until_empty", "30s", "-vv", "--json",
                                        "--no-copy-labels", "--set", "a=1,2", "--set=b=3", "x", "--", "--y", NULL };
    struct opt_values *v;
    const char *rest[16];
    size_t count;
    struct err err;
    assert_true(parse(CMD_RUN, args, &v, rest, &count, &err));
    assert_string_equal(opt_str(v, OPT_config_path), "c.json");
    assert_true(opt_real(v, OPT_flow_rate_limit) == 12.5);
    assert_int_equal(opt_int(v, OPT_until_empty), 30 * US_PER_S);
    assert_int_equal(opt_int(v, OPT_verbose), 2);
    assert_true(opt_bool(v, OPT_json) && !opt_bool(v, OPT_copy_labels));
    assert_int_equal(opt_get(v, OPT_set)->list.count, 2);
    assert_string_equal(opt_get(v, OPT_set)->list.at[0], "a=1,2");
    assert_int_equal(count, 2);
    assert_string_equal(rest[1], "--y");
    opt_values_free(v);
}

/* A rule holds commas of its own: one value each time the flag is given. */
static void a_whole_value_is_not_split(void **state UNUSED)
{
    static const char *const args[] = { "--fault", "get:429:p=0.05,retry_after=1", "--fault=ingest:503", NULL };
    struct opt_values *v;
    const char *rest[16];
    size_t count;
    struct err err;
    assert_true(parse(CMD_EMULATE, args, &v, rest, &count, &err));
    assert_int_equal(opt_get(v, OPT_fault)->list.count, 2);
    assert_string_equal(opt_get(v, OPT_fault)->list.at[0], "get:429:p=0.05,retry_after=1");
    opt_values_free(v);
}

static void wrong_flags_say_what_was_meant(void **state UNUSED)
{
    static const struct {
        unsigned command;
        const char *args[3];
        const char *want;
    } rows[] = {
        { CMD_RUN, { "--config-pth", "x" }, "unknown flag --config-pth; did you mean --config_path?" },
        { CMD_RUN, { "--untilempty" }, "unknown flag --untilempty; did you mean --until_empty?" },
        { CMD_RUN, { "--zzzzzzzzzz" }, "unknown flag --zzzzzzzzzz; `hl7relay help run` lists them" },
        { CMD_CHECK, { "--until-empty", "3s" }, "`hl7relay check` has no flag --until-empty; other commands do" },
        { CMD_RUN, { "--config_path" }, "--config_path wants a value: --config_path FILE" },
        { CMD_RUN, { "--config_path", "--json" }, "--config_path wants a value: --config_path FILE" },
        { CMD_RUN, { "--until-empty", "soon" }, "--until_empty wants a duration such as 30s" },
        { CMD_RUN, { "--storm-guard", "of" }, "--storm_guard wants one of on|off" },
        { CMD_CHECK, { "--online" }, "--online is not in this version" },
        { CMD_RUN, { "--flow.max_concurrency", "0" }, "--flow.max_concurrency must be within 1..100000" },
        { CMD_RUN, { "-x" }, "unknown flag -x; short flags are -q, -v, -vv and -h" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct opt_values *v;
        const char *rest[16];
        size_t count;
        struct err err = { 0 };
        assert_false(parse(rows[i].command, rows[i].args, &v, rest, &count, &err));
        assert_string_equal(err.text, rows[i].want);
        assert_int_equal(err.class, ERR_USAGE);
        opt_values_free(v);
    }
}

static void the_stronger_source_wins(void **state UNUSED)
{
    struct opt_values *file = opt_values_make(), *flags = opt_values_make();
    struct err err;
    opt_set_text(file, OPT_flow_rate_limit, OPT_FROM_FILE, BYTES_LIT("1"), &err);
    opt_set_text(file, OPT_allow_hosts, OPT_FROM_FILE, BYTES_LIT("a,b"), &err);
    opt_set_text(flags, OPT_flow_rate_limit, OPT_FROM_FLAG, BYTES_LIT("3"), &err);
    opt_set_text(flags, OPT_allow_hosts, OPT_FROM_FLAG, BYTES_LIT("c"), &err);
    opt_merge(file, flags);
    opt_values_free(flags);
    assert_true(opt_real(file, OPT_flow_rate_limit) == 3);
    assert_int_equal(opt_get(file, OPT_allow_hosts)->list.count, 1);
    assert_string_equal(opt_get(file, OPT_allow_hosts)->list.at[0], "c");
    opt_values_free(file);
}

static void distances(void **state UNUSED)
{
    static const struct {
        const char *a, *b;
        unsigned want;
    } rows[] = { { "", "", 0 }, { "abc", "abc", 0 }, { "abc", "acb", 1 }, { "abc", "ab", 1 }, { "a-b", "A_b", 0 },
                 { "kitten", "sitting", 3 }, { "abcdef", "zzzzzz", 4 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(suggest_distance(bytes_str(rows[i].a), bytes_str(rows[i].b), 3), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_and_sizes),
        cmocka_unit_test(every_default_reads_and_is_shown_again),
        cmocka_unit_test(flags_are_read),
        cmocka_unit_test(a_whole_value_is_not_split),
        cmocka_unit_test(wrong_flags_say_what_was_meant),
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
