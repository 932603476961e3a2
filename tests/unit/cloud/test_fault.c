#include "unit.h"

#include "cloud/fault.h"
#include "cloud/proto_wire.h"

#define DST "projects/p/locations/l/datasets/d/hl7V2Stores/dst"
#define SRC "projects/p/locations/l/datasets/d/hl7V2Stores/src"

static struct cloud_fault_rule rule_of(const char *text)
{
    struct cloud_fault_rule rule;
    struct err err = { 0 };
    if (!cloud_fault_rules_line(bytes_str(text), &rule, &err))
        fail_msg("%s: %s", text, err.text);
    return rule;
}

static void a_rule_is_read_word_by_word(void **state)
{
    (void) state;
    struct cloud_fault_rule r =
        rule_of("ingest@dst:429:p=0.25,retry_after=3,every=4,first=9,from=1.5,until=60");
    assert_int_equal(r.ops, 1u << CLOUD_FAULT_ON_INGEST);
    assert_string_equal(r.target, "dst");
    assert_int_equal(r.kind, CLOUD_FAULT_STATUS);
    assert_int_equal(r.status, 429);
    assert_true(r.p == 0.25 && r.every == 4 && r.first == 9 && r.retry_after_s == 3);
    assert_int_equal(r.from_us, 1500000);
    assert_int_equal(r.until_us, 60 * US_PER_S);
    r = rule_of("stores:slow:ms=10-20");
    assert_int_equal(r.delay_min_us, 10000);
    assert_int_equal(r.delay_max_us, 20000);
    assert_int_equal(r.ops & 1u << CLOUD_FAULT_ON_PULL, 0);
    assert_int_equal(rule_of("any:cut").ops, (1u << CLOUD_FAULT_OPS) - 1);
}

static void wrong_rules_are_named(void **state)
{
    (void) state;
    const char *const bad[] = { "",
                                "get",
                                "get:",
                                "gett:503",
                                "get:200",
                                "get:600",
                                "get:503:p=2",
                                "get:503:p=",
                                "get:503:q=1",
                                "get:503:every=0",
                                "get:slow",
                                "get:slow:ms=9-1",
                                "get:slow:ms=x",
                                "get:503:p=nan" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cloud_fault_rule rule;
        struct err err = { 0 };
        assert_false(cloud_fault_rules_line(bytes_str(bad[i]), &rule, &err));
        assert_int_equal(err.class, ERR_CONFIG);
        assert_true(strlen(err.text) > 20);
    }
}

