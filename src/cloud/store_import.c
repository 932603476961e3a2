/*
 * hl7V2Stores.import: files of the folder that stands in for Cloud Storage, each line a Message as JSON, into a store.
 * A message that is there is overwritten, its labels too; nothing is announced. A piece at a time:
 *
 *   chore: list the files -> chore: read a piece -> its whole lines -> commit -> chore: read ... -> done
 */
#include "cloud/message_arrival.h"
#include "cloud/operations.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cloud/gcs_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct import {
    struct cloud_operation op;
    struct cloud_chore chore;
    char *store;
    uint64_t number;        /* of the store */
    char *folder, *pattern; /* of the bucket; the object asked for */
    struct buf names;       /* of the files, each ended by NUL */
    size_t name_at;         /* of the file that is read; beyond the end: no more */
    int fd;
    bool at_end;            /* of this file */
    struct buf text;        /* read and not taken yet: at most one line that is not whole */
    bool skipping;          /* within a line that is too long */
    uint64_t line;          /* lines taken of this file */
    unsigned told;
    char why[256]; /* what a chore met; "": nothing */
};

static void drop(struct cloud_job *job)
{
    struct import *m = CONTAINER_OF(job, struct import, op.job);
    if (m->fd >= 0)
        close(m->fd);
    cloud_operations_fini(&m->op);
    mem_free(m->store);
    mem_free(m->folder);
    mem_free(m->pattern);
    buf_fini(&m->names);
    buf_fini(&m->text);
    mem_free(m);
}

static struct import *of_chore(struct cloud_chore *chore)
{
    return CONTAINER_OF(chore, struct import, chore);
}

/* The object that is read; "" after the last. */
static const char *object_of(const struct import *m)
{
    return m->name_at < m->names.len ? m->names.ptr + m->name_at : "";
}

/* --- what the jobs' thread does --- */

static void list_files(struct cloud_chore *chore)
{
    struct import *m = of_chore(chore);
    if (!cloud_gcs_list(m->folder, bytes_str(m->pattern), &m->names, m->why) && m->why[0] == '\0')
        snprintf(m->why, sizeof(m->why), "the files cannot be listed");
}

static bool open_next(struct import *m)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/%s", m->folder, object_of(m));
    m->fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC);
    m->line = 0;
    return m->fd >= 0;
}

static void read_piece(struct cloud_chore *chore)
{
    struct import *m = of_chore(chore);
    if (m->fd < 0 && !open_next(m)) {
        snprintf(m->why, sizeof(m->why), "%s: %s", object_of(m), strerror(errno));
        return;
    }
    ssize_t n;
    do
        n = read(m->fd, buf_reserve(&m->text, LIMIT_CLOUD_IMPORT_READ), LIMIT_CLOUD_IMPORT_READ);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        snprintf(m->why, sizeof(m->why), "%s: %s", object_of(m), strerror(errno));
    else
        m->text.len += (size_t) n;
    m->at_end = n == 0;
}

/* --- lines --- */

/* One failure, counted; the first of them are told by file and line, without content. */
static void fail_line(struct import *m, const char *why)
{
    CLEANUP(buf_fini) struct buf sentence = { 0 };
    m->op.failure++;
    if (m->told++ >= LIMIT_CLOUD_IMPORT_TOLD || m->op.c->tell == NULL)
        return;
    buf_printf(&sentence, "Import into %s: %s, line %llu: %s", m->store, object_of(m),
               (unsigned long long) m->line, why);
    m->op.c->tell(m->op.c->tell_ctx, buf_str(&sentence));
}

/* The send time under which the store lists the message now; false: it is not there. */
static bool listed_at(struct cloud *c, struct bytes key, us_t *ret_send_us)
{
    struct bytes value;
    struct cloud_message_row row;
    if (cloud_db_get_latest(c->db, CLOUD_DB_MESSAGE, key, &value) != CLOUD_DB_FOUND ||
        !cloud_messages_row(value, &row))
        return false;
    *ret_send_us = row.facts.send_us;
    return true;
}

