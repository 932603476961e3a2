/*
 * The status port: / (one page, no script), /metrics, /livez, /readyz,
 * /startupz, /status.json. GET and HEAD only, Host checked (DNS rebinding), no
 * state changes, no patient data: there is nothing here that could show any.
 *
 * Figures come from the metrics registry; what is no metric comes from the
 * snapshot function, which the program gives. Once a second a sample of the
 * counters is kept for rates (1 minute, 5 minutes, 1 hour).
 */
#ifndef ADMIN_ADMIN_SERVER_H
#define ADMIN_ADMIN_SERVER_H

#include "loop/loop.h"
#include "obs/log.h"
#include "obs/metrics.h"

/* A fact that an operator must know while it lasts (relay/notice.def). */
struct admin_notice {
    const char *code, *text;      /* "TARGET_HELD" and its sentence */
    const char *target;           /* "source", or "" */
    us_t since_us;                /* loop time */
};

/* One thing that must be so for the relay to be ready. */
struct admin_check {
    const char *name;             /* "pubsub", "source", "dest", "dlq", "disk", "token" */
    bool ok;
    const char *text;             /* why not: a sentence of ours, or "" */
};

enum { ADMIN_NOTICES = 24, ADMIN_CHECKS = 12 };

struct admin_snapshot {
    const char *version, *commit, *instance, *runner;
    const char *config_path, *config_sha256;
    us_t started_us;              /* loop time */
    us_t tick_us;                 /* loop time of the engine's last step: /livez wants it younger than 10 s */
    bool started;                 /* first pull stream open, or first message moved: /startupz */
    bool draining;
    const char *source, *dest, *subscription;
    uint64_t leases_max;
    us_t token_left_us;           /* < 0: no tokens in use (local cloud) */
    double disk_free;             /* share of the sink's file system, 0..1; < 0: not known */
    bool subscription_policy;     /* delivery_attempt was seen: Pub/Sub moves messages away by itself */
    size_t notices_count, checks_count;
    struct admin_notice notice[ADMIN_NOTICES];
    struct admin_check check[ADMIN_CHECKS];
};

/* Also the moment to bring gauges up to date: metrics are read after it. */
typedef void admin_snapshot_fn(void *ctx, struct admin_snapshot *ret);

struct admin_conf {
    const char *host;             /* literal address; loopback unless the operator says otherwise; NULL: no port, see adopt */
    uint16_t port;                /* 0: any free one */
    bool prometheus;              /* false: /metrics is 404 */
    const struct metrics *metrics;
    const struct log *log;        /* for the last errors; may be NULL */
    admin_snapshot_fn *snapshot;
    void *ctx;
};

struct admin_server;

struct admin_server *admin_server_make(struct loop *l, const struct admin_conf *conf, struct err *err);
/* Serves a connected socket (a socketpair's end, an inherited one). Takes the descriptor. */
void admin_server_adopt(struct admin_server *s, int fd);
uint16_t admin_server_port(const struct admin_server *s);
void admin_server_free(struct admin_server *s);

#endif
