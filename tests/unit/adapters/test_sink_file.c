#include "unit.h"

#include "adapters/dead_reader.h"
#include "adapters/sink_file.h"
#include "adapters/storm_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A disk whose nth call fails with an errno; -1: none. The writer's thread uses it. */
struct bad_disk {
    struct sink_disk disk;
    atomic_int calls, fail_at, fail_count, why;
    atomic_int fsyncs;
    bool half;    /* a failing write writes half first */
    pthread_mutex_t slow;    /* an fsync ends when the test lets it */
};

static bool fails(struct bad_disk *d)
{
    int n = atomic_fetch_add(&d->calls, 1), at = atomic_load(&d->fail_at);
    errno = atomic_load(&d->why);
    return at >= 0 && n >= at && n < at + atomic_load(&d->fail_count);
}

static int bad_open(void *ctx, int dir_fd, const char *name, int flags)
{
    return fails(ctx) ? -1 : sink_disk_system.open(NULL, dir_fd, name, flags);
}

static ssize_t bad_write(void *ctx, int fd, const void *data, size_t len)
{
    struct bad_disk *d = ctx;
    if (!fails(d))
        return sink_disk_system.write(NULL, fd, data, len);
    int why = errno;
    if (d->half)
        (void) !write(fd, data, len / 2);
    errno = why;
    return -1;
}

static int bad_fsync(void *ctx, int fd UNUSED)
{
    struct bad_disk *d = ctx;
    atomic_fetch_add(&d->fsyncs, 1);
    pthread_mutex_lock(&d->slow);
    pthread_mutex_unlock(&d->slow);
    return fails(d) ? -1 : 0;    /* a real fsync adds nothing to these tests but time */
}

static int bad_truncate(void *ctx, int fd, off_t len)
{
    return fails(ctx) ? -1 : sink_disk_system.truncate(NULL, fd, len);
}

static int bad_unlink(void *ctx, int dir_fd, const char *name)
{
    return fails(ctx) ? -1 : sink_disk_system.unlink(NULL, dir_fd, name);
}

static int good_close(void *ctx UNUSED, int fd)
{
    return close(fd);
}

static void make_disk(struct bad_disk *d)
{
    *d = (struct bad_disk) { .disk = { d, bad_open, bad_write, bad_fsync, bad_truncate, bad_unlink, good_close } };
    pthread_mutex_init(&d->slow, NULL);
    atomic_store(&d->fail_at, -1);
    atomic_store(&d->fail_count, 1);
    atomic_store(&d->why, ENOSPC);
}

struct answer {
    unsigned count, good;
    struct err last;
};

static void on_done(void *ctx, const struct err *err)
{
    struct answer *a = ctx;
    a->count++;
    a->good += err->class == ERR_OK;
    a->last = *err;
}

static char dir[64];

