#include "cloud/operations.h"

#include "base/mem.h"
#include "cloud/stores.h"
#include "hl7/dtm.h"

#include <inttypes.h>

static const struct bytes OPERATION_SEQ = { "operation_seq", 13 };

#define TYPES   "type.googleapis.com/google.cloud.healthcare.v1."
#define ABORTED "The local cloud was stopped before the operation ended; begin it again."

/* --- as JSON --- */

struct ending {
    enum grpc_code code;
    struct bytes message, response; /* response: JSON; empty on failure */
};

static void write_time(struct json_writer *w, const char *key, us_t wall_us)
{
    char text[HL7_RFC3339_LEN];
    hl7_dtm_rfc3339(wall_us, text);
    json_write_str(w, key, bytes_str(text));
}

static void write_metadata(const struct cloud_operation *op, us_t end_wall_us, struct json_writer *w)
{
    CLEANUP(buf_fini) struct buf method = { 0 };
    buf_printf(&method, "google.cloud.healthcare.v1.%s", op->method);
    json_write_object(w, "metadata");
    json_write_str(w, "@type", BYTES_LIT(TYPES "OperationMetadata"));
    json_write_str(w, "apiMethodName", buf_bytes(&method));
    write_time(w, "createTime", op->create_wall_us);
    if (end_wall_us != 0)
        write_time(w, "endTime", end_wall_us);
    if (op->cancelled)
        json_write_bool(w, "cancelRequested", true);
    if (op->counts) {
        json_write_object(w, "counter");
        if (op->success > 0)
            json_write_int_str(w, "success", (int64_t) op->success);
        if (op->failure > 0)
            json_write_int_str(w, "failure", (int64_t) op->failure);
        json_write_end(w);
    }
    json_write_end(w);
}

/* ending NULL: it runs. */
static void write_operation(const struct cloud_operation *op, us_t end_wall_us, const struct ending *ending,
                            struct json_writer *w)
{
    json_write_object(w, NULL);
    json_write_str(w, "name", bytes_str(op->name));
    write_metadata(op, end_wall_us, w);
    if (ending != NULL) {
        json_write_bool(w, "done", true);
        if (ending->response.len > 0) {
            json_write_raw(w, "response", ending->response);
        } else {
            json_write_object(w, "error");
            json_write_int(w, "code", ending->code);
            json_write_str(w, "message", ending->message);
            json_write_end(w);
        }
    }
    json_write_end(w);
}

/* --- beginnings and ends --- */

static char *next_name(struct cloud *c, struct cloud_db_write *w, struct bytes dataset)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct bytes old;
    uint64_t number = 1;
    if (cloud_db_get_latest(c->db, CLOUD_DB_META, OPERATION_SEQ, &old) == CLOUD_DB_FOUND)
        number = cloud_db_read_u64(old) + 1;
    cloud_db_key_u64(&row, number);
    cloud_db_put(w, CLOUD_DB_META, OPERATION_SEQ, buf_bytes(&row));
    buf_printf(&name, "%.*s/operations/%019" PRIu64, BYTES_FMT(dataset), number);
    return mem_dup(buf_bytes(&name));
}

/* An operation on its way to the disk, with what comes then. */
struct start {
    struct cloud_operation *op;
    void (*go)(struct cloud_operation *op);
};

static void on_begun(void *ctx, const struct err *err)
{
    struct start *start = ctx;
    struct cloud_operation *op = start->op;
    void (*go)(struct cloud_operation *) = start->go;
    mem_free(start);
    if (cloud_jobs_are_over(op->c->jobs))
        return; /* dropped with the others */
    if (err == NULL) {
        go(op);
        return;
    }
    cloud_jobs_remove(op->c->jobs, &op->job);
    op->job.drop(&op->job);
}

void cloud_operations_begin(struct cloud_call *call, struct bytes dataset, const char *method,
                            struct cloud_operation *op, void (*go)(struct cloud_operation *op))
{
    struct cloud *c = call->c;
    op->c = c;
    op->job.is_operation = true;
    if (!cloud_jobs_have_room(c->jobs)) {
        op->job.drop(&op->job);
        cloud_call_fail(call, GRPC_RESOURCE_EXHAUSTED, (struct bytes) { 0 },
                        "Too many operations run; wait until one has ended.");
        return;
    }
    struct cloud_db_write *w = cloud_db_begin(c->db);
    struct start *start = mem_alloc(sizeof(*start));
    *start = (struct start) { op, go };
    op->method = method;
    op->counts = true;
    op->create_wall_us = loop_wall(c->loop);
    op->name = next_name(c, w, dataset);
    cloud_jobs_add(c->jobs, &op->job);
    struct json_writer json = json_write_to(&call->json);
    write_operation(op, 0, NULL, &json);
    cloud_db_put(w, CLOUD_DB_OPERATION, bytes_str(op->name), buf_bytes(&call->json));
    cloud_db_then(w, on_begun, start);
    cloud_call_commit(call, w);
}

/* The job goes with its last row; when the disk fails, the row says that it runs until the next start. */
static void on_ended(void *ctx, const struct err *err UNUSED)
{
    struct cloud_operation *op = ctx;
    if (cloud_jobs_are_over(op->c->jobs))
        return;
    cloud_jobs_remove(op->c->jobs, &op->job);
    op->job.drop(&op->job);
}

static void end(struct cloud_operation *op, const struct ending *ending)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct cloud *c = op->c;
    struct bytes old;
    struct json_writer json = json_write_to(&row);
    write_operation(op, loop_wall(c->loop), ending, &json);
    struct cloud_db_write *w = cloud_db_begin(c->db);
    /* Its row went with the dataset: it does not come back. */
    if (cloud_db_get_latest(c->db, CLOUD_DB_OPERATION, bytes_str(op->name), &old) == CLOUD_DB_FOUND)
        cloud_db_put(w, CLOUD_DB_OPERATION, bytes_str(op->name), buf_bytes(&row));
    cloud_db_then(w, on_ended, op);
    cloud_db_commit(w);
}