static void put_message(struct import *m, const struct cloud_store *store, const struct cloud_arrival *a,
                        struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf key = { 0 };
    CLEANUP(buf_fini) struct buf index = { 0 };
    CLEANUP(buf_fini) struct buf value = { 0 };
    struct cloud_message_row row;
    us_t old_us;
    cloud_messages_key(store, cloud_arrival_sum(a), &key);
    cloud_arrival_row(m->op.c, store, a, &value);
    CHECK(cloud_messages_row(buf_bytes(&value), &row));
    /* Its place in the list may be another one since the time zone changed. */
    if (listed_at(m->op.c, buf_bytes(&key), &old_us) && old_us != row.facts.send_us) {
        cloud_messages_index_key(store, old_us, cloud_arrival_sum(a), &index);
        cloud_db_erase(w, CLOUD_DB_MESSAGE_INDEX, buf_bytes(&index));
        buf_clear(&index);
    }
    cloud_messages_index_key(store, row.facts.send_us, cloud_arrival_sum(a), &index);
    cloud_db_put(w, CLOUD_DB_MESSAGE, buf_bytes(&key), buf_bytes(&value));
    cloud_db_put(w, CLOUD_DB_MESSAGE_INDEX, buf_bytes(&index), row.record);
    m->op.success++;
}

static void take_line(struct import *m, const struct cloud_store *store, struct bytes line,
                      struct cloud_db_write *w)
{
    CLEANUP(cloud_arrival_fini) struct cloud_arrival a = { 0 };
    struct cloud_json_fault fault = { 0 };
    struct json_value root;
    bool strict = !cloud_stores_facts(m->op.c->stores)->lenient_json;
    m->line++;
    line = bytes_trim(line);
    if (line.len == 0)
        return;
    if (!json_scan(line, &root, &fault.err)) {
        fail_line(m, "it is not JSON");
        return;
    }
    if (!cloud_arrival_read_message(&root, strict, &a, &fault) || !cloud_arrival_decode(store, &a, &fault)) {
        fail_line(m, fault.field[0] != '\0' ? fault.field : "it is no Message");
        return;
    }
    enum hl7_defect defect = cloud_arrival_judge(&a, store);
    if (defect != HL7_SOUND)
        fail_line(m, hl7_defect_text(defect));
    else
        put_message(m, store, &a, w);
}

/* Takes the whole lines off m->text, at the file's end what is left too. */
static void take_lines(struct import *m, const struct cloud_store *store, struct cloud_db_write *w)
{
    size_t at = 0;
    struct bytes text = buf_bytes(&m->text);
    for (size_t end; (end = bytes_find(text, at, '\n')) < text.len; at = end + 1) {
        if (!m->skipping)
            take_line(m, store, bytes_sub(text, at, end - at), w);
        m->skipping = false;
    }
    if (m->at_end && at < text.len && !m->skipping)
        take_line(m, store, bytes_sub(text, at, text.len - at), w);
    buf_drop_front(&m->text, m->at_end ? m->text.len : at);
    if (m->text.len > LIMIT_CLOUD_ACCEPT_ALL) {
        buf_clear(&m->text);
        if (!m->skipping) {
            m->line++;
            fail_line(m, "it is too long");
        }
        m->skipping = true;
    }
}

/* --- steps --- */

static void chore(struct import *m, void (*work)(struct cloud_chore *), void (*then)(struct cloud_chore *));

static void after_piece(struct cloud_chore *chore);

/* After a commit, and after the list of files: the next piece, or the end. */
static void go_on(struct import *m)
{
    if (m->op.cancelled)
        cloud_operations_fail(&m->op, GRPC_CANCELLED, "The operation was cancelled.");
    else if (m->name_at >= m->names.len)
        cloud_operations_done(&m->op, "hl7v2.ImportMessagesResponse");
    else
        chore(m, read_piece, after_piece);
}

static void on_stored(void *ctx, const struct err *err)
{
    struct import *m = ctx;
    if (cloud_jobs_are_over(m->op.c->jobs))
        return;
    if (err != NULL)
        cloud_operations_fail(&m->op, GRPC_UNAVAILABLE, "The local cloud's disk failed.");
    else
        go_on(m);
}

