#include "cloud/http_store.h"

#include "base/limits.h"
#include "cloud/healthcare_schema.h"
#include "cloud/http_reply.h"
#include "cloud/messages.h"
#include "cloud/operations.h"

#include <stdio.h>

struct route {
    enum cloud_fault_op op;
    void (*fn)(struct cloud_call *call);
};

static void answer_unimplemented(struct cloud_call *call);

enum { ABSENT = CLOUD_HC_METHODS };

static const struct route ROUTES[] = {
#define HC(id, op, fn, version, place, name, verb, param, resource, rest, query, request, response, words)   \
    [CLOUD_HC_##id] = { CLOUD_FAULT_ON_##op, fn },
#define HC_ABSENT(id, verb, resource, rest, words)
#include "cloud/healthcare_methods.def"
#undef HC
#undef HC_ABSENT
    [ABSENT] = { CLOUD_FAULT_ON_ADMIN, answer_unimplemented },
};

static const struct route_row ROWS[] = {
#define HC(id, op, fn, version, place, name, verb, param, resource, rest, query, request, response, words)   \
    { verb, "/" version "/" resource rest, CLOUD_HC_##id },
#define HC_ABSENT(id, verb, resource, rest, words) { verb, "/v1/" resource rest, ABSENT },
#include "cloud/healthcare_methods.def"
#undef HC
#undef HC_ABSENT
};

static void answer_unimplemented(struct cloud_call *call)
{
    cloud_call_fail(call, GRPC_UNIMPLEMENTED, (struct bytes) { 0 },
                    "This method is not in this version of the local cloud.");
}

static const struct router *router(void)
{
    static struct router *made; /* of constants; lives as long as the process */
    if (made == NULL)
        made = router_make(ROWS, ARRAY_LEN(ROWS));
    return made;
}

/* What follows "/v1/projects/P/". */
static struct bytes behind_project(struct bytes path)
{
    struct bytes rest = path;
    (void) bytes_cut(&rest, '/');
    struct bytes version = bytes_cut(&rest, '/');
    bool known = bytes_eq_str(version, "v1") || bytes_eq_str(version, "v1beta1");
    if (!known || !bytes_eq_str(bytes_cut(&rest, '/'), "projects"))
        return bytes_of(NULL, 0);
    (void) bytes_cut(&rest, '/');
    return rest;
}

bool cloud_http_store_owns(struct bytes path)
{
    return bytes_starts(behind_project(path), BYTES_LIT("locations/"));
}

static void answer_unrouted(struct cloud_call *call, enum route_match match)
{
    if (match == ROUTE_MALFORMED)
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "The path is malformed.");
    else
        cloud_call_fail(call, GRPC_NOT_FOUND, (struct bytes) { 0 }, "There is no such method at this path.");
}

/* True if a fault on command was the answer; the call is gone then. */
static bool is_struck(struct cloud_call *call, enum cloud_fault_op op)
{
    CLEANUP(buf_fini) struct buf target = { 0 };
    if (op != CLOUD_FAULT_ON_ADMIN)
        cloud_stores_name(call, 4, &target);
    call->plan = cloud_fault_http(call->c->fault, op, buf_bytes(&target));
    switch (call->plan.kind) {
    case CLOUD_FAULT_STATUS:
        call->status = call->plan.status;
        cloud_call_fail(call, cloud_fault_code(call->status), (struct bytes) { 0 }, "A fault on command.");
        return true;
    case CLOUD_FAULT_RESET:
    case CLOUD_FAULT_DISCONNECT:
    case CLOUD_FAULT_HTML:
        cloud_call_end(call);
        return true;
    default:
        return false;
    }
}

/* Reads alt, fields and prettyPrint. False: one of them is wrong; the call is gone. */
static bool read_format(struct cloud_call *call, int id)
{
    struct cloud_json_fault fault = { .field = "fields" };
    const struct cloud_rest_schema *response =
        id == ABSENT ? NULL : cloud_healthcare_methods[id].response;
    if (id == ABSENT || cloud_http_format_read(&call->query, response, &call->format, &fault.err))
        return true;
    if (strstr(fault.err.text, "'fields'") == NULL)
        snprintf(fault.field, sizeof(fault.field), "alt");
    cloud_stores_refuse(call, &fault);
    return false;
}

/* Of query and form both, the query first: a next page's token is added there. */
static bool read_query(const struct cloud_ask *ask, bool form, struct query *ret_query)
{
    CLEANUP(buf_fini) struct buf both = { 0 };
    if (!form)
        return query_parse(ask->query, ret_query);
    buf_append(&both, ask->query);
    buf_append_char(&both, '&');
    buf_append(&both, ask->body);
    return query_parse(buf_bytes(&both), ret_query);
}

void cloud_http_store_serve(struct cloud *c, const struct cloud_ask *ask, cloud_call_done_fn *done, void *ctx)
{
    struct cloud_call *call = cloud_call_make(c, ask, done, ctx);
    struct bytes method = ask->override.len > 0 ? ask->override : ask->method;
    /* A GET too long for a path comes as POST with its query in a form (Python's client does that). */
    bool form = ask->override.len > 0 && bytes_eq_str(method, "GET") && bytes_eq_str(ask->method, "POST");
    bool readable = read_query(ask, form, &call->query);
    call->format.compact = cloud_http_format_compact(&call->query);
    if (bytes_eq_str(method, "HEAD"))
        method = BYTES_LIT("GET");
    enum route_match match = route_find(router(), method, ask->path, &call->hit);
    if (match != ROUTE_FOUND) {
        answer_unrouted(call, match);
        return;
    }
    int id = call->hit.row->id;
    if (is_struck(call, ROUTES[id].op))
        return;
    if (!readable)
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "The query is malformed.");
    else if (read_format(call, id))
        ROUTES[id].fn(call);
}

/* --- the connection's side --- */

static void on_done(void *ctx, struct cloud_call *call)
{
    /* An error is given whole, whichever fields were asked for. */
    if (call->status >= 300) {
        struct cloud_http_format whole = { .compact = call->format.compact };
        cloud_http_format_apply(&whole, &call->json);
    } else if (call->json.len > 0) {
        cloud_http_format_apply(&call->format, &call->json);
    }
    cloud_http_reply_send(ctx, call->status, &call->plan, &call->json);
}

static void on_request(void *ctx, struct net_request *r)
{
    struct cloud *c = ctx;
    struct cloud_ask ask = {
        .method = net_request_method(r),
        .path = net_request_path(r),
        .query = net_request_query(r),
        .body = net_request_body(r),
        .override = net_request_header(r, "x-http-method-override"),
    };
    cloud_http_store_serve(c, &ask, on_done, cloud_http_reply_make(c, r));
}

bool cloud_http_store_route(struct cloud *c, const struct net_request *r, struct net_route *ret_route)
{
    if (!cloud_http_store_owns(net_request_path(r)))
        return false;
    /* One byte over the limit is enough for the handler to answer in the API's own words. */
    *ret_route = (struct net_route) { NET_BUFFERED, LIMIT_CLOUD_ACCEPT_ALL, on_request, c };
    return true;
}
