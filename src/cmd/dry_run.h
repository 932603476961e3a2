/*
 * `run --dry-run N`: what would become of the next messages. They are leased,
 * fetched and looked at; nothing is ingested, nothing acknowledged, no dead
 * letter written, and each is given back at the end. One attempt each: what a
 * retry or a proof would show is left open, and said so.
 */
#ifndef CMD_DRY_RUN_H
#define CMD_DRY_RUN_H

#include "cmd/command.h"
#include "conf/config.h"

int dry_run_command(const struct invocation *in, const struct config *c, uint32_t max);

#endif
