#include "cloud/call.h"

#include "base/mem.h"

struct cloud_call *cloud_call_make(struct cloud *c, const struct cloud_ask *ask, cloud_call_done_fn *done,
                                   void *ctx)
{
    struct cloud_call *call = mem_alloc(sizeof(*call));
    call->c = c;
    call->ask = ask;
    call->done = done;
    call->ctx = ctx;
    return call;
}

void cloud_call_end(struct cloud_call *call)
{
    if (call->status == 0)
        call->status = 200;
    call->done(call->ctx, call);
    query_fini(&call->query);
    cloud_http_format_fini(&call->format);
    buf_fini(&call->json);
    buf_fini(&call->key);
    buf_fini(&call->name);
    mem_free(call);
}

void cloud_call_write_error(struct buf *out, uint16_t status, enum grpc_code code, struct bytes message,
                            struct bytes details)
{
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    json_write_object(&w, "error");
    json_write_int(&w, "code", status);
    json_write_str(&w, "message", message);
    json_write_str(&w, "status", bytes_str(grpc_code_name(code)));
    if (details.len > 0) {
        json_write_array(&w, "details");
        json_write_raw(&w, NULL, details);
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_end(&w);
}

void cloud_call_fail(struct cloud_call *call, enum grpc_code code, struct bytes details, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf message = { 0 };
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    if (call->status == 0)
        call->status = grpc_code_http(code);
    buf_clear(&call->json);
    cloud_call_write_error(&call->json, call->status, code, buf_bytes(&message), details);
    cloud_call_end(call);
}

void cloud_call_fail_disk(struct cloud_call *call)
{
    call->status = 0;
    cloud_call_fail(call, GRPC_UNAVAILABLE, (struct bytes) { 0 },
                    "The local cloud's disk failed; nothing was changed. See its log, then try again.");
}

static void on_committed(void *ctx, const struct err *err)
{
    struct cloud_call *call = ctx;
    if (err != NULL)
        cloud_call_fail_disk(call);
    else
        cloud_call_end(call);
}

void cloud_call_commit(struct cloud_call *call, struct cloud_db_write *w)
{
    call->ask = NULL;
    cloud_db_then(w, on_committed, call);
    cloud_db_commit(w);
}

/* What to do after a barrier rides in a small object of its own: a call has at most one. */
struct barrier {
    struct cloud_call *call;
    void (*again)(struct cloud_call *call);
};

static void on_barrier(void *ctx, const struct err *err)
{
    struct barrier *b = ctx;
    struct cloud_call *call = b->call;
    void (*again)(struct cloud_call *) = b->again;
    mem_free(b);
    if (err != NULL)
        cloud_call_fail_disk(call);
    else
        again(call);
}

void cloud_call_after_barrier(struct cloud_call *call, void (*again)(struct cloud_call *call))
{
    struct barrier *b = mem_alloc(sizeof(*b));
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    b->call = call;
    b->again = again;
    call->ask = NULL;
    cloud_db_then(w, on_barrier, b);
    cloud_db_commit(w);
}
