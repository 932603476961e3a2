/* Seek, snapshots, retention, detaching and push: what happens to messages in bulk. */
#include "cloud_fixture.h"

#include <sqlite3.h>

#define SNAPSHOT "projects/p/snapshots/snap"
#define OTHER "projects/p/subscriptions/other"

static void put_duration(struct buf *out, uint32_t number, us_t us)
{
    cloud_wire_put_time(out, number, us);
}

static void make_retaining_sub(struct fixture *f, const char *name)
{
    CLEANUP(buf_fini) struct buf more = { 0 };
    cloud_wire_put_uint(&more, 7, true);
    make_sub_with(f, name, &more);
}

static void make_retaining_topic(struct fixture *f, us_t retention_us)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, TOPIC);
    put_duration(&request, 8, retention_us);
    assert_code(f, GRPC_OK, cloud_topic_create, &request);
}

static void seek_time(struct fixture *f, const char *sub, us_t time_us)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, sub);
    cloud_wire_put_time(&request, 2, time_us);
    assert_code(f, GRPC_OK, cloud_sub_seek, &request);
}

static enum grpc_code try_named(struct fixture *f, cloud_unary_fn *fn, uint32_t n1, const char *v1, uint32_t n2,
                                const char *v2)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    CLEANUP(call_fini) struct call c;
    put(&request, n1, v1);
    if (v2 != NULL)
        put(&request, n2, v2);
    call_run(f, &c, fn, buf_bytes(&request));
    return c.code;
}

static void seek_snapshot(struct fixture *f, const char *sub)
{
    assert_int_equal(try_named(f, cloud_sub_seek, 1, sub, 3, SNAPSHOT), GRPC_OK);
}

static void make_snapshot(struct fixture *f, const char *sub)
{
    assert_int_equal(try_named(f, cloud_snapshot_create, 1, SNAPSHOT, 2, sub), GRPC_OK);
}

/* Takes what there is and acknowledges it: the data, joined in the order of coming. */
static void drain(struct fixture *f, const char *sub, struct buf *out)
{
    struct taker *t = taker_make(f, sub, 0);
    idle(f);
    idle(f);
    buf_clear(out);
    for (size_t i = 0; i < t->count; i++) {
        CLEANUP(buf_fini) struct buf request = { 0 };
        buf_append_str(out, t->data[i]);
        buf_append_char(out, ' ');
        put(&request, 1, sub);
        put(&request, 2, t->ack_id[i]);
        assert_code(f, GRPC_OK, cloud_sub_acknowledge, &request);
    }
    taker_free(t);
}

static void assert_drained(struct fixture *f, const char *sub, const char *expected)
{
    CLEANUP(buf_fini) struct buf got = { 0 };
    drain(f, sub, &got);
    assert_string_equal(buf_str(&got), expected);
}

static void reopen(struct fixture *f)
{
    if (!f->on_disk)
        return;
    fixture_close(f);
    fixture_open(f);
}

static void test_seek_to_a_time_replays_and_purges(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        fixture_make(&f, on_disk);
        make_topic(&f, TOPIC);
        make_retaining_sub(&f, SUB);
        publish(&f, "one");
        publish(&f, "two");
        us_t third_us = (us_t) f.cloud.pubsub->last_seq + 1;
        while (loop_wall(f.cloud.loop) <= third_us)
            loop_pass(f.cloud.loop, 0);
        publish(&f, "three");
        assert_drained(&f, SUB, "one two three ");
        reopen(&f);
        assert_drained(&f, SUB, "");
        seek_time(&f, SUB, 0);
        reopen(&f);
        assert_drained(&f, SUB, "one two three ");
        seek_time(&f, SUB, third_us);
        assert_drained(&f, SUB, "three ");
        /* To the future: all that is there is acknowledged, what comes is not. */
        seek_time(&f, SUB, 0);
        seek_time(&f, SUB, loop_wall(f.cloud.loop) + US_PER_S);
        assert_drained(&f, SUB, "");
        publish(&f, "four");
        assert_drained(&f, SUB, "four ");
        fixture_end(&f);
    }
}

