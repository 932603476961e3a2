#include "adapters/storm_file.h"

#include "json/scan.h"
#include "json/write.h"
#include "loop/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char file_name[] = "storm-guard", new_name[] = "storm-guard.new";
static const char counts_name[] = "storm-counts", counts_new_name[] = "storm-counts.new";

static struct bytes read_small(int dir_fd, const char *name, char *text, size_t max);
static bool write_new(int dir_fd, us_t held_since, struct err *err);
static bool replace(int dir_fd, const char *name, const char *via, struct bytes text, bool durable, struct err *err);

bool storm_state_read(const char *dir, us_t *ret_held_since, struct err *err)
{
    char text[256];
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd >= 0 ? openat(dir_fd, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    int why = errno;
    if (dir_fd >= 0)
        close(dir_fd);
    if (fd < 0) {
        if (why != ENOENT)
            return FAIL(err, DISK, "cannot read the storm guard's state in %s: %s", dir, strerror(why));
        *ret_held_since = 0;
        return true;
    }
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    struct json_field since = { "held_since" };
    us_t wall;
    if (n > 0 && json_scan_object(bytes_of(text, (size_t) n), &since, 1, err) &&
        clock_parse_rfc3339(since.value.raw.ptr, since.value.raw.len, &wall) && wall > 0)
        *ret_held_since = wall;
    else
        *ret_held_since = 1;    /* unreadable: held is the safe reading; `dead accept` clears it */
    return true;
}

bool storm_state_write(const char *dir, us_t held_since, struct err *err)
{
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return FAIL(err, DISK, "cannot open the dead-letter directory %s: %s", dir, strerror(errno));
    bool ok;
    if (held_since == 0) {
        ok = (unlinkat(dir_fd, file_name, 0) == 0 || errno == ENOENT) &&
             (unlinkat(dir_fd, counts_name, 0) == 0 || errno == ENOENT);
        if (!ok)
            err_set(err, ERR_DISK, "cannot remove the storm guard's state in %s: %s", dir, strerror(errno));
    } else {
        ok = write_new(dir_fd, held_since, err);
    }
    if (ok && fsync(dir_fd) != 0)
        ok = FAIL(err, DISK, "cannot fsync the dead-letter directory %s: %s", dir, strerror(errno));
    close(dir_fd);
    return ok;
}

static bool write_new(int dir_fd, us_t held_since, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    char stamp[CLOCK_RFC3339_LEN];
    clock_rfc3339(held_since, stamp);
    struct json_writer w = json_write_to(&text);
    json_write_object(&w, NULL);
    json_write_int(&w, "v", 1);
    json_write_str(&w, "held_since", bytes_str(stamp));
    json_write_end(&w);
    buf_append_char(&text, '\n');
    return replace(dir_fd, file_name, new_name, buf_bytes(&text), true, err);
}

static bool replace(int dir_fd, const char *name, const char *via, struct bytes text, bool durable, struct err *err)
{
    int fd = openat(dir_fd, via, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return FAIL(err, DISK, "cannot write the storm guard's state: %s", strerror(errno));
    bool ok = write(fd, text.ptr, text.len) == (ssize_t) text.len && (!durable || fsync(fd) == 0);
    if (!ok)
        err_set(err, ERR_DISK, "cannot write the storm guard's state: %s", strerror(errno));
    close(fd);
    if (ok && renameat(dir_fd, via, dir_fd, name) != 0)
        ok = FAIL(err, DISK, "cannot replace the storm guard's state: %s", strerror(errno));
    return ok;
}

/* Empty: there is none, or it cannot be read; errno says why. */
static struct bytes read_small(int dir_fd, const char *name, char *text, size_t max)
{
    int fd = dir_fd >= 0 ? openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    ssize_t n = fd >= 0 ? read(fd, text, max) : -1;
    if (fd >= 0)
        close(fd);
    return bytes_of(text, n > 0 ? (size_t) n : 0);
}

struct storm_counts storm_counts_read(const char *dir)
{
    char text[256];
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct bytes got = read_small(dir_fd, counts_name, text, sizeof(text));
    struct json_field f[] = { { "dead", { 0 } }, { "outcomes", { 0 } } };
    int64_t dead, outcomes;
    if (dir_fd >= 0)
        close(dir_fd);
    if (!json_scan_object(got, f, ARRAY_LEN(f), NULL) || !json_to_i64(&f[0].value, &dead) || !json_to_i64(&f[1].value, &outcomes) ||
        dead < 0 || outcomes < dead || outcomes > UINT32_MAX)
        return (struct storm_counts) { 0 };
    return (struct storm_counts) { (uint32_t) dead, (uint32_t) outcomes };
}

bool storm_counts_write(const char *dir, struct storm_counts counts, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return FAIL(err, DISK, "cannot open the dead-letter directory %s: %s", dir, strerror(errno));
    buf_printf(&text, "{\"v\":1,\"dead\":%u,\"outcomes\":%u}\n", counts.dead, counts.outcomes);
    bool ok = replace(dir_fd, counts_name, counts_new_name, buf_bytes(&text), false, err);
    close(dir_fd);
    return ok;
}
