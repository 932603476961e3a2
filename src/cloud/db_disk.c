#include "cloud/db_disk.h"

#include "base/mem.h"
#include "cloud/db_upgrade.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

/* "hl7r": says whose file it is, to us and to file(1). */
enum { APPLICATION_ID = 0x686c3772 };

enum statement {
    PUT, ERASE, ERASE_RANGE, GET, SCAN_UP, SCAN_DOWN, KEYS_UP, KEYS_DOWN, STATEMENTS
};

struct cloud_db_disk {
    sqlite3 *sqlite;
    sqlite3_stmt *statement[CLOUD_DB_TABLES][STATEMENTS];    /* prepared when first used */
    sqlite3_stmt *begin, *commit, *rollback;
};

static const struct {
    const char *name;
    const char *layout;
} tables[CLOUD_DB_TABLES] = {
#define CLUSTERED " WITHOUT ROWID"
#define HEAP ""
#define DB_TABLE(name, sql, layout, key, value) { sql, layout },
#include "cloud/db_tables.def"
#undef DB_TABLE
#undef HEAP
#undef CLUSTERED
};

/* %s: the table. Ranges are lower bound, upper bound (NULL: none), most rows (-1: all). */
static const char *const sql_texts[STATEMENTS] = {
    [PUT] = "INSERT INTO %s(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
    [ERASE] = "DELETE FROM %s WHERE k = ?1",
    [ERASE_RANGE] = "DELETE FROM %s WHERE k >= ?1 AND (?2 IS NULL OR k < ?2)",
    [GET] = "SELECT v FROM %s WHERE k = ?1",
    [SCAN_UP] = "SELECT k, v FROM %s WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3",
    [SCAN_DOWN] = "SELECT k, v FROM %s WHERE k >= ?1 AND k < ?2 ORDER BY k DESC LIMIT ?3",
    [KEYS_UP] = "SELECT k FROM %s WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3",
    [KEYS_DOWN] = "SELECT k FROM %s WHERE k >= ?1 AND k < ?2 ORDER BY k DESC LIMIT ?3",
};

static bool disk_failed(struct cloud_db_disk *d, const char *what, struct err *err)
{
    return FAIL(err, DISK, "the local cloud's database could not %s: %s", what, sqlite3_errmsg(d->sqlite));
}

