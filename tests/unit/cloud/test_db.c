#include "unit.h"

#include "cloud/db.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

struct fixture {
    struct loop *loop;
    struct cloud_db *db;
    char dir[64];
    bool on_disk;
};

static void open_db(struct fixture *f)
{
    struct err err = { 0 };
    f->db = cloud_db_open(f->loop, f->on_disk ? f->dir : NULL, &err);
    if (f->db == NULL)
        fail_msg("%s", err.text);
}

static void set_up(struct fixture *f, bool on_disk)
{
    *f = (struct fixture) { .on_disk = on_disk };
    temp_dir_make(f->dir);
    f->loop = loop_make(NULL);
    assert_non_null(f->loop);
    open_db(f);
}

static void tear_down(struct fixture *f)
{
    if (f->db != NULL)
        cloud_db_settle(f->db);
    cloud_db_close(f->db);
    loop_free(f->loop);
    temp_dir_remove(f->dir);
}

static struct bytes b(const char *s)
{
    return bytes_str(s);
}

struct seen {
    int calls;
    bool failed;
    int at;    /* order among all */
    struct err err;
};

static int order;

static void saw(void *ctx, const struct err *err)
{
    struct seen *s = ctx;
    s->calls++;
    s->failed = err != NULL;
    s->at = order++;
    if (err != NULL)
        s->err = *err;
}

static void put(struct fixture *f, const char *key, const char *value, struct seen *seen)
{
    struct cloud_db_write *w = cloud_db_begin(f->db);
    cloud_db_put(w, CLOUD_DB_META, b(key), b(value));
    if (seen != NULL)
        cloud_db_then(w, saw, seen);
    cloud_db_commit(w);
}

static bool collect(void *ctx, struct bytes key, struct bytes value)
{
    struct buf *out = ctx;
    buf_append(out, key);
    buf_append_char(out, '=');
    buf_append(out, value);
    buf_append_char(out, ' ');
    return true;
}

static void assert_scan(struct fixture *f, struct cloud_db_range range, const char *expected)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    range.table = CLOUD_DB_META;
    assert_true(cloud_db_scan(f->db, &range, collect, &out, NULL));
    assert_string_equal(buf_str(&out), expected);
}

static void check_reads(bool on_disk)
{
    struct fixture f;
    set_up(&f, on_disk);
    const char *keys[] = { "b2", "a", "b1", "c", "b3", "b\xff" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put(&f, keys[i], keys[i], NULL);
    put(&f, "b1", "new", NULL);
    cloud_db_settle(f.db);

    struct bytes value;
    assert_int_equal(cloud_db_get(f.db, CLOUD_DB_META, b("b1"), &value), CLOUD_DB_FOUND);
    assert_bytes_equal(value, "new");
    assert_int_equal(cloud_db_get(f.db, CLOUD_DB_META, b("b"), &value), CLOUD_DB_ABSENT);
    assert_int_equal(cloud_db_get(f.db, CLOUD_DB_TOPIC, b("b1"), &value), CLOUD_DB_ABSENT);

    assert_scan(&f, (struct cloud_db_range) { .prefix = b("b") }, "b1=new b2=b2 b3=b3 b\xff=b\xff ");
    assert_scan(&f, (struct cloud_db_range) { 0 }, "a=a b1=new b2=b2 b3=b3 b\xff=b\xff c=c ");
    assert_scan(&f, (struct cloud_db_range) { .prefix = b("b"), .after = b("b1"), .max = 2 }, "b2=b2 b3=b3 ");
    assert_scan(&f, (struct cloud_db_range) { .prefix = b("b"), .descending = true, .max = 2 },
                "b\xff=b\xff b3=b3 ");
    assert_scan(&f, (struct cloud_db_range) { .prefix = b("b"), .after = b("b3"), .descending = true },
                "b2=b2 b1=new ");
    assert_scan(&f, (struct cloud_db_range) { .descending = true, .max = 1 }, "c=c ");
    assert_scan(&f, (struct cloud_db_range) { .prefix = b("b"), .keys_only = true }, "b1= b2= b3= b\xff= ");
    assert_scan(&f, (struct cloud_db_range) { .prefix = b("x") }, "");

    struct cloud_db_write *w = cloud_db_begin(f.db);
    cloud_db_erase_prefix(w, CLOUD_DB_META, b("b"));
    cloud_db_put(w, CLOUD_DB_META, b("b9"), b("after"));
    cloud_db_erase(w, CLOUD_DB_META, b("c"));
    cloud_db_erase(w, CLOUD_DB_META, b("never was"));
    cloud_db_commit(w);
    cloud_db_settle(f.db);
    assert_scan(&f, (struct cloud_db_range) { 0 }, "a=a b9=after ");
    assert_scan(&f, (struct cloud_db_range) { .descending = true }, "b9=after a=a ");
    tear_down(&f);
}

static void test_reads_in_memory(void **state UNUSED)
{
    check_reads(false);
}

static void test_reads_on_disk(void **state UNUSED)
{
    check_reads(true);
}

static void test_many_keys_stay_sorted_in_memory(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, false);
    for (uint32_t i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%08x", i * 2654435761u);
        put(&f, key, "", NULL);
        if (i % 3 == 0) {
            struct cloud_db_write *w = cloud_db_begin(f.db);
            cloud_db_erase(w, CLOUD_DB_META, b(key));
            cloud_db_commit(w);
        }
    }
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct cloud_db_range range = { .table = CLOUD_DB_META };
    assert_true(cloud_db_scan(f.db, &range, collect, &out, NULL));
    assert_int_equal(out.len, 2000 * 10);
    for (size_t at = 10; at < out.len; at += 10)
        assert_true(memcmp(out.ptr + at - 10, out.ptr + at, 8) < 0);
    tear_down(&f);
}

