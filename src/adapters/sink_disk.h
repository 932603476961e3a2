/*
 * The disk calls of the file sink, as a table: so that a test can let each of
 * them fail, at each of its uses. Return values and errno as of the system calls.
 */
#ifndef ADAPTERS_SINK_DISK_H
#define ADAPTERS_SINK_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sink_disk {
    void *ctx;
    int (*open)(void *ctx, int dir_fd, const char *name, int flags);    /* mode 0600 */
    ssize_t (*write)(void *ctx, int fd, const void *data, size_t len);
    int (*fsync)(void *ctx, int fd);
    int (*truncate)(void *ctx, int fd, off_t len);
    int (*unlink)(void *ctx, int dir_fd, const char *name);
    int (*close)(void *ctx, int fd);
};

extern const struct sink_disk sink_disk_system;

#endif
