#include "cloud/db.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cloud/db_disk.h"
#include "cloud/db_map.h"
#include "loop/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define uthash_malloc(len) mem_alloc(len)
#define uthash_free(ptr, len) mem_free(ptr)
#include <uthash.h>

enum op_kind { OP_PUT, OP_ERASE, OP_ERASE_PREFIX, OP_ERASE_RANGE, OP_COPY };

/* One change. `place` is the table's number (one octet) and the key; the value follows it: of a range, its upper
 * bound; of a copy, all that struct cloud_db_copy points to. */
struct op {
    struct op *next;
    UT_hash_handle hh;            /* in db->overlay while `listed` */
    struct list_link range;       /* erase-prefix: in db->ranges until durable */
    uint64_t order;
    enum op_kind kind;
    bool listed;
    uint32_t place_len;
    size_t value_len;
    struct cloud_db_copy *copy;   /* OP_COPY: its own; what it points to is the value */
    char place[];
};

struct then {
    cloud_db_then_fn *fn;
    void *ctx;
};

struct cloud_db_write {
    struct cloud_db *db;
    struct cloud_db_write *next;    /* in the writer's batch, then in the chain of done ones */
    struct list_link link;          /* loop thread: db->done */
    struct op *first, **end;
    size_t bytes;
    struct then *thens;
    size_t thens_count;
    bool failed, stop;
    struct err err;
};

struct writer {                     /* the writer thread's own */
    struct cloud_db *db;
    struct loop *loop;
    struct mailbox *inbox;          /* posted to by the loop thread */
    struct loop_hook hook;
    struct cloud_db_disk *disk;
    struct cloud_db_write *first, **end;
    size_t count;
    pthread_t thread;
};

struct cloud_db {
    struct loop *loop;
    struct cloud_db_map *maps[CLOUD_DB_TABLES];    /* memory mode */

    struct op *overlay;             /* newest change of each key that is not durable yet */
    struct list ranges;
    uint64_t next_order;
    size_t waiting_count, waiting_bytes;

    struct list done;               /* callbacks to be made */
    struct loop_task task;

    void (*tell)(void *ctx, const char *sentence);
    void *tell_ctx;
    bool failing;

    int lock_fd;                    /* -1: memory mode */
    struct cloud_db_disk *reader;
    struct buf scratch;
    struct mailbox *outbox;         /* from the writer thread */
    struct writer writer;
};

static struct bytes op_key(const struct op *op)
{
    return bytes_of(op->place + 1, op->place_len - 1);
}

static struct bytes op_value(const struct op *op)
{
    return bytes_of(op->place + op->place_len, op->value_len);
}

static enum cloud_db_table op_table(const struct op *op)
{
    return (enum cloud_db_table) op->place[0];
}

/* --- the writer thread --- */

static bool write_ops(struct cloud_db_disk *d, const struct cloud_db_write *w, struct err *err)
{
    for (const struct op *op = w->first; op != NULL; op = op->next) {
        switch (op->kind) {
        case OP_PUT:
            TRY(cloud_db_disk_put(d, op_table(op), op_key(op), op_value(op), err));
            break;
        case OP_ERASE:
            TRY(cloud_db_disk_erase(d, op_table(op), op_key(op), err));
            break;
        case OP_ERASE_PREFIX:
            TRY(cloud_db_disk_erase_prefix(d, op_table(op), op_key(op), err));
            break;
        case OP_ERASE_RANGE:
            TRY(cloud_db_disk_erase_range(d, op_table(op), op_key(op), op_value(op), err));
            break;
        case OP_COPY:
            TRY(cloud_db_disk_copy(d, op->copy, err));
            break;
        }
    }
    return true;
}

static bool write_batch(struct cloud_db_disk *d, const struct cloud_db_write *first, struct err *err)
{
    bool empty = true;
    for (const struct cloud_db_write *w = first; w != NULL; w = w->next)
        empty = empty && w->first == NULL;
    if (empty)
        return true;    /* barriers alone: what came before is durable already */
    TRY(cloud_db_disk_begin(d, err));
    for (const struct cloud_db_write *w = first; w != NULL; w = w->next)
        TRY(write_ops(d, w, err));
    return cloud_db_disk_commit(d, err);
}