static void test_callbacks_come_later_and_in_order(void **state UNUSED)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct fixture f;
        set_up(&f, on_disk);
        struct seen first = { 0 }, second = { 0 };
        order = 0;
        put(&f, "k", "1", &first);
        put(&f, "k", "2", &second);
        assert_int_equal(first.calls, 0);
        cloud_db_settle(f.db);
        assert_int_equal(first.calls, 1);
        assert_int_equal(second.calls, 1);
        assert_false(first.failed || second.failed);
        assert_true(first.at < second.at);
        tear_down(&f);
    }
}

static void test_latest_sees_what_is_not_durable_yet(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, true);
    struct bytes value;
    put(&f, "k", "1", NULL);
    assert_int_equal(cloud_db_get_latest(f.db, CLOUD_DB_META, b("k"), &value), CLOUD_DB_FOUND);
    assert_bytes_equal(value, "1");
    struct cloud_db_write *w = cloud_db_begin(f.db);
    cloud_db_erase_prefix(w, CLOUD_DB_META, b("k"));
    cloud_db_commit(w);
    assert_int_equal(cloud_db_get_latest(f.db, CLOUD_DB_META, b("k"), &value), CLOUD_DB_ABSENT);
    put(&f, "k", "2", NULL);
    assert_int_equal(cloud_db_get_latest(f.db, CLOUD_DB_META, b("k"), &value), CLOUD_DB_FOUND);
    assert_bytes_equal(value, "2");
    cloud_db_settle(f.db);
    assert_int_equal(cloud_db_get_latest(f.db, CLOUD_DB_META, b("k"), &value), CLOUD_DB_FOUND);
    assert_bytes_equal(value, "2");
    tear_down(&f);
}

static void test_everything_is_there_after_reopening(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, true);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%04d", i);
        put(&f, key, "v", NULL);
    }
    cloud_db_settle(f.db);
    cloud_db_close(f.db);
    open_db(&f);
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct cloud_db_range range = { .table = CLOUD_DB_META };
    assert_true(cloud_db_scan(f.db, &range, collect, &out, NULL));
    assert_int_equal(out.len, 1000 * 8);
    tear_down(&f);
}

static void test_a_directory_in_use_is_refused(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, true);
    struct err err = { 0 };
    assert_null(cloud_db_open(f.loop, f.dir, &err));
    assert_int_equal(err.class, ERR_CONFIG);
    assert_non_null(strstr(err.text, "in use by another process"));
    tear_down(&f);
}

