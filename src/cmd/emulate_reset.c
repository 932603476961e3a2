/* `hl7relay emulate reset`: empties a local cloud that runs, over a path that it opens to its own machine alone. */
#include "cmd/emulate.h"

#include "cmd/confirm.h"
#include "cmd/print.h"
#include "cmd/rest.h"
#include "json/scan.h"
#include "loop/resolve.h"
#include "net/percent.h"

#include <stdio.h>

struct resetting {
    const struct invocation *in;
    struct rest rest;
    struct buf host;
    uint16_t port;
    const char *project;       /* "": all */
};

/* How many of a list of /-/state ({"name": ...} or plain names) the project owns. */
static uint64_t count(const struct json_value *state, const char *key, const char *project)
{
    struct json_field list = { .key = key };
    struct json_value item;
    struct err err;
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    uint64_t n = 0;
    if (!json_scan_object(state->raw, &list, 1, &err))
        return 0;
    buf_printf(&prefix, "projects/%s%s", project, *project != '\0' ? "/" : "");
    struct json_cursor items = json_cursor_of(&list.value);
    while (json_next(&items, NULL, &item)) {
        struct json_field name = { .key = "name" };
        if (item.kind == JSON_OBJECT && json_scan_object(item.raw, &name, 1, &err))
            item = name.value;
        n += item.kind == JSON_STRING && bytes_starts(item.raw, buf_bytes(&prefix));
    }
    return n;
}

static void put_count(const struct json_value *state, const char *key, const char *word, const char *project, struct buf *out)
{
    uint64_t n = count(state, key, project);
    buf_printf(out, "%llu %s%s", (unsigned long long) n, word, n == 1 ? "" : "s");
}

static bool ask(struct resetting *r, const char *method, const char *path, struct bytes body, struct buf *reply, struct err *err)
{
    uint16_t status = rest_ask(&r->rest, method, bytes_str(path), body, reply, err);
    if (status == 200)
        return true;
    if (status == 0)
        return FAIL(err, REFUSED_CONNECT, "no local cloud answers at %s:%u: start one with `hl7relay emulate`, or say --host-port",
                    buf_str(&r->host), r->port);
    if (status == 403)
        return FAIL(err, FORBIDDEN, "the local cloud at %s:%u is emptied from its own machine only", buf_str(&r->host), r->port);
    return FAIL(err, TRANSIENT, "what answers at %s:%u is no local cloud of this version, or cannot do it now (HTTP %u)", buf_str(&r->host),
                r->port, status);
}

static bool run(struct resetting *r, struct err *err)
{
    CLEANUP(buf_fini) struct buf state = { 0 }, reply = { 0 }, question = { 0 }, body = { 0 };
    struct json_value root;
    TRY(ask(r, "GET", "/-/state", BYTES_LIT(""), &state, err));
    if (!json_scan(buf_bytes(&state), &root, err) || root.kind != JSON_OBJECT)
        return FAIL(err, TRANSIENT, "what answers at %s:%u is no local cloud", buf_str(&r->host), r->port);
    const char *of = *r->project != '\0' ? r->project : "all projects";
    buf_append_str(&question, "This removes ");
    put_count(&root, "topics", "topic", r->project, &question);
    buf_append_str(&question, ", ");
    put_count(&root, "subscriptions", "subscription", r->project, &question);
    buf_append_str(&question, ", ");
    put_count(&root, "datasets", "dataset", r->project, &question);
    buf_append_str(&question, " and ");
    put_count(&root, "hl7V2Stores", "store", r->project, &question);
    buf_printf(&question, " with all messages, of %s.", of);
    TRY(confirm(r->in, buf_str(&question), err));
    if (*r->project == '\0') {
        buf_append_str(&body, "all=yes");
    } else {
        buf_append_str(&body, "project=");
        percent_encode(bytes_str(r->project), &body);
    }
    TRY(ask(r, "POST", "/-/reset", buf_bytes(&body), &reply, err));
    if (!opt_bool(r->in->values, OPT_quiet))
        fprintf(stderr, "emptied: %s\n", of);
    return true;
}

static bool connected(struct resetting *r, struct loop *loop, struct err *err)
{
    struct resolver *resolver = resolver_make(loop);
    const char *ca = opt_str(r->in->values, OPT_tls_cert);
    struct tls_context *tls = *ca != '\0' ? tls_client_make(ca, err) : NULL;
    bool ok = *ca == '\0' || tls != NULL;
    if (ok) {
        const struct h2_pool_conf conf = { .host = buf_str(&r->host), .port = r->port, .tls = tls, .connections_max = 1, .streams_max = 2,
                                           .connect_timeout_us = 5 * US_PER_S };
        r->rest = (struct rest) { .loop = loop, .pool = h2_pool_make(loop, resolver, &conf), .attempts_max = 3 };
        ok = run(r, err);
        h2_pool_free(r->rest.pool);
    }
    tls_context_free(tls);
    resolver_free(resolver);
    loop_pass(loop, 0);
    return ok;
}

int emulate_reset(const struct invocation *in)
{
    struct err err = { 0 };
    struct resetting r = { .in = in, .project = opt_str(in->values, OPT_project) };
    struct loop *loop = NULL;
    bool ok = emulate_near(in->values, &r.host, &r.port, &err) && (loop = loop_make(&err)) != NULL && connected(&r, loop, &err);
    if (!ok)
        print_error(&err);
    loop_free(loop);
    buf_fini(&r.host);
    return ok ? CMD_EXIT_OK : exit_for(&err);
}
