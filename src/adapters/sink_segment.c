#include "adapters/sink_segment.h"

#include "adapters/dead_record.h"
#include "base/check.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static bool begin(struct segment *s, us_t wall_us, struct err *err);
static bool append(struct segment *s, struct bytes lines, struct err *err);
static void give_up(struct segment *s);
static bool disk_failed(struct segment *s, const char *what, struct err *err);

void segment_init(struct segment *s, const struct sink_disk *disk, int dir_fd, unsigned last_number)
{
    *s = (struct segment) { .disk = disk, .dir_fd = dir_fd, .fd = -1, .number = last_number };
}

void segment_fini(struct segment *s)
{
    if (s->fd >= 0)
        s->disk->close(s->disk->ctx, s->fd);
    s->fd = -1;
}

bool segment_commit(struct segment *s, struct bytes lines, us_t wall_us, struct err *err)
{
    if (s->fd >= 0 && s->durable + lines.len > LIMIT_DEAD_SEGMENT)
        segment_fini(s);
    return (s->fd >= 0 || begin(s, wall_us, err)) && append(s, lines, err);
}

bool segment_probe(struct segment *s, us_t wall_us, struct err *err)
{
    return s->fd >= 0 ? append(s, BYTES_LIT(""), err) : begin(s, wall_us, err);
}

unsigned segment_number(const char *name)
{
    struct bytes rest = bytes_str(name);
    uint64_t number;
    if (!bytes_starts(rest, BYTES_LIT("segment-")) || !bytes_ends(rest, BYTES_LIT(".dlq")) || rest.len != 8 + 8 + 4 ||
        !bytes_to_u64(bytes_sub(rest, 8, 8), &number))
        return 0;
    return (unsigned) number;
}

/* A new file is durable with its first line and its name in the directory. */
static bool begin(struct segment *s, us_t wall_us, struct err *err)
{
    CHECK(s->fd < 0);
    do {
        snprintf(s->name, sizeof(s->name), "segment-%08u.dlq", ++s->number);
        s->fd = s->disk->open(s->disk->ctx, s->dir_fd, s->name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
    } while (s->fd < 0 && errno == EEXIST && s->number < 99999999);
    if (s->fd < 0)
        return disk_failed(s, "make", err);
    s->durable = 0;
    CLEANUP(buf_fini) struct buf line = { 0 };
    dead_record_put_segment(s->number, wall_us, &line);
    TRY(append(s, buf_bytes(&line), err));
    if (s->disk->fsync(s->disk->ctx, s->dir_fd) == 0)
        return true;
    disk_failed(s, "fsync the directory of", err);
    s->durable = 0;
    give_up(s);
    return false;
}

static bool append(struct segment *s, struct bytes lines, struct err *err)
{
    struct bytes rest = lines;
    while (rest.len > 0) {
        ssize_t n = s->disk->write(s->disk->ctx, s->fd, rest.ptr, rest.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            disk_failed(s, "write", err);
            give_up(s);
            return false;
        }
        rest = bytes_sub(rest, (size_t) n, rest.len);
    }
    if (s->disk->fsync(s->disk->ctx, s->fd) != 0) {    /* after a failed fsync the kernel may have dropped the pages */
        disk_failed(s, "fsync", err);
        give_up(s);
        return false;
    }
    s->durable += lines.len;
    return true;
}

/* Cut back to what is durable, best effort: what stays is a torn tail, or whole records that are written again. */
static void give_up(struct segment *s)
{
    if (s->durable == 0) {
        s->disk->unlink(s->disk->ctx, s->dir_fd, s->name);
        s->number--;
    } else if (s->disk->truncate(s->disk->ctx, s->fd, (off_t) s->durable) == 0) {
        s->disk->fsync(s->disk->ctx, s->fd);
    }
    segment_fini(s);
}

static bool disk_failed(struct segment *s, const char *what, struct err *err)
{
    int why = errno;
    return FAIL(err, DISK, "cannot %s the dead-letter segment %s: %s", what, s->name, strerror(why));
}
