/*
 * The relay of `demo --runner PrismRunner`: Prism, a pool of workers and a job
 * that `submit` follows. What is killed on the way is a worker; the job fails
 * with it, and another is submitted.
 */
#include "cmd/demo.h"

#include "json/scan.h"
#include "loop/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where Prism is: named, in the folder that tests/beam/setup fills, or on the PATH. */
static bool find_prism(const struct demo *d, struct buf *ret_path, struct err *err)
{
    static const char kept[] = ".tools/beam/bin/prism";
    const char *path = getenv("PATH");
    if (d->prism[0] != '\0' || access(kept, X_OK) == 0) {
        buf_append_str(ret_path, d->prism[0] != '\0' ? d->prism : kept);
        return access(buf_str(ret_path), X_OK) == 0 || FAIL(err, BAD_INPUT, "demo: --prism %s is no program", d->prism);
    }
    for (struct bytes rest = bytes_str(path != NULL ? path : ""); rest.len > 0;) {
        struct bytes folder = bytes_cut(&rest, ':');
        buf_clear(ret_path);
        buf_printf(ret_path, "%.*s/prism", BYTES_FMT(folder));
        if (access(buf_str(ret_path), X_OK) == 0)
            return true;
    }
    return FAIL(err, BAD_INPUT, "demo: there is no prism here; tests/beam/setup prism builds it, or name it with --prism FILE");
}

static bool start_prism(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 }, out = { 0 }, port = { 0 };
    TRY(find_prism(d, &path, err));
    demo_path(d, "prism.log", &out);
    d->job_port = child_free_port(8073);
    buf_printf(&port, "--job_port=%u", d->job_port);
    const char *const argv[] = { "prism", "--serve_http=false", "--log_kind=text", buf_str(&port), NULL };
    TRY(child_start_program(&d->runner, buf_str(&path), argv, NULL, buf_str(&out), err));
    us_t until = clock_now() + 20 * US_PER_S;
    while (child_free_port(d->job_port) == d->job_port) {
        if (!child_is_running(&d->runner) || clock_now() > until)
            return FAIL(err, INTERNAL, "demo: Prism did not come up; see %s", buf_str(&out));
        child_wait(&d->runner, 20 * US_PER_MS);
    }
    return true;
}

static bool start_pool(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf out = { 0 }, rest = { 0 };
    const char *const argv[] = { "hl7relay", "beam-worker", "--pool", "127.0.0.1:0", NULL };
    demo_path(d, "pool.log", &out);
    TRY(child_start(&d->workers, argv, NULL, buf_str(&out), err));
    TRY(child_wait_line(&d->workers, "listening on ", 20 * US_PER_S, &rest, err));
    struct bytes place = bytes_trim(buf_bytes(&rest));
    snprintf(d->pool_place, sizeof(d->pool_place), "%.*s", BYTES_FMT(place));
    return true;
}

bool demo_beam_start(struct demo *d, const char *config, struct err *err)
{
    CLEANUP(buf_fini) struct buf out = { 0 }, endpoint = { 0 };
    if (d->runner.pid == 0) {
        TRY(start_prism(d, err));
        TRY(start_pool(d, err));
    }
    demo_path(d, "relay.log", &out);
    buf_printf(&endpoint, "localhost:%u", d->job_port);
    const char *const argv[] = {
        "hl7relay", "submit", "--config_path", config, "--runner", "PrismRunner", "--job_endpoint", buf_str(&endpoint),
        "--environment_type", "EXTERNAL", "--environment_config", d->pool_place, "--json", NULL
    };
    TRY(child_start(&d->relay, argv, NULL, buf_str(&out), err));
    return child_wait_line(&d->relay, "\"state\":\"RUNNING\"", 30 * US_PER_S, NULL, err);
}

/* Counters of the job that runs, as its runner told them last. */
void demo_beam_counters(const struct demo *d, struct demo_counters *ret)
{
    CLEANUP(buf_fini) struct buf log = { 0 };
    struct err err;
    if (!child_read_file(d->relay.out, &log, &err))
        return;
    for (struct bytes rest = bytes_sub(buf_bytes(&log), d->relay.out_begins, SIZE_MAX); rest.len > 0;) {
        struct bytes line = bytes_cut(&rest, '\n');
        struct json_field f[] = { { .key = "type" }, { .key = "FailedFetch" }, { .key = "Ingested" }, { .key = "FailedIngest" } };
        int64_t n[ARRAY_LEN(f)] = { 0 };
        bool sound = json_scan_object(line, f, ARRAY_LEN(f), NULL) && json_str_is(&f[0].value, "counters");
        for (size_t i = 1; sound && i < ARRAY_LEN(f); i++)
            sound = json_to_i64(&f[i].value, &n[i]) && n[i] >= 0;
        if (sound)
            *ret = (struct demo_counters) {
                .received = (uint64_t) (n[1] + n[2] + n[3]), .delivered = (uint64_t) n[2], .dead = (uint64_t) (n[1] + n[3])
            };
    }
}

/* SIGKILL for every worker of the pool; the job must fail of it. */
bool demo_beam_kill(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 }, children = { 0 };
    buf_printf(&path, "/proc/%d/task/%d/children", d->workers.pid, d->workers.pid);
    TRY(child_read_file(buf_str(&path), &children, err));
    size_t killed = 0;
    for (struct bytes rest = bytes_trim(buf_bytes(&children)); rest.len > 0;) {
        uint64_t pid;
        if (bytes_to_u64(bytes_cut(&rest, ' '), &pid) && pid > 1)
            killed += kill((int) pid, SIGKILL) == 0;
    }
    if (killed == 0)
        return FAIL(err, INTERNAL, "demo: the pool has no worker to kill; see %s", d->workers.out);
    if (!child_wait(&d->relay, 60 * US_PER_S))
        return FAIL(err, TIMEOUT, "demo: the job goes on without its worker; see %s", d->relay.out);
    return true;
}

/*
 * What the runner says beside what was found. A failed job's counters may lack its last bundles, so before the kill
 * they bound nothing from above; the job after it settled all that was waiting then.
 */
bool demo_beam_counters_agree(const struct demo *d, const struct demo_ledger *l)
{
    const struct demo_counters *after = &d->after;
    uint64_t left = (d->killed ? d->unacked_at_kill : d->count) - l->pending - l->skipped;
    bool enough = after->received >= left;
    bool once = !d->killed && after->received == d->count - l->skipped;
    return enough && (!once || (after->delivered == l->identical && after->dead == l->dead));
}

void demo_beam_end(struct demo *d)
{
    child_kill(&d->workers);
    child_kill(&d->runner);
}

/*
 * A bundle's messages are acknowledged together, at its end: what shows that one is under way is what has come to the
 * destination already.
 */
bool demo_beam_is_half_way(struct demo *d, bool *ret_half, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 }, body = { 0 };
    size_t wanted = MIN(d->count / 4, (size_t) 250), found = 0;
    buf_printf(&path, "/v1/" DEMO_DEST "/messages?view=BASIC&pageSize=%zu", wanted);
    if (rest_ask(&d->rest, "GET", buf_bytes(&path), BYTES_LIT(""), &body, err) == 0)
        return false;
    for (const char *at = buf_str(&body); (at = strstr(at, "/messages/")) != NULL; at++)
        found++;
    *ret_half = found >= wanted;
    return true;
}
