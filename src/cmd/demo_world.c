#include "cmd/demo.h"

#include "json/write.h"
#include "loop/clock.h"
#include "loop/resolve.h"
#include "pubsub/topic_admin.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char marker[] = ".hl7relay-demo";

/* A few of every hundred requests go wrong. A disconnect takes a whole connection with all that is under way
 * on it, so it is rarer. No lost acknowledgements here: each would cost a lease's length. */
static const char fault_rules[] =
    "{\"rules\": [\n"
    "  \"get:429:p=0.03\", \"ingest:429:p=0.02\", \"get:503:p=0.02\", \"ingest:503:p=0.03\",\n"
    "  \"get:reset:p=0.005\", \"ingest:reset:p=0.005\", \"stores:disconnect:p=0.0003\",\n"
    "  \"ingest:lost:p=0.0005\", \"ingest:cut:p=0.0005\",\n"
    "  \"get:truncate:p=0.002\", \"get:html:p=0.002\", \"get:wrong_name:p=0.001\",\n"
    "  \"stores:slow:p=0.01,ms=20-120\", \"stream:duplicate:p=0.02\", \"stream:reorder:p=0.05\"\n"
    "]}\n";
static const char no_faults[] = "{\"rules\": []}\n";

void demo_path(const struct demo *d, const char *inside, struct buf *out)
{
    buf_clear(out);
    buf_printf(out, "%s/%s", d->dir, inside);
}

static bool empty_folder(const char *path, struct err *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return FAIL(err, DISK, "demo: cannot look into %s: %s", path, strerror(errno));
    bool ok = true;
    for (struct dirent *e = readdir(dir); ok && e != NULL; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        CLEANUP(buf_fini) struct buf inside = { 0 };
        buf_printf(&inside, "%s/%s", path, e->d_name);
        struct stat st;
        if (lstat(buf_str(&inside), &st) == 0 && S_ISDIR(st.st_mode))
            ok = empty_folder(buf_str(&inside), err);
        if (ok && remove(buf_str(&inside)) != 0)
            ok = FAIL(err, DISK, "demo: cannot remove %s: %s", buf_str(&inside), strerror(errno));
    }
    closedir(dir);
    return ok;
}

/* Only a folder that a demo made is emptied. */
static bool make_folder(struct demo *d, const char *work_dir, struct err *err)
{
    if (mkdir(work_dir, 0700) != 0 && errno != EEXIST)
        return FAIL(err, DISK, "demo: cannot make the folder %s: %s", work_dir, strerror(errno));
    char *real = realpath(work_dir, NULL);
    if (real == NULL || strlen(real) >= sizeof(d->dir) - 256)
        return FAIL(err, DISK, "demo: cannot use the folder %s: %s", work_dir, real == NULL ? strerror(errno) : "its name is too long");
    memcpy(d->dir, real, strlen(real) + 1);
    free(real);    /* tidy: banned: realpath's own */
    CLEANUP(buf_fini) struct buf path = { 0 };
    demo_path(d, marker, &path);
    if (access(buf_str(&path), F_OK) == 0) {
        TRY(empty_folder(d->dir, err));
    } else if (rmdir(d->dir) != 0) {
        return FAIL(err, USAGE, "demo: the folder %s is not empty and no demo made it; name another with --work_dir", work_dir);
    } else {
        mkdir(d->dir, 0700);
    }
    TRY(child_write_file(buf_str(&path), BYTES_LIT("made and emptied by `hl7relay demo`\n"), err));
    static const char *const folders[] = { DEMO_CLOUD_DIR, "dead", "state", "pages" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        demo_path(d, folders[i], &path);
        if (mkdir(buf_str(&path), 0700) != 0)
            return FAIL(err, DISK, "demo: cannot make %s: %s", buf_str(&path), strerror(errno));
    }
    return true;
}

