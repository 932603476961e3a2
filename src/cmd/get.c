/*
 * `hl7relay get NAME`: one message of a store as a tree. Its values are patient data: they are masked unless
 * --unmask or --raw asks for them, which is confirmed on the terminal or by --yes.
 */
#include "cmd/get.h"

#include "base/b64.h"
#include "cmd/confirm.h"
#include "cmd/local_endpoint.h"
#include "cmd/print.h"
#include "cmd/rest.h"
#include "cmd/tokens.h"
#include "conf/config.h"
#include "json/scan.h"
#include "loop/clock.h"
#include "loop/resolve.h"
#include "run/assemble.h"
#include "store/store_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct getting {
    const struct invocation *in;
    struct store_name store;
    struct bytes id;
    struct get_message message;
    struct config *config;     /* NULL: the local cloud */
};

static bool read_name(struct getting *g, struct err *err)
{
    static const char part[] = "/messages/";
    if (g->in->args_count != 1)
        return FAIL(err, USAGE, "get: name one message: projects/P/locations/L/datasets/D/hl7V2Stores/S/messages/ID");
    const char *name = g->in->args[0], *at = strstr(name, part);
    if (at == NULL || !store_path_id_ok(bytes_str(at + sizeof(part) - 1)))
        return FAIL(err, USAGE, "get: \"%.200s\" is not the name of a message: projects/P/locations/L/datasets/D/hl7V2Stores/S/messages/ID", name);
    if (!store_name_parse(bytes_of(name, (size_t) (at - name)), &g->store, err)) {
        err->class = ERR_USAGE;
        return err_wrap(err, "get");
    }
    g->id = bytes_str(at + sizeof(part) - 1);
    return true;
}

/* --- what the store says --- */

static bool judge(const struct getting *g, uint16_t status, const struct err *why, struct err *err)
{
    struct bytes store = g->store.full;
    switch (status) {
    case 200:
        return true;
    case 0:
        *err = *why;
        return err_wrap(err, "get");
    case 401:
        return FAIL(err, UNAUTHENTICATED, "get: the credentials were not accepted (401): look at auth.mode, or log in again");
    case 403:
        return FAIL(err, FORBIDDEN, "get: the credentials lack healthcare.hl7V2Messages.get on %.*s: grant a role that has it", BYTES_FMT(store));
    case 404:
        return FAIL(err, NOT_FOUND, "get: %.*s has no message with this id, or there is no such store", BYTES_FMT(store));
    case 429:
        return FAIL(err, THROTTLED, "get: the store has no quota left now (429): try again later");
    default:
        return FAIL(err, TRANSIENT, "get: the store answers %u: try again later", status);
    }
}

static void keep(const struct json_value *value, struct buf *out)
{
    if (value->kind == JSON_STRING && !json_unescape(value->raw, out))
        buf_clear(out);
}

static bool read_reply(struct getting *g, struct bytes body, struct err *err)
{
    struct json_field f[] = { { .key = "data" }, { .key = "createTime" } };
    buf_append_str(&g->message.name, g->in->args[0]);
    if (!json_scan_object(body, f, ARRAY_LEN(f), err) || f[0].value.kind != JSON_STRING || !b64_decode(f[0].value.raw, &g->message.bytes))
        return FAIL(err, BAD_PAYLOAD, "get: the store's answer has no data that can be read");
    keep(&f[1].value, &g->message.create_time);
    return true;
}

static bool fetch(struct getting *g, const struct rest *rest, struct err *err)
{
    CLEANUP(buf_fini) struct buf path = { 0 }, body = { 0 };
    struct err why = { 0 };
    store_path_message_url(&g->store, g->id, "?view=RAW_ONLY", &path);
    uint16_t status = rest_ask(rest, "GET", buf_bytes(&path), BYTES_LIT(""), &body, &why);
    return judge(g, status, &why, err) && read_reply(g, buf_bytes(&body), err);
}

/* --- connections --- */

enum { ATTEMPTS = 4 };

