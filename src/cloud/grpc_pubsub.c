#include "cloud/grpc_pubsub.h"

#include "cloud/fault.h"
#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"

struct grpc_unary {
    struct cloud_unary unary;
    struct grpc_stream *stream;    /* NULL: the client has gone */
    struct cloud_fault_plan plan;
    /* An answer that a fault holds back. */
    struct loop_timer timer;
    bool held;
    enum grpc_code code;
    struct buf message, details, response;
};

static void unary_free(struct grpc_unary *g)
{
    loop_timer_stop(g->unary.cloud->loop, &g->timer);
    buf_fini(&g->message);
    buf_fini(&g->details);
    buf_fini(&g->response);
    mem_free(g);
}

static void give(struct grpc_unary *g, enum grpc_code code, struct bytes message, struct bytes details,
                 struct bytes response)
{
    bool lost = g->plan.kind == CLOUD_FAULT_LOST || g->plan.kind == CLOUD_FAULT_CUT;
    if (g->stream == NULL)
        ;
    else if (lost || g->plan.kind == CLOUD_FAULT_RESET)
        grpc_stream_reset(g->stream);
    else if (g->plan.kind == CLOUD_FAULT_DISCONNECT)
        grpc_stream_cut_connection(g->stream);
    else if (code == GRPC_OK)
        grpc_stream_answer(g->stream, response);
    else
        grpc_stream_end(g->stream, code, message, details);
    unary_free(g);
}

static void give_late(struct loop_timer *t)
{
    struct grpc_unary *g = CONTAINER_OF(t, struct grpc_unary, timer);
    give(g, g->code, buf_bytes(&g->message), buf_bytes(&g->details), buf_bytes(&g->response));
}

static void answer(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details,
                   struct bytes response)
{
    struct grpc_unary *g = CONTAINER_OF(u, struct grpc_unary, unary);
    if (g->plan.delay_us == 0 || g->stream == NULL) {
        give(g, code, message, details, response);
        return;
    }
    g->held = true;
    g->code = code;
    buf_append(&g->message, message);
    buf_append(&g->details, details);
    buf_append(&g->response, response);
    g->timer.fn = give_late;
    loop_timer_set(u->cloud->loop, &g->timer, loop_now(u->cloud->loop) + g->plan.delay_us);
}

static void on_gone(void *ctx)
{
    struct grpc_unary *g = ctx;
    g->stream = NULL;
    g->unary.gone = true;
    if (g->held)
        unary_free(g);
    else if (g->unary.on_gone != NULL)
        g->unary.on_gone(&g->unary);
}

/* True: a fault strikes before the work, and is the answer. */
static bool struck(struct grpc_unary *g)
{
    switch (g->plan.kind) {
    case CLOUD_FAULT_STATUS:
        answer(&g->unary, cloud_fault_code(g->plan.status), BYTES_LIT("A fault on command."), BYTES_LIT(""),
               BYTES_LIT(""));
        return true;
    case CLOUD_FAULT_RESET:
    case CLOUD_FAULT_DISCONNECT:
        answer(&g->unary, GRPC_UNAVAILABLE, BYTES_LIT(""), BYTES_LIT(""), BYTES_LIT(""));
        return true;
    default:    /* the others are REST's alone, or come after the work */
        return false;
    }
}

static void call(struct cloud *c, struct grpc_stream *s, struct bytes request, const char *name, cloud_unary_fn *fn)
{
    static const struct grpc_stream_events events = { .on_gone = on_gone };
    struct grpc_unary *g = mem_alloc(sizeof(*g));
    g->stream = s;
    g->unary = (struct cloud_unary) { .cloud = c, .deadline_us = grpc_stream_deadline(s), .answer = answer };
    g->plan = cloud_fault_pubsub(c->fault, name, request);
    grpc_stream_watch(s, &events, g);
    if (!struck(g))
        fn(&g->unary, request);
}

void cloud_pubsub_not_offered(struct cloud_unary *u, struct bytes request UNUSED)
{
    cloud_unary_fail(u, GRPC_UNIMPLEMENTED, "This method is not offered by the local cloud.");
}

#define PATH(service, name) "/" service "/" #name

#define RPC_METHOD(service, name, fn)                                                           \
    static void call_##name(void *ctx, struct grpc_stream *s, struct bytes bytes)               \
    {                                                                                           \
        call(ctx, s, bytes, #name, fn);                                                         \
    }
#define METHOD(service, name, fn, verb, url, to, request, response) RPC_METHOD(service, name, fn)
#include "cloud/pubsub_methods.def"

/* grpc.health.v1.Health/Check, which orchestrators know: HealthCheckResponse{ status = 1 }, SERVING = 1, NOT_SERVING = 2 */
static void check_health(void *ctx, struct grpc_stream *s, struct bytes request UNUSED)
{
    const struct cloud *c = ctx;
    CLEANUP(buf_fini) struct buf response = { 0 };
    cloud_wire_put_uint(&response, 1, c->draining || cloud_db_is_failing(c->db) ? 2 : 1);
    grpc_stream_answer(s, buf_bytes(&response));
}

static const struct grpc_method methods[] = {
#define RPC_METHOD(service, name, fn) { .path = PATH(service, name), .fn_unary = call_##name },
#define METHOD(service, name, fn, verb, url, to, request, response) RPC_METHOD(service, name, fn)
#include "cloud/pubsub_methods.def"
    { .path = PATH("google.pubsub.v1.Subscriber", StreamingPull), .streaming = true,
      .fn_stream = cloud_streaming_pull },
    { .path = "/grpc.health.v1.Health/Check", .fn_unary = check_health },
};

struct grpc_server *cloud_grpc_make(struct cloud *c)
{
    return grpc_server_make(methods, ARRAY_LEN(methods), LIMIT_GRPC_MESSAGE, c);
}