static void after_piece(struct cloud_chore *done)
{
    struct import *m = of_chore(done);
    const struct cloud_store *store = cloud_stores_find(m->op.c->stores, bytes_str(m->store));
    if (m->why[0] != '\0') {
        cloud_operations_fail(&m->op, GRPC_UNAVAILABLE, "%s", m->why);
        return;
    }
    if (store == NULL || store->number != m->number) {
        cloud_operations_fail(&m->op, GRPC_NOT_FOUND, "the store was deleted while it was filled");
        return;
    }
    struct cloud_db_write *w = cloud_db_begin(m->op.c->db);
    take_lines(m, store, w);
    if (m->at_end) {
        close(m->fd);
        m->fd = -1;
        m->skipping = false;
        m->name_at += strlen(object_of(m)) + 1;
    }
    cloud_db_then(w, on_stored, m);
    cloud_db_commit(w);
}

static void after_list(struct cloud_chore *done)
{
    struct import *m = of_chore(done);
    if (m->why[0] != '\0')
        cloud_operations_fail(&m->op, GRPC_NOT_FOUND, "%s", m->why);
    else
        go_on(m);
}

static void chore(struct import *m, void (*work)(struct cloud_chore *), void (*then)(struct cloud_chore *))
{
    m->chore = (struct cloud_chore) { .work = work, .then = then };
    cloud_jobs_chore(m->op.c->jobs, &m->chore);
}

static void go(struct cloud_operation *op)
{
    chore(CONTAINER_OF(op, struct import, op), list_files, after_list);
}

/* --- the request --- */

static bool read_uri(const struct json_value *source, bool strict, struct buf *uri, struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(source);
    struct json_value key, v;
    struct bytes text;
    if (source->kind != JSON_OBJECT)
        return cloud_json_bad(fault, "gcsSource", "it must be an object");
    while (json_next(&members, &key, &v)) {
        CLEANUP(buf_fini) struct buf scratch = { 0 };
        if (!json_str_is(&key, "uri")) {
            if (strict)
                return cloud_json_unknown(&key, "gcsSource", fault);
            continue;
        }
        TRY(cloud_json_text(&v, "gcsSource.uri", &scratch, &text, fault));
        buf_clear(uri);
        buf_append(uri, text);
    }
    return true;
}

static bool read_import(struct cloud_call *call, struct import *m, struct cloud_json_fault *fault)
{
    CLEANUP(buf_fini) struct buf uri = { 0 };
    CLEANUP(buf_fini) struct buf folder = { 0 };
    struct json_value root, key, v;
    struct bytes bucket, object;
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    TRY(json_scan(call->ask->body.len > 0 ? call->ask->body : BYTES_LIT("{}"), &root, &fault->err));
    if (root.kind != JSON_OBJECT)
        return cloud_json_bad(fault, "", "it must be an object");
    struct json_cursor members = json_cursor_of(&root);
    while (json_next(&members, &key, &v)) {
        if (json_str_is(&key, "gcsSource") || json_str_is(&key, "gcs_source"))
            TRY(read_uri(&v, strict, &uri, fault));
        else if (!json_str_is(&key, "name") && strict)
            return cloud_json_unknown(&key, "", fault);
    }
    if (!cloud_gcs_parse(buf_bytes(&uri), &bucket, &object) || object.len == 0)
        return cloud_json_bad(fault, "gcsSource.uri", "it must be gs://BUCKET/OBJECT; * ** and ? are wildcards");
    if (call->c->gcs_folder == NULL)
        return FAIL(&fault->err, UNIMPLEMENTED,
                    "gcsSource: start the local cloud with --gcs-folder DIR, and gs://BUCKET/... is DIR/BUCKET/...");
    buf_printf(&folder, "%s/%.*s", call->c->gcs_folder, BYTES_FMT(bucket));
    m->folder = mem_dup(buf_bytes(&folder));
    m->pattern = mem_dup(object);
    return true;
}

void cloud_stores_import(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf dataset = { 0 };
    struct cloud_json_fault fault = { 0 };
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL)
        return;
    struct import *m = mem_alloc(sizeof(*m));
    m->op.job.drop = drop;
    m->fd = -1;
    m->store = mem_dup(bytes_str(store->name));
    m->number = store->number;
    if (!read_import(call, m, &fault)) {
        drop(&m->op.job);
        cloud_stores_refuse(call, &fault);
        return;
    }
    cloud_stores_name(call, 3, &dataset);
    cloud_operations_begin(call, buf_bytes(&dataset), "hl7v2.Hl7V2Service.ImportMessages", &m->op, go);
}
