/*
 * Help, from the tables alone: a command, a topic, a key, a code. The same
 * tables make the reference pages of docs/ (--markdown).
 */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include "base/buf.h"

enum { HELP_WIDTH = 80 };

/* "": the overview. False: there is no such topic (out is as it was). */
bool help_render(const char *topic, struct buf *out);
/* To stdout; an exit code. */
int help_show(const char *topic);
/* OPTIONS, METRICS, EVENTS, ERRORS as Markdown; false: no such page. */
bool help_markdown(const char *page, struct buf *out);

#endif
