#include "cmd/check_places.h"

#include "auth/token.h"
#include "base/buf.h"
#include "run/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Less than this, and the first outage of the destination's parser may fill it. */
static const double room_wanted = 64e6;

PRINTF_LIKE(3, 4) static void say(struct check_place *p, int exit, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->text, sizeof(p->text), fmt, ap);
    va_end(ap);
    p->exit = exit;
}

struct told {
    struct auth_watcher watcher;
    struct err err;
};

static void on_token(struct auth_watcher *w, uint32_t gen UNUSED, const struct err *err)
{
    CONTAINER_OF(w, struct told, watcher)->err = *err;
}

/* A file is read at once, and nobody is asked for it. */
static bool read_token(struct loop *l, struct auth_source *source, struct err *err)
{
    struct told told = { .watcher.fn = on_token };
    auth_watch(source, &told.watcher);
    auth_refresh(source, 0);
    loop_pass(l, 0);
    auth_unwatch(source, &told.watcher);
    *err = told.err;
    return err->class == ERR_OK;
}

static void credentials(const struct config *c, struct check_place *p)
{
    struct auth_found found;
    struct err err = { 0 };
    if (!run_credentials_find(c, &found, &err)) {
        say(p, CMD_EXIT_CONFIG, "%s", err.text);
        return;
    }
    const char *kind = auth_kind_name(found.conf.kind);
    struct loop *l = loop_make(&err);
    struct auth_source *source = l != NULL ? auth_source_make(l, NULL, &found.conf, &err) : NULL;
    if (source == NULL)
        say(p, exit_for(&err), "%s", err.text);
    else if (found.conf.kind == AUTH_TOKEN_FILE && !read_token(l, source, &err))
        say(p, exit_for(&err), "%s", err.text);
    else if (found.conf.kind == AUTH_TOKEN_FILE)
        say(p, CMD_EXIT_OK, "a token from %s", found.conf.path);
    else if (found.conf.kind == AUTH_METADATA)
        say(p, CMD_EXIT_OK, "the metadata server of this machine (not asked)");
    else if (found.conf.kind == AUTH_TOKEN_COMMAND)
        say(p, CMD_EXIT_OK, "token_command %s (not run)", found.conf.path);
    else
        say(p, CMD_EXIT_OK, "%s %s, from %s", kind, auth_source_account(source), found.conf.path);
    auth_source_free(source);
    loop_free(l);
    auth_found_fini(&found);
}

/* The nearest directory above that is there. */
static unsigned climb(struct buf *path)
{
    unsigned missing = 0;
    struct stat st;
    while (path->len > 1 && stat(buf_str(path), &st) != 0 && errno == ENOENT) {
        size_t slash = path->len - 1;
        while (slash > 0 && path->ptr[slash] != '/')
            slash--;
        path->len = MAX(slash, (size_t) 1);
        missing++;
    }
    return missing;
}

/* A relay that runs has it; that is no fault of the configuration. */
static bool is_locked(const char *dir)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/lock", dir);
    int fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

static void sink(const char *dir, const char *there, unsigned missing, struct check_place *p)
{
    struct stat st;
    if (missing > 2)
        say(p, CMD_EXIT_CANT_CREATE, "%s is not there, nor the two above it: make %s's parent", dir, dir);
    else if (stat(there, &st) != 0 || !S_ISDIR(st.st_mode))
        say(p, CMD_EXIT_CANT_CREATE, "%s is no directory", there);
    else if (access(there, W_OK | X_OK) != 0)
        say(p, CMD_EXIT_CANT_CREATE, "%s cannot be written by this user: %s", there, strerror(errno));
    else if (missing > 0)
        say(p, CMD_EXIT_OK, "%s will be made", dir);
    else if (is_locked(dir))
        say(p, CMD_EXIT_OK, "%s is in use by a relay that runs; a second one needs a directory of its own", dir);
    else
        say(p, CMD_EXIT_OK, "%s is there, writable, and nobody has it", dir);
}

static void disk(const char *there, struct check_place *p)
{
    struct statvfs v;
    if (statvfs(there, &v) != 0 || v.f_blocks == 0) {
        say(p, CMD_EXIT_OK, "free space of %s is not known", there);
        return;
    }
    double bytes = (double) v.f_bavail * (double) v.f_frsize, share = 100.0 * (double) v.f_bavail / (double) v.f_blocks;
    bool full = bytes < room_wanted;
    say(p, full ? CMD_EXIT_CANT_CREATE : CMD_EXIT_OK, "%.1f GB (%.0f %%) free where dead letters go%s", bytes / 1e9, share,
        full ? ": make room, or the relay will hold" : "");
}

size_t check_places(const struct config *c, struct check_place *out)
{
    size_t count = 0;
    if (c->credentials) {
        out[count].name = "credentials";
        credentials(c, &out[count++]);
    }
    if (c->sink == CONF_SINK_FILE) {
        CLEANUP(buf_fini) struct buf there = { 0 };
        buf_append_str(&there, c->sink_dir);
        unsigned missing = climb(&there);
        const char *nearest = buf_str(&there);
        out[count].name = "sink";
        sink(c->sink_dir, nearest, missing, &out[count++]);
        out[count].name = "disk";
        disk(nearest, &out[count++]);
    }
    return count;
}
