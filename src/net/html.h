/*
 * HTML out, in which nothing that is inserted can be taken for markup: a template is a constant, and what
 * stands for its '$' is escaped, always, for text and for quoted attributes alike.
 *
 *     HTML(out, "<td title=\"$\">$</td>", name, id);
 *
 * Bytes that are not printable (below 0x20, 0x7f) come out as '?'.
 */
#ifndef NET_HTML_H
#define NET_HTML_H

#include "base/buf.h"

/* CHECKs that there are as many values as '$'. A value is a C string; NULL is empty. */
#define HTML(out, template, ...)                                                    \
    html_put((out), (template), (const char *const[]) { NULL, ##__VA_ARGS__ },      \
             ARRAY_LEN(((const char *const[]) { NULL, ##__VA_ARGS__ })) - 1)

/* values[0] is not looked at. Appends. */
void html_put(struct buf *out, const char *template, const char *const *values, size_t count);
void html_text(struct buf *out, struct bytes text);

#endif
