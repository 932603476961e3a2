/* hl7relay beam-worker: the worker of a Beam runner, and the pool that starts such workers. */
#include "cmd/beam_worker.h"

#include "base/mem.h"
#include "beam/pool_server.h"
#include "beam/worker.h"
#include "cmd/command.h"
#include "cmd/print.h"
#include "net/host_port.h"

#include <stdio.h>
#include <unistd.h>

static struct bytes without_quotes(struct bytes b)
{
    bool quoted = b.len >= 2 && b.ptr[0] == b.ptr[b.len - 1] && (b.ptr[0] == '\'' || b.ptr[0] == '"');
    return quoted ? bytes_sub(b, 1, b.len - 2) : b;
}

int beam_worker_flags(int argc, char *const *argv, char **ret_argv)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        struct bytes rest = bytes_str(argv[i]);
        unsigned dashes = 0;
        while (dashes < 2 && rest.len > 0 && rest.ptr[0] == '-') {
            rest = bytes_sub(rest, 1, rest.len);
            dashes++;
        }
        bool has_value = bytes_find(rest, 0, '=') < rest.len;
        struct bytes name = bytes_cut(&rest, '=');
        bool is_short = dashes == 1 && (bytes_eq_str(name, "h") || bytes_eq_str(name, "v") || bytes_eq_str(name, "q"));
        if (is_short) {
            ret_argv[n++] = mem_dup(bytes_str(argv[i]));
            continue;
        }
        enum opt o = dashes > 0 ? opt_find_flag(CMD_BEAM_WORKER, name) : OPTS;
        if (o == OPTS)
            continue;    /* not ours: the contract may grow */
        CLEANUP(buf_fini) struct buf out = { 0 };
        buf_printf(&out, "--%.*s", BYTES_FMT(name));
        if (!has_value && opt_info(o)->type != OPT_BOOL && i + 1 < argc) {
            rest = bytes_str(argv[++i]);
            has_value = true;
        }
        if (has_value)
            buf_printf(&out, "=%.*s", BYTES_FMT(without_quotes(rest)));
        ret_argv[n++] = mem_dup(buf_bytes(&out));
    }
    return n;
}

static enum log_severity severity(const struct invocation *in)
{
    if (opt_int(in->values, OPT_verbose) > 0)
        return LOG_DEBUG;
    return opt_bool(in->values, OPT_quiet) ? LOG_ERROR : LOG_INFO;
}

static void on_listening(void *ctx UNUSED, const char *host, uint16_t port)
{
    fprintf(stderr, "listening on %s:%u\n", host, port);
}

static int run_pool(const struct invocation *in, const char *text, enum log_format format)
{
    struct err err;
    struct host_port at;
    struct bytes b = bytes_str(text);
    bool any_port = bytes_ends(b, BYTES_LIT(":0"));
    if (!host_port_parse(any_port ? bytes_sub(b, 0, b.len - 2) : b, any_port ? 1 : 0, &at)) {
        err_set(&err, ERR_USAGE, "--pool takes HOST:PORT, as 127.0.0.1:50000; port 0 is any free one");
        print_error(&err);
        return CMD_EXIT_USAGE;
    }
    if (any_port)
        at.port = 0;
    if (beam_pool_run(&(struct beam_pool_conf) {
            .host = at.host, .port = at.port, .log_format = format, .log_level = severity(in), .on_listening = on_listening,
        }, &err))
        return CMD_EXIT_OK;
    print_error(&err);
    return exit_for(&err);
}

int cmd_beam_worker(const struct invocation *in)
{
    struct err err = { 0 };
    enum log_format format = isatty(STDERR_FILENO) ? LOG_HUMAN : LOG_JSON;
    const char *pool = opt_str(in->values, OPT_pool), *provision = opt_str(in->values, OPT_provision_endpoint);
    if (pool[0] != '\0')
        return run_pool(in, pool, format);
    if (provision[0] == '\0') {
        err_set(&err, ERR_USAGE, "`hl7relay beam-worker` is started by a Beam runner, which gives --provision_endpoint; "
                                 "`hl7relay beam-worker --pool HOST:PORT` starts workers for runners that ask for them");
        print_error(&err);
        return CMD_EXIT_USAGE;
    }
    if (beam_worker_run(&(struct beam_worker_conf) {
            .id = opt_str(in->values, OPT_id), .provision = provision, .control = opt_str(in->values, OPT_control_endpoint),
            .logging = opt_str(in->values, OPT_logging_endpoint), .log_format = format, .log_level = severity(in),
        }, &err) == BEAM_WORKER_STOPPED)
        return CMD_EXIT_OK;
    print_error(&err);
    return CMD_EXIT_FAILURE;
}
