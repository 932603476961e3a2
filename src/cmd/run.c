/* hl7relay run: the relay, from a configuration file to an exit code; with a Beam runner it is `submit`. */
#include "cmd/command.h"
#include "cmd/dry_run.h"
#include "cmd/print.h"
#include "cmd/submit_parts.h"
#include "conf/config.h"
#include "loop/clock.h"
#include "run/direct.h"

#include <stdlib.h>
#include <unistd.h>

static const char *env(const char *name)
{
    return getenv(name);
}

static struct config *load(const struct invocation *in, struct conf_faults *faults, struct err *err)
{
    return config_load(&(struct conf_input) {
        .flags = in->values, .env = env, .wall_us = clock_wall(),
        .parse_time = clock_parse_rfc3339,
    }, faults, err);
}

static struct config *reload(void *ctx, struct err *err)
{
    struct conf_faults faults = { 0 };
    return load(ctx, &faults, err);
}

static enum log_severity severity(const struct invocation *in, const struct config *c)
{
    static const enum log_severity levels[] = { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERROR };
    if (opt_int(in->values, OPT_verbose) > 0)
        return LOG_DEBUG;
    if (opt_bool(in->values, OPT_quiet))
        return LOG_ERROR;
    return levels[opt_int(c->values, OPT_log_level)];
}

static enum log_format format(const struct config *c)
{
    if (strcmp(c->log_format, "auto") == 0)
        return isatty(STDERR_FILENO) ? LOG_HUMAN : LOG_JSON;
    return strcmp(c->log_format, "human") == 0 ? LOG_HUMAN : LOG_JSON;
}

static int exit_of(enum direct_end end, const struct err *err)
{
    switch (end) {
    case DIRECT_STOPPED:      return CMD_EXIT_OK;
    case DIRECT_STOPPED_DEAD: return CMD_EXIT_DEAD_LETTERS;
    case DIRECT_INTERRUPTED:  return CMD_EXIT_INTERRUPTED;
    case DIRECT_FAILED:       break;
    }
    print_error(err);
    return exit_for(err);
}

int cmd_run(const struct invocation *in)
{
    struct conf_faults faults = { 0 };
    struct err err = { 0 };
    struct config *c = load(in, &faults, &err);
    if (c == NULL) {
        print_faults(&faults);
        return CMD_EXIT_CONFIG;
    }
    int64_t dry = opt_int(in->values, OPT_dry_run);
    if (dry > 0) {
        int code = dry_run_command(in, c, (uint32_t) dry);
        config_free(c);
        return code;
    }
    if (!c->direct) {
        int code = submit_command(in, c);
        config_free(c);
        return code;
    }
    enum log_format log_format = format(c);
    enum direct_end end = direct_run(&(struct direct_conf) {
        .config = c, .reload = reload, .ctx = (void *) in, .log_format = log_format,
        .log_level = severity(in, c), .log_colour = log_format == LOG_HUMAN && print_in_colour(in, STDERR_FILENO),
        .progress = log_format == LOG_HUMAN && print_is_tty(STDERR_FILENO) && !opt_bool(in->values, OPT_quiet),
        .messages_max = (uint64_t) opt_int(in->values, OPT_max_messages),
        .until_empty_us = opt_int(in->values, OPT_until_empty),
        .commit = command_commit(),
        .storm_guard = strcmp(opt_str(in->values, OPT_storm_guard), "off") != 0,
    }, &err);
    int code = exit_of(end, &err);
    config_free(c);
    return code;
}
