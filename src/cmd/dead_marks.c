#include "cmd/dead_marks.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* What a crash left of a line is cut off. */
static bool cut_torn_line(int fd)
{
    char tail[512];
    off_t len = lseek(fd, 0, SEEK_END), from = MAX(len - (off_t) sizeof(tail), 0);
    ssize_t n = pread(fd, tail, sizeof(tail), from);
    while (n > 0 && tail[n - 1] != '\n')
        n--;
    return n >= 0 && (from + n == len || ftruncate(fd, from + n) == 0);
}

int dead_marks_open(const char *dir, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/replayed.dlq", dir);
    int fd = open(buf_str(&path), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        err_set(err, ERR_DISK, "cannot write %s: %s", buf_str(&path), strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err_set(err, ERR_DISK, "another command is writing %s; try again when it has ended", buf_str(&path));
    else if (!cut_torn_line(fd))
        err_set(err, ERR_DISK, "cannot write %s: %s", buf_str(&path), strerror(errno));
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool dead_marks_write(int fd, struct bytes lines, struct err *err)
{
    if (write(fd, lines.ptr, lines.len) == (ssize_t) lines.len && fsync(fd) == 0)
        return true;
    return FAIL(err, DISK, "cannot write the marks of dead letters: %s", strerror(errno));
}