static void test_without_retention_a_seek_only_purges(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    publish(&f, "one");
    assert_drained(&f, SUB, "one ");
    publish(&f, "two");
    seek_time(&f, SUB, 0);
    assert_drained(&f, SUB, "two ");
    publish(&f, "three");
    seek_time(&f, SUB, loop_wall(f.cloud.loop) + US_PER_S);
    assert_drained(&f, SUB, "");
    fixture_end(&f);
}

static void test_leases_of_what_stays_go_on_over_a_seek(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_retaining_sub(&f, SUB);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 1);
    taker_wait(&f, t, 1);
    publish(&f, "two");
    seek_time(&f, SUB, 0);
    idle(&f);
    assert_int_equal(t->count, 1);    /* one is still out, and the flow control holds */
    acknowledge(&f, t->ack_id[0]);
    taker_wait(&f, t, 2);
    assert_string_equal(t->data[1], "two");
    taker_free(t);
    fixture_end(&f);
}

static void publish_keyed(struct fixture *f, const char *key, const char *data)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, message = { 0 };
    put(&request, 1, TOPIC);
    put(&message, 1, data);
    put(&message, 5, key);
    cloud_wire_put_bytes(&request, 2, buf_bytes(&message));
    assert_code(f, GRPC_OK, cloud_topic_publish, &request);
}

/* A key comes back in its order, after the message of it that is out. */
static void test_ordering_keys_keep_their_order_over_a_seek(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf more = { 0 };
    cloud_wire_put_uint(&more, 7, true);
    cloud_wire_put_uint(&more, 10, true);
    make_sub_with(&f, SUB, &more);
    publish_keyed(&f, "k", "1");
    publish_keyed(&f, "k", "2");
    publish_keyed(&f, "k", "3");
    struct taker *t = taker_make(&f, SUB, 0);
    taker_wait(&f, t, 1);
    acknowledge(&f, t->ack_id[0]);
    taker_wait(&f, t, 2);    /* 2 is out, 3 waits behind it */
    seek_time(&f, SUB, 0);
    idle(&f);
    assert_int_equal(t->count, 2);
    for (size_t i = 1; i < 4; i++) {
        acknowledge(&f, t->ack_id[i]);
        if (i < 3)
            taker_wait(&f, t, i + 2);
    }
    idle(&f);
    assert_int_equal(t->count, 4);
    assert_string_equal(t->data[1], "2");
    assert_string_equal(t->data[2], "1");
    assert_string_equal(t->data[3], "3");
    taker_free(t);
    seek_time(&f, SUB, 0);
    t = taker_make(&f, SUB, 0);
    for (size_t i = 0; i < 3; i++) {
        taker_wait(&f, t, i + 1);
        assert_int_equal(t->data[i][0], '1' + (int) i);
        acknowledge(&f, t->ack_id[i]);
    }
    taker_free(t);
    fixture_end(&f);
}

static void test_a_topic_that_retains_serves_new_subscriptions(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        fixture_make(&f, on_disk);
        make_retaining_topic(&f, 3600 * US_PER_S);
        publish(&f, "before");
        CLEANUP(buf_fini) struct buf filter = { 0 };
        put(&filter, 12, "attributes:wanted");
        make_sub(&f, SUB);
        make_sub_with(&f, OTHER, &filter);
        reopen(&f);
        assert_drained(&f, SUB, "");
        seek_time(&f, SUB, 0);
        seek_time(&f, OTHER, 0);
        assert_drained(&f, SUB, "before ");
        assert_drained(&f, OTHER, "");    /* its filter holds for what comes back, too */
        fixture_end(&f);
    }
}

