/*
 * A layer under SQLite that ends the process as a power cut would: what was written
 * to a file and not yet synced is there, or not, or torn at sectors of 512 bytes, each
 * write by itself. For tests: a child installs it, the parent looks at what is left.
 */
#ifndef CUT_VFS_H
#define CUT_VFS_H

#include <stdint.h>

enum { CUT_VFS_STATUS = 77 };    /* what the process exits with */

/* From now on every database is opened through it; none may be open. Again: it begins anew. The cut comes with the given write, truncation or sync (1: the
 * first), before it is done; seed says what becomes of the rest. Syncs are not passed on: the machine stays up. */
void cut_vfs_install(uint64_t at, uint64_t seed);

#endif