static bool start_cloud(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf data = { 0 }, out = { 0 }, faults = { 0 }, port = { 0 }, address = { 0 }, seed = { 0 };
    demo_path(d, DEMO_CLOUD_DIR, &data);
    demo_path(d, "cloud.log", &out);
    demo_path(d, "faults.json", &faults);
    TRY(child_write_file(buf_str(&faults), bytes_str(d->faults ? fault_rules : no_faults), err));
    buf_printf(&address, "127.0.0.1:%u", child_free_port(8085));
    buf_printf(&seed, "%llu", (unsigned long long) d->seed);
    const char *const argv[] = {
        "hl7relay", "emulate", "--host-port", buf_str(&address), "--data-dir", buf_str(&data),
        "--accept-all-stores", "source", "--release-on-disconnect",
        "--fault-file", buf_str(&faults), "--fault-seed", buf_str(&seed), NULL
    };
    TRY(child_start(&d->cloud, argv, NULL, buf_str(&out), err));
    TRY(child_wait_line(&d->cloud, "Server started, listening on ", 20 * US_PER_S, &port, err));
    uint64_t n;
    struct bytes said = bytes_trim(buf_bytes(&port));
    for (size_t colon = bytes_find(said, 0, ':'); colon < said.len; colon = bytes_find(said, 0, ':'))
        said = bytes_sub(said, colon + 1, SIZE_MAX);    /* a port, with or without the host before it */
    if (!bytes_to_u64(bytes_sub(said, 0, bytes_find(said, 0, ' ')), &n) || n == 0 || n > 65535)
        return FAIL(err, INTERNAL, "demo: the local cloud does not say its port; see %s", buf_str(&out));
    d->cloud_port = (uint16_t) n;
    return true;
}

bool demo_world_make(struct demo *d, const char *work_dir, struct err *err)
{
    TRY(make_folder(d, work_dir, err));
    TRY(start_cloud(d, err));
    d->loop = loop_make(err);
    if (d->loop == NULL)
        return false;
    d->resolver = resolver_make(d->loop);
    const struct h2_pool_conf conf = {
        .host = "127.0.0.1", .port = d->cloud_port, .connections_max = 4, .streams_max = 100,
        .connect_timeout_us = 10 * US_PER_S
    };
    d->pool = h2_pool_make(d->loop, d->resolver, &conf);
    d->rest = (struct rest) { .loop = d->loop, .pool = d->pool };
    d->pubsub = (struct pubsub_endpoint) { .loop = d->loop, .pool = d->pool };
    return true;
}

/* ---- stores, topic, subscription ---- */

struct waiting {
    bool done;
    struct err err;
};

static void on_admin(void *ctx, const struct topic_admin_reply *reply)
{
    struct waiting *w = ctx;
    w->done = true;
    if (reply->answer.class != ERR_OK)
        w->err = *reply->err;
}

static bool wait_done(struct demo *d, struct waiting *w, const char *what, struct err *err)
{
    while (!w->done)
        loop_pass(d->loop, US_NEVER);
    if (w->err.class == ERR_OK)
        return true;
    *err = w->err;
    return err_wrap(err, "demo: %s", what);
}

static bool make_topic(struct demo *d, struct err *err)
{
    struct waiting topic = { 0 }, subscription = { 0 };
    topic_admin_create_topic(&d->pubsub, BYTES_LIT(DEMO_TOPIC), 10 * US_PER_S, on_admin, &topic);
    TRY(wait_done(d, &topic, "creating the topic", err));
    const struct topic_admin_subscription sub = {
        .name = BYTES_LIT(DEMO_SUBSCRIPTION), .topic = BYTES_LIT(DEMO_TOPIC), .ack_deadline_s = 10
    };
    topic_admin_create_subscription(&d->pubsub, &sub, 10 * US_PER_S, on_admin, &subscription);
    return wait_done(d, &subscription, "creating the subscription", err);
}

static bool ask_ok(struct demo *d, const char *method, const char *path, const char *body, struct err *err)
{
    uint16_t status = rest_ask(&d->rest, method, bytes_str(path), bytes_str(body), NULL, err);
    if (status >= 200 && status < 300)
        return true;
    if (status != 0)
        return FAIL(err, INTERNAL, "demo: the local cloud answered %u to %s %s", status, method, path);
    return err_wrap(err, "demo: %s %s", method, path);
}