static void test_a_snapshot_is_what_was_not_acknowledged_and_all_since(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        fixture_make(&f, on_disk);
        make_topic(&f, TOPIC);
        make_sub(&f, SUB);
        publish(&f, "acknowledged");
        assert_drained(&f, SUB, "acknowledged ");
        publish(&f, "open");
        make_snapshot(&f, SUB);
        publish(&f, "since");
        assert_drained(&f, SUB, "open since ");
        reopen(&f);
        seek_snapshot(&f, SUB);
        assert_drained(&f, SUB, "open since ");
        /* It serves other subscriptions of the topic, also later ones. */
        make_sub(&f, OTHER);
        publish(&f, "later");
        seek_snapshot(&f, OTHER);
        assert_drained(&f, OTHER, "open since later ");
        assert_int_equal(try_named(&f, cloud_snapshot_delete, 1, SNAPSHOT, 0, NULL), GRPC_OK);
        assert_int_equal(try_named(&f, cloud_sub_seek, 1, SUB, 3, SNAPSHOT), GRPC_NOT_FOUND);
        reopen(&f);
        struct cloud_db_range log = { .table = CLOUD_DB_TOPIC_LOG };
        struct cloud_db_range messages = { .table = CLOUD_DB_SNAPSHOT_MESSAGE };
        CLEANUP(buf_fini) struct buf row = { 0 };
        assert_true(cloud_db_scan(f.cloud.db, &log, keep_value, &row, NULL));
        assert_true(cloud_db_scan(f.cloud.db, &messages, keep_value, &row, NULL));
        assert_int_equal(row.len, 0);    /* nothing of it is left */
        fixture_end(&f);
    }
}

static void test_snapshots_as_resources(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    assert_int_equal(try_named(&f, cloud_snapshot_create, 1, SNAPSHOT, 2, OTHER), GRPC_NOT_FOUND);
    assert_int_equal(try_named(&f, cloud_snapshot_create, 1, "projects/p/snapshots/1", 2, SUB), GRPC_INVALID_ARGUMENT);
    CLEANUP(buf_fini) struct buf nul = { 0 };
    cloud_wire_put_bytes(&nul, 1, BYTES_LIT("projects/p\0q/snapshots/snap"));
    put(&nul, 2, SUB);
    assert_code(&f, GRPC_INVALID_ARGUMENT, cloud_snapshot_create, &nul);    /* two names in one, for a C string */
    make_snapshot(&f, SUB);
    assert_int_equal(try_named(&f, cloud_snapshot_create, 1, SNAPSHOT, 2, SUB), GRPC_ALREADY_EXISTS);
    reopen(&f);
    CLEANUP(buf_fini) struct buf request = { 0 }, inner = { 0 };
    CLEANUP(call_fini) struct call get, list, update, unnamed;
    put(&request, 1, SNAPSHOT);
    call_run(&f, &get, cloud_snapshot_get, buf_bytes(&request));
    assert_bytes_equal(cloud_wire_find(buf_bytes(&get.response), 1), SNAPSHOT);
    assert_bytes_equal(cloud_wire_find(buf_bytes(&get.response), 2), TOPIC);
    us_t expire_us;
    assert_true(cloud_wire_read_time(cloud_wire_find(buf_bytes(&get.response), 3), &expire_us));
    assert_true(expire_us > loop_wall(f.cloud.loop) + 167 * 3600 * US_PER_S);
    buf_clear(&request);
    put(&request, 1, TOPIC);
    call_run(&f, &list, cloud_topic_list_snapshots, buf_bytes(&request));
    assert_bytes_equal(cloud_wire_find(buf_bytes(&list.response), 1), SNAPSHOT);
    /* labels by mask */
    buf_clear(&request);
    put(&inner, 1, SNAPSHOT);
    cloud_wire_put_pair(&inner, 4, BYTES_LIT("a"), BYTES_LIT("b"));
    cloud_wire_put_bytes(&request, 1, buf_bytes(&inner));
    cloud_wire_put_bytes(&request, 2, BYTES_LIT("\x0a\x06labels"));
    call_run(&f, &update, cloud_snapshot_update, buf_bytes(&request));
    assert_int_equal(update.code, GRPC_OK);
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(buf_bytes(&update.response), 4), 1), "a");
    /* without a name: one is made up */
    buf_clear(&request);
    put(&request, 2, SUB);
    call_run(&f, &unnamed, cloud_snapshot_create, buf_bytes(&request));
    assert_int_equal(unnamed.code, GRPC_OK);
    assert_true(cloud_pubsub_name_ok(cloud_wire_find(buf_bytes(&unnamed.response), 1), "snapshots"));
    /* of another topic */
    make_topic(&f, "projects/p/topics/other");
    buf_clear(&request);
    put(&request, 1, OTHER);
    put(&request, 2, "projects/p/topics/other");
    assert_code(&f, GRPC_OK, cloud_sub_create, &request);
    assert_int_equal(try_named(&f, cloud_sub_seek, 1, OTHER, 3, SNAPSHOT), GRPC_INVALID_ARGUMENT);
    /* the topic goes, the snapshot says so */
    assert_int_equal(try_named(&f, cloud_topic_delete, 1, TOPIC, 0, NULL), GRPC_OK);
    reopen(&f);
    assert_bytes_equal(cloud_wire_find(buf_bytes(&cloud_snapshot_find(f.cloud.pubsub, BYTES_LIT(SNAPSHOT))->proto), 2),
                       "_deleted-topic_");
    fixture_end(&f);
}