static void run_sql(const char *dir, const char *sql)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/cloud.db", dir);
    sqlite3 *s = NULL;
    assert_int_equal(sqlite3_open(buf_str(&path), &s), SQLITE_OK);
    assert_int_equal(sqlite3_exec(s, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(s);
}

static void test_a_newer_schema_is_refused(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, true);
    cloud_db_close(f.db);
    run_sql(f.dir, "PRAGMA user_version=99");
    struct err err = { 0 };
    f.db = cloud_db_open(f.loop, f.dir, &err);
    assert_null(f.db);
    assert_int_equal(err.class, ERR_CONFIG);
    assert_non_null(strstr(err.text, "schema 99, written by a newer hl7relay"));
    tear_down(&f);
}

static void test_a_foreign_file_is_refused(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, true);
    cloud_db_close(f.db);
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/cloud.db", f.dir);
    int fd = open(buf_str(&path), O_WRONLY | O_TRUNC);
    assert_true(write(fd, "this is no database, whatever its name may say", 46) == 46);
    close(fd);
    struct err err = { 0 };
    f.db = cloud_db_open(f.loop, f.dir, &err);
    assert_null(f.db);
    assert_true(err.class == ERR_DISK || err.class == ERR_CONFIG);
    tear_down(&f);
}

static void hear(void *ctx, const char *sentence)
{
    buf_append_str(ctx, sentence);
    buf_append_char(ctx, '\n');
}

static void test_a_full_disk_confirms_nothing_and_heals(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, true);
    CLEANUP(buf_fini) struct buf heard = { 0 };
    cloud_db_tell(f.db, hear, &heard);
    put(&f, "before", "1", NULL);
    cloud_db_settle(f.db);
    assert_int_equal(heard.len, 0);

    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit small = { 1, limit.rlim_max };
    setrlimit(RLIMIT_FSIZE, &small);
    struct seen refused = { 0 };
    put(&f, "during", "2", &refused);
    cloud_db_settle(f.db);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(refused.calls, 1);
    assert_true(refused.failed);
    assert_int_equal(refused.err.class, ERR_DISK);

    struct bytes value;
    assert_int_equal(cloud_db_get_latest(f.db, CLOUD_DB_META, b("during"), &value), CLOUD_DB_ABSENT);
    struct seen healed = { 0 };
    put(&f, "after", "3", &healed);
    cloud_db_settle(f.db);
    assert_true(healed.calls == 1 && !healed.failed);
    assert_non_null(strstr(buf_str(&heard), "could not"));
    assert_non_null(strstr(buf_str(&heard), "is written again"));
    cloud_db_close(f.db);
    open_db(&f);
    assert_scan(&f, (struct cloud_db_range) { 0 }, "after=3 before=1 ");
    tear_down(&f);
}

static void test_what_is_abandoned_never_was(void **state UNUSED)
{
    struct fixture f;
    set_up(&f, false);
    struct seen never = { 0 };
    struct cloud_db_write *w = cloud_db_begin(f.db);
    cloud_db_put(w, CLOUD_DB_META, b("k"), b("v"));
    cloud_db_then(w, saw, &never);
    cloud_db_abandon(w);
    cloud_db_settle(f.db);
    assert_int_equal(never.calls, 0);
    assert_scan(&f, (struct cloud_db_range) { 0 }, "");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_in_memory),
        cmocka_unit_test(test_reads_on_disk),
        cmocka_unit_test(test_many_keys_stay_sorted_in_memory),
        cmocka_unit_test(test_callbacks_come_later_and_in_order),
        cmocka_unit_test(test_latest_sees_what_is_not_durable_yet),
        cmocka_unit_test(test_everything_is_there_after_reopening),
        cmocka_unit_test(test_a_directory_in_use_is_refused),
        cmocka_unit_test(test_a_newer_schema_is_refused),
        cmocka_unit_test(test_a_foreign_file_is_refused),
        cmocka_unit_test(test_a_full_disk_confirms_nothing_and_heals),
        cmocka_unit_test(test_what_is_abandoned_never_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
