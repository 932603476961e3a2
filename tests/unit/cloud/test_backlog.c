#include "cloud_fixture.h"

#include <signal.h>
#include <sys/resource.h>

static void start(struct fixture *f, bool on_disk)
{
    fixture_make(f, on_disk);
    make_topic(f, TOPIC);
    make_sub(f, SUB);
}

static void test_what_is_published_is_delivered_in_order(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        start(&f, on_disk);
        publish(&f, "one");
        publish(&f, "two");
        struct taker *t = taker_make(&f, SUB, 0);
        taker_wait(&f, t, 2);
        publish(&f, "three");
        taker_wait(&f, t, 3);
        assert_string_equal(t->data[0], "one");
        assert_string_equal(t->data[1], "two");
        assert_string_equal(t->data[2], "three");
        assert_int_equal(t->attempt[0], 0);    /* no dead-letter policy: not told */
        taker_free(t);
        fixture_end(&f);
    }
}

static void test_every_subscription_has_its_own(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    make_sub(&f, "projects/p/subscriptions/other");
    publish(&f, "one");
    make_sub(&f, "projects/p/subscriptions/late");
    struct taker *a = taker_make(&f, SUB, 0), *b = taker_make(&f, "projects/p/subscriptions/other", 0);
    struct taker *late = taker_make(&f, "projects/p/subscriptions/late", 0);
    taker_wait(&f, a, 1);
    taker_wait(&f, b, 1);
    acknowledge(&f, a->ack_id[0]);
    idle(&f);
    assert_int_equal(late->count, 0);    /* published before it was made */
    taker_free(a);
    taker_free(b);
    taker_free(late);
    fixture_end(&f);
}

static void test_a_nack_brings_it_again_under_a_new_id(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    modify(&f, t->ack_id[0], 0);
    taker_wait(&f, t, 2);
    assert_string_equal(t->data[1], "one");
    assert_string_not_equal(t->ack_id[0], t->ack_id[1]);
    acknowledge(&f, t->ack_id[1]);
    acknowledge(&f, t->ack_id[1]);    /* twice is no error */
    acknowledge(&f, t->ack_id[0]);
    modify(&f, t->ack_id[0], 0);
    idle(&f);
    assert_int_equal(t->count, 2);
    taker_free(t);
    fixture_end(&f);
}

static void test_a_lease_that_ends_brings_it_again(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    t->consumer.lease_us = US_PER_MS;
    taker_wait(&f, t, 3);
    acknowledge(&f, t->ack_id[0]);    /* an old id still acknowledges, without exactly-once */
    size_t count = t->count;
    idle(&f);
    assert_int_equal(t->count, count);
    taker_free(t);
    fixture_end(&f);
}

static void test_an_extension_keeps_it(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    t->consumer.lease_us = 20 * US_PER_MS;
    taker_wait(&f, t, 1);
    modify(&f, t->ack_id[0], 600);
    struct cloud_sub *s = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB));
    assert_true(heap_due(&s->due) > loop_now(f.cloud.loop) + 500 * US_PER_S);
    taker_free(t);
    fixture_end(&f);
}

static void test_the_leases_of_one_that_goes_stay_until_their_deadlines(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    publish(&f, "one");
    struct taker *gone = taker_make(&f, SUB, 0);
    gone->consumer.lease_us = 50 * US_PER_MS;
    taker_wait(&f, gone, 1);
    taker_free(gone);
    struct taker *t = taker_make(&f, SUB, 0);
    loop_pass(f.cloud.loop, 0);
    loop_pass(f.cloud.loop, 0);
    assert_int_equal(t->count, 0);
    taker_wait(&f, t, 1);
    taker_free(t);
    fixture_end(&f);
}

static void test_outstanding_messages_are_exact(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    struct taker *t = taker_make(&f, SUB, 3);
    for (int i = 0; i < 10; i++)
        publish(&f, "x");
    idle(&f);
    assert_int_equal(t->count, 3);
    acknowledge(&f, t->ack_id[0]);
    idle(&f);
    assert_int_equal(t->count, 4);
    modify(&f, t->ack_id[1], 0);
    idle(&f);
    assert_int_equal(t->count, 5);
    taker_free(t);
    fixture_end(&f);
}

static void test_outstanding_bytes_are_exact_but_one_always_goes(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    char large[2000];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    for (int i = 0; i < 3; i++)
        publish(&f, large);
    struct taker *t = taker_make(&f, SUB, 0);
    t->consumer.bytes_max = 100;
    idle(&f);
    assert_int_equal(t->count, 1);
    acknowledge(&f, t->ack_id[0]);
    idle(&f);
    assert_int_equal(t->count, 2);
    t->consumer.bytes_max = 5000;
    acknowledge(&f, t->ack_id[1]);
    idle(&f);
    assert_int_equal(t->count, 3);
    taker_free(t);
    fixture_end(&f);
}

