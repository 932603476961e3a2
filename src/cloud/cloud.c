#include "cloud/cloud.h"

#include "base/mem.h"
#include "cloud/discovery.h"
#include "cloud/fault.h"
#include "cloud/grpc_pubsub.h"
#include "cloud/http_pubsub.h"
#include "cloud/http_store.h"
#include "cloud/jobs.h"
#include "cloud/operations.h"
#include "cloud/page.h"
#include "cloud/pubsub.h"
#include "cloud/seed.h"
#include "cloud/seen.h"
#include "cloud/stores.h"

static void answer_root(void *ctx UNUSED, struct net_request *r)
{
    static const struct net_header headers[] = { { { "content-type", 12 }, { "text/plain; charset=UTF-8", 25 } } };
    net_reply(r, 200, headers, ARRAY_LEN(headers), BYTES_LIT("Ok\n"));
}

static void answer_unknown(void *ctx UNUSED, struct net_request *r)
{
    static const struct net_header headers[] = {
        { { "content-type", 12 }, { "application/json; charset=UTF-8", 31 } }
    };
    net_reply(r, 404, headers, ARRAY_LEN(headers),
              BYTES_LIT("{\"error\":{\"code\":404,\"message\":\"Method not found.\",\"status\":\"NOT_FOUND\"}}"));
}

static struct net_route route(void *ctx, const struct net_request *r)
{
    struct cloud *c = ctx;
    struct net_route to = { .kind = NET_BUFFERED, .body_max = LIMIT_SMALL_REPLY, .fn = answer_unknown, .ctx = c };
    if (grpc_server_route(c->grpc, r, &to) || cloud_http_store_route(c, r, &to) ||
        cloud_http_pubsub_route(c->http_pubsub, r, &to) || cloud_discovery_route(r, &to) ||
        cloud_page_route(c, r, &to))
        return to;
    bool get = bytes_eq_str(net_request_method(r), "GET") || bytes_eq_str(net_request_method(r), "HEAD");
    if (get && bytes_eq_str(net_request_path(r), "/"))
        to.fn = answer_root;
    return to;
}

static void on_answered(void *ctx, const struct net_request *r, const struct net_answer *answer)
{
    struct cloud *c = ctx;
    if (!cloud_page_is_own(net_request_path(r)))
        cloud_seen_note(c->seen, r, answer);
}

struct cloud *cloud_start(struct loop *l, const struct cloud_conf *conf, struct err *err)
{
    struct cloud *c = mem_alloc(sizeof(*c));
    c->loop = l;
    c->started_us = loop_now(l);
    c->seen = cloud_seen_make();
    c->host = conf->host != NULL ? mem_dup(bytes_str(conf->host)) : NULL;
    c->accept_all = conf->accept_all;
    c->release_on_disconnect = conf->release_on_disconnect;
    c->gcs_folder = conf->gcs_folder != NULL ? mem_dup(bytes_str(conf->gcs_folder)) : NULL;
    c->tell = conf->tell;
    c->tell_ctx = conf->tell_ctx;
    c->jobs = cloud_jobs_make(l);
    c->fault = cloud_fault_make(l, conf, err);
    if (c->fault != NULL)
        c->db = cloud_db_open(l, conf->data_dir, err);
    if (c->db != NULL)
        cloud_db_tell(c->db, conf->tell, conf->tell_ctx);
    if (c->db != NULL)
        c->pubsub = cloud_pubsub_make(c, err);
    if (c->pubsub != NULL)
        c->stores = cloud_stores_make(c, conf, err);
    if (c->stores == NULL || !cloud_operations_load(c, err) ||
        (conf->seed_file != NULL && !cloud_seed(c, conf->seed_file, conf->tell, conf->tell_ctx, err))) {
        cloud_free(c);
        return NULL;
    }
    c->grpc = cloud_grpc_make(c);
    c->http_pubsub = cloud_http_pubsub_make(c);
    struct net_listen_conf listen = {
        .host = conf->host != NULL ? conf->host : "127.0.0.1", .port = conf->port, .tls = conf->tls,
        .route = route, .answered = on_answered, .ctx = c
    };
    c->listener = net_listen(l, &listen, err);
    if (c->listener == NULL) {
        cloud_free(c);
        return NULL;
    }
    return c;
}

uint16_t cloud_port(const struct cloud *c)
{
    return net_listener_port(c->listener);
}

bool cloud_reload_faults(struct cloud *c, struct err *err)
{
    return cloud_fault_reload(c->fault, err);
}

void cloud_drain(struct cloud *c)
{
    c->draining = true;
    cloud_pubsub_drain(c->pubsub);
    net_listener_drain(c->listener);
}

bool cloud_is_drained(const struct cloud *c)
{
    return net_listener_connections(c->listener) == 0;
}

void cloud_free(struct cloud *c)
{
    if (c == NULL)
        return;
    /* Callers first, then what their requests have under way, then the rest. */
    net_listener_free(c->listener);
    cloud_jobs_stop(c->jobs);
    if (c->db != NULL)
        cloud_db_settle(c->db);
    cloud_jobs_free(c->jobs);
    grpc_server_free(c->grpc);
    cloud_http_pubsub_free(c->http_pubsub);
    cloud_stores_free(c->stores);
    cloud_pubsub_free(c->pubsub);
    cloud_db_close(c->db);
    cloud_fault_free(c->fault);
    cloud_seen_free(c->seen);
    mem_free(c->host);
    mem_free(c->gcs_folder);
    mem_free(c);
}