static void a_file_holds_lines_and_objects(void **state)
{
    (void) state;
    static struct cloud_fault_rule rules[CLOUD_FAULT_RULES_MAX];
    size_t count = 0;
    struct err err = { 0 };
    struct bytes text = BYTES_LIT("{\"rules\": [\"get:503:every=10\", {\"on\": \"ingest@dst\", \"fault\": "
                                  "429, \"p\": 0.05, \"ms\": \"1-2\"}]}");
    assert_true(cloud_fault_rules_file(text, rules, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(rules[0].every, 10);
    assert_string_equal(rules[1].target, "dst");
    assert_int_equal(rules[1].status, 429);
    assert_false(
        cloud_fault_rules_file(BYTES_LIT("{\"rules\": [{\"fault\": \"cut\"}]}"), rules, &count, &err));
    assert_non_null(strstr(err.text, "rule 1"));
    assert_false(cloud_fault_rules_file(BYTES_LIT("[]"), rules, &count, &err));
    assert_false(cloud_fault_rules_file(BYTES_LIT("{\"rules\": [3]}"), rules, &count, &err));
}

static void a_target_is_a_last_id_or_a_full_name(void **state)
{
    (void) state;
    struct cloud_fault_rule by_id = rule_of("get@dst:cut"), by_name = rule_of("get@" DST ":cut"),
                            all = rule_of("get:cut");
    assert_true(cloud_fault_rules_match(&by_id, CLOUD_FAULT_ON_GET, BYTES_LIT(DST)));
    assert_true(cloud_fault_rules_match(&by_name, CLOUD_FAULT_ON_GET, BYTES_LIT(DST)));
    assert_true(cloud_fault_rules_match(&all, CLOUD_FAULT_ON_GET, BYTES_LIT("")));
    assert_false(cloud_fault_rules_match(&by_id, CLOUD_FAULT_ON_GET, BYTES_LIT(SRC)));
    assert_false(cloud_fault_rules_match(&by_id, CLOUD_FAULT_ON_GET, BYTES_LIT(DST "st")));
    assert_false(cloud_fault_rules_match(&by_id, CLOUD_FAULT_ON_GET, BYTES_LIT("a/xdst")));
    assert_false(cloud_fault_rules_match(&by_id, CLOUD_FAULT_ON_LIST, BYTES_LIT(DST)));
}

static struct cloud_fault *faults_of(struct loop *l, uint64_t seed, const char *const *rules, size_t count)
{
    struct err err = { 0 };
    struct cloud_conf conf = { .seed = seed, .faults = rules, .faults_count = count };
    struct cloud_fault *f = cloud_fault_make(l, &conf, &err);
    assert_non_null(f);
    return f;
}

static void the_same_seed_strikes_the_same_requests(void **state)
{
    (void) state;
    struct err err = { 0 };
    struct loop *l = loop_make(&err);
    const char *const rules[] = { "get:503:p=0.3" };
    struct cloud_fault *a = faults_of(l, 7, rules, 1), *b = faults_of(l, 7, rules, 1);
    unsigned struck = 0;
    for (int i = 0; i < 1000; i++) {
        struct cloud_fault_plan x = cloud_fault_http(a, CLOUD_FAULT_ON_GET, BYTES_LIT(SRC));
        /* What other operations ask changes nothing. */
        (void) cloud_fault_http(b, CLOUD_FAULT_ON_INGEST, BYTES_LIT(SRC));
        struct cloud_fault_plan y = cloud_fault_http(b, CLOUD_FAULT_ON_GET, BYTES_LIT(SRC));
        assert_int_equal(x.kind, y.kind);
        struck += x.kind == CLOUD_FAULT_STATUS;
    }
    assert_in_range(struck, 250, 350);
    cloud_fault_free(a);
    cloud_fault_free(b);
    loop_free(l);
}

static void every_and_first_count_and_slow_adds(void **state)
{
    (void) state;
    struct err err = { 0 };
    struct loop *l = loop_make(&err);
    const char *const rules[] = { "get:slow:ms=5-5", "get:503:every=3", "get:429:first=2,retry_after=4" };
    struct cloud_fault *f = faults_of(l, 0, rules, 3);
    const uint16_t want[] = { 429, 429, 503, 0, 0, 503 };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct cloud_fault_plan plan = cloud_fault_http(f, CLOUD_FAULT_ON_GET, BYTES_LIT(""));
        assert_int_equal(plan.status, want[i]);
        assert_int_equal(plan.retry_after_s, want[i] == 429 ? 4 : 0);
        assert_int_equal(plan.delay_us, 5000);
    }
    cloud_fault_free(f);
    loop_free(l);
}

static void pubsub_questions_have_kinds_of_their_own(void **state)
{
    (void) state;
    struct err err = { 0 };
    struct loop *l = loop_make(&err);
    const char *const rules[] = { "stream@s:duplicate:every=2", "ack:ack_lost", "ack:503",
                                  "any:close:first=1", "manage@s:reset" };
    struct cloud_fault *f = faults_of(l, 0, rules, 5);
    struct bytes s = BYTES_LIT("projects/p/subscriptions/s");
    assert_int_equal(cloud_fault_delivery(f, s), CLOUD_FAULT_DELIVER);
    assert_int_equal(cloud_fault_delivery(f, s), CLOUD_FAULT_DELIVER_TWICE);
    assert_true(cloud_fault_ack_lost(f, s));
    assert_true(cloud_fault_stream_closed(f, s));
    assert_false(cloud_fault_stream_closed(f, s));
    CLEANUP(buf_fini) struct buf ack = { 0 }, update = { 0 };
    cloud_wire_put_text(&ack, 1, s);
    assert_int_equal(cloud_fault_pubsub(f, "Acknowledge", buf_bytes(&ack)).status, 503);
    assert_int_equal(cloud_fault_pubsub(f, "Pull", buf_bytes(&ack)).kind, CLOUD_FAULT_NONE);
    /* A target is the name in the request, also within the resource that an update holds. */
    assert_int_equal(cloud_fault_pubsub(f, "GetTopic", BYTES_LIT("\x0a\x17projects/p/topics/other")).kind,
                     CLOUD_FAULT_NONE);
    cloud_wire_put_bytes(&update, 1, buf_bytes(&ack));
    assert_int_equal(cloud_fault_pubsub(f, "UpdateSubscription", buf_bytes(&update)).kind, CLOUD_FAULT_RESET);
    assert_int_equal(cloud_fault_http(f, CLOUD_FAULT_ON_STREAM, s).kind, CLOUD_FAULT_NONE);
    cloud_fault_free(f);
    loop_free(l);
}

static void a_rule_is_written_as_it_is_read(void **state)
{
    (void) state;
    const char *const rules[] = { "any:503", "stores:slow:ms=10-20", "pubsub:reset:every=3",
                                  "ingest@dst:429:p=0.25,every=4,first=9,from=1.5,until=60,retry_after=3" };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        struct cloud_fault_rule rule = rule_of(rules[i]);
        cloud_fault_rules_write(&rule, &line);
        assert_string_equal(buf_str(&line), rules[i]);
    }
}

