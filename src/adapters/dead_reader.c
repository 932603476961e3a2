#include "adapters/dead_reader.h"

#include "adapters/sink_segment.h"
#include "base/limits.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct names {
    unsigned *number;
    size_t count, max;
};

static bool list_segments(int dir_fd, struct names *ret);
static bool read_file(int dir_fd, const char *name, struct buf *out, struct err *err);
static int by_number(const void *a, const void *b);

bool dead_reader_run(const char *dir, const struct dead_reader_events *events, void *ctx, struct err *err)
{
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 && errno == ENOENT)
        return true;
    if (dir_fd < 0)
        return FAIL(err, DISK, "cannot open the dead-letter directory %s: %s", dir, strerror(errno));
    struct names names = { 0 };
    bool ok = list_segments(dir_fd, &names), go_on = true;
    if (!ok)
        err_set(err, ERR_DISK, "cannot list the dead-letter directory %s: %s", dir, strerror(errno));
    for (size_t i = 0; i <= names.count && ok && go_on; i++) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        char name[32] = "replayed.dlq";    /* last: its marks refer to what was read */
        if (i < names.count)
            snprintf(name, sizeof(name), "segment-%08u.dlq", names.number[i]);
        ok = read_file(dir_fd, name, &text, err);
        if (ok)
            go_on = dead_reader_lines(name, buf_bytes(&text), events, ctx);
    }
    mem_free(names.number);
    close(dir_fd);
    return ok;
}

bool dead_reader_lines(const char *file, struct bytes text, const struct dead_reader_events *events, void *ctx)
{
    uint64_t offset = 0;
    while (text.len > 0) {
        struct dead_place at = { file, offset };
        size_t end = bytes_find(text, 0, '\n');
        bool whole = end < text.len, last = end + 1 >= text.len;
        struct dead_record record;
        struct err why = { 0 };
        if (!whole)
            err_set(&why, ERR_BAD_INPUT, "the line does not end");
        if (whole && dead_record_read(bytes_sub(text, 0, end), &record, &why)) {
            if (!events->on_record(ctx, &record, at))
                return false;
        } else if (events->on_damage != NULL) {
            events->on_damage(ctx, at, last, &why);
        }
        offset += end + 1;
        text = bytes_sub(text, end + 1, text.len);
    }
    return true;
}

static bool list_segments(int dir_fd, struct names *ret)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL)
        return false;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        unsigned number = segment_number(e->d_name);
        if (number == 0)
            continue;
        if (ret->count == ret->max) {
            ret->max = MAX(ret->max * 2, (size_t) 16);
            ret->number = mem_grow(ret->number, ret->max * sizeof(ret->number[0]));
        }
        ret->number[ret->count++] = number;
    }
    closedir(d);
    if (ret->count > 0)
        qsort(ret->number, ret->count, sizeof(ret->number[0]), by_number);
    return true;
}

static int by_number(const void *a, const void *b)
{
    unsigned x = *(const unsigned *) a, y = *(const unsigned *) b;
    return x < y ? -1 : x > y;
}

/* A file that is not there (removed since it was listed; no replay yet) is empty. */
static bool read_file(int dir_fd, const char *name, struct buf *out, struct err *err)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return true;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && out->len <= 2 * (size_t) LIMIT_DEAD_SEGMENT) {
        char *at = buf_reserve(out, 1 << 16);
        n = read(fd, at, 1 << 16);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            out->len += (size_t) n;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    return n >= 0 || FAIL(err, DISK, "cannot read the dead-letter file %s: %s", name, strerror(why));
}