static bool fetch_local(struct getting *g, struct loop *loop, struct err *err)
{
    char host[LOCAL_ENDPOINT_HOST];
    uint16_t port;
    TRY(local_endpoint(g->in, "get", host, &port, err));
    struct resolver *resolver = resolver_make(loop);
    const struct h2_pool_conf conf = { .host = host, .port = port, .connections_max = 1, .streams_max = 2, .connect_timeout_us = 5 * US_PER_S };
    const struct rest rest = { .loop = loop, .pool = h2_pool_make(loop, resolver, &conf), .attempts_max = ATTEMPTS };
    bool ok = fetch(g, &rest, err);
    h2_pool_free(rest.pool);
    resolver_free(resolver);
    return ok;
}

static bool fetch_configured(struct getting *g, struct loop *loop, struct err *err)
{
    struct assembly a = { .conf = g->config, .loop = loop };
    bool ok = assembly_connect(&a, err) && tokens_wait(&a, "get", NULL, err);
    if (ok) {
        struct rest rest = { .loop = loop, .pool = a.store_pool, .auth = a.auth, .attempts_max = ATTEMPTS };
        if (a.auth != NULL)
            rest.quota_project = auth_source_quota_project(a.auth);
        ok = fetch(g, &rest, err);
    }
    assembly_fini(&a);
    return ok;
}

static bool fetch_from(struct getting *g, struct err *err)
{
    struct loop *loop = loop_make(err);
    if (loop == NULL)
        return false;
    bool ok = g->config != NULL ? fetch_configured(g, loop, err) : fetch_local(g, loop, err);
    loop_pass(loop, 0);
    loop_free(loop);
    return ok;
}

/* --- the command --- */

static bool has_config(const struct invocation *in)
{
    return opt_str(in->values, OPT_config_path)[0] != '\0' || getenv("HL7RELAY_CONFIG_PATH") != NULL;
}

static bool show(struct getting *g, struct err *err)
{
    const struct opt_values *v = g->in->values;
    const struct get_show how = { .unmask = opt_bool(v, OPT_unmask), .colour = print_in_colour(g->in, STDOUT_FILENO) };
    CLEANUP(buf_fini) struct buf out = { 0 };
    if (opt_bool(v, OPT_raw))
        buf_append(&out, buf_bytes(&g->message.bytes));
    else
        TRY(opt_bool(v, OPT_json) ? get_show_json(&g->message, &how, &out, err) : get_show_text(&g->message, &how, &out, err));
    print_out(&out);
    return true;
}

static bool run(struct getting *g, struct err *err)
{
    const struct opt_values *v = g->in->values;
    bool raw = opt_bool(v, OPT_raw), unmask = opt_bool(v, OPT_unmask);
    TRY(read_name(g, err));
    if (raw && (unmask || opt_bool(v, OPT_json)))
        return FAIL(err, USAGE, "get: --raw writes the bytes alone: it goes with neither --json nor --unmask");
    if (raw || unmask)
        TRY(confirm(g->in, "This shows the patient data of one message.", err));
    return fetch_from(g, err) && show(g, err);
}

int cmd_get(const struct invocation *in)
{
    struct err err = { 0 };
    struct getting g = { .in = in };
    bool ok = true;
    if (opt_str(in->values, OPT_endpoint)[0] == '\0' && has_config(in)) {
        const struct conf_input input = {
            .flags = in->values, .env = (const char *(*) (const char *)) getenv, .wall_us = clock_wall(), .parse_time = clock_parse_rfc3339
        };
        struct conf_faults faults;
        g.config = config_load(&input, &faults, NULL);
        if (g.config == NULL) {
            print_faults(&faults);
            return CMD_EXIT_CONFIG;
        }
    } else if (!local_endpoint_is_given(in)) {
        ok = FAIL(&err, USAGE, "get: where is this store? give --config_path FILE (its credentials and endpoint), --endpoint HOST:PORT, "
                  "or set HEALTHCARE_EMULATOR_HOST");
    }
    ok = ok && run(&g, &err);
    if (!ok)
        print_error(&err);
    buf_fini(&g.message.bytes);
    buf_fini(&g.message.name);
    buf_fini(&g.message.create_time);
    config_free(g.config);
    return ok ? CMD_EXIT_OK : exit_for(&err);
}
