/*
 * One line being made: bounded, and always whole. What does not fit is left out
 * and the line says so; what is no valid UTF-8, or is a control character, is
 * replaced or escaped, whatever comes in.
 */
#ifndef OBS_LOG_LINE_H
#define OBS_LOG_LINE_H

#include "obs/log.h"

struct log_line {
    char *at;
    size_t len, max;
    bool json, full;    /* full: something did not fit */
};

void log_line_put(struct log_line *o, struct bytes b);            /* as it is: our own punctuation */
void log_line_put_str(struct log_line *o, const char *s);
void log_line_put_int(struct log_line *o, int64_t n);
void log_line_put_us(struct log_line *o, us_t us);                /* seconds with six places */
/* Escaped for the inside of a JSON string; the human form shares it. */
void log_line_put_text(struct log_line *o, struct bytes b);
/* Letters, digits and the punctuation of names; all else is '?'. */
void log_line_put_name(struct log_line *o, struct bytes b);
/* A field with what stands before it: all of it, or nothing (and the line is marked). */
void log_line_field(struct log_line *o, const struct log_field *f);

#endif
