#include "cmd/print.h"

#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool print_is_tty(int fd)
{
    return isatty(fd) == 1;
}

bool print_in_colour(const struct invocation *in, int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return print_is_tty(fd) && !opt_bool(in->values, OPT_no_color) && (no == NULL || *no == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void print_error(const struct err *err)
{
    fprintf(stderr, "error: %s\n", err->text);
}

void print_faults(const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        conf_fault_render(&faults->at[i], &text);
        fprintf(stderr, "%s%s", i > 0 ? "\n" : "", buf_str(&text));
    }
    if (faults->count == CONF_FAULTS_MAX)
        fprintf(stderr, "\nand perhaps more: only the first %d are shown\n", CONF_FAULTS_MAX);
}

void print_json_exit(int code, const struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct json_writer w = json_write_to(&text);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", BYTES_LIT("exit"));
    json_write_int(&w, "code", code);
    if (err != NULL && err->text[0] != '\0')
        json_write_str(&w, "message", bytes_str(err->text));
    json_write_end(&w);
    buf_append_char(&text, '\n');
    print_out(&text);
}

void print_out(const struct buf *b)
{
    if (b->len == 0)
        return;
    fwrite(b->ptr, 1, b->len, stdout);
    fflush(stdout);
}
