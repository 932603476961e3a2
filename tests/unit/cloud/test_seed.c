/* The seed file as text, and a whole one made twice. */
#include "cloud_fixture.h"

#include "cloud/cloud.h"
#include "cloud/seed_parts.h"

#include <stdio.h>

static struct json_value value_of(const char *json)
{
    struct json_value value;
    struct err err = { 0 };
    if (!json_scan(bytes_str(json), &value, &err))
        fail_msg("%s", err.text);
    return value;
}

static void topics_get_their_full_names(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_value object = value_of("{\"topic\": \"t\", \"deadLetterPolicy\": {\"deadLetterTopic\": \"projects/q/topics/d\"}, "
                                        "\"labels\": {\"topic\": \"t\"}, \"messages\": [1], "
                                        "\"notificationConfigs\": [{\"pubsubTopic\": \"n\", \"filter\": \"a=\\\"b\\\"\"}]}");
    cloud_seed_body(&object, BYTES_LIT("p"), &out);
    assert_string_equal(buf_str(&out), "{\"topic\":\"projects/p/topics/t\",\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/q/topics/d\"},"
                                       "\"labels\":{\"topic\": \"t\"},"
                                       "\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/n\",\"filter\":\"a=\\\"b\\\"\"}]}");
}

static void an_update_names_what_can_change(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf sub = { 0 }, store = { 0 };
    struct json_value object = value_of("{\"topic\": \"t\", \"filter\": \"\", \"labels\": {}, \"ackDeadlineSeconds\": 10}");
    cloud_seed_mask(&object, CLOUD_SEED_SUBSCRIPTION, &sub);
    assert_string_equal(buf_str(&sub), "labels,ackDeadlineSeconds");
    object = value_of("{\"messages\": [], \"parserConfig\": {}}");
    cloud_seed_mask(&object, CLOUD_SEED_STORE, &store);
    assert_string_equal(buf_str(&store), "parserConfig");
}

static void a_sentence_is_about_its_deepest_key(void **state UNUSED)
{
    const char *json = "{\"labels\": {}, \"deadLetterPolicy\": {\"maxDeliveryAttempts\": 2}}";
    struct json_value object = value_of(json);
    CLEANUP(buf_fini) struct buf path = { 0 }, none = { 0 };
    const char *at = cloud_seed_place(&object, "max_delivery_attempts of dead_letter_policy must be ...", &path);
    assert_ptr_equal(at, strstr(json, "maxDeliveryAttempts"));
    assert_string_equal(buf_str(&path), ".deadLetterPolicy.maxDeliveryAttempts");
    assert_ptr_equal(cloud_seed_place(&object, "something else", &none), json);
    assert_int_equal(none.len, 0);
}

static char said[400];

static void tell(void *ctx UNUSED, const char *sentence)
{
    snprintf(said, sizeof(said), "%s", sentence);
}

static void start_with(const char *dir, const char *json, bool wanted, const char *text)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    struct err err = { 0 };
    buf_printf(&path, "%s/seed.json", dir);
    FILE *f = fopen(buf_str(&path), "w");
    assert_non_null(f);
    fputs(json, f);
    fclose(f);
    struct loop *loop = loop_make(&err);
    struct cloud *c = cloud_start(loop, &(struct cloud_conf) { .data_dir = dir, .seed_file = buf_str(&path), .tell = tell }, &err);
    assert_int_equal(c != NULL, wanted);
    if (strstr(wanted ? said : err.text, text) == NULL)
        fail_msg("%s is not in %s", text, wanted ? said : err.text);
    cloud_free(c);
    loop_free(loop);
}

static void a_file_is_made_once_however_often(void **state UNUSED)
{
    char dir[64];
    temp_dir_make(dir);
    const char *json = "{\"projects\": {\"p\": {\"topics\": {\"top\": {}}, \"subscriptions\": {\"sub\": {\"topic\": \"top\"}}, "
                       "\"locations\": {\"l\": {\"datasets\": {\"d\": {\"hl7V2Stores\": {\"s\": {}}}}}}}}}";
    start_with(dir, json, true, "1 topic, 1 subscription, 1 dataset, 1 store, 0 messages");
    start_with(dir, json, true, "1 topic, 1 subscription, 1 dataset, 1 store, 0 messages");
    start_with(dir, "{\"projects\": {\"p\": {\"topics\": {\"two\": {}}, \"subscriptions\": {\"sub\": {\"topic\": \"two\"}}}}}", false,
               "line 1, column 71: projects.p.subscriptions.sub.topic: it is there already with another topic");
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_get_their_full_names),
        cmocka_unit_test(an_update_names_what_can_change),
        cmocka_unit_test(a_sentence_is_about_its_deepest_key),
        cmocka_unit_test(a_file_is_made_once_however_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