static void test_streams_take_turns(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    struct taker *t[5];
    for (int i = 0; i < 5; i++)
        t[i] = taker_make(&f, SUB, 1000);
    const char *data[100];
    for (int i = 0; i < 100; i++)
        data[i] = "x";
    CLEANUP(buf_fini) struct buf request = { 0 };
    publish_request(&request, data, 100);
    assert_code(&f, GRPC_OK, cloud_topic_publish, &request);
    idle(&f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(t[i]->count, 20);
        taker_free(t[i]);
    }
    fixture_end(&f);
}

static void test_a_blocked_stream_gets_nothing(void **state UNUSED)
{
    struct fixture f;
    start(&f, false);
    struct taker *t = taker_make(&f, SUB, 0);
    t->consumer.blocked = true;
    publish(&f, "one");
    idle(&f);
    assert_int_equal(t->count, 0);
    t->consumer.blocked = false;
    cloud_sub_wake(t->consumer.sub);
    idle(&f);
    assert_int_equal(t->count, 1);
    taker_free(t);
    fixture_end(&f);
}

static void test_responses_stay_under_four_megabytes(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    CLEANUP(mem_free_ptr) char *large = mem_alloc(1500001);
    memset(large, 'x', 1500000);
    for (int i = 0; i < 7; i++)
        publish(&f, large);
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 7);
    assert_true(t->largest < 4194304);
    assert_true(t->responses >= 4);
    taker_free(t);
    fixture_end(&f);
}

static void test_what_was_not_acknowledged_outlives_a_restart(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    publish(&f, "keep");
    publish(&f, "drop");
    publish(&f, "drop by an old id");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 3);
    acknowledge(&f, t->ack_id[1]);
    cloud_consumer_remove(&t->consumer);
    fixture_close(&f);
    fixture_open(&f);
    /* An id of before the restart is good for its message, loaded or not. */
    acknowledge(&f, t->ack_id[2]);
    struct taker *again = taker_make(&f, SUB, 0);
    taker_wait(&f, again, 1);
    idle(&f);
    assert_int_equal(again->count, 1);
    assert_string_equal(again->data[0], "keep");
    publish(&f, "next");
    taker_wait(&f, again, 2);
    assert_string_equal(again->data[1], "next");
    taker_free(t);
    taker_free(again);
    fixture_end(&f);
}

static void test_ids_are_never_used_twice(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    publish(&f, "one");
    uint64_t before = f.cloud.pubsub->last_seq;
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(f.cloud.pubsub->last_seq, before);
    publish(&f, "two");
    assert_true(f.cloud.pubsub->last_seq > before);
    fixture_end(&f);
}

static void publish_thousand(struct fixture *f, int thousands)
{
    const char *data[1000];
    for (int i = 0; i < 1000; i++)
        data[i] = "x";
    CLEANUP(buf_fini) struct buf request = { 0 };
    publish_request(&request, data, 1000);
    for (int i = 0; i < thousands; i++)
        assert_code(f, GRPC_OK, cloud_topic_publish, &request);
}

static void test_a_large_backlog_passes_through_the_window(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        start(&f, on_disk);
        publish_thousand(&f, 25);    /* LIMIT_CLOUD_WINDOW is 20,000 */
        struct cloud_sub *s = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB));
        assert_true(HASH_COUNT(s->entries) <= LIMIT_CLOUD_WINDOW);
        if (on_disk) {
            fixture_close(&f);
            fixture_open(&f);
            s = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB));
            assert_int_equal(HASH_COUNT(s->entries), 0);
        }
        size_t total = 0;
        while (total < 25000) {
            struct taker *t = taker_make(&f, SUB, 1000);
            taker_wait(&f, t, MIN(1000, 25000 - total));
            CLEANUP(buf_fini) struct buf request = { 0 };
            put(&request, 1, SUB);
            for (size_t i = 0; i < t->count; i++)
                put(&request, 2, t->ack_id[i]);
            total += t->count;
            cloud_consumer_remove(&t->consumer);
            assert_code(&f, GRPC_OK, cloud_sub_acknowledge, &request);
            taker_free(t);
        }
        idle(&f);
        assert_int_equal(total, 25000);
        assert_null(s->entries);
        fixture_end(&f);
    }
}

struct seq_list {
    uint64_t *seqs;
    size_t count;
};

