#include "unit.h"

#include "adapters/dead_record.h"
#include "cmd/dead_entries.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const us_t day0 = (us_t) 1767225600 * US_PER_S;

static void put(struct buf *out, const char *name, enum relay_reason reason, us_t at)
{
    const struct sink_record r = { .skipped = reason == REASON_EMPTY_NOTIFICATION, .stage = OP_FETCH, .reason = reason,
                                   .first_wall_us = at, .last_wall_us = at, .name = bytes_str(name), .message_id = BYTES_LIT("42") };
    dead_record_put(&r, at, out);
}

static void write_file(const char *dir, const char *name, const struct buf *text)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text->ptr, text->len), text->len);
    close(fd);
}

static const struct dead_entry *find(const struct dead_entries *e, const char *end)
{
    const char *const names[] = { end };
    const struct dead_filter filter = { "", 0, names, 1 };
    for (size_t i = 0; i < e->count; i++)
        if (dead_entries_fit(&e->at[i], &filter))
            return &e->at[i];
    return NULL;
}

static void each_message_and_reason_once(void **state UNUSED)
{
    char dir[] = "/tmp/hl7relay-entries-XXXXXX", path[96];
    CLEANUP(buf_fini) struct buf one = { 0 }, two = { 0 }, marks = { 0 };
    struct dead_entries e;
    struct err err;
    assert_non_null(mkdtemp(dir));
    dead_record_put_segment(1, day0, &one);
    put(&one, "projects/p/messages/aaaa", REASON_DEST_NACK, day0 + 1);
    put(&one, "projects/p/messages/bbbb", REASON_DEST_NACK, day0 + 2);
    put(&one, "", REASON_EMPTY_NOTIFICATION, day0 + 3);
    put(&two, "projects/p/messages/aaaa", REASON_DEST_NACK, day0 + 4);
    put(&two, "projects/p/messages/aaaa", REASON_TOO_LARGE, day0 + 5);
    two.len -= 5;    /* torn */
    write_file(dir, "segment-00000001.dlq", &one);
    write_file(dir, "segment-00000002.dlq", &two);
    assert_true(dead_entries_load(&e, dir, &err));
    assert_true(e.count == 3 && e.torn == 1 && e.damaged == 0);
    assert_int_equal(find(&e, "aaaa")->times, 2);
    assert_int_equal(find(&e, "aaaa")->written_us, day0 + 4);
    assert_true(find(&e, "42")->skipped || find(&e, "42") == &e.at[0]);

    dead_record_put_replayed(bytes_str(find(&e, "aaaa")->id), day0 + 3, &marks);    /* before it was dead again */
    dead_record_put_replayed(bytes_str(find(&e, "bbbb")->id), day0 + 9, &marks);
    write_file(dir, "replayed.dlq", &marks);
    dead_entries_fini(&e);
    assert_true(dead_entries_load(&e, dir, &err));
    assert_false(find(&e, "aaaa")->replayed);
    assert_true(find(&e, "bbbb")->replayed);
    dead_entries_fini(&e);
    static const char *const files[] = { "segment-00000001.dlq", "segment-00000002.dlq", "replayed.dlq" };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
    assert_true(dead_entries_load(&e, dir, &err) && e.count == 0);
    dead_entries_fini(&e);
}

static void since(void **state UNUSED)
{
    us_t at;
    assert_true(dead_entries_since("2h", day0, &at) && at == day0 - 7200 * US_PER_S);
    assert_true(dead_entries_since("3d", day0, &at) && at == day0 - 3 * 86400 * US_PER_S);
    assert_true(dead_entries_since("2026-01-01T00:00:00Z", 0, &at) && at == day0);
    static const char *const wrong[] = { "", "2", "soon", "2026", "-2h", "2026-01-01" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(dead_entries_since(wrong[i], day0, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_message_and_reason_once), cmocka_unit_test(since) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