bool demo_world_furnish(struct demo *d, struct err *err)
{
    TRY(make_topic(d, err));
    TRY(ask_ok(d, "POST", "/v1/projects/demo/locations/us-central1/datasets?datasetId=demo", "{}", err));
    TRY(ask_ok(d, "POST", "/v1/" DEMO_PARENT "/hl7V2Stores?hl7V2StoreId=source",
               "{\"notificationConfigs\":[{\"pubsubTopic\":\"" DEMO_TOPIC "\"}]}", err));
    return ask_ok(d, "POST", "/v1/" DEMO_PARENT "/hl7V2Stores?hl7V2StoreId=destination", "{}", err);
}

/* ---- the relay ---- */

static bool write_config(struct demo *d, const char *path, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 }, value = { 0 };
    struct json_writer w = json_write_to(&text);
    json_write_object(&w, NULL);
    json_write_str(&w, "project_id", BYTES_LIT("demo"));
    json_write_str(&w, "region", BYTES_LIT("us-central1"));
    json_write_str(&w, "source_hl7v2_store", BYTES_LIT(DEMO_SOURCE));
    json_write_str(&w, "dest_hl7v2_store", BYTES_LIT(DEMO_DEST));
    json_write_str(&w, "pubsub_subscription", BYTES_LIT(DEMO_SUBSCRIPTION));
    buf_printf(&value, "http://127.0.0.1:%u", d->cloud_port);
    json_write_str(&w, "pubsub_endpoint", buf_bytes(&value));
    json_write_str(&w, "healthcare_endpoint", buf_bytes(&value));
    json_write_object(&w, "dead_letter");
    buf_clear(&value);
    buf_printf(&value, "file://%s/dead", d->dir);
    json_write_str(&w, "sink", buf_bytes(&value));
    if (d->beam)
        json_write_bool(&w, "kept_volume", true);
    json_write_end(&w);
    buf_clear(&value);
    buf_printf(&value, "127.0.0.1:%u", d->status_port);
    json_write_str(&w, "status_listen", buf_bytes(&value));
    demo_path(d, "state", &value);
    json_write_str(&w, "state_dir", buf_bytes(&value));
    json_write_object(&w, "log");
    json_write_str(&w, "format", BYTES_LIT("json"));
    json_write_end(&w);
    json_write_end(&w);
    buf_append_char(&text, '\n');
    return child_write_file(path, buf_bytes(&text), err);
}

bool demo_world_start_relay(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf config = { 0 }, out = { 0 };
    demo_path(d, "config.json", &config);
    demo_path(d, "relay.log", &out);
    if (d->status_port == 0) {
        d->status_port = child_free_port(9464);
        TRY(write_config(d, buf_str(&config), err));
    }
    if (d->beam)
        return demo_beam_start(d, buf_str(&config), err);
    const char *const argv[] = { "hl7relay", "run", "--config_path", buf_str(&config), NULL };
    TRY(child_start(&d->relay, argv, NULL, buf_str(&out), err));
    us_t until = clock_now() + 20 * US_PER_S;
    CLEANUP(buf_fini) struct buf page = { 0 };
    while (!child_http_get(d->status_port, "/livez", &page)) {
        if (!child_is_running(&d->relay) || clock_now() > until)
            return FAIL(err, INTERNAL, "demo: the relay did not come up; see %s", buf_str(&out));
        child_wait(&d->relay, US_PER_MS);
    }
    return true;
}

bool demo_world_end_faults(struct demo *d, struct err *err)
{
    if (!d->faults)
        return true;
    CLEANUP(buf_fini) struct buf faults = { 0 };
    demo_path(d, "faults.json", &faults);
    TRY(child_write_file(buf_str(&faults), bytes_str(no_faults), err));
    child_signal(&d->cloud, SIGHUP);
    return true;
}

void demo_world_end(struct demo *d)
{
    child_kill(&d->relay);
    demo_beam_end(d);
    if (d->pool != NULL)
        h2_pool_free(d->pool);
    if (d->resolver != NULL)
        resolver_free(d->resolver);
    if (d->loop != NULL) {
        loop_pass(d->loop, 0);
        loop_free(d->loop);
    }
    child_signal(&d->cloud, SIGTERM);
    child_wait(&d->cloud, 5 * US_PER_S);
    child_kill(&d->cloud);
}
