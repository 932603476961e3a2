#include "cmd/help_text.h"

static void wrap(struct buf *out, size_t column, size_t indent, const char *text);

void help_row(struct buf *out, const char *left, size_t indent, const char *text)
{
    size_t len = strlen(left);
    buf_append_str(out, left);
    if (len + 2 > indent) {
        buf_append_char(out, '\n');
        len = 0;
    }
    buf_printf(out, "%*s", (int) (indent - len), "");
    wrap(out, indent, indent, text);
}

void help_paragraph(struct buf *out, size_t indent, const char *text)
{
    buf_printf(out, "%*s", (int) indent, "");
    wrap(out, indent, indent, text);
}

void help_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_append_char(out, '\\');
        buf_append_char(out, *text == '\n' ? ' ' : *text);
    }
}

static void wrap(struct buf *out, size_t column, size_t indent, const char *text)
{
    struct bytes rest = bytes_str(text);
    bool first = true;
    while (rest.len > 0) {
        struct bytes word = bytes_cut(&rest, ' ');
        if (!first && column + 1 + word.len > HELP_WIDTH - 1) {
            buf_printf(out, "\n%*s", (int) indent, "");
            column = indent;
            first = true;
        }
        if (!first) {
            buf_append_char(out, ' ');
            column++;
        }
        buf_append(out, word);
        column += word.len;
        first = false;
    }
    buf_append_char(out, '\n');
}