static bool note_seq(void *ctx, struct bytes key, struct bytes value UNUSED)
{
    struct seq_list *list = ctx;
    list->seqs[list->count++] = cloud_db_read_u64(bytes_sub(key, 8, 8));
    return true;
}

static void test_what_is_acknowledged_unread_hides_nothing(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    publish_thousand(&f, 5);    /* as much as is read at once */
    publish(&f, "last");
    static uint64_t seqs[5001];
    struct seq_list list = { seqs, 0 };
    struct cloud_db_range range = { .table = CLOUD_DB_BACKLOG, .keys_only = true };
    assert_true(cloud_db_scan(f.cloud.db, &range, note_seq, &list, NULL));
    fixture_close(&f);
    fixture_open(&f);
    struct cloud_sub *s = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB));
    static struct cloud_ack_id ids[5000];
    static bool invalid[5000];
    for (uint64_t i = 0; i < 5000; i++)
        ids[i] = (struct cloud_ack_id) { .number = s->number, .seq = seqs[i] };
    cloud_sub_ack(s, ids, 5000, invalid, NULL, NULL);
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    idle(&f);
    assert_int_equal(t->count, 1);
    assert_string_equal(t->data[0], "last");
    taker_free(t);
    fixture_end(&f);
}

static void test_a_failing_disk_confirms_nothing(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);

    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit small = { 1, limit.rlim_max };
    setrlimit(RLIMIT_FSIZE, &small);
    CLEANUP(buf_fini) struct buf request = { 0 }, ack = { 0 };
    publish_request(&request, (const char *const[]) { "two" }, 1);
    assert_code(&f, GRPC_UNAVAILABLE, cloud_topic_publish, &request);
    ack_request(&ack, 2, t->ack_id[0]);
    assert_code(&f, GRPC_UNAVAILABLE, cloud_sub_acknowledge, &ack);
    setrlimit(RLIMIT_FSIZE, &limit);

    taker_wait(&f, t, 2);    /* the acknowledgement did not happen: it comes again */
    assert_string_equal(t->data[1], "one");
    publish(&f, "three");
    taker_wait(&f, t, 3);
    assert_string_equal(t->data[2], "three");
    taker_free(t);
    fixture_end(&f);
}

static void test_deleting_the_subscription_ends_its_streams(void **state UNUSED)
{
    struct fixture f;
    start(&f, true);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, SUB);
    assert_code(&f, GRPC_OK, cloud_sub_delete, &request);
    assert_true(t->ended);
    assert_int_equal(t->code, GRPC_NOT_FOUND);
    assert_code(&f, GRPC_NOT_FOUND, cloud_sub_get, &request);
    make_sub(&f, SUB);
    struct taker *fresh = taker_make(&f, SUB, 0);
    idle(&f);
    assert_int_equal(fresh->count, 0);
    taker_free(t);
    taker_free(fresh);
    fixture_end(&f);
}

static void test_exactly_once_takes_the_newest_id_only(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf more = { 0 }, old = { 0 };
    cloud_wire_put_uint(&more, 16, 1);
    make_sub_with(&f, SUB, &more);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    modify(&f, t->ack_id[0], 0);
    taker_wait(&f, t, 2);
    ack_request(&old, 2, t->ack_id[0]);
    CLEANUP(call_fini) struct call c;
    call_run(&f, &c, cloud_sub_acknowledge, buf_bytes(&old));
    assert_int_equal(c.code, GRPC_INVALID_ARGUMENT);
    struct bytes info = cloud_wire_find(cloud_wire_find(buf_bytes(&c.details), 3), 2);
    assert_bytes_equal(cloud_wire_find(info, 1), "EXACTLY_ONCE_ACKID_FAILURE");
    assert_bytes_equal(cloud_wire_find(info, 2), "pubsub.googleapis.com");
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(info, 3), 1), t->ack_id[0]);
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(info, 3), 2), "PERMANENT_FAILURE_INVALID_ACK_ID");
    acknowledge(&f, t->ack_id[1]);
    idle(&f);
    assert_int_equal(t->count, 2);
    taker_free(t);
    fixture_end(&f);
}

static void test_a_retry_policy_makes_it_wait(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, false);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf more = { 0 }, policy = { 0 };
    cloud_wire_put_time(&policy, 1, 20 * US_PER_S);
    cloud_wire_put_bytes(&more, 14, buf_bytes(&policy));
    make_sub_with(&f, SUB, &more);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    modify(&f, t->ack_id[0], 0);
    idle(&f);
    assert_int_equal(t->count, 1);
    us_t wait = heap_due(&t->consumer.sub->due) - loop_now(f.cloud.loop);
    assert_true(wait > 19 * US_PER_S && wait <= 20 * US_PER_S);
    taker_free(t);
    fixture_end(&f);
}

