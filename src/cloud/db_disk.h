/*
 * The tables in one SQLite file (WAL, synchronous=FULL, pages of 16 KiB). One
 * connection writes, on the writer thread; one reads, on the loop thread. Each is
 * used by one thread only.
 */
#ifndef CLOUD_DB_DISK_H
#define CLOUD_DB_DISK_H

#include "cloud/db.h"

struct cloud_db_disk;

/* Makes the directory and the tables where they are missing; for the writer only. Refuses a file of another
 * program or of a newer schema; upgrades one of an older. */
struct cloud_db_disk *cloud_db_disk_open(const char *data_dir, bool writer, struct err *err);
void cloud_db_disk_close(struct cloud_db_disk *d);

/* One transaction. After any failure: cloud_db_disk_rollback(). */
bool cloud_db_disk_begin(struct cloud_db_disk *d, struct err *err);
bool cloud_db_disk_put(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes key, struct bytes value,
                       struct err *err);
bool cloud_db_disk_erase(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes key, struct err *err);
bool cloud_db_disk_erase_prefix(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes prefix,
                                struct err *err);
bool cloud_db_disk_erase_range(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes low, struct bytes high,
                               struct err *err);
bool cloud_db_disk_copy(struct cloud_db_disk *d, const struct cloud_db_copy *copy, struct err *err);
bool cloud_db_disk_commit(struct cloud_db_disk *d, struct err *err);
void cloud_db_disk_rollback(struct cloud_db_disk *d);

enum cloud_db_found cloud_db_disk_get(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes key,
                                      struct buf *value, struct err *err);
bool cloud_db_disk_scan(struct cloud_db_disk *d, const struct cloud_db_range *range, cloud_db_row_fn *fn,
                        void *ctx, struct err *err);

#endif
