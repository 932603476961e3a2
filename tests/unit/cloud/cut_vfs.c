#include "cut_vfs.h"

#include "base/def.h"
#include "base/mem.h"
#include "base/rand.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, PATHS = 8 };

/* One write that is not synced: old_len bytes were there before, the file was old_size long. len 0: a truncation
 * to `offset`. */
struct change {
    struct change *next, *before;
    sqlite3_int64 offset, old_size;
    int len, old_len;
    char *new, *old;
};

/* A file by its path: several connections have it open. */
struct journal {
    char path[512];
    struct change *first, *last;
};

struct cut_file {
    sqlite3_file base;
    struct journal *journal;
    sqlite3_file *real;    /* directly behind */
};

static struct {
    sqlite3_vfs vfs, *real;
    sqlite3_io_methods methods;
    pthread_mutex_t lock;
    struct journal journals[PATHS];
    uint64_t left;
    struct rnd rnd;
} cut;

/* --- the cut --- */

static void undo(int fd, const struct journal *j)
{
    for (const struct change *c = j->last; c != NULL; c = c->before) {
        if (c->old_len > 0 && pwrite(fd, c->old, (size_t) c->old_len, c->offset) != c->old_len)
            _exit(1);
        if (ftruncate(fd, c->old_size) != 0)
            _exit(1);
    }
}

static void redo_some(int fd, const struct journal *j)
{
    for (const struct change *c = j->first; c != NULL; c = c->next) {
        uint64_t fate = rnd_below(&cut.rnd, 3);    /* gone, whole, torn */
        if (c->len == 0 && fate != 0 && ftruncate(fd, c->offset) != 0)
            _exit(1);
        for (int at = 0; fate != 0 && at < c->len; at += SECTOR) {
            size_t len = (size_t) MIN(SECTOR, c->len - at);
            if ((fate == 1 || rnd_below(&cut.rnd, 2) == 0) && pwrite(fd, c->new + at, len, c->offset + at) != (ssize_t) len)
                _exit(1);
        }
    }
}