static void publish_keyed(struct fixture *f, const char *data, const char *key)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, message = { 0 };
    put(&request, 1, TOPIC);
    put(&message, 1, data);
    put(&message, 5, key);
    cloud_wire_put_bytes(&request, 2, buf_bytes(&message));
    assert_code(f, GRPC_OK, cloud_topic_publish, &request);
}

static void test_an_ordering_key_goes_one_by_one(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        fixture_make(&f, on_disk);
        make_topic(&f, TOPIC);
        CLEANUP(buf_fini) struct buf more = { 0 };
        cloud_wire_put_uint(&more, 10, 1);
        make_sub_with(&f, SUB, &more);
        publish_keyed(&f, "a1", "a");
        publish_keyed(&f, "a2", "a");
        publish_keyed(&f, "b1", "b");
        publish_keyed(&f, "a3", "a");
        publish(&f, "free");
        if (on_disk) {
            fixture_close(&f);
            fixture_open(&f);
        }
        struct taker *t = taker_make(&f, SUB, 0);
        taker_wait(&f, t, 3);
        idle(&f);
        assert_int_equal(t->count, 3);
        assert_string_equal(t->data[0], "a1");
        assert_string_equal(t->data[1], "b1");
        assert_string_equal(t->data[2], "free");
        acknowledge(&f, t->ack_id[0]);
        taker_wait(&f, t, 4);
        assert_string_equal(t->data[3], "a2");
        modify(&f, t->ack_id[3], 0);
        taker_wait(&f, t, 5);
        idle(&f);
        assert_int_equal(t->count, 5);
        assert_string_equal(t->data[4], "a2");
        acknowledge(&f, t->ack_id[4]);
        taker_wait(&f, t, 6);
        assert_string_equal(t->data[5], "a3");
        taker_free(t);
        fixture_end(&f);
    }
}

static void test_a_filter_keeps_the_rest_out(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf more = { 0 }, bad = { 0 }, adt = { 0 }, message = { 0 };
    put(&bad, 1, SUB);
    put(&bad, 2, TOPIC);
    put(&bad, 12, "data = \"x\"");
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_sub_create, &bad);
    put(&more, 12, "attributes.msgType = \"ADT\"");
    make_sub_with(&f, SUB, &more);
    fixture_close(&f);
    fixture_open(&f);
    publish(&f, "no attribute");
    put(&adt, 1, TOPIC);
    put(&message, 1, "adt");
    cloud_wire_put_pair(&message, 2, BYTES_LIT("msgType"), BYTES_LIT("ADT"));
    cloud_wire_put_bytes(&adt, 2, buf_bytes(&message));
    assert_code(&f, GRPC_OK, cloud_topic_publish, &adt);
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    idle(&f);
    assert_int_equal(t->count, 1);
    assert_string_equal(t->data[0], "adt");
    taker_free(t);
    fixture_end(&f);
}

static bool is_attribute(struct bytes message, const char *key, const char *value)
{
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field v;
    while (cloud_wire_next(&w, &v))
        if (v.number == 2 && bytes_eq_str(cloud_wire_find(v.octets, 1), key))
            return bytes_eq_str(cloud_wire_find(v.octets, 2), value);
    return false;
}

static void test_a_dead_letter_policy_forwards(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf more = { 0 }, policy = { 0 }, refused = { 0 }, dead_sub = { 0 }, row = { 0 };
    put(&policy, 1, "projects/p/topics/dead");
    cloud_wire_put_bytes(&more, 13, buf_bytes(&policy));
    put(&refused, 1, SUB);
    put(&refused, 2, TOPIC);
    buf_append(&refused, buf_bytes(&more));
    assert_code(&f, GRPC_NOT_FOUND, cloud_sub_create, &refused);    /* there is no such dead-letter topic */
    make_topic(&f, "projects/p/topics/dead");
    put(&dead_sub, 1, "projects/p/subscriptions/dead");
    put(&dead_sub, 2, "projects/p/topics/dead");
    assert_code(&f, GRPC_OK, cloud_sub_create, &dead_sub);
    make_sub_with(&f, SUB, &more);
    publish(&f, "poison");
    struct taker *t = taker_make(&f, SUB, 0);
    for (size_t i = 0; i < 5; i++) {
        taker_wait(&f, t, i + 1);
        assert_int_equal(t->attempt[i], i + 1);
        modify(&f, t->ack_id[i], 0);
    }
    idle(&f);
    assert_int_equal(t->count, 5);
    assert_null(t->consumer.sub->entries);
    /* It is durable on the other side, and nowhere else. */
    struct cloud_db_range range = { .table = CLOUD_DB_BACKLOG };
    assert_true(cloud_db_scan(f.cloud.db, &range, keep_value, &row, NULL));
    assert_bytes_equal(cloud_wire_find(buf_bytes(&row), 1), "poison");
    assert_int_equal(cloud_wire_find(buf_bytes(&row), 3).len, 16);    /* an id of its own */
    assert_true(is_attribute(buf_bytes(&row), "CloudPubSubDeadLetterSourceDeliveryCount", "5"));
    assert_true(is_attribute(buf_bytes(&row), "CloudPubSubDeadLetterSourceSubscription", "sub"));
    assert_true(is_attribute(buf_bytes(&row), "CloudPubSubDeadLetterSourceSubscriptionProject", "p"));
    taker_free(t);
    fixture_end(&f);
}

