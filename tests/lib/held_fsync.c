/*
 * Preloaded into the relay by a story: while the FIFO $HELD_FSYNC_GATE is there, an
 * fsync of a dead-letter segment does not come back, and $HELD_FSYNC_GATE.held says
 * that one waits. A disk that takes its time, for as long as the story wants.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_segment(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return strstr(path, "/segment-") != NULL;
}

int fsync(int fd)
{
    const char *gate = getenv("HELD_FSYNC_GATE");
    if (gate != NULL && access(gate, F_OK) == 0 && is_segment(fd)) {
        char held[4096];
        snprintf(held, sizeof(held), "%s.held", gate);
        int said = open(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (said >= 0)
            close(said);
        int waits = open(gate, O_RDONLY | O_CLOEXEC);    /* until the story opens the other end */
        if (waits >= 0)
            close(waits);
    }
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