/* One event has come; with the last one everything ends. */
static void count_event(void)
{
    if (--cut.left > 0)
        return;
    for (size_t i = 0; i < PATHS && cut.journals[i].path[0] != '\0'; i++) {
        int fd = open(cut.journals[i].path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;    /* deleted since */
        undo(fd, &cut.journals[i]);
        redo_some(fd, &cut.journals[i]);
    }
    _exit(CUT_VFS_STATUS);
}

/* --- what is noted of each file --- */

static void forget(struct journal *j)
{
    for (struct change *c = j->first, *after; c != NULL; c = after) {
        after = c->next;
        mem_free(c->new);
        mem_free(c->old);
        mem_free(c);
    }
    j->first = j->last = NULL;
}

static void note(struct cut_file *f, const void *data, int len, sqlite3_int64 offset)
{
    struct change *c = mem_alloc(sizeof(*c));
    c->offset = offset;
    c->len = len;
    if (f->real->pMethods->xFileSize(f->real, &c->old_size) != SQLITE_OK)
        _exit(1);
    sqlite3_int64 end = len > 0 ? offset + len : c->old_size;
    c->old_len = (int) MAX(MIN(end, c->old_size) - offset, 0);
    c->new = mem_dup(bytes_of(data, (size_t) len));
    c->old = mem_alloc((size_t) c->old_len + 1);
    if (c->old_len > 0 && f->real->pMethods->xRead(f->real, c->old, c->old_len, offset) != SQLITE_OK)
        _exit(1);
    c->before = f->journal->last;
    if (c->before != NULL)
        c->before->next = c;
    else
        f->journal->first = c;
    f->journal->last = c;
}

static struct journal *journal_of(const char *path)
{
    for (size_t i = 0; i < PATHS; i++) {
        if (cut.journals[i].path[0] == '\0')
            snprintf(cut.journals[i].path, sizeof(cut.journals[i].path), "%s", path);
        if (strcmp(cut.journals[i].path, path) == 0)
            return &cut.journals[i];
    }
    _exit(1);
}

/* --- SQLite's methods --- */

static struct cut_file *cut_file(sqlite3_file *f)
{
    return (struct cut_file *) f;
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    struct cut_file *f = cut_file(file);
    pthread_mutex_lock(&cut.lock);
    note(f, data, len, offset);
    count_event();
    int code = f->real->pMethods->xWrite(f->real, data, len, offset);
    pthread_mutex_unlock(&cut.lock);
    return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct cut_file *f = cut_file(file);
    pthread_mutex_lock(&cut.lock);
    note(f, "", 0, size);
    count_event();
    int code = f->real->pMethods->xTruncate(f->real, size);
    pthread_mutex_unlock(&cut.lock);
    return code;
}

static int file_sync(sqlite3_file *file, int flags UNUSED)
{
    pthread_mutex_lock(&cut.lock);
    count_event();
    forget(cut_file(file)->journal);
    pthread_mutex_unlock(&cut.lock);
    return SQLITE_OK;
}

#define PASS(name, params, args)                                                                   \
    static int file_##name params                                                                  \
    {                                                                                              \
        sqlite3_file *real = cut_file(file)->real;                                                 \
        return real->pMethods->x##name args;                                                       \
    }

PASS(Close, (sqlite3_file *file), (real))
PASS(Read, (sqlite3_file *file, void *data, int len, sqlite3_int64 offset), (real, data, len, offset))
PASS(FileSize, (sqlite3_file *file, sqlite3_int64 *size), (real, size))
PASS(Lock, (sqlite3_file *file, int level), (real, level))
PASS(Unlock, (sqlite3_file *file, int level), (real, level))
PASS(CheckReservedLock, (sqlite3_file *file, int *out), (real, out))
PASS(FileControl, (sqlite3_file *file, int op, void *arg), (real, op, arg))
PASS(SectorSize, (sqlite3_file *file), (real))
PASS(DeviceCharacteristics, (sqlite3_file *file), (real))
PASS(ShmMap, (sqlite3_file *file, int page, int size, int extend, void volatile **out), (real, page, size, extend, out))
PASS(ShmLock, (sqlite3_file *file, int offset, int n, int flags), (real, offset, n, flags))
PASS(ShmUnmap, (sqlite3_file *file, int delete), (real, delete))

static void file_barrier(sqlite3_file *file)
{
    cut_file(file)->real->pMethods->xShmBarrier(cut_file(file)->real);
}

static int vfs_open(sqlite3_vfs *vfs UNUSED, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct cut_file *f = cut_file(file);
    f->real = (sqlite3_file *) (f + 1);
    int code = cut.real->xOpen(cut.real, path, f->real, flags, ret_flags);
    bool watched = path != NULL && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    f->base.pMethods = code == SQLITE_OK ? &cut.methods : NULL;
    if (code != SQLITE_OK || !watched)
        return code == SQLITE_OK ? SQLITE_CANTOPEN : code;    /* temporary files are not expected here */
    pthread_mutex_lock(&cut.lock);
    f->journal = journal_of(path);
    pthread_mutex_unlock(&cut.lock);
    return SQLITE_OK;
}

void cut_vfs_install(uint64_t at, uint64_t seed)
{
    for (size_t i = 0; i < PATHS; i++) {
        forget(&cut.journals[i]);
        cut.journals[i].path[0] = '\0';
    }
    cut.left = at;
    rnd_seed(&cut.rnd, seed);
    if (cut.real != NULL)
        return;
    cut.real = sqlite3_vfs_find(NULL);
    pthread_mutex_init(&cut.lock, NULL);
    cut.methods = (sqlite3_io_methods) {
        2, file_Close, file_Read, file_write, file_truncate, file_sync, file_FileSize, file_Lock, file_Unlock,
        file_CheckReservedLock, file_FileControl, file_SectorSize, file_DeviceCharacteristics, file_ShmMap,
        file_ShmLock, file_barrier, file_ShmUnmap, NULL, NULL
    };
    cut.vfs = *cut.real;
    cut.vfs.pNext = NULL;
    cut.vfs.zName = "cut";
    cut.vfs.szOsFile = (int) sizeof(struct cut_file) + cut.real->szOsFile;
    cut.vfs.xOpen = vfs_open;
    sqlite3_vfs_register(&cut.vfs, 1);
}
