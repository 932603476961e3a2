#include "cloud/db_upgrade.h"

#include "cloud/db.h"
#include "loop/clock.h"

#include <sqlite3.h>
#include <stdio.h>

/* What the functions below count with, for one upgrade. */
struct upgrade {
    uint64_t topics, base_seq;
};

static void answer_key(sqlite3_context *ctx, uint64_t first, struct bytes rest)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    cloud_db_key_u64(&out, first);
    buf_append(&out, rest);
    sqlite3_result_blob64(ctx, out.ptr, out.len, SQLITE_TRANSIENT);
}

static struct bytes argument(sqlite3_value *v)
{
    return bytes_of(sqlite3_value_blob(v), (size_t) sqlite3_value_bytes(v));
}

/* numbered(topic): with the next number before it */
static void numbered(sqlite3_context *ctx, int count UNUSED, sqlite3_value **args)
{
    struct upgrade *u = sqlite3_user_data(ctx);
    answer_key(ctx, ++u->topics, argument(args[0]));
}

/* timed(key): the backlog's key with its seq moved into today */
static void timed(sqlite3_context *ctx, int count UNUSED, sqlite3_value **args)
{
    struct upgrade *u = sqlite3_user_data(ctx);
    struct bytes key = argument(args[0]);
    CLEANUP(buf_fini) struct buf seq = { 0 };
    cloud_db_key_u64(&seq, u->base_seq + cloud_db_read_u64(bytes_sub(key, 8, 8)));
    answer_key(ctx, cloud_db_read_u64(key), buf_bytes(&seq));
}

/* counted(value): be64 of it */
static void counted(sqlite3_context *ctx, int count UNUSED, sqlite3_value **args)
{
    answer_key(ctx, (uint64_t) sqlite3_value_int64(args[0]), BYTES_LIT(""));
}

/* The counter "seq" of the old file: no message of it is beyond. */
static bool read_last_seq(sqlite3 *s, uint64_t *ret_seq)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(s, "SELECT v FROM meta WHERE k = CAST('seq' AS BLOB)", -1, &stmt, NULL) == SQLITE_OK;
    int step = ok ? sqlite3_step(stmt) : SQLITE_ERROR;
    *ret_seq = 0;
    if (step == SQLITE_ROW)
        *ret_seq = cloud_db_read_u64(bytes_of(sqlite3_column_blob(stmt, 0), (size_t) sqlite3_column_bytes(stmt, 0)));
    sqlite3_finalize(stmt);
    return step == SQLITE_ROW || step == SQLITE_DONE;
}

static bool to_schema_2(sqlite3 *s)
{
    uint64_t last_seq;
    if (!read_last_seq(s, &last_seq))
        return false;
    struct upgrade u = { .base_seq = (uint64_t) clock_wall() - last_seq };
    char counters[200];
    snprintf(counters, sizeof(counters), "REPLACE INTO meta(k, v) VALUES(CAST('seq' AS BLOB), counted(%llu))",
             (unsigned long long) (u.base_seq + last_seq));
    bool ok = sqlite3_create_function(s, "numbered", 1, SQLITE_UTF8, &u, numbered, NULL, NULL) == SQLITE_OK
              && sqlite3_create_function(s, "timed", 1, SQLITE_UTF8, &u, timed, NULL, NULL) == SQLITE_OK
              && sqlite3_create_function(s, "counted", 1, SQLITE_UTF8, &u, counted, NULL, NULL) == SQLITE_OK
              && sqlite3_exec(s, "UPDATE topic SET v = numbered(v); UPDATE backlog SET k = timed(k)", NULL, NULL, NULL)
                     == SQLITE_OK
              && sqlite3_exec(s, counters, NULL, NULL, NULL) == SQLITE_OK;
    snprintf(counters, sizeof(counters), "REPLACE INTO meta(k, v) VALUES(CAST('topic' AS BLOB), counted(%llu))",
             (unsigned long long) u.topics);
    ok = ok && sqlite3_exec(s, counters, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_create_function(s, "numbered", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL);
    sqlite3_create_function(s, "timed", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL);
    sqlite3_create_function(s, "counted", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL);
    return ok;
}

bool cloud_db_upgrade(struct sqlite3 *s, int64_t version, struct err *err)
{
    if (version < 2 && !to_schema_2(s))
        return FAIL(err, CONFIG, "the local cloud's database of schema %d could not be upgraded (%s): restore the "
                    "directory or begin a new one", (int) version, sqlite3_errmsg(s));
    return true;
}
