#include "cloud/http_pubsub.h"

#include "cloud/details.h"
#include "cloud/http_format.h"
#include "cloud/http_reply.h"
#include "cloud/pubsub.h"
#include "cloud/pubsub_schema.h"
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
    const char *name;
    cloud_unary_fn *fn;
    const char *to;
    enum cloud_message request, response;
} methods[METHODS] = {
#define METHOD(service, name, fn, verb, url, to, request, response) \
    { #name, fn, to, CLOUD_MESSAGE_##request, CLOUD_MESSAGE_##response },
#define REST_METHOD METHOD
#include "cloud/pubsub_methods.def"
};

struct http_unary {
    struct cloud_unary unary;
    struct cloud_http_reply *reply;
    struct cloud_fault_plan plan;
    struct cloud_http_format format;
    enum method_id method;
};

/* A request as far as its head says: an override counts as the method, HEAD as GET. */
struct asking {
    struct bytes verb, body;
    struct query query;
    bool readable; /* the query */
};

/* --- answers --- */

static void write_error(struct buf *json, uint16_t status, enum grpc_code code, struct bytes message,
                        struct bytes details)
{
    struct json_writer w = json_write_to(json);
    json_write_object(&w, NULL);
    json_write_object(&w, "error");
    json_write_int(&w, "code", status);
    json_write_str(&w, "message", message);
    json_write_str(&w, "status", bytes_str(grpc_code_name(code)));
    if (details.len > 0)
        cloud_details_json(&w, details);
    json_write_end(&w);
    json_write_end(&w);
}

static void answer(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details,
                   struct bytes response)
{
    struct http_unary *h = CONTAINER_OF(u, struct http_unary, unary);
    struct buf json = { 0 };
    uint16_t status = code == GRPC_OK ? 200 : grpc_code_http(code);
    if (code == GRPC_OK)
        cloud_transcode_write(methods[h->method].response, response, &json);
    else
        write_error(&json, status, code, message, details);
    if (code == GRPC_OK)
        cloud_http_format_apply(&h->format, &json);
    else
        cloud_http_format_apply(&(struct cloud_http_format) { .compact = h->format.compact }, &json);
    cloud_http_reply_send(h->reply, status, &h->plan, &json);
    cloud_http_format_fini(&h->format);
    mem_free(h);
}

static void on_gone(void *ctx)
{
    struct http_unary *h = ctx;
    h->unary.gone = true;
    if (h->unary.on_gone != NULL)
        h->unary.on_gone(&h->unary);
}

/* The field that a sentence of transcode.h names: "... at 'topic.labels' ..."; empty: none. */
static struct bytes field_of(const char *message)
{
    const char *at = strstr(message, " at '");
    return at != NULL ? bytes_of(at + 5, strcspn(at + 5, "'")) : BYTES_LIT("");
}

/* An error before any method was called. */
static void refuse(struct cloud_http_reply *reply, bool compact, enum grpc_code code, const char *message)
{
    static const struct cloud_fault_plan none = { 0 };
    CLEANUP(buf_fini) struct buf details = { 0 };
    struct buf json = { 0 };
    if (code == GRPC_INVALID_ARGUMENT)
        cloud_details_write(code, bytes_str(message), field_of(message), &details);
    write_error(&json, grpc_code_http(code), code, bytes_str(message), buf_bytes(&details));
    cloud_http_format_apply(&(struct cloud_http_format) { .compact = compact }, &json);
    cloud_http_reply_send(reply, grpc_code_http(code), &none, &json);
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
static bool read_request(const struct asking *a, const struct route_hit *hit, struct buf *out, struct err *err)
{
    enum method_id method = (enum method_id) hit->row->id;
    TRY(cloud_transcode_read(methods[method].request, a->body, out, err));
    if (!a->readable)
        return FAIL(err, BAD_INPUT, "The query string is malformed.");
    for (size_t i = 0; i < a->query.count; i++) {
        CLEANUP(buf_fini) struct buf field = { 0 };
        buf_append(&field, a->query.at[i].name);
        /* What is no field of the request (alt, prettyPrint, ...) is passed over. */
        (void) cloud_transcode_read_field(methods[method].request, buf_str(&field), a->query.at[i].value, out);
    }
    CLEANUP(buf_fini) struct buf name = { 0 };
    resource_name(hit, method, &name);
    if (!cloud_transcode_read_field(methods[method].request, methods[method].to, buf_bytes(&name), out))
        return FAIL(err, BAD_INPUT, "The resource name of the path cannot be read.");
    return true;
}

/* True: a fault strikes before the work, and has been answered. u is gone then. */
static bool struck(struct http_unary *u)
{
    struct buf json = { 0 };
    uint16_t status = u->plan.status;
    switch (u->plan.kind) {
    case CLOUD_FAULT_STATUS:
        write_error(&json, status, cloud_fault_code(status), BYTES_LIT("A fault on command."), BYTES_LIT(""));
        break;
    case CLOUD_FAULT_RESET:
    case CLOUD_FAULT_DISCONNECT:
    case CLOUD_FAULT_HTML:
        break;
    default:
        return false;
    }
    cloud_http_format_apply(&(struct cloud_http_format) { .compact = u->format.compact }, &json);
    cloud_http_reply_send(u->reply, status, &u->plan, &json);
    cloud_http_format_fini(&u->format);
    mem_free(u);
    return true;
}

static void asking_fini(struct asking *a)
{
    query_fini(&a->query);
}

/* A GET too long for a path comes as POST with its query, or the rest of it, in a form; of a name that comes twice
 * the last one counts: the query's. */
static struct asking asking_of(const struct net_request *r)
{
    CLEANUP(buf_fini) struct buf query = { 0 };
    struct asking a = { .verb = net_request_header(r, "x-http-method-override"), .body = net_request_body(r) };
    if (bytes_eq_str(a.verb, "GET") && bytes_eq_str(net_request_method(r), "POST")) {
        buf_append(&query, a.body);
        buf_append_char(&query, '&');
        a.body = bytes_of(NULL, 0);
    }
    if (a.verb.len == 0)
        a.verb = net_request_method(r);
    if (bytes_eq_str(a.verb, "HEAD"))
        a.verb = BYTES_LIT("GET");
    buf_append(&query, net_request_query(r));
    a.readable = query_parse(buf_bytes(&query), &a.query);
    return a;
}

static void handle(void *ctx, struct net_request *r)
{
    struct cloud_http_pubsub *h = ctx;
    struct cloud_http_reply *reply = cloud_http_reply_make(h->cloud, r);
    struct route_hit hit;
    CLEANUP(asking_fini) struct asking a = asking_of(r);
    bool compact = cloud_http_format_compact(&a.query);
    switch (route_find(h->router, a.verb, net_request_path(r), &hit)) {
    case ROUTE_FOUND:
        break;
    case ROUTE_MALFORMED:
        refuse(reply, compact, GRPC_INVALID_ARGUMENT, "The path is malformed.");
        return;
    default:
        refuse(reply, compact, GRPC_NOT_FOUND, "Method not found.");
        return;
    }
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct cloud_http_format format = { 0 };
    struct err err = { 0 };
    const struct cloud_rest_schema *response = cloud_pubsub_answers(a.verb, bytes_str(hit.row->path));
    if (!read_request(&a, &hit, &request, &err) || !cloud_http_format_read(&a.query, response, &format, &err)) {
        refuse(reply, compact, err.class == ERR_UNIMPLEMENTED ? GRPC_UNIMPLEMENTED : GRPC_INVALID_ARGUMENT, err.text);
        return;
    }
    struct http_unary *u = mem_alloc(sizeof(*u));
    u->reply = reply;
    u->format = format;
    u->method = (enum method_id) hit.row->id;
    u->unary = (struct cloud_unary) { .cloud = h->cloud, .answer = answer,
                                      .deadline_us = loop_now(h->cloud->loop) + WAIT_S * US_PER_S };
    if (u->method != M_Backlog)    /* how tests look at what their faults did */
        u->plan = cloud_fault_pubsub(h->cloud->fault, methods[u->method].name, buf_bytes(&request));
    if (struck(u))
        return;
    cloud_http_reply_on_gone(reply, on_gone, u);
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
