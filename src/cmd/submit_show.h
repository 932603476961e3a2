/*
 * What `submit` and `jobs` tell: data on stdout, talk on stderr, a line of
 * progress below it on a terminal; with --json a line of JSON for each event.
 */
#ifndef CMD_SUBMIT_SHOW_H
#define CMD_SUBMIT_SHOW_H

#include "beam/submit.h"
#include "cmd/command.h"

struct submit_show {
    bool json, quiet, verbose, terminal;
    const char *runner;
    us_t began_us;
    char state[24];
    struct job_counters counters;
};

struct submit_show submit_show_make(const struct invocation *in, const char *runner);
extern const struct submit_events submit_show_events;    /* ctx: struct submit_show */
/* The end of a job that was followed, or was left running. */
void submit_show_end(struct submit_show *s, const struct submit_result *result);
/* A line of talk: stderr, not when quiet. */
void submit_show_line(struct submit_show *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
