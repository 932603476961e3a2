/*
 * The command line of `beam-worker` is written by runners, not by people: the
 * container contract has flags with one dash or two, flags of its own that we
 * do not know, and values in quotes that a runner forgot to take off.
 */
#ifndef CMD_BEAM_WORKER_H
#define CMD_BEAM_WORKER_H

/*
 * argv without the program and the command's name, as opt_parse_args() takes it: known flags alone, with two dashes
 * and "=value". ret_argv holds argc entries at least; each is for mem_free().
 */
int beam_worker_flags(int argc, char *const *argv, char **ret_argv);

#endif
