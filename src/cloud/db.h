/*
 * The durable core of the local cloud: a few ordered maps (db_tables.def), bytes
 * to bytes, changed in transactions.
 *
 *   loop thread:  begin, put, erase ..., then, commit      (never blocks)
 *                            |  mailbox
 *   writer thread:           v
 *                 one SQLite transaction for all commits that wait (WAL, FULL)
 *                            |  mailbox
 *   loop thread:             v
 *                 then-callbacks, in the order of the commits
 *
 * Promise: a then-callback with err NULL means that the whole transaction is on
 * disk (in memory mode: in the maps). Transactions become durable in the order of
 * cloud_db_commit(); callbacks come in that order, never inside a call of this
 * header. When the disk fails, the transaction is as if it had never been, the
 * callbacks get an err (class DISK: answer UNAVAILABLE), and the next one is tried
 * afresh.
 *
 * Decide on the loop thread, before begin: look with cloud_db_get_latest(), which
 * sees what was committed a moment ago and is not on disk yet. An answer that
 * rests on such a thing ("already exists") must not be given before it is durable:
 * commit an empty transaction and answer from its then-callback (a barrier), after
 * looking again with cloud_db_get().
 *
 * Keys sort bytewise. Everything here belongs to the loop thread.
 */
#ifndef CLOUD_DB_H
#define CLOUD_DB_H

#include "base/buf.h"
#include "loop/loop.h"

enum cloud_db_table {
#define DB_TABLE(name, sql, layout, key, value) CLOUD_DB_##name,
#include "cloud/db_tables.def"
#undef DB_TABLE
    CLOUD_DB_TABLES
};

/* 2: topics have numbers, and a message's place in its backlog is its time (db_upgrade.h). */
enum { CLOUD_DB_SCHEMA = 2 };

struct cloud_db;

/* data_dir NULL: memory only. Else the directory is made if it is missing, locked
 * against other processes, brought to this schema if an older program wrote it, and refused if a newer one
 * did (class CONFIG). */
struct cloud_db *cloud_db_open(struct loop *l, const char *data_dir, struct err *err);
/* Runs passes of the loop until everything committed, callbacks included, is done. */
void cloud_db_settle(struct cloud_db *db);
void cloud_db_close(struct cloud_db *db);    /* after cloud_db_settle(): CHECKed. NULL: no effect */
/* Told, by one sentence for people, when writing begins to fail and when it succeeds again. */
void cloud_db_tell(struct cloud_db *db, void (*fn)(void *ctx, const char *sentence), void *ctx);
bool cloud_db_is_failing(const struct cloud_db *db);    /* the last transaction could not be written */
bool cloud_db_is_durable(const struct cloud_db *db);    /* false: memory mode */

/* --- one transaction --- */

struct cloud_db_write;

typedef void cloud_db_then_fn(void *ctx, const struct err *err);    /* err NULL: durable */

/* be64(n) sorts as n does: for keys. */
static inline void cloud_db_key_u64(struct buf *key, uint64_t n)
{
    char octets[8];
    for (int i = 0; i < 8; i++)
        octets[i] = (char) (n >> (56 - 8 * i));
    buf_append(key, bytes_of(octets, sizeof(octets)));
}

static inline uint64_t cloud_db_read_u64(struct bytes b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8 && i < b.len; i++)
        n = n << 8 | (uint8_t) b.ptr[i];
    return n;
}

struct cloud_db_write *cloud_db_begin(struct cloud_db *db);
void cloud_db_put(struct cloud_db_write *w, enum cloud_db_table t, struct bytes key, struct bytes value);    /* copies */
void cloud_db_erase(struct cloud_db_write *w, enum cloud_db_table t, struct bytes key);    /* absent: no effect */
void cloud_db_erase_prefix(struct cloud_db_write *w, enum cloud_db_table t, struct bytes prefix);
/* Keys from low on and below high (empty: no bound). */
void cloud_db_erase_range(struct cloud_db_write *w, enum cloud_db_table t, struct bytes low, struct bytes high);

/*
 * Rows of one table are put into another, beginning with to_prefix instead of
 * from_prefix; what stands there under the same key is replaced. Like a range, it
 * happens in the order of the commits, however many rows there are, and away from
 * the loop thread.
 */
struct cloud_db_copy {
    enum cloud_db_table from, to;                      /* not the same */
    struct bytes from_prefix, to_prefix;
    struct bytes after, below;                         /* keys of `from`, as in struct cloud_db_range */
    bool (*keep)(struct bytes arg, struct bytes value);    /* NULL: all. Pure: it runs on the writer's thread */
    struct bytes arg;
};

void cloud_db_copy(struct cloud_db_write *w, const struct cloud_db_copy *copy);    /* copies what it points to */

/* Any number of callbacks, called in order of adding. */
void cloud_db_then(struct cloud_db_write *w, cloud_db_then_fn *fn, void *ctx);
/* Gives the transaction away. With too much waiting for the disk (limits.h) it fails by its callbacks. */
void cloud_db_commit(struct cloud_db_write *w);
void cloud_db_abandon(struct cloud_db_write *w);    /* instead of commit: no callback comes */

/* --- reading --- */

enum cloud_db_found { CLOUD_DB_ABSENT, CLOUD_DB_FOUND, CLOUD_DB_FAILED /* the disk: answer UNAVAILABLE */ };

/* What is durable. *ret_value is borrowed until the next call of this header, and so no key for one. */
enum cloud_db_found cloud_db_get(struct cloud_db *db, enum cloud_db_table t, struct bytes key,
                                 struct bytes *ret_value);
/* The same with committed transactions that are not durable yet laid over it; but for ranges and copies, so not
 * for tables that know them. */
enum cloud_db_found cloud_db_get_latest(struct cloud_db *db, enum cloud_db_table t, struct bytes key,
                                        struct bytes *ret_value);

struct cloud_db_range {
    enum cloud_db_table table;
    struct bytes prefix;    /* only keys that begin so; empty: all */
    struct bytes after;     /* a key within: only those beyond it (before it, when descending); empty: all */
    struct bytes below;     /* a key: only those before it; empty: no bound. Not with descending */
    bool descending;
    bool keys_only;         /* values arrive empty: large ones are not read from disk */
    size_t max;             /* 0: no bound; give one, and go on later from the last key */
};

/* Return false to stop. Must not call this header. */
typedef bool cloud_db_row_fn(void *ctx, struct bytes key, struct bytes value);

/* Durable rows in order. False: the disk failed, err says how. */
bool cloud_db_scan(struct cloud_db *db, const struct cloud_db_range *range, cloud_db_row_fn *fn, void *ctx,
                   struct err *err);

#endif
