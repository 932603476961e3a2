#include "adapters/sink_disk.h"

#include "base/def.h"

#include <fcntl.h>
#include <unistd.h>

static int disk_open(void *ctx UNUSED, int dir_fd, const char *name, int flags)
{
    return openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static ssize_t disk_write(void *ctx UNUSED, int fd, const void *data, size_t len)
{
    return write(fd, data, len);
}

static int disk_fsync(void *ctx UNUSED, int fd)
{
    return fsync(fd);
}

static int disk_truncate(void *ctx UNUSED, int fd, off_t len)
{
    return ftruncate(fd, len);
}

static int disk_unlink(void *ctx UNUSED, int dir_fd, const char *name)
{
    return unlinkat(dir_fd, name, 0);
}

static int disk_close(void *ctx UNUSED, int fd)
{
    return close(fd);
}

const struct sink_disk sink_disk_system = {
    .open = disk_open, .write = disk_write, .fsync = disk_fsync, .truncate = disk_truncate, .unlink = disk_unlink, .close = disk_close
};
