/* A command line of any words (one a line; the first byte chooses the command): read, or refused with a sentence. */
#include "fuzz.h"

#include "base/buf.h"
#include "conf/opt.h"

enum { WORDS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    unsigned command = data[0] % COMMANDS;
    CLEANUP(buf_fini) struct buf text = { 0 };
    char *argv[WORDS_MAX];
    const char *rest[WORDS_MAX + 1];
    size_t rest_count = 0;
    int argc = 0;
    buf_append(&text, fuzz_bytes(data + 1, len - 1));
    char *at = buf_reserve(&text, 1) - text.len;
    for (size_t i = 0; i < text.len; i++)
        if (at[i] == '\n')
            at[i] = '\0';
    for (size_t i = 0; i < text.len && argc < WORDS_MAX; i += strlen(at + i) + 1)
        argv[argc++] = at + i;
    at[text.len] = '\0';
    struct err err = { 0 };
    struct opt_values *v = opt_values_make();
    if (opt_parse_args(v, command, argc, argv, rest, &rest_count, &err))
        CHECK(rest_count <= (size_t) argc);
    else
        CHECK(err.class == ERR_USAGE && err.text[0] != '\0');
    for (unsigned o = 0; o < OPTS; o++) {
        CLEANUP(buf_fini) struct buf shown = { 0 };
        opt_show(v, o, &shown);
    }
    opt_values_free(v);
    return 0;
}