static void test_faults_on_command(void **state UNUSED)
{
    struct fixture f = { 0 };
    start(&f, false);
    cloud_fault_free(f.cloud.fault);
    static const char *const rules[] = { "stream:duplicate:first=1", "ack:ack_lost:first=1" };
    struct cloud_conf conf = { .faults = rules, .faults_count = ARRAY_LEN(rules) };
    struct err err = { 0 };
    f.cloud.fault = cloud_fault_make(f.cloud.loop, &conf, &err);
    if (f.cloud.fault == NULL)
        fail_msg("%s", err.text);
    struct taker *t = taker_make(&f, SUB, 0);
    t->consumer.lease_us = 20 * US_PER_MS;
    publish(&f, "one");
    taker_wait(&f, t, 2);
    assert_string_equal(t->data[1], "one");
    assert_string_not_equal(t->ack_id[0], t->ack_id[1]);
    acknowledge(&f, t->ack_id[1]);    /* lost: so it comes again */
    taker_wait(&f, t, 3);
    acknowledge(&f, t->ack_id[2]);
    taker_free(t);
    fixture_end(&f);
}

/* Every delivery is to be late: each is so once, and all come. */
static void test_reordering_everything_starves_nobody(void **state UNUSED)
{
    struct fixture f = { 0 };
    start(&f, false);
    cloud_fault_free(f.cloud.fault);
    static const char *const rules[] = { "stream:reorder" };
    struct cloud_conf conf = { .faults = rules, .faults_count = ARRAY_LEN(rules) };
    f.cloud.fault = cloud_fault_make(f.cloud.loop, &conf, NULL);
    CLEANUP(buf_fini) struct buf request = { 0 };
    publish_request(&request, (const char *const[]) { "one", "two", "three" }, 3);
    assert_code(&f, GRPC_OK, cloud_topic_publish, &request);
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 3);
    taker_free(t);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_published_is_delivered_in_order),
        cmocka_unit_test(test_every_subscription_has_its_own),
        cmocka_unit_test(test_a_nack_brings_it_again_under_a_new_id),
        cmocka_unit_test(test_a_lease_that_ends_brings_it_again),
        cmocka_unit_test(test_an_extension_keeps_it),
        cmocka_unit_test(test_the_leases_of_one_that_goes_stay_until_their_deadlines),
        cmocka_unit_test(test_outstanding_messages_are_exact),
        cmocka_unit_test(test_outstanding_bytes_are_exact_but_one_always_goes),
        cmocka_unit_test(test_streams_take_turns),
        cmocka_unit_test(test_a_blocked_stream_gets_nothing),
        cmocka_unit_test(test_responses_stay_under_four_megabytes),
        cmocka_unit_test(test_what_was_not_acknowledged_outlives_a_restart),
        cmocka_unit_test(test_ids_are_never_used_twice),
        cmocka_unit_test(test_a_large_backlog_passes_through_the_window),
        cmocka_unit_test(test_what_is_acknowledged_unread_hides_nothing),
        cmocka_unit_test(test_a_failing_disk_confirms_nothing),
        cmocka_unit_test(test_deleting_the_subscription_ends_its_streams),
        cmocka_unit_test(test_exactly_once_takes_the_newest_id_only),
        cmocka_unit_test(test_a_retry_policy_makes_it_wait),
        cmocka_unit_test(test_an_ordering_key_goes_one_by_one),
        cmocka_unit_test(test_a_filter_keeps_the_rest_out),
        cmocka_unit_test(test_a_dead_letter_policy_forwards),
        cmocka_unit_test(test_faults_on_command),
        cmocka_unit_test(test_reordering_everything_starves_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
