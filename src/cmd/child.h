/*
 * Programs that a command starts: the demo's local cloud and its relay. They
 * end with us (the kernel sees to it), write into files, and are waited for by
 * what they do, never by time.
 */
#ifndef CMD_CHILD_H
#define CMD_CHILD_H

#include "base/buf.h"
#include "base/err.h"

struct child {
    int pid;              /* 0: none */
    int status;           /* of waitpid, once it has ended */
    char out[512];        /* file that its stdout and stderr are appended to */
    size_t out_begins;    /* of this child, in that file */
};

/* Runs this very program; child_start_program() another. environment: "NAME=value", NULL-terminated, may be NULL; of ours only what has no
 * say in what a command does (PATH, HOME, locale, sanitizer options) goes along. */
bool child_start(struct child *c, const char *const *argv, const char *const *environment, const char *out, struct err *err);
bool child_start_program(struct child *c, const char *program, const char *const *argv, const char *const *environment, const char *out,
                         struct err *err);
/* True: it runs. Reaps it otherwise. */
bool child_is_running(struct child *c);
/* Waits until it has ended, at most wait_us; false: it still runs. */
bool child_wait(struct child *c, us_t wait_us);
void child_signal(struct child *c, int signal_number);
/* SIGKILL, and waits. No child: no effect. */
void child_kill(struct child *c);
/* The exit code; -1: ended by a signal. */
int child_exit_code(const struct child *c);
/* Waits until a line of its output holds `marker`; *ret_rest (may be NULL) is what stands after it on the line. */
bool child_wait_line(struct child *c, const char *marker, us_t wait_us, struct buf *ret_rest, struct err *err);

/* This program, for argv[0] and messages. */
const char *child_self(void);
/* A TCP port of 127.0.0.1 that is free now: `wanted` if it is. */
uint16_t child_free_port(uint16_t wanted);
/* GET http://127.0.0.1:port/path over HTTP/1.1; false: nothing there, or no 200. At most 1 MiB. */
bool child_http_get(uint16_t port, const char *path, struct buf *ret_body);
/* A whole file appended to out. */
bool child_read_file(const char *path, struct buf *out, struct err *err);
bool child_write_file(const char *path, struct bytes text, struct err *err);

#endif
