#include "cmd/submit_parts.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cmd/print.h"
#include "conf/config.h"
#include "json/doc.h"
#include "loop/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER_NAME "hl7relay-beam-worker"

static volatile int interrupts;

static void on_signal(int number UNUSED)
{
    interrupts++;
}

const volatile int *submit_interrupts(void)
{
    interrupts = 0;
    struct sigaction action = { .sa_handler = on_signal };    /* no SA_RESTART: waits end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &interrupts;
}

struct config *submit_config(const struct invocation *in)
{
    const struct conf_input input = {
        .flags = in->values, .env = (const char *(*) (const char *)) getenv, .wall_us = clock_wall(), .parse_time = clock_parse_rfc3339
    };
    struct conf_faults faults;
    struct config *c = config_load(&input, &faults, NULL);
    if (c == NULL)
        print_faults(&faults);
    return c;
}

/* ---- names of a bounded job ---- */

static bool read_names_text(const char *path, struct buf *out, struct err *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (f == NULL)
        return FAIL(err, BAD_INPUT, "--names: %s cannot be opened: %s", path, strerror(errno));
    for (size_t n = 1; n > 0 && out->len <= LIMIT_BEAM_NAMES_BYTES;) {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        out->len += n;
    }
    bool ok = !ferror(f);
    if (f != stdin)
        fclose(f);
    if (!ok)
        return FAIL(err, BAD_INPUT, "--names: %s cannot be read", path);
    return out->len <= LIMIT_BEAM_NAMES_BYTES ||
           FAIL(err, TOO_LARGE, "--names: %s is longer than %d bytes; split it into several jobs", path, LIMIT_BEAM_NAMES_BYTES);
}

static bool read_names(struct submit_parts *p, const char *path, struct err *err)
{
    TRY(read_names_text(path, &p->names_text, err));
    size_t count = 0;
    p->names = mem_alloc_n(LIMIT_BEAM_NAMES, sizeof(*p->names));
    for (struct bytes rest = buf_bytes(&p->names_text); rest.len > 0;) {
        struct bytes line = bytes_trim(bytes_cut(&rest, '\n'));
        if (line.len == 0)
            continue;
        if (count == LIMIT_BEAM_NAMES)
            return FAIL(err, TOO_LARGE, "--names: %s holds more than %d names; split it into several jobs", path, LIMIT_BEAM_NAMES);
        p->names[count++] = line;
    }
    if (count == 0)
        return FAIL(err, BAD_INPUT, "--names: %s holds no names", path);
    p->graph.names = p->names;
    p->graph.names_count = count;
    return true;
}

/* ---- where workers run ---- */

/* What workers need of our environment: where credentials and proxies are. */
static void worker_environment(const char **out, size_t max)
{
    static const char *const names[] = {
        "GOOGLE_APPLICATION_CREDENTIALS=", "CLOUDSDK_CONFIG=", "GCE_METADATA_HOST=", "GCE_METADATA_ROOT=",
        "GOOGLE_CLOUD_QUOTA_PROJECT=", "HL7RELAY_PROXY=", "HTTPS_PROXY=", "https_proxy=", "NO_PROXY=", "no_proxy=",
    };
    size_t count = 0;
    for (char **e = environ; *e != NULL; e++)
        for (size_t i = 0; i < ARRAY_LEN(names) && count + 1 < max; i++)
            if (strncmp(*e, names[i], strlen(names[i])) == 0)
                out[count++] = *e;
    out[count] = NULL;
}

static bool start_pool(struct submit_parts *p, struct err *err)
{
    const char *argv[] = { child_self(), "beam-worker", "--pool", "127.0.0.1:0", NULL };
    const char *environment[16];
    const char *tmp = getenv("TMPDIR");
    CLEANUP(buf_fini) struct buf out = { 0 }, rest = { 0 };
    worker_environment(environment, ARRAY_LEN(environment));
    buf_printf(&out, "%s/hl7relay-pool-%d.log", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp", (int) getpid());
    TRY(child_start(&p->pool, argv, environment, buf_str(&out), err));
    TRY(child_wait_line(&p->pool, "listening on ", 30 * US_PER_S, &rest, err) || err_wrap(err, "the worker pool"));
    struct bytes place = bytes_trim(buf_bytes(&rest));
    place = bytes_cut(&place, ' ');
    while (place.len > 0 && (place.ptr[place.len - 1] < '0' || place.ptr[place.len - 1] > '9'))
        place.len--;
    buf_append(&p->pool_url, place);
    p->graph.environment.external_url = buf_str(&p->pool_url);
    return true;
}

/* A command is one path without arguments: a link of that name is the worker (cmd/main.c). */
static bool find_worker(struct submit_parts *p, struct err *err)
{
    const char *self = child_self(), *slash = strrchr(self, '/');
    buf_append(&p->command, bytes_of(self, (size_t) (slash - self) + 1));
    buf_append_str(&p->command, WORKER_NAME);
    if (access(buf_str(&p->command), X_OK) == 0)
        return true;
    return FAIL(err, CONFIG, "environment_type PROCESS: there is no %s; make it (ln -s hl7relay " WORKER_NAME "), "
                "or name the worker in environment_config", buf_str(&p->command));
}

/* {"command": "/path", "env": {"K": "V"}}, as in the Python SDK. */
static bool read_process(struct submit_parts *p, const char *text, struct err *err)
{
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = json_doc_parse(bytes_str(text), err);
    if (doc == NULL)
        return err_wrap(err, "environment_config");
    const struct json_node *root = json_doc_root(doc), *env = json_doc_get(root, "env");
    const char *command = json_doc_str(json_doc_get(root, "command"), "");
    if (command[0] == '\0')
        return FAIL(err, CONFIG, "environment_config: \"command\" is missing: the path of the worker");
    buf_append_str(&p->command, command);
    p->env_values = opt_values_make();
    for (const struct json_node *n = json_doc_first(env); n != NULL; n = json_doc_next(n)) {
        CLEANUP(buf_fini) struct buf pair = { 0 };
        buf_printf(&pair, "%s=%s", json_doc_key(n), json_doc_str(n, ""));
        if (opt_set_text(p->env_values, OPT_labels, OPT_FROM_FLAG, buf_bytes(&pair), err) != OPT_RIGHT)
            return err_wrap(err, "environment_config: env");
    }
    p->graph.environment.process_env = &opt_get(p->env_values, OPT_labels)->map;
    return true;
}

static bool find_environment(struct submit_parts *p, const struct config *c, bool dry, struct err *err)
{
    const char *text = c->environment_config;
    if (strcmp(c->environment, "LOOPBACK") == 0) {
        p->graph.environment.external_url = "127.0.0.1:0";
        return dry || start_pool(p, err);
    }
    if (strcmp(c->environment, "EXTERNAL") == 0) {
        p->graph.environment.external_url = text;
    } else if (strcmp(c->environment, "DOCKER") == 0) {
        p->graph.environment.docker_image = text[0] != '\0' ? text : c->sdk_container_image;
    } else {
        if (text[0] == '{')
            TRY(read_process(p, text, err));
        else if (text[0] != '\0')
            buf_append_str(&p->command, text);
        else
            TRY(find_worker(p, err));
        p->graph.environment.process_command = buf_str(&p->command);
    }
    return true;
}

bool submit_parts_make(struct submit_parts *p, const struct config *c, bool dry, struct err *err)
{
    *p = (struct submit_parts) { .graph.config = c };
    if (!beam_runner_find(bytes_str(c->runner), &p->graph.runner))
        return FAIL(err, USAGE, "no Beam runner is named: --runner PrismRunner, FlinkRunner, PortableRunner or DataflowRunner");
    const char *names = opt_str(c->values, OPT_names);
    if (names[0] != '\0')
        TRY(read_names(p, names, err));
    return find_environment(p, c, dry, err);
}

const char *submit_parts_fini(struct submit_parts *p, bool keep)
{
    static char kept[sizeof(p->pool.out)];
    kept[0] = '\0';
    if (p->pool.pid != 0) {
        child_signal(&p->pool, SIGTERM);
        if (!child_wait(&p->pool, 10 * US_PER_S))
            child_kill(&p->pool);
        if (keep)
            snprintf(kept, sizeof(kept), "%s", p->pool.out);
        else
            unlink(p->pool.out);
    }
    buf_fini(&p->pool_url);
    buf_fini(&p->command);
    buf_fini(&p->names_text);
    mem_free(p->names);
    opt_values_free(p->env_values);
    return kept;
}
