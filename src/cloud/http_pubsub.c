#include "cloud/http_pubsub.h"

#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"
#include "cloud/transcode.h"
#include "json/write.h"
#include "net/route.h"

/* A client that waits in a Pull over REST does not say for how long: it is answered after twenty seconds. */
enum { WAIT_S = 21 };

struct cloud_http_pubsub {
    struct cloud *cloud;
    struct router *router;
};

enum method_id {
#define METHOD(service, name, fn, verb, url, to, request, response) M_##name,
#define REST_METHOD METHOD
#include "cloud/pubsub_methods.def"
    METHODS
};

static const struct route_row rows[] = {
#define METHOD(service, name, fn, verb, url, to, request, response) { verb, url, M_##name },
#define REST_METHOD METHOD
#include "cloud/pubsub_methods.def"
};

static const struct {
    cloud_unary_fn *fn;
    const char *to;
    enum cloud_message request, response;
} methods[METHODS] = {
#define METHOD(service, name, fn, verb, url, to, request, response) \
    { fn, to, CLOUD_MESSAGE_##request, CLOUD_MESSAGE_##response },
#define REST_METHOD METHOD
#include "cloud/pubsub_methods.def"
};

struct http_unary {
    struct cloud_unary unary;
    struct net_request *request;    /* NULL: the client has gone */
    enum method_id method;
};

/* --- answers --- */

static void reply(struct net_request *r, uint16_t status, struct bytes json)
{
    static const struct net_header headers[] = {
        { { "content-type", 12 }, { "application/json; charset=UTF-8", 31 } }
    };
    net_reply(r, status, headers, ARRAY_LEN(headers), json);
}

/* details: google.rpc.Status{ details = 3 { type_url = 1; value = 2 } } with one google.rpc.ErrorInfo, or empty */
static void write_details(struct json_writer *w, struct bytes details)
{
    struct bytes any = cloud_wire_find(details, 3), info = cloud_wire_find(any, 2);
    json_write_array(w, "details");
    json_write_object(w, NULL);
    json_write_str(w, "@type", cloud_wire_find(any, 1));
    json_write_str(w, "reason", cloud_wire_find(info, 1));
    json_write_str(w, "domain", cloud_wire_find(info, 2));
    json_write_object(w, "metadata");
    struct cloud_wire wire = cloud_wire_of(info);
    struct cloud_wire_field f;
    while (cloud_wire_next(&wire, &f))
        if (f.number == 3)
            json_write_str_key(w, cloud_wire_find(f.octets, 1), cloud_wire_find(f.octets, 2));
    json_write_end(w);
    json_write_end(w);
    json_write_end(w);
}

static void reply_error(struct net_request *r, enum grpc_code code, struct bytes message, struct bytes details)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    struct json_writer w = json_write_to(&json);
    json_write_object(&w, NULL);
    json_write_object(&w, "error");
    json_write_int(&w, "code", grpc_code_http(code));
    json_write_str(&w, "message", message);
    json_write_str(&w, "status", bytes_str(grpc_code_name(code)));
    if (details.len > 0)
        write_details(&w, details);
    json_write_end(&w);
    json_write_end(&w);
    reply(r, grpc_code_http(code), buf_bytes(&json));
}

static void answer(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details,
                   struct bytes response)
{
    struct http_unary *h = CONTAINER_OF(u, struct http_unary, unary);
    if (h->request != NULL && code == GRPC_OK) {
        CLEANUP(buf_fini) struct buf json = { 0 };
        cloud_transcode_write(methods[h->method].response, response, &json);
        reply(h->request, 200, buf_bytes(&json));
    } else if (h->request != NULL) {
        reply_error(h->request, code, message, details);
    }
    mem_free(h);
}

static void on_gone(void *ctx)
{
    struct http_unary *h = ctx;
    h->request = NULL;
    h->unary.gone = true;
    if (h->unary.on_gone != NULL)
        h->unary.on_gone(&h->unary);
}

/* --- requests --- */

