/* A directory for one test, removed with all that is in it. */
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void temp_dir_make(char dir[64])
{
    const char *base = getenv("TMPDIR");
    snprintf(dir, 64, "%.40s/hl7relay-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(dir) == NULL)
        abort();
}

static inline void temp_dir_remove(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        CLEANUP(buf_fini) struct buf path = { 0 };
        buf_printf(&path, "%s/%s", dir, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlink(buf_str(&path)) != 0)
            temp_dir_remove(buf_str(&path));
    }
    closedir(d);
    rmdir(dir);
}

#endif