static int make_dir(void **state UNUSED)
{
    snprintf(dir, sizeof(dir), "/tmp/hl7relay-sink-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state UNUSED)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        closedir(d);
    return rmdir(dir);
}

static void put(struct sink *s, unsigned n, struct answer *a)
{
    char name[80];
    int len = snprintf(name, sizeof(name), "projects/p/messages/%u", n);
    struct sink_record r = { .stage = OP_FETCH, .reason = REASON_SOURCE_NOT_FOUND, .answer = { .class = ERR_NOT_FOUND, .http = 404 },
                             .attempts = 1, .name = bytes_of(name, (size_t) len), .message_id = BYTES_LIT("7") };
    sink_put(s, &r, on_done, a);
}

static void await(struct loop *l, const struct answer *a, unsigned count)
{
    while (a->count < count)
        loop_pass(l, 5 * US_PER_S);
}

struct seen {
    unsigned records, damaged, torn;
    bool number[64];
};

static bool see(void *ctx, const struct dead_record *r, struct dead_place at UNUSED)
{
    struct seen *seen = ctx;
    uint64_t n;
    if (bytes_eq_str(r->kind, "segment"))
        return true;
    seen->records++;
    assert_true(bytes_to_u64(bytes_sub(r->name, strlen("projects/p/messages/"), r->name.len), &n) && n < 64);
    seen->number[n] = true;
    return true;
}

static void see_damage(void *ctx, struct dead_place at UNUSED, bool torn, const struct err *why UNUSED)
{
    struct seen *seen = ctx;
    *(torn ? &seen->torn : &seen->damaged) += 1;
}

static struct seen read_all(void)
{
    struct seen seen = { 0 };
    struct err err;
    const struct dead_reader_events events = { see, see_damage };
    assert_true(dead_reader_run(dir, &events, &seen, &err));
    return seen;
}

static void durable_before_done(void **state UNUSED)
{
    struct err err;
    struct bad_disk disk;
    make_disk(&disk);
    struct loop *l = loop_make(&err);
    struct sink *s = sink_file_open_on(l, dir, &disk.disk, &err);
    assert_non_null(s);
    struct answer a = { 0 };
    put(s, 1, &a);
    assert_int_equal(a.count, 0);    /* never inside the call */
    assert_int_equal(sink_pending(s), 1);
    await(l, &a, 1);
    assert_int_equal(a.good, 1);
    assert_int_equal(atomic_load(&disk.fsyncs), 3);    /* first line, directory, record */
    assert_true(read_all().number[1]);
    int before = atomic_load(&disk.fsyncs);
    pthread_mutex_lock(&disk.slow);
    for (unsigned n = 2; n < 42; n++)
        put(s, n, &a);
    assert_int_equal(a.count, 1);
    pthread_mutex_unlock(&disk.slow);
    await(l, &a, 41);
    assert_int_equal(a.good, 41);
    assert_true(atomic_load(&disk.fsyncs) - before <= 3);    /* group commit */
    assert_int_equal(read_all().records, 41);
    sink_close(s);
    loop_free(l);
}

static void a_new_process_begins_a_new_segment(void **state UNUSED)
{
    struct err err;
    struct loop *l = loop_make(&err);
    for (unsigned run = 0; run < 3; run++) {
        struct answer a = { 0 };
        struct sink *s = sink_file_open(l, dir, &err);
        assert_non_null(s);
        put(s, run, &a);
        await(l, &a, 1);
        assert_int_equal(a.good, 1);
        sink_close(s);
    }
    char path[96];
    snprintf(path, sizeof(path), "%s/segment-00000003.dlq", dir);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(read_all().records, 3);
    loop_free(l);
}

/* ENOSPC, EIO, EROFS at each disk call in turn: nothing is confirmed that a reader does not find, and it goes on by itself. */
static void every_disk_call_fails_in_turn(void **state UNUSED)
{
    static const int whys[] = { ENOSPC, EIO, EROFS, EDQUOT };
    for (int at = 0; at < 14; at++) {
        for (size_t w = 0; w < ARRAY_LEN(whys); w++) {
            struct err err;
            struct bad_disk disk;
            make_disk(&disk);
            disk.half = w % 2 == 0;
            atomic_store(&disk.fail_at, at);
            atomic_store(&disk.fail_count, 1 + (int) (w % 3));
            atomic_store(&disk.why, whys[w]);
            struct loop *l = loop_make(&err);
            struct sink *s = sink_file_open_on(l, dir, &disk.disk, &err);
            bool confirmed[8] = { false };
            for (unsigned n = 0; n < 8; n++) {
                for (unsigned tries = 0; !confirmed[n]; tries++) {
                    struct answer a = { 0 };
                    assert_true(tries < 10);
                    put(s, n, &a);
                    await(l, &a, 1);
                    confirmed[n] = a.good == 1;
                    if (!confirmed[n]) {
                        assert_int_equal(a.last.class, ERR_DISK);
                        struct answer p = { 0 };
                        sink_probe(s, on_done, &p);
                        await(l, &p, 1);
                    }
                    struct seen seen = read_all();
                    for (unsigned k = 0; k <= n; k++)
                        assert_true(!confirmed[k] || seen.number[k]);
                    assert_int_equal(seen.damaged, 0);
                }
            }
            sink_close(s);
            loop_free(l);
            assert_int_equal(remove_dir(NULL), 0);
            assert_int_equal(make_dir(NULL), 0);
        }
    }
}

static void while_the_disk_is_full_nothing_is_confirmed(void **state UNUSED)
{
    struct err err;
    struct bad_disk disk;
    make_disk(&disk);
    struct loop *l = loop_make(&err);
    struct sink *s = sink_file_open_on(l, dir, &disk.disk, &err);
    atomic_store(&disk.fail_at, 0);
    atomic_store(&disk.fail_count, 1 << 20);
    struct answer a = { 0 };
    for (unsigned n = 0; n < 20; n++)
        put(s, n, &a);
    await(l, &a, 20);
    assert_int_equal(a.good, 0);
    sink_probe(s, on_done, &a);
    await(l, &a, 21);
    assert_int_equal(a.good, 0);
    assert_non_null(strstr(a.last.text, "No space left"));
    atomic_store(&disk.fail_at, -1);
    sink_probe(s, on_done, &a);
    put(s, 5, &a);
    await(l, &a, 23);
    assert_int_equal(a.good, 2);
    assert_int_equal(read_all().records, 1);
    sink_close(s);
    loop_free(l);
}

static void one_directory_one_process(void **state UNUSED)
{
    struct err err;
    struct loop *l = loop_make(&err);
    struct sink *s = sink_file_open(l, dir, &err);
    assert_non_null(s);
    assert_null(sink_file_open(l, dir, &err));
    assert_int_equal(err.class, ERR_DISK);
    assert_non_null(strstr(err.text, "another process has the dead-letter directory"));
    sink_close(s);
    assert_null(sink_file_open(l, "/proc/none", &err));
    loop_free(l);
}

static void what_is_put_before_close_is_written(void **state UNUSED)
{
    struct err err;
    struct loop *l = loop_make(&err);
    struct sink *s = sink_file_open(l, dir, &err);
    struct answer a = { 0 };
    for (unsigned n = 0; n < 10; n++)
        put(s, n, &a);
    sink_close(s);
    assert_int_equal(a.count, 0);
    assert_int_equal(read_all().records, 10);
    loop_free(l);
}

static void a_torn_tail_of_a_crash_is_passed_over(void **state UNUSED)
{
    struct err err;
    struct loop *l = loop_make(&err);
    struct answer a = { 0 };
    struct sink *s = sink_file_open(l, dir, &err);
    put(s, 0, &a);
    await(l, &a, 1);
    sink_close(s);
    char path[96];
    snprintf(path, sizeof(path), "%s/segment-00000001.dlq", dir);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "000099 0123456789", 17), 17);
    close(fd);
    s = sink_file_open(l, dir, &err);
    put(s, 1, &a);
    await(l, &a, 2);
    sink_close(s);
    struct seen seen = read_all();
    assert_true(seen.records == 2 && seen.torn == 1 && seen.damaged == 0);
    loop_free(l);
}

