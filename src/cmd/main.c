/* Finds the command, reads its flags, calls it. A bare invocation with flags is `run`. */
#include "base/check.h"
#include "base/mem.h"
#include "cmd/beam_worker.h"
#include "cmd/command.h"
#include "cmd/help.h"
#include "cmd/print.h"
#include "conf/suggest.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MMAP_THRESHOLD = 256 << 10 };

static command_fn *const functions[COMMANDS] = {
    [CMD_BEAM_WORKER] = cmd_beam_worker,
    [CMD_CHECK] = cmd_check,
    [CMD_DEMO] = cmd_demo,
    [CMD_DEAD] = cmd_dead,
    [CMD_EMULATE] = cmd_emulate,
    [CMD_GEN] = cmd_gen,
    [CMD_GET] = cmd_get,
    [CMD_HELP] = cmd_help,
    [CMD_JOBS] = cmd_jobs,
    [CMD_RUN] = cmd_run,
    [CMD_SEND] = cmd_send,
    [CMD_SUBMIT] = cmd_submit,
    [CMD_STATUS] = cmd_status,
    [CMD_TOP] = cmd_top,
    [CMD_VERIFY] = cmd_verify,
    [CMD_VERSION] = cmd_version,
};

static void harden(void);
static void report_check(const char *file, int line, const char *expr);
static int overview(void);
static void refuse_word(unsigned command, const char *word, struct err *err);
static unsigned find_command(const char *word);
static int unknown_command(const char *word);
static int run_command(unsigned command, const char *program, int argc, char **argv);

int main(int argc, char **argv)
{
    check_on_failure(report_check);
    harden();
    /* A runner's PROCESS environment is one path without arguments: a link of this name is the worker. */
    if (argc > 0 && bytes_ends(bytes_str(argv[0]), BYTES_LIT("hl7relay-beam-worker")))
        return run_command(CMD_BEAM_WORKER, argv[0], argc - 1, argv + 1);
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word == NULL && getenv("HL7RELAY_CONFIG_PATH") == NULL)
        return overview();
    if (word == NULL || (word[0] == '-' && word[1] != '\0')) {
        if (word != NULL && strcmp(word, "--version") == 0)
            return run_command(CMD_VERSION, argv[0], argc - 2, argv + 2);
        if (word != NULL && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
            return run_command(CMD_HELP, argv[0], argc - 2, argv + 2);
        return run_command(CMD_RUN, argv[0], argc - 1, argv + 1);
    }
    unsigned command = find_command(word);
    if (command == COMMANDS)
        return unknown_command(word);
    return run_command(command, argv[0], argc - 2, argv + 2);
}

static int run_command(unsigned command, const char *program, int argc, char **argv)
{
    struct err err = { 0 };
    struct opt_values *values = opt_values_make();
    const char **rest = mem_alloc_n((size_t) argc + 1, sizeof(*rest));
    char **known = mem_alloc_n((size_t) argc + 1, sizeof(*known));
    if (command == CMD_BEAM_WORKER) {
        argc = beam_worker_flags(argc, argv, known);
        argv = known;
    }
    struct invocation in = { .command = command, .values = values, .args = rest, .program = program };
    int code;
    if (!opt_parse_args(values, command, argc, argv, rest, &in.args_count, &err)) {
        print_error(&err);
        code = CMD_EXIT_USAGE;
    } else if (opt_bool(values, OPT_help)) {
        code = help_show(opt_command(command)->name);
    } else if (in.args_count > 0 && (C_WORDS & (1u << command)) == 0) {
        refuse_word(command, rest[0], &err);
        print_error(&err);
        code = CMD_EXIT_USAGE;
    } else if (functions[command] == NULL) {
        err_set(&err, ERR_USAGE, "`hl7relay %s` is not in this version", opt_command(command)->name);
        print_error(&err);
        code = CMD_EXIT_USAGE;
    } else {
        code = functions[command](&in);
    }
    if (opt_bool(values, OPT_json) && command != CMD_HELP)
        print_json_exit(code, &err);
    mem_free(rest);
    for (int i = 0; known[i] != NULL; i++)
        mem_free(known[i]);
    mem_free(known);
    opt_values_free(values);
    return code;
}

static void refuse_word(unsigned command, const char *word, struct err *err)
{
    const char *name = opt_command(command)->name;
    if ((C_CONFIG & (1u << command)) != 0)
        err_set(err, ERR_USAGE, "`hl7relay %s` takes no \"%.60s\"; did you mean --config_path %.60s?", name, word, word);
    else
        err_set(err, ERR_USAGE, "`hl7relay %s` takes no \"%.60s\"; `hl7relay help %s` says what it takes", name, word, name);
}

static int overview(void)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    help_render("", &text);
    fputs(buf_str(&text), stderr);
    return CMD_EXIT_USAGE;
}

static unsigned find_command(const char *word)
{
    unsigned c = 0;
    while (c < COMMANDS && suggest_distance(bytes_str(opt_command(c)->name), bytes_str(word), 0) != 0)
        c++;
    return c;
}

static int unknown_command(const char *word)
{
    struct bytes said = bytes_sub(bytes_str(word), 0, 60);
    unsigned best = COMMANDS, best_distance = 1000, distance;
    for (unsigned c = 0; c < COMMANDS; c++)
        if (suggest_is_near(said, bytes_str(opt_command(c)->name), &distance) && distance < best_distance) {
            best = c;
            best_distance = distance;
        }
    struct err err;
    if (best != COMMANDS)
        err_set(&err, ERR_USAGE, "unknown command \"%.*s\"; did you mean `hl7relay %s`?", BYTES_FMT(said), opt_command(best)->name);
    else if (bytes_ends(said, BYTES_LIT(".json")))
        err_set(&err, ERR_USAGE, "unknown command \"%.*s\"; did you mean `hl7relay --config_path %.*s`?", BYTES_FMT(said),
                BYTES_FMT(said));
    else
        err_set(&err, ERR_USAGE, "unknown command \"%.*s\"; `hl7relay help` lists the commands", BYTES_FMT(said));
    print_error(&err);
    return CMD_EXIT_USAGE;
}

/* Memory holds messages and tokens: no core file, and no other process of the user may look in. */
static void harden(void)
{
    const struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
#ifndef SANITIZED    /* the leak checker of test builds must look in */
    prctl(PR_SET_DUMPABLE, 0);
    /* Large bodies go back to the system when they are freed: memory stays what the configuration bounds. */
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
#endif
    signal(SIGPIPE, SIG_IGN);
}

/* What cannot happen has happened: one line without data, and out before anything is acknowledged. */
static void report_check(const char *file, int line, const char *expr)
{
    char text[320];
    int len = snprintf(text, sizeof(text), "hl7relay " HL7RELAY_VERSION ": internal check failed at %s:%d: %.160s\n", file, line, expr);
    if (len > 0)
        (void) !write(STDERR_FILENO, text, MIN((size_t) len, sizeof(text) - 1));
    _exit(CMD_EXIT_SOFTWARE);
}
