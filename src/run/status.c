#include "run/status.h"

#include "admin/admin_server.h"
#include "base/mem.h"
#include "relay/stats.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct status {
    struct assembly *a;
    struct admin_server *server;
};

static double disk_free(const struct assembly *a)
{
    struct statvfs v;
    if (a->conf->sink != CONF_SINK_FILE || statvfs(a->conf->sink_dir, &v) != 0 || v.f_blocks == 0)
        return -1;
    return (double) v.f_bavail / (double) v.f_blocks;
}

static int64_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = -1;    /* the one that counts */
    if (dir == NULL)
        return 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* The second number of /proc/self/statm, in pages. */
static int64_t resident_bytes(void)
{
    char text[64];
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    if (fgets(text, sizeof(text), f) != NULL) {
        struct bytes rest = bytes_str(text);
        bytes_cut(&rest, ' ');
        if (!bytes_to_u64(bytes_cut(&rest, ' '), &pages))
            pages = 0;
    }
    fclose(f);
    return (int64_t) pages * sysconf(_SC_PAGESIZE);
}

static void publish_process(const struct assembly *a)
{
    struct metrics *m = a->metrics;
    struct rusage usage;
    struct rlimit files;
    getrusage(RUSAGE_SELF, &usage);
    us_t cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    METRIC_ADD(m, CPU, 0, 0, (uint64_t) cpu - metric_get(m, METRIC_CPU, 0, 0));
    METRIC_SET(m, RESIDENT, 0, 0, resident_bytes());
    METRIC_SET(m, OPEN_FDS, 0, 0, open_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        METRIC_SET(m, MAX_FDS, 0, 0, (int64_t) files.rlim_cur);
    METRIC_ADD(m, LOG_DROPPED, 0, 0, log_stats(a->log).dropped - metric_get(m, METRIC_LOG_DROPPED, 0, 0));
    if (a->auth != NULL) {
        struct auth_token token = auth_token_now(a->auth);
        us_t left = token.bearer.len > 0 ? token.ends_us - loop_now(a->loop) : 0;
        METRIC_SET(m, TOKEN_EXPIRY, 0, 0, MAX(left, 0));
    }
}

static void add_check(struct admin_snapshot *s, const char *name, bool ok, const char *text)
{
    s->check[s->checks_count++] = (struct admin_check) { name, ok, ok ? "" : text };
}

static void check_all(const struct assembly *a, struct admin_snapshot *s)
{
    struct driver_facts f = { 0 };
    struct relay_stats stats = { 0 };
    if (a->driver != NULL) {
        driver_facts(a->driver, &f);
        relay_stats(driver_relay(a->driver), &stats);
    }
    const struct relay_target_stats *t = stats.target;
    s->started = f.ever_open;
    s->subscription_policy = f.delivery_attempt_max > 0;
    add_check(s, "pubsub", f.ever_open && !t[AT_SUBSCRIPTION].breaker_open, "no pull stream is open");
    add_check(s, "source", !t[AT_SOURCE].breaker_open, "the source store does not answer as it must");
    add_check(s, "dest", !t[AT_DEST].breaker_open, "the destination store does not answer as it must");
    add_check(s, "dlq", a->sink != NULL && !t[AT_SINK].breaker_open, a->sink != NULL ?
              "dead letters cannot be made durable" : "no dead-letter sink is configured");
    add_check(s, "disk", s->disk_free < 0 || s->disk_free > 0.01, "the dead-letter disk is full");
    add_check(s, "token", s->token_left_us != 0, "there is no valid access token");
    add_check(s, "storm_guard", !stats.storm_held, "the storm guard holds: see `hl7relay dead list`, then `dead accept`");
}

static void snapshot(void *ctx, struct admin_snapshot *s)
{
    status_snapshot(((struct status *) ctx)->a, s);
}

void status_snapshot(const struct assembly *a, struct admin_snapshot *s)
{
    const struct config *c = a->conf;
    publish_process(a);
    if (a->driver != NULL)
        driver_publish_metrics(a->driver);
    *s = (struct admin_snapshot) {
        .version = HL7RELAY_VERSION, .commit = a->commit, .instance = a->instance, .runner = "direct",
        .config_path = c->path, .config_sha256 = c->sha256, .started_us = a->started_us,
        .tick_us = loop_now(a->loop), .source = c->source.name, .dest = c->dest.name,
        .subscription = c->pubsub_subscription, .leases_max = a->policy.deliveries_max,
        .token_left_us = a->auth == NULL ? -1 : (us_t) metric_get(a->metrics, METRIC_TOKEN_EXPIRY, 0, 0),
        .disk_free = disk_free(a),
    };
    check_all(a, s);
    struct driver_notice on[ADMIN_NOTICES];
    size_t count = a->driver != NULL ? driver_notices(a->driver, on, ADMIN_NOTICES) : 0;
    for (size_t i = 0; i < count; i++)
        s->notice[s->notices_count++] = (struct admin_notice) {
            driver_notice_code(on[i].notice), driver_notice_text(on[i].notice),
            label_text(LABELS_ENDPOINT, (unsigned) on[i].target), on[i].since_us,
        };
}

struct status *status_open(struct assembly *a)
{
    if (a->conf->status_host[0] == '\0')
        return NULL;
    struct status *s = mem_alloc(sizeof(*s));
    struct err err;
    s->a = a;
    s->server = admin_server_make(a->loop, &(struct admin_conf) {
        .host = a->conf->status_host, .port = a->conf->status_port, .prometheus = a->conf->metrics_prometheus,
        .metrics = a->metrics, .log = a->log, .snapshot = snapshot, .ctx = s,
    }, &err);
    if (s->server == NULL) {
        LOG(a->log, STATUS_PORT_TAKEN, LOG_ERR(&err));
        mem_free(s);
        return NULL;
    }
    LOG(a->log, STATUS_LISTENING, LOG_NAME_STR("host", a->conf->status_host), LOG_INT("port", admin_server_port(s->server)));
    return s;
}

void status_close(struct status *s)
{
    if (s == NULL)
        return;
    admin_server_free(s->server);
    mem_free(s);
}
