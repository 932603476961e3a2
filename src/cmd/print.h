/*
 * What commands say to people: data to stdout, talk to stderr. Colours only on
 * a terminal, never with --no-color or NO_COLOR.
 */
#ifndef CMD_PRINT_H
#define CMD_PRINT_H

#include "cmd/command.h"
#include "conf/config.h"

bool print_is_tty(int fd);
bool print_in_colour(const struct invocation *in, int fd);

/* "error: what" on stderr. */
void print_error(const struct err *err);
/* error[E-CFG-014] with place, source line, suggestion and help, for each fault; stderr. */
void print_faults(const struct conf_faults *faults);
/* --json: the last line of every command, {"type":"exit","code":78,"message":"..."}; stdout. */
void print_json_exit(int code, const struct err *err);
/* Writes all of it to stdout; a closed pipe is no error. */
void print_out(const struct buf *b);

#endif
