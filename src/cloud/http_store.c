#include "cloud/http_store.h"

#include "base/limits.h"
#include "cloud/http_reply.h"
#include "cloud/messages.h"

#define LOCATION "/v1/projects/{p}/locations/{l}"
#define DATASET  LOCATION "/datasets/{d}"
#define STORE    DATASET "/hl7V2Stores/{s}"
#define MESSAGE  STORE "/messages/{m}"

struct route {
    enum cloud_fault_op op;
    void (*fn)(struct cloud_call *call);
};

static void answer_unimplemented(struct cloud_call *call);

enum id {
    DATASETS_CREATE,
    DATASETS_LIST,
    DATASETS_GET,
    DATASETS_DELETE,
    OPERATIONS_LIST,
    OPERATIONS_GET,
    STORES_CREATE,
    STORES_LIST,
    STORES_GET,
    STORES_PATCH,
    STORES_DELETE,
    MESSAGES_CREATE,
    MESSAGES_INGEST,
    MESSAGES_LIST,
    MESSAGES_GET,
    MESSAGES_PATCH,
    MESSAGES_DELETE,
    NOT_HERE,
    IDS
};

static const struct route ROUTES[IDS] = {
    [DATASETS_CREATE] = { CLOUD_FAULT_ON_ADMIN, cloud_datasets_create },
    [DATASETS_LIST] = { CLOUD_FAULT_ON_ADMIN, cloud_datasets_list },
    [DATASETS_GET] = { CLOUD_FAULT_ON_ADMIN, cloud_datasets_get },
    [DATASETS_DELETE] = { CLOUD_FAULT_ON_ADMIN, cloud_datasets_delete },
    [OPERATIONS_LIST] = { CLOUD_FAULT_ON_ADMIN, cloud_operations_list },
    [OPERATIONS_GET] = { CLOUD_FAULT_ON_ADMIN, cloud_operations_get },
    [STORES_CREATE] = { CLOUD_FAULT_ON_ADMIN, cloud_stores_create },
    [STORES_LIST] = { CLOUD_FAULT_ON_ADMIN, cloud_stores_list },
    [STORES_GET] = { CLOUD_FAULT_ON_ADMIN, cloud_stores_get },
    [STORES_PATCH] = { CLOUD_FAULT_ON_ADMIN, cloud_stores_patch },
    [STORES_DELETE] = { CLOUD_FAULT_ON_ADMIN, cloud_stores_delete },
    [MESSAGES_CREATE] = { CLOUD_FAULT_ON_CREATE, cloud_messages_create },
    [MESSAGES_INGEST] = { CLOUD_FAULT_ON_INGEST, cloud_messages_ingest },
    [MESSAGES_LIST] = { CLOUD_FAULT_ON_LIST, cloud_messages_list },
    [MESSAGES_GET] = { CLOUD_FAULT_ON_GET, cloud_messages_get },
    [MESSAGES_PATCH] = { CLOUD_FAULT_ON_PATCH, cloud_messages_patch },
    [MESSAGES_DELETE] = { CLOUD_FAULT_ON_DELETE, cloud_messages_delete },
    [NOT_HERE] = { CLOUD_FAULT_ON_ADMIN, answer_unimplemented },
};

/* The hot rows first: rows are tried in order. */
static const struct route_row ROWS[] = {
    { "GET", MESSAGE, MESSAGES_GET },
    { "POST", STORE "/messages:ingest", MESSAGES_INGEST },
    { "POST", STORE "/messages", MESSAGES_CREATE },
    { "GET", STORE "/messages", MESSAGES_LIST },
    { "PATCH", MESSAGE, MESSAGES_PATCH },
    { "DELETE", MESSAGE, MESSAGES_DELETE },
    { "POST", DATASET "/hl7V2Stores", STORES_CREATE },
    { "GET", DATASET "/hl7V2Stores", STORES_LIST },
    { "GET", STORE, STORES_GET },
    { "PATCH", STORE, STORES_PATCH },
    { "DELETE", STORE, STORES_DELETE },
    { "POST", LOCATION "/datasets", DATASETS_CREATE },
    { "GET", LOCATION "/datasets", DATASETS_LIST },
    { "GET", DATASET, DATASETS_GET },
    { "DELETE", DATASET, DATASETS_DELETE },
    { "GET", DATASET "/operations", OPERATIONS_LIST },
    { "GET", DATASET "/operations/{o}", OPERATIONS_GET },
    /* What Google has and this version has not. */
    { "PATCH", DATASET, NOT_HERE },
    { "POST", DATASET "/operations/{o}:cancel", NOT_HERE },
    { "POST", STORE ":export", NOT_HERE },
    { "POST", STORE ":import", NOT_HERE },
    { "POST", STORE ":rollback", NOT_HERE },
    { "GET", STORE ":getHL7v2StoreMetrics", NOT_HERE },
    { "GET", STORE ":getIamPolicy", NOT_HERE },
    { "POST", STORE ":setIamPolicy", NOT_HERE },
    { "POST", STORE ":testIamPermissions", NOT_HERE },
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

bool cloud_http_store_owns(struct bytes path)
{
    struct bytes rest = path;
    struct bytes prefix = BYTES_LIT("/v1/projects/");
    if (!bytes_starts(path, prefix))
        return false;
    rest = bytes_sub(path, prefix.len, path.len);
    (void) bytes_cut(&rest, '/');
    return bytes_starts(rest, BYTES_LIT("locations/"));
}

/* The query's fields; those of a form body when a long GET came as POST (Python's client does that). */
static bool read_query(struct cloud_call *call, bool form)
{
    return query_parse(form ? call->ask->body : call->ask->query, &call->query);
}

static void answer_unrouted(struct cloud_call *call, enum route_match match)
{
    if (match == ROUTE_MALFORMED)
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "The path is malformed.");
    else
        cloud_call_fail(call, GRPC_NOT_FOUND, (struct bytes) { 0 }, "There is no such method at this path.");
}

void cloud_http_store_serve(struct cloud *c, const struct cloud_ask *ask, cloud_call_done_fn *done, void *ctx)
{
    CLEANUP(buf_fini) struct buf target = { 0 };
    struct cloud_call *call = cloud_call_make(c, ask, done, ctx);
    bool form =
        ask->override.len > 0 && bytes_eq_str(ask->override, "GET") && bytes_eq_str(ask->method, "POST");
    enum route_match match =
        route_find(router(), ask->override.len > 0 ? ask->override : ask->method, ask->path, &call->hit);
    if (match != ROUTE_FOUND) {
        answer_unrouted(call, match);
        return;
    }
    const struct route *route = &ROUTES[call->hit.row->id];
    if (route->op != CLOUD_FAULT_ON_ADMIN)
        cloud_stores_name(call, 4, &target);
    call->plan = cloud_fault_http(c->fault, route->op, buf_bytes(&target));
    switch (call->plan.kind) {
    case CLOUD_FAULT_STATUS:
        call->status = call->plan.status;
        cloud_call_fail(call, cloud_fault_code(call->status), (struct bytes) { 0 }, "A fault on command.");
        return;
    case CLOUD_FAULT_RESET:
    case CLOUD_FAULT_DISCONNECT:
    case CLOUD_FAULT_HTML:
        cloud_call_end(call);
        return;
    default:
        break;
    }
    if (!read_query(call, form))
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "The query is malformed.");
    else
        route->fn(call);
}

/* --- the connection's side --- */

static void on_done(void *ctx, struct cloud_call *call)
{
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