/* "projects/p/topics/t", or "projects/p" where the path names a collection of a project. */
static void resource_name(const struct route_hit *hit, enum method_id method, struct buf *out)
{
    buf_printf(out, "projects/%.*s", BYTES_FMT(hit->param[0]));
    if (hit->params < 2)
        return;
    struct bytes template = bytes_str(rows[method].path);
    struct bytes kind = bytes_sub(template, sizeof("/v1/projects/{p}/") - 1, SIZE_MAX);
    kind = bytes_cut(&kind, '/');
    buf_printf(out, "/%.*s/%.*s", BYTES_FMT(kind), BYTES_FMT(hit->param[1]));
}

/* The protobuf request from body, path and query, in this order of growing weight; false: err says what is wrong. */
static bool read_request(const struct net_request *r, const struct route_hit *hit, struct buf *out, struct err *err)
{
    enum method_id method = (enum method_id) hit->row->id;
    TRY(cloud_transcode_read(methods[method].request, net_request_body(r), out, err));
    CLEANUP(query_fini) struct query query = { 0 };
    if (!query_parse(net_request_query(r), &query))
        return FAIL(err, BAD_INPUT, "The query string is malformed.");
    for (size_t i = 0; i < query.count; i++) {
        CLEANUP(buf_fini) struct buf field = { 0 };
        buf_append(&field, query.at[i].name);
        /* What is no field of the request (alt, prettyPrint, ...) is passed over. */
        (void) cloud_transcode_read_field(methods[method].request, buf_str(&field), query.at[i].value, out);
    }
    CLEANUP(buf_fini) struct buf name = { 0 };
    resource_name(hit, method, &name);
    if (!cloud_transcode_read_field(methods[method].request, methods[method].to, buf_bytes(&name), out))
        return FAIL(err, BAD_INPUT, "The resource name of the path cannot be read.");
    return true;
}

static void handle(void *ctx, struct net_request *r)
{
    struct cloud_http_pubsub *h = ctx;
    struct route_hit hit;
    switch (route_find(h->router, net_request_method(r), net_request_path(r), &hit)) {
    case ROUTE_FOUND:
        break;
    case ROUTE_MALFORMED:
        reply_error(r, GRPC_INVALID_ARGUMENT, BYTES_LIT("The path is malformed."), BYTES_LIT(""));
        return;
    default:
        reply_error(r, GRPC_NOT_FOUND, BYTES_LIT("Method not found."), BYTES_LIT(""));
        return;
    }
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct err err = { 0 };
    if (!read_request(r, &hit, &request, &err)) {
        reply_error(r, GRPC_INVALID_ARGUMENT, bytes_str(err.text), BYTES_LIT(""));
        return;
    }
    static const struct net_request_events events = { .on_gone = on_gone };
    struct http_unary *u = mem_alloc(sizeof(*u));
    u->request = r;
    u->method = (enum method_id) hit.row->id;
    u->unary = (struct cloud_unary) { .cloud = h->cloud, .answer = answer,
                                      .deadline_us = loop_now(h->cloud->loop) + WAIT_S * US_PER_S };
    net_request_watch(r, &events, u);
    methods[u->method].fn(&u->unary, buf_bytes(&request));
}

struct cloud_http_pubsub *cloud_http_pubsub_make(struct cloud *c)
{
    struct cloud_http_pubsub *h = mem_alloc(sizeof(*h));
    h->cloud = c;
    h->router = router_make(rows, ARRAY_LEN(rows));
    return h;
}

void cloud_http_pubsub_free(struct cloud_http_pubsub *h)
{
    if (h == NULL)
        return;
    router_free(h->router);
    mem_free(h);
}

bool cloud_http_pubsub_route(struct cloud_http_pubsub *h, const struct net_request *r, struct net_route *ret_route)
{
    struct route_hit hit;
    if (route_find(h->router, net_request_method(r), net_request_path(r), &hit) == ROUTE_NO_PATH)
        return false;
    *ret_route = (struct net_route) { .kind = NET_BUFFERED, .body_max = LIMIT_REPLY_BODY, .fn = handle, .ctx = h };
    return true;
}