void cloud_operations_done(struct cloud_operation *op, const char *response)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    buf_printf(&json, "{\"@type\":\"" TYPES "%s\"}", response);
    end(op, &(struct ending) { .response = buf_bytes(&json) });
}

void cloud_operations_fail(struct cloud_operation *op, enum grpc_code code, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf message = { 0 };
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    end(op, &(struct ending) { .code = code, .message = buf_bytes(&message) });
}

void cloud_operations_fini(struct cloud_operation *op)
{
    mem_free(op->name);
    op->name = NULL;
}

void cloud_operations_put_done(struct cloud_call *call, struct cloud_db_write *w, struct bytes dataset,
                               const char *method, struct bytes response)
{
    us_t now = loop_wall(call->c->loop);
    struct cloud_operation op = { .c = call->c, .method = method, .create_wall_us = now };
    op.name = next_name(call->c, w, dataset);
    struct json_writer json = json_write_to(&call->json);
    write_operation(&op, now, &(struct ending) { .response = response }, &json);
    cloud_db_put(w, CLOUD_DB_OPERATION, bytes_str(op.name), buf_bytes(&call->json));
    cloud_operations_fini(&op);
}

/* --- after a stop --- */

struct loading {
    struct buf names; /* each ends with NUL */
};

static bool note_unfinished(void *ctx, struct bytes key, struct bytes value)
{
    struct loading *loading = ctx;
    struct json_field done = { .key = "done" };
    struct err err;
    if (json_scan_object(value, &done, 1, &err) && done.value.kind != JSON_TRUE) {
        buf_append(&loading->names, key);
        buf_append_char(&loading->names, '\0');
    }
    return true;
}

bool cloud_operations_load(struct cloud *c, struct err *err)
{
    CLEANUP(buf_fini) struct buf row = { 0 };
    struct loading loading = { 0 };
    struct cloud_db_range all = { .table = CLOUD_DB_OPERATION };
    bool ok = cloud_db_scan(c->db, &all, note_unfinished, &loading, err);
    struct bytes names = buf_bytes(&loading.names), old;
    while (ok && names.len > 0) {
        struct bytes name = bytes_cut(&names, '\0');
        if (cloud_db_get(c->db, CLOUD_DB_OPERATION, name, &old) != CLOUD_DB_FOUND || old.len == 0)
            continue;
        buf_clear(&row);
        buf_append(&row, bytes_sub(old, 0, old.len - 1));
        buf_printf(&row, ",\"done\":true,\"error\":{\"code\":%d,\"message\":\"" ABORTED "\"}}", GRPC_ABORTED);
        struct cloud_db_write *w = cloud_db_begin(c->db);
        cloud_db_put(w, CLOUD_DB_OPERATION, name, buf_bytes(&row));
        cloud_db_commit(w);
    }
    buf_fini(&loading.names);
    return ok;
}

/* --- methods --- */

/* The one that runs under this name; NULL: none. */
static struct cloud_operation *running(struct cloud *c, struct bytes name)
{
    for (struct cloud_job *job = cloud_jobs_next(c->jobs, NULL); job != NULL;
         job = cloud_jobs_next(c->jobs, job)) {
        struct cloud_operation *op = CONTAINER_OF(job, struct cloud_operation, job);
        if (job->is_operation && bytes_eq_str(name, op->name))
            return op;
    }
    return NULL;
}

static bool write_live(struct cloud *c, struct bytes name, struct json_writer *w)
{
    const struct cloud_operation *op = running(c, name);
    if (op == NULL)
        return false;
    write_operation(op, 0, NULL, w);
    return true;
}

static void name_of(const struct cloud_call *call, struct buf *out)
{
    cloud_stores_name(call, 3, out);
    buf_append_str(out, "/operations/");
    buf_append(out, call->hit.param[3]);
}

void cloud_operations_get(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct json_writer w = json_write_to(&call->json);
    name_of(call, &name);
    if (write_live(call->c, buf_bytes(&name), &w))
        cloud_call_end(call);
    else
        cloud_rows_get(call, CLOUD_DB_OPERATION, buf_bytes(&name));
}

void cloud_operations_list(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    struct bytes row;
    cloud_stores_name(call, 3, &prefix);
    if (cloud_db_get(call->c->db, CLOUD_DB_DATASET, buf_bytes(&prefix), &row) == CLOUD_DB_ABSENT) {
        cloud_stores_missing(call, buf_bytes(&prefix));
        return;
    }
    if (bytes_trim(query_get(&call->query, "filter")).len > 0) {
        cloud_call_fail(call, GRPC_UNIMPLEMENTED, (struct bytes) { 0 },
                        "Operations cannot be filtered in this version of the local cloud.");
        return;
    }
    buf_append_str(&prefix, "/operations/");
    cloud_rows_list(call, CLOUD_DB_OPERATION, buf_bytes(&prefix), "operations", write_live);
}

/* Best effort, as documented: one that is done stays as it is. */
void cloud_operations_cancel(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct bytes row;
    name_of(call, &name);
    struct cloud_operation *op = running(call->c, buf_bytes(&name));
    if (op != NULL) {
        op->cancelled = true;
    } else if (cloud_db_get(call->c->db, CLOUD_DB_OPERATION, buf_bytes(&name), &row) != CLOUD_DB_FOUND) {
        cloud_stores_missing(call, buf_bytes(&name));
        return;
    }
    buf_append_str(&call->json, "{}");
    cloud_call_end(call);
}