/* End of the writer's pass: all that arrived is one transaction, LIMIT_CLOUD_COMMIT at a time. */
static void writer_commit(struct loop_hook *hook)
{
    struct writer *wr = CONTAINER_OF(hook, struct writer, hook);
    while (wr->first != NULL) {
        struct cloud_db_write *chain = wr->first, *last = chain;
        bool stop = chain->stop;
        for (int n = 1; n < LIMIT_CLOUD_COMMIT && last->next != NULL; n++) {
            last = last->next;
            stop = stop || last->stop;
        }
        wr->first = TAKE(last->next);
        if (wr->first == NULL)
            wr->end = &wr->first;
        struct err err = { 0 };
        if (!write_batch(wr->disk, chain, &err)) {
            cloud_db_disk_rollback(wr->disk);
            for (struct cloud_db_write *w = chain; w != NULL; w = w->next) {
                w->failed = true;
                w->err = err;
            }
        }
        CHECK(mailbox_post(wr->db->outbox, chain));
        if (stop)
            loop_stop(wr->loop);
    }
}

static void writer_received(void *ctx, void *mail)
{
    struct writer *wr = ctx;
    struct cloud_db_write *w = mail;
    w->next = NULL;
    *wr->end = w;
    wr->end = &w->next;
}

static void *writer_run(void *ctx)
{
    struct writer *wr = ctx;
    loop_run(wr->loop);
    return NULL;
}

/* --- the loop thread --- */

static void write_free(struct cloud_db_write *w)
{
    for (struct op *op = w->first, *after; op != NULL; op = after) {
        after = op->next;
        mem_free(op->copy);
        mem_free(op);
    }
    mem_free(w->thens);
    mem_free(w);
}

static void forget_overlay(struct cloud_db *db, struct cloud_db_write *w)
{
    for (struct op *op = w->first; op != NULL; op = op->next) {
        if (op->listed)
            HASH_DEL(db->overlay, op);
        op->listed = false;
        if (list_is_linked(&op->range))
            list_remove(&db->ranges, &op->range);
    }
}

static void call_thens(struct loop_task *task)
{
    struct cloud_db *db = CONTAINER_OF(task, struct cloud_db, task);
    /* Only those of now: callbacks may commit more. */
    for (size_t left = db->done.count; left > 0; left--) {
        struct cloud_db_write *w = CONTAINER_OF(list_pop_front(&db->done), struct cloud_db_write, link);
        for (size_t i = 0; i < w->thens_count; i++)
            w->thens[i].fn(w->thens[i].ctx, w->failed ? &w->err : NULL);
        write_free(w);
    }
    if (!list_is_empty(&db->done))
        loop_task_post(db->loop, &db->task);
}

static void tell_change(struct cloud_db *db, const struct cloud_db_write *w)
{
    if (w->failed == db->failing || (!w->failed && w->first == NULL))    /* a barrier proves nothing */
        return;
    db->failing = w->failed;
    if (db->tell == NULL)
        return;
    CLEANUP(buf_fini) struct buf sentence = { 0 };
    if (db->failing)
        buf_printf(&sentence, "%s; every write is answered UNAVAILABLE until that is mended", w->err.text);
    else
        buf_append_str(&sentence, "the local cloud's database is written again");
    db->tell(db->tell_ctx, buf_str(&sentence));
}

static void done_received(void *ctx, void *mail)
{
    struct cloud_db *db = ctx;
    tell_change(db, mail);    /* a chain is one transaction: its first speaks for all */
    for (struct cloud_db_write *w = mail, *after; w != NULL; w = after) {
        after = w->next;
        forget_overlay(db, w);
        db->waiting_count--;
        db->waiting_bytes -= w->bytes;
        list_push_back(&db->done, &w->link);
    }
    loop_task_post(db->loop, &db->task);
}

