/*
 * A command of the command line. main.c finds it, parses its flags against
 * options.def and calls it; a command prints data to stdout and talk to stderr
 * and returns an exit code of exit.h.
 *
 * A new command is a row of conf/commands.def, its flags in conf/options.def,
 * its function here, and its line in main.c's table.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include "cmd/exit.h"
#include "conf/opt.h"

struct invocation {
    unsigned command;                /* CMD_RUN ... */
    const struct opt_values *values; /* flags as given; the file is not read yet */
    const char *const *args;         /* what was no flag, in order */
    size_t args_count;
    const char *program;             /* argv[0] */
};

typedef int command_fn(const struct invocation *in);

/* The commit of this build, or "unknown". */
const char *command_commit(void);

command_fn cmd_beam_worker, cmd_check, cmd_dead, cmd_demo, cmd_emulate, cmd_gen, cmd_get, cmd_help,
    cmd_jobs, cmd_run, cmd_send, cmd_status, cmd_submit, cmd_top, cmd_verify, cmd_version;

#endif