static void the_storm_guard_is_remembered(void **state UNUSED)
{
    struct err err;
    us_t since = -1, when = (us_t) 1767225600 * US_PER_S;
    assert_true(storm_state_read(dir, &since, &err) && since == 0);
    assert_true(storm_state_write(dir, when, &err));
    assert_true(storm_state_read(dir, &since, &err) && since == when);
    assert_true(storm_state_write(dir, 0, &err));
    assert_true(storm_state_write(dir, 0, &err));
    assert_true(storm_state_read(dir, &since, &err) && since == 0);
    assert_true(storm_state_read("/nonexistent", &since, &err) && since == 0);
    char path[96];
    snprintf(path, sizeof(path), "%s/storm-guard", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    assert_true(storm_state_read(dir, &since, &err) && since != 0);    /* unreadable: held */
}

static void what_the_storm_guard_counted_is_remembered(void **state UNUSED)
{
    static const char *const broken[] = {
        "", "garbage", "{}", "{\"v\":1,\"dead\":3,\"outcomes\":2}", "{\"v\":1,\"dead\":-1,\"outcomes\":2}",
        "{\"v\":1,\"dead\":1,\"outcomes\":4294967296}", "{\"v\":1,\"dead\":1}",
    };
    struct err err;
    struct storm_counts c = storm_counts_read(dir);
    assert_true(c.dead == 0 && c.outcomes == 0);
    assert_true(storm_counts_write(dir, (struct storm_counts) { 7, 300 }, &err));
    assert_true(storm_counts_write(dir, (struct storm_counts) { 8, 1000 }, &err));
    c = storm_counts_read(dir);
    assert_true(c.dead == 8 && c.outcomes == 1000);
    us_t since;
    assert_true(storm_state_read(dir, &since, &err) && since == 0);    /* to count is not to hold */
    assert_true(storm_state_write(dir, 0, &err));
    c = storm_counts_read(dir);
    assert_true(c.dead == 0 && c.outcomes == 0);
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/storm-counts", dir);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, broken[i], strlen(broken[i])), strlen(broken[i]));
        close(fd);
        c = storm_counts_read(dir);
        if (c.dead != 0 || c.outcomes != 0)
            fail_msg("%s", broken[i]);
    }
    assert_false(storm_counts_write("/nonexistent", c, &err));
    assert_int_equal(err.class, ERR_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(durable_before_done, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_new_process_begins_a_new_segment, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(every_disk_call_fails_in_turn, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(while_the_disk_is_full_nothing_is_confirmed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(one_directory_one_process, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_put_before_close_is_written, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_torn_tail_of_a_crash_is_passed_over, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_storm_guard_is_remembered, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_the_storm_guard_counted_is_remembered, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
