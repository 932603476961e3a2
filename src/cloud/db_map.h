/*
 * One table in memory: an ordered map of bytes to bytes (a skip list), with the
 * range reads that the table on disk has. Not thread-safe.
 */
#ifndef CLOUD_DB_MAP_H
#define CLOUD_DB_MAP_H

#include "cloud/db.h"

struct cloud_db_map;

struct cloud_db_map *cloud_db_map_make(void);
void cloud_db_map_free(struct cloud_db_map *m);
void cloud_db_map_put(struct cloud_db_map *m, struct bytes key, struct bytes value);
void cloud_db_map_erase(struct cloud_db_map *m, struct bytes key);
void cloud_db_map_erase_prefix(struct cloud_db_map *m, struct bytes prefix);
void cloud_db_map_erase_range(struct cloud_db_map *m, struct bytes low, struct bytes high);
/* The value stays where it is until it is put anew or erased. */
bool cloud_db_map_get(const struct cloud_db_map *m, struct bytes key, struct bytes *ret_value);
void cloud_db_map_scan(const struct cloud_db_map *m, const struct cloud_db_range *range, cloud_db_row_fn *fn,
                       void *ctx);

#endif
