#include "beam/endpoint.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/resolve.h"
#include "net/host_port.h"

struct endpoint {
    char *url;
    struct h2_pool *pool;
};

struct beam_endpoints {
    struct loop *loop;
    struct resolver *resolver;
    char *worker_id;
    struct endpoint *at;
    size_t count;
};

struct beam_endpoints *beam_endpoints_make(struct loop *l, struct resolver *r, const char *worker_id)
{
    struct beam_endpoints *e = mem_alloc(sizeof(*e));
    *e = (struct beam_endpoints) { .loop = l, .resolver = r, .worker_id = mem_dup(bytes_str(worker_id)) };
    return e;
}

void beam_endpoints_free(struct beam_endpoints *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->count; i++) {
        h2_pool_free(e->at[i].pool);
        mem_free(e->at[i].url);
    }
    mem_free(e->at);
    mem_free(e->worker_id);
    mem_free(e);
}

struct h2_pool *beam_endpoint(struct beam_endpoints *e, const char *url, struct err *err)
{
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->at[i].url, url) == 0)
            return e->at[i].pool;
    struct host_port at;
    if (e->count == LIMIT_BEAM_PLANS || !host_port_parse(bytes_str(url), 0, &at)) {
        FAIL(err, CONFIG, "\"%.60s\" is no address of a runner's service; it must be host:port", url);
        return NULL;
    }
    e->at = mem_grow(e->at, (e->count + 1) * sizeof(e->at[0]));
    struct endpoint *made = &e->at[e->count++];
    made->url = mem_dup(bytes_str(url));
    /* No pings (gRPC servers count them as abuse) and no end of life: a stream lives as long as the job. */
    made->pool = h2_pool_make(e->loop, e->resolver, &(struct h2_pool_conf) {
        .host = at.host, .port = at.port, .connections_max = 2, .streams_max = LIMIT_STREAMS,
        .connect_timeout_us = 30 * US_PER_S,
    });
    return made->pool;
}

struct grpc_call_conf beam_endpoint_call(const struct beam_endpoints *e, const char *method, us_t deadline_us)
{
    return (struct grpc_call_conf) {
        .method = method, .metadata = { BYTES_LIT("worker_id"), bytes_str(e->worker_id) },
        .deadline_us = deadline_us, .message_max = LIMIT_BEAM_MESSAGE,
    };
}