static bool run_sql(struct cloud_db_disk *d, const char *sql, struct err *err)
{
    if (sqlite3_exec(d->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        return disk_failed(d, "be prepared", err);
    return true;
}

static bool read_pragma(struct cloud_db_disk *d, const char *sql, int64_t *ret_value, struct err *err)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(d->sqlite, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    int64_t value = ok ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    if (!ok)
        return disk_failed(d, "be read", err);
    *ret_value = value;
    return true;
}

static bool make_tables(struct cloud_db_disk *d, int64_t version, struct err *err)
{
    TRY(run_sql(d, "BEGIN IMMEDIATE", err));
    for (size_t t = 0; t < CLOUD_DB_TABLES; t++) {
        char sql[200];
        snprintf(sql, sizeof(sql), "CREATE TABLE IF NOT EXISTS %s(k BLOB PRIMARY KEY NOT NULL, v BLOB NOT NULL)%s",
                 tables[t].name, tables[t].layout);
        TRY(run_sql(d, sql, err));
    }
    if (version > 0 && version < CLOUD_DB_SCHEMA)
        TRY(cloud_db_upgrade(d->sqlite, version, err));
    char sql[100];
    snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", APPLICATION_ID,
             CLOUD_DB_SCHEMA);
    return run_sql(d, sql, err);
}

static bool set_up(struct cloud_db_disk *d, const char *data_dir, bool writer, struct err *err)
{
    if (!writer)
        return run_sql(d, "PRAGMA query_only=ON; PRAGMA cache_size=-16384", err);
    TRY(run_sql(d, "PRAGMA page_size=16384", err));
    int64_t application = 0, version = 0, pages = 0;
    TRY(read_pragma(d, "PRAGMA application_id", &application, err));
    TRY(read_pragma(d, "PRAGMA user_version", &version, err));
    TRY(read_pragma(d, "PRAGMA page_count", &pages, err));
    if (pages > 0 && application != APPLICATION_ID)
        return FAIL(err, CONFIG, "%s/cloud.db is a database, but not one of the local cloud: "
                    "give another --data-dir", data_dir);
    if (version > CLOUD_DB_SCHEMA)
        return FAIL(err, CONFIG, "%s/cloud.db has schema %d, written by a newer hl7relay; this one knows schemas up "
                    "to %d: use the newer program or another --data-dir", data_dir, (int) version, CLOUD_DB_SCHEMA);
    TRY(run_sql(d, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384", err));
    return make_tables(d, version, err);
}

struct cloud_db_disk *cloud_db_disk_open(const char *data_dir, bool writer, struct err *err)
{
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST) {
        FAIL(err, CONFIG, "the directory %s could not be made (%s): give another --data-dir", data_dir,
             strerror(errno));
        return NULL;
    }
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/cloud.db", data_dir);
    struct cloud_db_disk *d = mem_alloc(sizeof(*d));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(buf_str(&path), &d->sqlite, flags, NULL) != SQLITE_OK) {
        FAIL(err, CONFIG, "%s could not be opened (%s): check the directory's owner and mode", buf_str(&path),
             sqlite3_errmsg(d->sqlite));
        cloud_db_disk_close(d);
        return NULL;
    }
    sqlite3_busy_timeout(d->sqlite, 5000);
    if (!set_up(d, data_dir, writer, err)) {
        cloud_db_disk_close(d);
        return NULL;
    }
    return d;
}

void cloud_db_disk_close(struct cloud_db_disk *d)
{
    if (d == NULL)
        return;
    for (size_t t = 0; t < CLOUD_DB_TABLES; t++)
        for (size_t s = 0; s < STATEMENTS; s++)
            sqlite3_finalize(d->statement[t][s]);
    sqlite3_finalize(d->begin);
    sqlite3_finalize(d->commit);
    sqlite3_finalize(d->rollback);
    sqlite3_close(d->sqlite);
    mem_free(d);
}

static sqlite3_stmt *prepare(struct cloud_db_disk *d, sqlite3_stmt **place, const char *sql)
{
    if (*place == NULL
        && sqlite3_prepare_v3(d->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, place, NULL) != SQLITE_OK)
        return NULL;
    return *place;
}

static sqlite3_stmt *statement(struct cloud_db_disk *d, enum cloud_db_table t, enum statement which)
{
    if (d->statement[t][which] != NULL)
        return d->statement[t][which];
    CLEANUP(buf_fini) struct buf sql = { 0 };
    struct bytes text = bytes_str(sql_texts[which]);
    size_t hole = bytes_find(text, 0, '%');
    buf_append(&sql, bytes_sub(text, 0, hole));
    buf_append_str(&sql, tables[t].name);
    buf_append(&sql, bytes_sub(text, hole + 2, SIZE_MAX));
    return prepare(d, &d->statement[t][which], buf_str(&sql));
}

static bool bind(sqlite3_stmt *s, int place, struct bytes b)
{
    return sqlite3_bind_blob64(s, place, b.ptr != NULL ? b.ptr : "", b.len, SQLITE_STATIC) == SQLITE_OK;
}

/* Runs a prepared statement that returns no rows. */
static bool run(struct cloud_db_disk *d, sqlite3_stmt *s, struct err *err)
{
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    if (!ok)
        disk_failed(d, "be written", err);
    sqlite3_reset(s);
    return ok;
}

bool cloud_db_disk_begin(struct cloud_db_disk *d, struct err *err)
{
    sqlite3_stmt *s = prepare(d, &d->begin, "BEGIN IMMEDIATE");
    return s != NULL ? run(d, s, err) : disk_failed(d, "begin a transaction", err);
}

bool cloud_db_disk_commit(struct cloud_db_disk *d, struct err *err)
{
    sqlite3_stmt *s = prepare(d, &d->commit, "COMMIT");
    return s != NULL ? run(d, s, err) : disk_failed(d, "commit", err);
}

void cloud_db_disk_rollback(struct cloud_db_disk *d)
{
    /* SQLite has rolled back by itself after some errors. */
    sqlite3_stmt *s = prepare(d, &d->rollback, "ROLLBACK");
    if (s != NULL && !sqlite3_get_autocommit(d->sqlite))
        (void) run(d, s, NULL);
}

bool cloud_db_disk_put(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes key, struct bytes value,
                       struct err *err)
{
    sqlite3_stmt *s = statement(d, t, PUT);
    if (s == NULL || !bind(s, 1, key) || !bind(s, 2, value))
        return disk_failed(d, "prepare a write", err);
    return run(d, s, err);
}

bool cloud_db_disk_erase(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes key, struct err *err)
{
    sqlite3_stmt *s = statement(d, t, ERASE);
    if (s == NULL || !bind(s, 1, key))
        return disk_failed(d, "prepare a write", err);
    return run(d, s, err);
}

/* The least key beyond all that begin with prefix. False: there is none (prefix empty or all 0xff). */
static bool prefix_end(struct bytes prefix, struct buf *out)
{
    buf_append(out, prefix);
    while (out->len > 0 && (uint8_t) out->ptr[out->len - 1] == 0xff)
        out->len--;
    if (out->len == 0)
        return false;
    out->ptr[out->len - 1]++;
    return true;
}

bool cloud_db_disk_erase_range(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes low, struct bytes high,
                               struct err *err)
{
    sqlite3_stmt *s = statement(d, t, ERASE_RANGE);
    if (s == NULL || !bind(s, 1, low))
        return disk_failed(d, "prepare a write", err);
    if (!(high.len > 0 ? bind(s, 2, high) : sqlite3_bind_null(s, 2) == SQLITE_OK))
        return disk_failed(d, "prepare a write", err);
    return run(d, s, err);
}

bool cloud_db_disk_erase_prefix(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes prefix,
                                struct err *err)
{
    CLEANUP(buf_fini) struct buf end = { 0 };
    (void) prefix_end(prefix, &end);
    return cloud_db_disk_erase_range(d, t, prefix, buf_bytes(&end), err);
}

struct copying {
    struct cloud_db_disk *disk;
    const struct cloud_db_copy *copy;
    struct err *err;
    bool ok;
};

static bool copy_row(void *ctx, struct bytes key, struct bytes value)
{
    struct copying *c = ctx;
    CLEANUP(buf_fini) struct buf to = { 0 };
    if (c->copy->keep != NULL && !c->copy->keep(c->copy->arg, value))
        return true;
    buf_append(&to, c->copy->to_prefix);
    buf_append(&to, bytes_sub(key, c->copy->from_prefix.len, SIZE_MAX));
    c->ok = cloud_db_disk_put(c->disk, c->copy->to, buf_bytes(&to), value, c->err);
    return c->ok;
}

bool cloud_db_disk_copy(struct cloud_db_disk *d, const struct cloud_db_copy *copy, struct err *err)
{
    struct copying c = { .disk = d, .copy = copy, .err = err, .ok = true };
    struct cloud_db_range range = { .table = copy->from, .prefix = copy->from_prefix, .after = copy->after,
                                    .below = copy->below };
    return cloud_db_disk_scan(d, &range, copy_row, &c, err) && c.ok;
}

enum cloud_db_found cloud_db_disk_get(struct cloud_db_disk *d, enum cloud_db_table t, struct bytes key,
                                      struct buf *value, struct err *err)
{
    sqlite3_stmt *s = statement(d, t, GET);
    if (s == NULL || !bind(s, 1, key)) {
        disk_failed(d, "be read", err);
        return CLOUD_DB_FAILED;
    }
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        buf_append(value, bytes_of(sqlite3_column_blob(s, 0), (size_t) sqlite3_column_bytes(s, 0)));
    else if (step != SQLITE_DONE)
        disk_failed(d, "be read", err);
    /* At once: an open read transaction would keep the WAL from being reused. */
    sqlite3_reset(s);
    return step == SQLITE_ROW ? CLOUD_DB_FOUND : step == SQLITE_DONE ? CLOUD_DB_ABSENT : CLOUD_DB_FAILED;
}

/* Beyond every key: no table's keys begin with sixteen 0xff. */
static const char key_end[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

bool cloud_db_disk_scan(struct cloud_db_disk *d, const struct cloud_db_range *range, cloud_db_row_fn *fn,
                        void *ctx, struct err *err)
{
    CLEANUP(buf_fini) struct buf end = { 0 };
    struct bytes low = range->prefix, high = BYTES_LIT(key_end);
    if (prefix_end(range->prefix, &end))
        high = buf_bytes(&end);
    if (range->below.len > 0 && !range->descending)
        high = range->below;
    CLEANUP(buf_fini) struct buf beyond = { 0 };
    if (range->after.len > 0 && range->descending) {
        high = range->after;
    } else if (range->after.len > 0) {
        buf_append(&beyond, range->after);
        buf_append_char(&beyond, '\0');    /* the least key greater than `after` */
        low = buf_bytes(&beyond);
    }
    enum statement which = range->descending ? (range->keys_only ? KEYS_DOWN : SCAN_DOWN)
                                             : (range->keys_only ? KEYS_UP : SCAN_UP);
    sqlite3_stmt *s = statement(d, range->table, which);
    if (s == NULL || !bind(s, 1, low) || !bind(s, 2, high)
        || sqlite3_bind_int64(s, 3, range->max > 0 ? (int64_t) range->max : -1) != SQLITE_OK)
        return disk_failed(d, "be read", err);
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        struct bytes key = bytes_of(sqlite3_column_blob(s, 0), (size_t) sqlite3_column_bytes(s, 0));
        struct bytes value = BYTES_LIT("");
        if (!range->keys_only)
            value = bytes_of(sqlite3_column_blob(s, 1), (size_t) sqlite3_column_bytes(s, 1));
        if (!fn(ctx, key, value)) {
            step = SQLITE_DONE;
            break;
        }
    }
    if (step != SQLITE_DONE)
        disk_failed(d, "be read", err);
    sqlite3_reset(s);
    return step == SQLITE_DONE;
}
