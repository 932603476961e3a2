/* What the parts of the local cloud share. Nobody outside cloud/ includes it. */
#ifndef CLOUD_PARTS_H
#define CLOUD_PARTS_H

#include "cloud/cloud.h"
#include "cloud/db.h"
#include "net/listen.h"

struct cloud_http_pubsub;
struct cloud_pubsub;    /* topics.c, subscriptions.c */
struct cloud_stores;    /* stores.c, messages.c */
struct cloud_fault;     /* fault.c */
struct cloud_seen;      /* seen.c */
struct cloud_jobs;      /* jobs.c */

struct cloud {
    struct loop *loop;
    struct cloud_db *db;
    struct cloud_fault *fault;
    struct cloud_pubsub *pubsub;
    struct cloud_stores *stores;
    struct cloud_jobs *jobs;
    char *gcs_folder; /* stands in for Cloud Storage; NULL: none */
    void (*tell)(void *ctx, const char *sentence); /* NULL: nobody is told */
    void *tell_ctx;
    struct grpc_server *grpc;
    struct cloud_http_pubsub *http_pubsub;
    struct net_listener *listener;
    struct cloud_seen *seen;    /* recent requests, for the page */
    char *host;                 /* what it was told to listen on; NULL: 127.0.0.1 */
    us_t started_us;
    bool draining;
    bool accept_all;
    bool release_on_disconnect;
};

#endif