/* A row as if it had been published so long ago. */
static void put_old(struct fixture *f, enum cloud_db_table t, uint64_t owner, us_t age_us, const char *data)
{
    CLEANUP(buf_fini) struct buf key = { 0 }, message = { 0 };
    cloud_backlog_key(owner, (uint64_t) (loop_wall(f->cloud.loop) - age_us), &key);
    put(&message, 1, data);
    struct cloud_db_write *w = cloud_db_begin(f->cloud.db);
    cloud_db_put(w, t, buf_bytes(&key), buf_bytes(&message));
    cloud_db_commit(w);
    cloud_db_settle(f->cloud.db);
}

static void test_what_is_too_old_is_dropped(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf ten_minutes = { 0 }, row = { 0 };
    put_duration(&ten_minutes, 8, 600 * US_PER_S);
    make_sub_with(&f, SUB, &ten_minutes);
    uint64_t number = cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB))->number;
    put_old(&f, CLOUD_DB_BACKLOG, number, 601 * US_PER_S, "old");
    put_old(&f, CLOUD_DB_BACKLOG, number, 500 * US_PER_S, "young");
    fixture_close(&f);
    fixture_open(&f);
    assert_drained(&f, SUB, "young ");
    cloud_retention_sweep(f.cloud.pubsub);
    cloud_db_settle(f.cloud.db);
    struct cloud_db_range all = { .table = CLOUD_DB_BACKLOG };
    assert_true(cloud_db_scan(f.cloud.db, &all, keep_value, &row, NULL));
    assert_int_equal(row.len, 0);
    fixture_end(&f);
}

/* Documented: an unacknowledged message is kept as long as the longer of the two retentions says. */
static void test_the_topics_retention_counts_for_the_backlog(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_retaining_topic(&f, 1200 * US_PER_S);
    CLEANUP(buf_fini) struct buf ten_minutes = { 0 }, request = { 0 };
    put_duration(&ten_minutes, 8, 600 * US_PER_S);
    make_sub_with(&f, SUB, &ten_minutes);
    put_old(&f, CLOUD_DB_BACKLOG, cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB))->number, 1000 * US_PER_S, "kept");
    fixture_close(&f);
    fixture_open(&f);
    cloud_retention_sweep(f.cloud.pubsub);
    assert_drained(&f, SUB, "kept ");
    CLEANUP(call_fini) struct call c;
    put(&request, 1, SUB);
    call_run(&f, &c, cloud_sub_get, buf_bytes(&request));
    us_t us;
    assert_true(cloud_wire_read_time(cloud_wire_find(buf_bytes(&c.response), 17), &us) && us == 1200 * US_PER_S);
    fixture_end(&f);
}

