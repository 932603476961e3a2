#include "run/assemble.h"

#include "adapters/sink_file.h"
#include "adapters/sink_topic.h"
#include "adapters/storm_file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "loop/entropy.h"
#include "loop/resolve.h"
#include "net/proxy.h"
#include "run/credentials.h"

#include <sys/stat.h>

/* Above what one connection bears, so that a full pool and its successor fit while one is rotated out. */
static uint32_t connections_for(uint64_t in_flight)
{
    return (uint32_t) (in_flight / LIMIT_STREAMS) + 2;
}

static struct h2_pool *pool_make(struct assembly *a, const struct conf_endpoint *e, uint32_t connections)
{
    return h2_pool_make(a->loop, a->resolver, &(struct h2_pool_conf) {
        .host = e->host, .port = e->port, .connect_to = e->connect_to,
        .proxy = proxy_for_host(a->conf->proxy, e->host, e->port),
        .tls = e->tls ? a->tls : NULL, .connections_max = connections, .streams_max = LIMIT_STREAMS,
        .connect_timeout_us = 10 * US_PER_S, .idle_ping_us = 15 * US_PER_S,
        .life_max_us = 60 * US_PER_MIN,
    });
}

static bool names_make(const struct conf_store *store, const struct conf_store *aliases, size_t aliases_count,
                       struct store_names **ret_names, struct err *err)
{
    struct store_names *names = mem_alloc(sizeof(*names));
    *ret_names = names;
    TRY(store_name_parse(bytes_str(store->name), &names->own, err));
    if (aliases_count > STORE_ALIASES)
        return FAIL(err, CONFIG, "source_store_aliases has more than %d entries", STORE_ALIASES);
    for (size_t i = 0; i < aliases_count; i++)
        TRY(store_name_parse(bytes_str(aliases[i].name), &names->alias[i], err));
    names->aliases_count = aliases_count;
    return true;
}

static bool auth_make(struct assembly *a, struct err *err)
{
    const struct config *c = a->conf;
    if (!c->credentials)
        return true;
    struct auth_found found = { 0 };
    TRY(run_credentials_find(c, &found, err));
    a->auth = auth_source_make(a->loop, a->cold, &found.conf, err);
    auth_found_fini(&found);
    return a->auth != NULL;
}

/* First of all: a directory that another relay has is told before anything is asked of the network. */
static bool file_sink_make(struct assembly *a, struct err *err)
{
    if (a->conf->sink != CONF_SINK_FILE)
        return true;
    a->sink = sink_file_open(a->loop, a->conf->sink_dir, err);
    return a->sink != NULL;
}

static bool storm_read(struct assembly *a, struct err *err)
{
    us_t held_since = 0;
    if (a->sink == NULL)
        return true;
    if (a->conf->sink == CONF_SINK_TOPIC)    /* the file sink made its own; a relay without a disk goes without */
        (void) !mkdir(a->conf->storm_dir, 0700);
    TRY(storm_state_read(a->conf->storm_dir, &held_since, err));
    a->facts.storm_held = held_since != 0;
    struct storm_counts counts = storm_counts_read(a->conf->storm_dir);
    a->facts.storm_dead = counts.dead;
    a->facts.storm_outcomes = counts.outcomes;
    return true;
}

static bool network_make(struct assembly *a, struct err *err)
{
    const struct config *c = a->conf;
    a->resolver = resolver_make(a->loop);
    a->cold = http_cold_make(a->loop, &(struct http_cold_conf) { c->tls_ca_file, c->proxy });
    if (c->pubsub.tls || c->healthcare.tls) {
        a->tls = tls_client_make(c->tls_ca_file, err);
        if (a->tls == NULL)
            return false;
    }
    TRY(auth_make(a, err));
    a->pubsub_pool = pool_make(a, &c->pubsub, 2);
    a->store_pool = pool_make(a, &c->healthcare, connections_for((uint64_t) c->flow_max_concurrency * 2));
    return true;
}

static struct store_client *store_make(struct assembly *a, const struct store_names *names)
{
    return store_client_make(a->loop, &(struct store_client_conf) {
        .pool = a->store_pool, .names = names,
        .quota_project = a->auth != NULL ? auth_source_quota_project(a->auth) : bytes_of(NULL, 0),
        .reply_max = LIMIT_REPLY_BODY, .slow_us = 10 * US_PER_S,
    });
}

bool assembly_connect(struct assembly *a, struct err *err)
{
    const struct config *c = a->conf;
    TRY(names_make(&c->source, c->aliases, c->aliases_count, &a->source_names, err));
    TRY(names_make(&c->dest, NULL, 0, &a->dest_names, err));
    TRY(network_make(a, err));
    a->source = store_make(a, a->source_names);
    a->dest = store_make(a, a->dest_names);
    return true;
}

bool assembly_make(struct assembly *a, bool storm_guard, struct err *err)
{
    const struct config *c = a->conf;
    TRY(file_sink_make(a, err));
    TRY(assembly_connect(a, err));
    if (c->sink == CONF_SINK_TOPIC)
        a->sink = sink_topic_open(&(struct pubsub_endpoint) { a->loop, a->pubsub_pool, a->auth }, bytes_str(c->dead_letter_topic));
    TRY(storm_read(a, err));
    a->facts.storm_guard = storm_guard;
    a->facts.sink = a->sink != NULL;
    a->facts.tokens = a->auth != NULL;
    a->policy = run_policy(c, &a->facts);
    a->bodies = store_bodies_make(a->policy.jobs_max);
    return true;
}

void assembly_drive(struct assembly *a, void (*on_storm)(void *ctx, bool held), void *ctx)
{
    a->driver = driver_make(&(struct driver_conf) {
        .loop = a->loop, .log = a->log, .metrics = a->metrics, .policy = &a->policy, .seed = entropy_u64(),
        .source_names = a->source_names, .dest_names = a->dest_names,
        .source = a->source, .dest = a->dest, .bodies = a->bodies, .auth = a->auth, .sink = a->sink,
        .pubsub = { a->loop, a->pubsub_pool, a->auth }, .subscription = bytes_str(a->pushed ? "" : a->conf->pubsub_subscription), .bundles = a->bundles,
        .outstanding_max = a->policy.deliveries_max, .outstanding_bytes = a->conf->flow_max_outstanding_bytes, .copy_labels = a->conf->copy_labels,
        .log_content = a->conf->content_until_us != 0, .messages_max = a->messages_max,
        .on_storm = on_storm, .ctx = ctx,
    });
}

void assembly_fini(struct assembly *a)
{
    sink_close(a->sink);    /* first: what was put is on the disk before anything else goes, and nothing answers to it any more */
    driver_free(a->driver);
    store_client_free(a->source);
    store_client_free(a->dest);
    store_bodies_free(a->bodies);
    h2_pool_free(a->store_pool);
    h2_pool_free(a->pubsub_pool);
    auth_source_free(a->auth);
    http_cold_free(a->cold);
    tls_context_free(a->tls);
    resolver_free(a->resolver);
    mem_free(a->source_names);
    mem_free(a->dest_names);
}
