/* Text set into columns. For cmd/help*.c. */
#ifndef CMD_HELP_TEXT_H
#define CMD_HELP_TEXT_H

#include "cmd/help.h"

/* left, then text from column `indent`, wrapped at HELP_WIDTH; a left too long has a line of its own. */
void help_row(struct buf *out, const char *left, size_t indent, const char *text);
/* Wrapped text, every line indented. */
void help_paragraph(struct buf *out, size_t indent, const char *text);
/* Markdown table cell: | and line ends escaped. */
void help_cell(struct buf *out, const char *text);

/* help_seed.c: the whole topic. */
void help_seed(struct buf *out);

#endif
