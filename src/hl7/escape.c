#include "hl7/escape.h"

/* The letter that stands for a separator, 0 for any other character; and the way back. */
static char letter_of(const struct hl7_seps *seps, char c)
{
    if (c == seps->field)
        return 'F';
    if (c == seps->component)
        return 'S';
    if (c == seps->subcomponent)
        return 'T';
    if (c == seps->repetition)
        return 'R';
    if (c == seps->escape)
        return 'E';
    return c != 0 && c == seps->truncation ? 'P' : (char) 0;
}

static char separator_of(const struct hl7_seps *seps, char letter)
{
    switch (letter) {
    case 'F':
        return seps->field;
    case 'S':
        return seps->component;
    case 'T':
        return seps->subcomponent;
    case 'R':
        return seps->repetition;
    case 'E':
        return seps->escape;
    case 'P':
        return seps->truncation;
    default:
        return 0;
    }
}

void hl7_escape_put(const struct hl7_seps *seps, struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i], letter = letter_of(seps, c);
        if (letter != 0) {
            char sequence[3] = { seps->escape, letter, seps->escape };
            buf_append(out, bytes_of(sequence, sizeof(sequence)));
        } else {
            buf_append_char(out, (unsigned char) c < ' ' || c == 0x7f ? ' ' : c);
        }
    }
}

void hl7_escape_undo(const struct hl7_seps *seps, struct bytes text, struct buf *out)
{
    size_t done = 0;
    for (size_t at = bytes_find(text, 0, seps->escape); at + 2 < text.len;
         at = bytes_find(text, at, seps->escape)) {
        char c = text.ptr[at + 2] == seps->escape ? separator_of(seps, text.ptr[at + 1]) : (char) 0;
        if (c == 0) {
            /* Another sequence, or none: go on after its end, so that its last escape character opens
             * nothing. */
            size_t end = bytes_find(text, at + 1, seps->escape);
            at = end < text.len ? end + 1 : text.len;
            continue;
        }
        buf_append(out, bytes_sub(text, done, at - done));
        buf_append_char(out, c);
        at += 3;
        done = at;
    }
    buf_append(out, bytes_sub(text, done, text.len));
}