static void rules_are_switched_and_removed_while_it_runs(void **state)
{
    (void) state;
    struct err err = { 0 };
    struct loop *l = loop_make(&err);
    const char *const flags[] = { "get:503:first=1" };
    struct cloud_fault *f = faults_of(l, 0, flags, 1);
    enum cloud_fault_origin origin;
    struct bytes none = BYTES_LIT("");
    uint32_t flag = cloud_fault_at(f, 0, &origin)->number;
    assert_int_equal(origin, CLOUD_FAULT_OF_FLAGS);
    assert_int_equal(cloud_fault_http(f, CLOUD_FAULT_ON_GET, none).status, 503);
    assert_int_equal(cloud_fault_http(f, CLOUD_FAULT_ON_GET, none).status, 0);
    assert_true(cloud_fault_switch(f, flag, false) && cloud_fault_switch(f, flag, true));
    assert_int_equal(cloud_fault_http(f, CLOUD_FAULT_ON_GET, none).status, 503);    /* began anew */
    assert_int_equal(cloud_fault_at(f, 0, &origin)->struck, 2);
    assert_false(cloud_fault_remove(f, flag));    /* it would come back at the next start */
    assert_false(cloud_fault_add(f, BYTES_LIT("nonsense"), &err));
    assert_null(cloud_fault_at(f, 1, &origin));
    assert_true(cloud_fault_add(f, BYTES_LIT("list:404"), &err) && cloud_fault_add(f, BYTES_LIT("list:429"), &err));
    uint32_t added = cloud_fault_at(f, 1, &origin)->number;
    assert_int_equal(origin, CLOUD_FAULT_OF_PAGE);
    assert_int_equal(cloud_fault_http(f, CLOUD_FAULT_ON_LIST, none).status, 404);
    assert_true(cloud_fault_remove(f, added));
    assert_false(cloud_fault_remove(f, added) || cloud_fault_switch(f, added, true));
    assert_int_equal(cloud_fault_http(f, CLOUD_FAULT_ON_LIST, none).status, 429);
    assert_null(cloud_fault_at(f, 2, &origin));
    cloud_fault_free(f);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_read_word_by_word),
        cmocka_unit_test(wrong_rules_are_named),
        cmocka_unit_test(a_file_holds_lines_and_objects),
        cmocka_unit_test(a_target_is_a_last_id_or_a_full_name),
        cmocka_unit_test(the_same_seed_strikes_the_same_requests),
        cmocka_unit_test(every_and_first_count_and_slow_adds),
        cmocka_unit_test(a_rule_is_written_as_it_is_read),
        cmocka_unit_test(rules_are_switched_and_removed_while_it_runs),
        cmocka_unit_test(pubsub_questions_have_kinds_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
