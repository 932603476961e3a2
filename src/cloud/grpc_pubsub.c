#include "cloud/grpc_pubsub.h"

#include "cloud/fault.h"
#include "cloud/pubsub.h"

struct grpc_unary {
    struct cloud_unary unary;
    struct grpc_stream *stream;    /* NULL: the client has gone */
};

static void answer(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details,
                   struct bytes response)
{
    struct grpc_unary *g = CONTAINER_OF(u, struct grpc_unary, unary);
    if (g->stream != NULL) {
        if (code == GRPC_OK)
            grpc_stream_answer(g->stream, response);
        else
            grpc_stream_end(g->stream, code, message, details);
    }
    mem_free(g);
}

static void on_gone(void *ctx)
{
    struct grpc_unary *g = ctx;
    g->stream = NULL;
    g->unary.gone = true;
    if (g->unary.on_gone != NULL)
        g->unary.on_gone(&g->unary);
}

static void call(struct cloud *c, struct grpc_stream *s, struct bytes request, const char *path, cloud_unary_fn *fn)
{
    enum grpc_code fault = cloud_fault_rpc(c->fault, bytes_str(path));
    if (fault != GRPC_OK) {
        grpc_stream_end(s, fault, BYTES_LIT("A fault on command."), BYTES_LIT(""));
        return;
    }
    static const struct grpc_stream_events events = { .on_gone = on_gone };
    struct grpc_unary *g = mem_alloc(sizeof(*g));
    g->stream = s;
    g->unary = (struct cloud_unary) { .cloud = c, .deadline_us = grpc_stream_deadline(s), .answer = answer };
    grpc_stream_watch(s, &events, g);
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
        call(ctx, s, bytes, PATH(service, name), fn);                                           \
    }
#define METHOD(service, name, fn, verb, url, to, request, response) RPC_METHOD(service, name, fn)
#include "cloud/pubsub_methods.def"

static const struct grpc_method methods[] = {
#define RPC_METHOD(service, name, fn) { .path = PATH(service, name), .fn_unary = call_##name },
#define METHOD(service, name, fn, verb, url, to, request, response) RPC_METHOD(service, name, fn)
#include "cloud/pubsub_methods.def"
    { .path = PATH("google.pubsub.v1.Subscriber", StreamingPull), .streaming = true,
      .fn_stream = cloud_streaming_pull },
};

struct grpc_server *cloud_grpc_make(struct cloud *c)
{
    return grpc_server_make(methods, ARRAY_LEN(methods), LIMIT_GRPC_MESSAGE, c);
}