static void test_an_old_backlog_makes_no_snapshot(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf month = { 0 };
    put_duration(&month, 8, 31 * 86400 * US_PER_S);
    make_sub_with(&f, SUB, &month);
    put_old(&f, CLOUD_DB_BACKLOG, 1, (7 * 86400 - 3500) * US_PER_S, "old");
    assert_int_equal(try_named(&f, cloud_snapshot_create, 1, SNAPSHOT, 2, SUB), GRPC_FAILED_PRECONDITION);
    fixture_end(&f);
}

static void test_a_snapshot_expires(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    make_snapshot(&f, SUB);
    cloud_snapshot_find(f.cloud.pubsub, BYTES_LIT(SNAPSHOT))->expire_us = loop_wall(f.cloud.loop) - 1;
    cloud_retention_sweep(f.cloud.pubsub);
    assert_int_equal(try_named(&f, cloud_snapshot_get, 1, SNAPSHOT, 0, NULL), GRPC_NOT_FOUND);
    cloud_db_settle(f.cloud.db);
    assert_null(f.cloud.pubsub->snapshots);
    reopen(&f);
    assert_null(f.cloud.pubsub->snapshots);
    fixture_end(&f);
}

static void test_a_detached_subscription_gives_nothing(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 0);
    assert_int_equal(try_named(&f, cloud_sub_detach, 1, SUB, 0, NULL), GRPC_OK);
    assert_true(t->ended);
    assert_int_equal(t->code, GRPC_FAILED_PRECONDITION);
    taker_free(t);
    publish(&f, "two");
    CLEANUP(buf_fini) struct buf pull = { 0 }, row = { 0 }, topic = { 0 };
    CLEANUP(call_fini) struct call get, list;
    for (int again = 0; again < 2; again++) {
        buf_clear(&pull);
        put(&pull, 1, SUB);
        cloud_wire_put_uint(&pull, 3, 10);
        assert_code(&f, GRPC_FAILED_PRECONDITION, cloud_sub_pull, &pull);
        reopen(&f);
    }
    call_run(&f, &get, cloud_sub_get, buf_bytes(&pull));
    assert_int_equal(cloud_wire_find_uint(buf_bytes(&get.response), 15), 1);
    put(&topic, 1, TOPIC);
    call_run(&f, &list, cloud_topic_list_subs, buf_bytes(&topic));
    assert_int_equal(list.response.len, 0);
    struct cloud_db_range all = { .table = CLOUD_DB_BACKLOG };
    assert_true(cloud_db_scan(f.cloud.db, &all, keep_value, &row, NULL));
    assert_int_equal(row.len, 0);
    assert_int_equal(try_named(&f, cloud_snapshot_create, 1, SNAPSHOT, 2, SUB), GRPC_FAILED_PRECONDITION);
    assert_int_equal(try_named(&f, cloud_topic_delete, 1, TOPIC, 0, NULL), GRPC_OK);
    assert_bytes_equal(cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB))->conf.topic, "_deleted-topic_");
    fixture_end(&f);
}

static void modify_push(struct fixture *f, const char *endpoint)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, config = { 0 };
    put(&request, 1, SUB);
    put(&config, 1, endpoint);
    cloud_wire_put_bytes(&request, 2, buf_bytes(&config));
    assert_code(f, GRPC_OK, cloud_sub_modify_push, &request);
}