static bool start_writer(struct cloud_db *db, const char *data_dir, struct err *err)
{
    struct writer *wr = &db->writer;
    *wr = (struct writer) { .db = db, .hook.fn = writer_commit };
    wr->end = &wr->first;
    wr->disk = cloud_db_disk_open(data_dir, true, err);
    if (wr->disk == NULL)
        return false;
    db->reader = cloud_db_disk_open(data_dir, false, err);
    if (db->reader == NULL)
        return false;
    wr->loop = loop_make(err);
    if (wr->loop == NULL)
        return false;
    db->outbox = mailbox_make(db->loop, LIMIT_CLOUD_WRITES + 1, done_received, db);
    wr->inbox = mailbox_make(wr->loop, LIMIT_CLOUD_WRITES + 1, writer_received, wr);
    loop_hook_add(wr->loop, &wr->hook);
    /* Signals are the loop thread's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&wr->thread, NULL, writer_run, wr) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return true;
}

static bool lock_dir(struct cloud_db *db, const char *data_dir, struct err *err)
{
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return FAIL(err, CONFIG, "the directory %s could not be made (%s): give another --data-dir", data_dir,
                    strerror(errno));
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/lock", data_dir);
    db->lock_fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0)
        return FAIL(err, CONFIG, "%s could not be opened (%s): check the directory's owner and mode", buf_str(&path),
                    strerror(errno));
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return FAIL(err, CONFIG, "%s is in use by another process: stop it or give another --data-dir", data_dir);
    return true;
}

struct cloud_db *cloud_db_open(struct loop *l, const char *data_dir, struct err *err)
{
    struct cloud_db *db = mem_alloc(sizeof(*db));
    db->loop = l;
    db->lock_fd = -1;
    db->task.fn = call_thens;
    list_init(&db->done);
    list_init(&db->ranges);
    if (data_dir == NULL) {
        for (size_t t = 0; t < CLOUD_DB_TABLES; t++)
            db->maps[t] = cloud_db_map_make();
        return db;
    }
    if (!lock_dir(db, data_dir, err) || !start_writer(db, data_dir, err)) {
        cloud_db_close(db);
        return NULL;
    }
    return db;
}

bool cloud_db_is_failing(const struct cloud_db *db)
{
    return db->failing;
}

bool cloud_db_is_durable(const struct cloud_db *db)
{
    return db->reader != NULL;
}

void cloud_db_tell(struct cloud_db *db, void (*fn)(void *ctx, const char *sentence), void *ctx)
{
    db->tell = fn;
    db->tell_ctx = ctx;
}

void cloud_db_settle(struct cloud_db *db)
{
    while (db->waiting_count > 0 || !list_is_empty(&db->done))
        loop_pass(db->loop, US_PER_S);
}

static void stop_writer(struct writer *wr)
{
    if (wr->inbox != NULL) {
        struct cloud_db_write *w = cloud_db_begin(wr->db);
        w->stop = true;
        cloud_db_commit(w);
        cloud_db_settle(wr->db);
        pthread_join(wr->thread, NULL);
        loop_hook_remove(wr->loop, &wr->hook);
        mailbox_free(wr->inbox);
        mailbox_free(wr->db->outbox);
    }
    loop_free(wr->loop);
    cloud_db_disk_close(wr->disk);
}

void cloud_db_close(struct cloud_db *db)
{
    if (db == NULL)
        return;
    CHECK(db->waiting_count == 0 && list_is_empty(&db->done));
    if (db->lock_fd >= 0) {
        stop_writer(&db->writer);
        cloud_db_disk_close(db->reader);
        close(db->lock_fd);
    }
    loop_task_cancel(db->loop, &db->task);
    for (size_t t = 0; t < CLOUD_DB_TABLES; t++)
        cloud_db_map_free(db->maps[t]);
    buf_fini(&db->scratch);
    mem_free(db);
}

/* --- one transaction --- */

struct cloud_db_write *cloud_db_begin(struct cloud_db *db)
{
    struct cloud_db_write *w = mem_alloc(sizeof(*w));
    w->db = db;
    w->end = &w->first;
    return w;
}

static struct op *add_op(struct cloud_db_write *w, enum op_kind kind, enum cloud_db_table t, struct bytes key,
                   struct bytes value)
{
    size_t place_len = 1 + key.len;
    struct op *op = mem_alloc(sizeof(*op) + place_len + value.len);
    op->kind = kind;
    op->place_len = (uint32_t) place_len;
    op->value_len = value.len;
    op->place[0] = (char) t;
    if (key.len > 0)
        memcpy(op->place + 1, key.ptr, key.len);
    if (value.len > 0)
        memcpy(op->place + place_len, value.ptr, value.len);
    *w->end = op;
    w->end = &op->next;
    w->bytes += sizeof(*op) + place_len + value.len;
    return op;
}

void cloud_db_put(struct cloud_db_write *w, enum cloud_db_table t, struct bytes key, struct bytes value)
{
    add_op(w, OP_PUT, t, key, value);
}

void cloud_db_erase(struct cloud_db_write *w, enum cloud_db_table t, struct bytes key)
{
    add_op(w, OP_ERASE, t, key, BYTES_LIT(""));
}

void cloud_db_erase_prefix(struct cloud_db_write *w, enum cloud_db_table t, struct bytes prefix)
{
    add_op(w, OP_ERASE_PREFIX, t, prefix, BYTES_LIT(""));
}

void cloud_db_erase_range(struct cloud_db_write *w, enum cloud_db_table t, struct bytes low, struct bytes high)
{
    add_op(w, OP_ERASE_RANGE, t, low, high);
}

/* The slice at *at that is as long as part; *at moves on. */
static struct bytes kept(const char **at, struct bytes part)
{
    struct bytes b = bytes_of(*at, part.len);
    *at += part.len;
    return b;
}

void cloud_db_copy(struct cloud_db_write *w, const struct cloud_db_copy *copy)
{
    CHECK(copy->from != copy->to);
    CLEANUP(buf_fini) struct buf all = { 0 };
    buf_append(&all, copy->from_prefix);
    buf_append(&all, copy->to_prefix);
    buf_append(&all, copy->after);
    buf_append(&all, copy->below);
    buf_append(&all, copy->arg);
    struct op *op = add_op(w, OP_COPY, copy->to, BYTES_LIT(""), buf_bytes(&all));
    const char *at = op_value(op).ptr;
    op->copy = mem_alloc(sizeof(*op->copy));
    *op->copy = *copy;
    op->copy->from_prefix = kept(&at, copy->from_prefix);
    op->copy->to_prefix = kept(&at, copy->to_prefix);
    op->copy->after = kept(&at, copy->after);
    op->copy->below = kept(&at, copy->below);
    op->copy->arg = kept(&at, copy->arg);
}

void cloud_db_then(struct cloud_db_write *w, cloud_db_then_fn *fn, void *ctx)
{
    w->thens = mem_grow(w->thens, (w->thens_count + 1) * sizeof(w->thens[0]));
    w->thens[w->thens_count++] = (struct then) { fn, ctx };
}

struct map_copying {
    struct cloud_db_map *to;
    const struct cloud_db_copy *copy;
};

static bool copy_row(void *ctx, struct bytes key, struct bytes value)
{
    struct map_copying *c = ctx;
    CLEANUP(buf_fini) struct buf to = { 0 };
    if (c->copy->keep != NULL && !c->copy->keep(c->copy->arg, value))
        return true;
    buf_append(&to, c->copy->to_prefix);
    buf_append(&to, bytes_sub(key, c->copy->from_prefix.len, SIZE_MAX));
    cloud_db_map_put(c->to, buf_bytes(&to), value);
    return true;
}

static void copy_in_maps(struct cloud_db *db, const struct cloud_db_copy *copy)
{
    struct map_copying c = { db->maps[copy->to], copy };
    struct cloud_db_range range = { .table = copy->from, .prefix = copy->from_prefix, .after = copy->after,
                                    .below = copy->below };
    cloud_db_map_scan(db->maps[copy->from], &range, copy_row, &c);
}

static void apply_to_maps(struct cloud_db *db, const struct cloud_db_write *w)
{
    for (const struct op *op = w->first; op != NULL; op = op->next) {
        struct cloud_db_map *m = db->maps[op_table(op)];
        switch (op->kind) {
        case OP_PUT:
            cloud_db_map_put(m, op_key(op), op_value(op));
            break;
        case OP_ERASE:
            cloud_db_map_erase(m, op_key(op));
            break;
        case OP_ERASE_PREFIX:
            cloud_db_map_erase_prefix(m, op_key(op));
            break;
        case OP_ERASE_RANGE:
            cloud_db_map_erase_range(m, op_key(op), op_value(op));
            break;
        case OP_COPY:
            copy_in_maps(db, op->copy);
            break;
        }
    }
}

static void lay_over(struct cloud_db *db, struct cloud_db_write *w)
{
    for (struct op *op = w->first; op != NULL; op = op->next) {
        op->order = db->next_order++;
        if (op->kind == OP_ERASE_RANGE || op->kind == OP_COPY)
            continue;    /* cloud_db_get_latest() does not look for them */
        if (op->kind == OP_ERASE_PREFIX) {
            list_push_back(&db->ranges, &op->range);
            continue;
        }
        struct op *older = NULL;
        HASH_FIND(hh, db->overlay, op->place, op->place_len, older);
        if (older != NULL) {
            HASH_DEL(db->overlay, older);
            older->listed = false;
        }
        HASH_ADD_KEYPTR(hh, db->overlay, op->place, op->place_len, op);
        op->listed = true;
    }
}

void cloud_db_commit(struct cloud_db_write *w)
{
    struct cloud_db *db = w->db;
    if (!cloud_db_is_durable(db)) {
        apply_to_maps(db, w);
    } else if (db->waiting_count < LIMIT_CLOUD_WRITES && db->waiting_bytes < LIMIT_CLOUD_WRITE_BYTES) {
        lay_over(db, w);
        db->waiting_count++;
        db->waiting_bytes += w->bytes;
        CHECK(mailbox_post(db->writer.inbox, w));
        return;
    } else {
        w->failed = true;
        FAIL(&w->err, THROTTLED, "the local cloud's disk is slower than its callers: too many writes wait for it");
    }
    list_push_back(&db->done, &w->link);
    loop_task_post(db->loop, &db->task);
}

void cloud_db_abandon(struct cloud_db_write *w)
{
    if (w != NULL)
        write_free(w);
}

/* --- reading --- */

enum cloud_db_found cloud_db_get(struct cloud_db *db, enum cloud_db_table t, struct bytes key,
                                 struct bytes *ret_value)
{
    if (!cloud_db_is_durable(db))
        return cloud_db_map_get(db->maps[t], key, ret_value) ? CLOUD_DB_FOUND : CLOUD_DB_ABSENT;
    buf_clear(&db->scratch);
    enum cloud_db_found found = cloud_db_disk_get(db->reader, t, key, &db->scratch, NULL);
    if (found == CLOUD_DB_FOUND)
        *ret_value = buf_bytes(&db->scratch);
    return found;
}

/* The newest change of the key that is not durable yet: NULL if none. */
static const struct op *find_over(struct cloud_db *db, enum cloud_db_table t, struct bytes key)
{
    buf_clear(&db->scratch);
    buf_append_char(&db->scratch, (char) t);
    buf_append(&db->scratch, key);
    struct op *newest = NULL;
    HASH_FIND(hh, db->overlay, db->scratch.ptr, db->scratch.len, newest);
    LIST_EACH(&db->ranges, link, after) {
        struct op *range = CONTAINER_OF(link, struct op, range);
        if (op_table(range) == t && bytes_starts(key, op_key(range))
            && (newest == NULL || newest->order < range->order))
            newest = range;
    }
    return newest;
}

enum cloud_db_found cloud_db_get_latest(struct cloud_db *db, enum cloud_db_table t, struct bytes key,
                                        struct bytes *ret_value)
{
    const struct op *op = cloud_db_is_durable(db) ? find_over(db, t, key) : NULL;
    if (op == NULL)
        return cloud_db_get(db, t, key, ret_value);
    if (op->kind != OP_PUT)
        return CLOUD_DB_ABSENT;
    *ret_value = op_value(op);
    return CLOUD_DB_FOUND;
}

bool cloud_db_scan(struct cloud_db *db, const struct cloud_db_range *range, cloud_db_row_fn *fn, void *ctx,
                   struct err *err)
{
    if (cloud_db_is_durable(db))
        return cloud_db_disk_scan(db->reader, range, fn, ctx, err);
    cloud_db_map_scan(db->maps[range->table], range, fn, ctx);
    return true;
}
