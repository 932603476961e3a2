#include "cmd/command.h"
#include "cmd/print.h"
#include "json/write.h"

#include <stdio.h>

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *command_commit(void)
{
    return HL7RELAY_COMMIT;
}

int cmd_version(const struct invocation *in)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    if (!opt_bool(in->values, OPT_json)) {
        buf_printf(&text, "hl7relay %s (commit %s, %s)\n", HL7RELAY_VERSION, HL7RELAY_COMMIT, COMPILER);
        print_out(&text);
        return CMD_EXIT_OK;
    }
    struct json_writer w = json_write_to(&text);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", BYTES_LIT("version"));
    json_write_str(&w, "version", BYTES_LIT(HL7RELAY_VERSION));
    json_write_str(&w, "commit", BYTES_LIT(HL7RELAY_COMMIT));
    json_write_str(&w, "compiler", BYTES_LIT(COMPILER));
    json_write_end(&w);
    buf_append_char(&text, '\n');
    print_out(&text);
    return CMD_EXIT_OK;
}
