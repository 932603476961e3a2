#include "beam/fn_log.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "beam/beam_wire.h"
#include "loop/clock.h"

#include "proto/beam.pb-c.h"

struct waiting {
    struct list_link link;
    enum beam_severity severity;
    us_t wall_us;
    size_t len;
    char text[];
};

struct fn_log {
    struct loop *loop;
    struct loop_task task;
    struct list lines;
    uint64_t dropped;
    struct grpc_call *call;
    bool ended;
};

static void on_task(struct loop_task *t)
{
    fn_log_flush(CONTAINER_OF(t, struct fn_log, task));
}

struct fn_log *fn_log_make(struct loop *l)
{
    struct fn_log *f = mem_alloc(sizeof(*f));
    f->loop = l;
    list_init(&f->lines);
    f->task.fn = on_task;
    return f;
}

static void on_done(void *ctx, const struct grpc_result *result UNUSED)
{
    struct fn_log *f = ctx;
    f->call = NULL;
    f->ended = true;
}

void fn_log_connect(struct fn_log *f, struct beam_endpoints *e, struct h2_pool *pool)
{
    static const struct grpc_call_events events = { .on_done = on_done };
    struct grpc_call_conf conf =
        beam_endpoint_call(e, "/org.apache.beam.model.fn_execution.v1.BeamFnLogging/Logging", US_NEVER);
    f->call = grpc_call_stream(pool, &conf, &events, f);
    loop_task_post(f->loop, &f->task);
}

static enum beam_severity severity_of(enum log_severity s)
{
    static const enum beam_severity of[] = {
        [LOG_DEBUG] = BEAM_DEBUG, [LOG_INFO] = BEAM_INFO, [LOG_NOTICE] = BEAM_NOTICE, [LOG_WARNING] = BEAM_WARN,
        [LOG_ERROR] = BEAM_ERROR, [LOG_CRITICAL] = BEAM_CRITICAL,
    };
    return of[s];
}

static void queue(struct fn_log *f, enum beam_severity severity, struct bytes line)
{
    struct waiting *l = mem_alloc(sizeof(*l) + line.len + 1);
    l->severity = severity;
    l->wall_us = clock_wall();
    l->len = line.len;
    memcpy(l->text, line.ptr, line.len);
    list_push_back(&f->lines, &l->link);
}

void fn_log_line(void *ctx, enum log_severity severity, struct bytes line)
{
    struct fn_log *f = ctx;
    if (f->ended)
        return;
    if (f->lines.count >= LIMIT_BEAM_LOG) {
        f->dropped++;
        return;
    }
    queue(f, severity_of(severity), line);
    loop_task_post(f->loop, &f->task);
}

void fn_log_flush(struct fn_log *f)
{
    if (f->call == NULL || f->lines.count == 0 || grpc_call_unsent(f->call) > LIMIT_BEAM_FLUSH)
        return;
    if (f->dropped > 0) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        buf_printf(&text, "%llu log lines were dropped because the runner took them too slowly", (unsigned long long) f->dropped);
        f->dropped = 0;
        queue(f, BEAM_WARN, buf_bytes(&text));
    }
    size_t n = 0, count = f->lines.count;
    Beam__LogEntry *entries = mem_alloc_n(count, sizeof(*entries));
    Google__Protobuf__Timestamp *stamps = mem_alloc_n(count, sizeof(*stamps));
    Beam__LogEntry **at = mem_alloc_n(count, sizeof(*at));
    LIST_EACH(&f->lines, link, after) {
        struct waiting *l = CONTAINER_OF(link, struct waiting, link);
        stamps[n] = (Google__Protobuf__Timestamp) GOOGLE__PROTOBUF__TIMESTAMP__INIT;
        stamps[n].seconds = l->wall_us / US_PER_S;
        stamps[n].nanos = (int32_t) (l->wall_us % US_PER_S * 1000);
        entries[n] = (Beam__LogEntry) BEAM__LOG_ENTRY__INIT;
        entries[n].severity = (int32_t) l->severity;
        entries[n].timestamp = &stamps[n];
        entries[n].message = l->text;
        entries[n].log_location = (char *) "hl7relay";
        entries[n].thread = (char *) "loop";
        at[n] = &entries[n];
        n++;
    }
    Beam__LogEntry__List list = BEAM__LOG_ENTRY__LIST__INIT;
    list.n_log_entries = n;
    list.log_entries = at;
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t len = protobuf_c_message_get_packed_size(&list.base);
    protobuf_c_message_pack(&list.base, (uint8_t *) buf_reserve(&out, len));
    grpc_call_send(f->call, bytes_of(out.ptr, len));
    mem_free(entries);
    mem_free(stamps);
    mem_free(at);
    for (struct list_link *link; (link = list_pop_front(&f->lines)) != NULL;)
        mem_free(CONTAINER_OF(link, struct waiting, link));
}

void fn_log_end(struct fn_log *f)
{
    fn_log_flush(f);
    if (f->call != NULL)
        grpc_call_send_end(f->call);
}

bool fn_log_is_over(const struct fn_log *f)
{
    return f->call == NULL || grpc_call_unsent(f->call) == 0;
}

void fn_log_free(struct fn_log *f)
{
    if (f == NULL)
        return;
    if (f->call != NULL)
        grpc_call_cancel(f->call);
    for (struct list_link *link; (link = list_pop_front(&f->lines)) != NULL;)
        mem_free(CONTAINER_OF(link, struct waiting, link));
    loop_task_cancel(f->loop, &f->task);
    mem_free(f);
}
