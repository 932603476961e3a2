/*
 * What `submit`, `run` with a runner and `jobs` share: the configuration, the
 * place where workers run, the names of a bounded job.
 */
#ifndef CMD_SUBMIT_PARTS_H
#define CMD_SUBMIT_PARTS_H

#include "beam/graph.h"
#include "cmd/child.h"
#include "cmd/command.h"

struct submit_parts {
    struct graph_conf graph;
    struct child pool;            /* LOOPBACK: a worker pool of ours */
    struct buf pool_url, command, names_text;
    struct bytes *names;
    struct opt_values *env_values;    /* holds graph.environment.process_env */
};

/* The configuration of a command with a runner; NULL: its faults were printed. */
struct config *submit_config(const struct invocation *in);
/* Reads the names, finds the worker's place, starts a pool (unless dry). False: what was made is for submit_parts_fini(). */
bool submit_parts_make(struct submit_parts *p, const struct config *c, bool dry, struct err *err) MUST_USE;
/* Ends the pool; its output stays in a file when `keep` (the file's name is returned), else is removed. */
const char *submit_parts_fini(struct submit_parts *p, bool keep);
/* Counts SIGINT and SIGTERM from now on. */
const volatile int *submit_interrupts(void);
/* The whole of `submit`: `run` with a runner does the same. Ends the process's part with an exit code. */
int submit_command(const struct invocation *in, const struct config *c);

#endif