static void test_a_push_endpoint_is_kept_and_closes_pulling(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    publish(&f, "one");
    struct taker *t = taker_make(&f, SUB, 1);
    modify_push(&f, "https://example.org/push");
    assert_true(t->ended);
    taker_free(t);
    reopen(&f);
    CLEANUP(buf_fini) struct buf pull = { 0 };
    CLEANUP(call_fini) struct call get;
    put(&pull, 1, SUB);
    cloud_wire_put_uint(&pull, 3, 10);
    assert_code(&f, GRPC_FAILED_PRECONDITION, cloud_sub_pull, &pull);
    call_run(&f, &get, cloud_sub_get, buf_bytes(&pull));
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(buf_bytes(&get.response), 4), 1), "https://example.org/push");
    modify_push(&f, "");
    assert_drained(&f, SUB, "one ");
    fixture_end(&f);
}

static void update(struct fixture *f, const char *path, const struct buf *fields, enum grpc_code code)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, sub = { 0 }, mask = { 0 };
    put(&sub, 1, SUB);
    buf_append(&sub, buf_bytes(fields));
    cloud_wire_put_bytes(&request, 1, buf_bytes(&sub));
    put(&mask, 1, path);
    cloud_wire_put_bytes(&request, 2, buf_bytes(&mask));
    assert_code(f, code, cloud_sub_update, &request);
}

static void test_masks_reach_into_policies(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    CLEANUP(buf_fini) struct buf policy = { 0 }, fields = { 0 }, none = { 0 };
    put_duration(&policy, 1, 20 * US_PER_S);
    put_duration(&policy, 2, 30 * US_PER_S);
    cloud_wire_put_bytes(&fields, 14, buf_bytes(&policy));
    make_sub_with(&f, SUB, &fields);
    buf_clear(&policy);
    buf_clear(&fields);
    put_duration(&policy, 1, 5 * US_PER_S);
    cloud_wire_put_bytes(&fields, 14, buf_bytes(&policy));
    update(&f, "retry_policy.minimum_backoff", &fields, GRPC_OK);
    const struct cloud_sub_conf *conf = &cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB))->conf;
    assert_int_equal(conf->retry_min_us, 5 * US_PER_S);
    assert_int_equal(conf->retry_max_us, 30 * US_PER_S);
    update(&f, "retryPolicy", &none, GRPC_OK);
    assert_false(conf->has_retry);
    update(&f, "filter", &none, GRPC_INVALID_ARGUMENT);
    update(&f, "enable_message_ordering", &none, GRPC_INVALID_ARGUMENT);
    update(&f, "nothing", &none, GRPC_INVALID_ARGUMENT);
    fixture_end(&f);
}

/* Two updates under way at once: the second is laid over the first. */
static void test_updates_at_once_lose_nothing(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    CLEANUP(buf_fini) struct buf a = { 0 }, b = { 0 }, sub = { 0 };
    CLEANUP(call_fini) struct call first, second;
    put(&sub, 1, SUB);
    cloud_wire_put_uint(&sub, 5, 33);
    cloud_wire_put_uint(&sub, 7, true);
    cloud_wire_put_bytes(&a, 1, buf_bytes(&sub));
    cloud_wire_put_bytes(&a, 2, BYTES_LIT("\x0a\x14""ack_deadline_seconds"));
    cloud_wire_put_bytes(&b, 1, buf_bytes(&sub));
    cloud_wire_put_bytes(&b, 2, BYTES_LIT("\x0a\x15retain_acked_messages"));
    call_start(&f, &first, cloud_sub_update, buf_bytes(&a));
    call_start(&f, &second, cloud_sub_update, buf_bytes(&b));
    call_wait(&f, &first);
    call_wait(&f, &second);
    reopen(&f);
    const struct cloud_sub_conf *conf = &cloud_sub_find(f.cloud.pubsub, BYTES_LIT(SUB))->conf;
    assert_true(conf->retain_acked);
    assert_int_equal(conf->ack_deadline_us, 33 * US_PER_S);
    fixture_end(&f);
}

