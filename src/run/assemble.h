/*
 * Builds the direct run from the configuration: what there is one of in a
 * process, in the order in which each needs those before it.
 */
#ifndef RUN_ASSEMBLE_H
#define RUN_ASSEMBLE_H

#include "adapters/driver.h"
#include "auth/token.h"
#include "conf/config.h"
#include "net/tls.h"
#include "run/run_policy.h"

struct assembly {
    const struct config *conf;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct resolver *resolver;
    struct http_cold *cold;
    struct tls_context *tls;
    struct auth_source *auth;          /* NULL: the local cloud */
    struct h2_pool *pubsub_pool, *store_pool;
    struct store_names *source_names, *dest_names;
    struct store_client *source, *dest;
    struct store_bodies *bodies;
    struct sink *sink;
    struct run_facts facts;
    struct relay_policy policy;
    const struct driver_bundles *bundles;    /* a Beam worker's; NULL: the direct run. Set by the caller */
    bool pushed;                       /* the runner brings the messages: nothing is pulled. Set by the caller */
    struct driver *driver;
    us_t started_us;                   /* loop time */
    uint64_t messages_max;             /* deliveries to take; 0: no end. Set by the caller */
    const char *commit;                /* of this build; by the caller */
    char instance[96];                 /* host and process: which of several replicas this is */
};

/*
 * Names, credentials and connections alone, for commands that ask the same
 * services (`verify`). loop and conf are set by the caller; log may be NULL. When
 * a->auth is set, its first token is the caller's to ask for and to wait for.
 */
bool assembly_connect(struct assembly *a, struct err *err) MUST_USE;
/*
 * Everything but the driver. loop, log, metrics and conf are set by the caller
 * and stay its own. False: what was made is for assembly_fini(); the class is
 * CONFIG, DISK (sink), TLS, UNAUTHENTICATED.
 */
bool assembly_make(struct assembly *a, bool storm_guard, struct err *err) MUST_USE;
/* When there is a token, or none is needed. What the caller changed in a->policy is in force. */
void assembly_drive(struct assembly *a, void (*on_storm)(void *ctx, bool held), void *ctx);
void assembly_fini(struct assembly *a);

#endif
