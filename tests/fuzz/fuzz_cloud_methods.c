/*
 * The methods of the local cloud's Pub/Sub, one after another on one database in
 * memory: method (1 octet), length of the request (2, low one first), request. Each
 * call is answered once, whatever is in the request, and nothing is left over.
 */
#include "fuzz.h"

#include "cloud/fault.h"
#include "cloud/pubsub.h"

enum { CALLS_MAX = 64 };

struct call {
    struct cloud_unary unary;
    bool answered;
};

static void answered(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details UNUSED,
                     struct bytes response)
{
    struct call *c = CONTAINER_OF(u, struct call, unary);
    CHECK(!c->answered);
    CHECK(code != GRPC_INTERNAL && code != GRPC_UNKNOWN);
    CHECK(code == GRPC_OK ? message.len == 0 : response.len == 0);
    c->answered = true;
}

static cloud_unary_fn *const methods[] = {
#define METHOD(service, name, fn, verb, url, to, request, response) fn,
#define RPC_METHOD(service, name, fn) fn,
#include "cloud/pubsub_methods.def"
};

static void run_calls(struct cloud *c, struct call *calls, struct bytes input)
{
    for (size_t i = 0; i < CALLS_MAX && input.len >= 3; i++) {
        const uint8_t *head = (const uint8_t *) input.ptr;
        struct bytes request = bytes_sub(input, 3, head[1] | (size_t) head[2] << 8);
        input = bytes_sub(input, 3 + request.len, SIZE_MAX);
        calls[i].unary = (struct cloud_unary) { .cloud = c, .deadline_us = loop_now(c->loop), .answer = answered };
        methods[head[0] % ARRAY_LEN(methods)](&calls[i].unary, request);
        loop_pass(c->loop, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct call calls[CALLS_MAX];
    struct cloud_conf conf = { 0 };
    struct cloud c = { .loop = loop_make(NULL) };
    memset(calls, 0, sizeof(calls));
    c.fault = cloud_fault_make(c.loop, &conf, NULL);
    c.db = cloud_db_open(c.loop, NULL, NULL);
    c.pubsub = cloud_pubsub_make(&c, NULL);
    CHECK(c.loop != NULL && c.fault != NULL && c.db != NULL && c.pubsub != NULL);
    run_calls(&c, calls, fuzz_bytes(data, len));
    cloud_db_settle(c.db);
    cloud_retention_sweep(c.pubsub);
    cloud_pubsub_drain(c.pubsub);    /* pulls that wait */
    cloud_db_settle(c.db);
    for (size_t i = 0; i < CALLS_MAX; i++)
        CHECK(calls[i].unary.answer == NULL || calls[i].answered);
    cloud_pubsub_free(c.pubsub);
    cloud_db_close(c.db);
    cloud_fault_free(c.fault);
    loop_free(c.loop);
    return 0;
}