/* The subscription's deletion is on the way to the disk when its topic is deleted: it does not come back. */
static void test_a_deleted_subscription_stays_so_when_its_topic_goes(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    CLEANUP(buf_fini) struct buf sub = { 0 }, topic = { 0 };
    CLEANUP(call_fini) struct call first, second;
    put(&sub, 1, SUB);
    put(&topic, 1, TOPIC);
    call_start(&f, &first, cloud_sub_delete, buf_bytes(&sub));
    call_start(&f, &second, cloud_topic_delete, buf_bytes(&topic));
    call_wait(&f, &first);
    call_wait(&f, &second);
    reopen(&f);
    assert_null(f.cloud.pubsub->subs);
    fixture_end(&f);
}

/* --- a file of schema 1 --- */

static void run_sql(sqlite3 *s, const char *sql)
{
    char *wrong = NULL;
    if (sqlite3_exec(s, sql, NULL, NULL, &wrong) != SQLITE_OK)
        fail_msg("%s", wrong);
}

static void test_an_old_file_is_upgraded(void **state UNUSED)
{
    struct fixture f;
    fixture_make(&f, true);
    make_topic(&f, TOPIC);
    make_sub(&f, SUB);
    fixture_close(&f);
    char path[100];
    snprintf(path, sizeof(path), "%s/cloud.db", f.dir);
    sqlite3 *s;
    assert_int_equal(sqlite3_open(path, &s), SQLITE_OK);
    /* As it was: topics without numbers, messages by count. */
    run_sql(s, "UPDATE topic SET v = substr(v, 9)");
    run_sql(s, "UPDATE subscription SET v = v || x'4a0a0a0555505045521201'||'x'");    /* a label that is refused today */
    run_sql(s, "INSERT INTO backlog(k, v) VALUES(x'0000000000000001' || x'0000000000000001', x'0a036f6e65'),"
               "(x'0000000000000001' || x'0000000000000002', x'0a0374776f')");
    run_sql(s, "REPLACE INTO meta(k, v) VALUES(CAST('seq' AS BLOB), x'0000000000000002'); PRAGMA user_version=1");
    sqlite3_close(s);
    fixture_open(&f);
    publish(&f, "three");
    assert_drained(&f, SUB, "one two three ");
    assert_int_equal(cloud_topic_find(f.cloud.pubsub, BYTES_LIT(TOPIC))->number, 1);
    make_topic(&f, "projects/p/topics/next");
    assert_int_equal(cloud_topic_find(f.cloud.pubsub, BYTES_LIT("projects/p/topics/next"))->number, 2);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seek_to_a_time_replays_and_purges),
        cmocka_unit_test(test_without_retention_a_seek_only_purges),
        cmocka_unit_test(test_leases_of_what_stays_go_on_over_a_seek),
        cmocka_unit_test(test_ordering_keys_keep_their_order_over_a_seek),
        cmocka_unit_test(test_a_topic_that_retains_serves_new_subscriptions),
        cmocka_unit_test(test_a_snapshot_is_what_was_not_acknowledged_and_all_since),
        cmocka_unit_test(test_snapshots_as_resources),
        cmocka_unit_test(test_what_is_too_old_is_dropped),
        cmocka_unit_test(test_the_topics_retention_counts_for_the_backlog),
        cmocka_unit_test(test_an_old_backlog_makes_no_snapshot),
        cmocka_unit_test(test_a_snapshot_expires),
        cmocka_unit_test(test_a_detached_subscription_gives_nothing),
        cmocka_unit_test(test_a_push_endpoint_is_kept_and_closes_pulling),
        cmocka_unit_test(test_masks_reach_into_policies),
        cmocka_unit_test(test_updates_at_once_lose_nothing),
        cmocka_unit_test(test_a_deleted_subscription_stays_so_when_its_topic_goes),
        cmocka_unit_test(test_an_old_file_is_upgraded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
