#include "cmd/confirm.h"

#include "cmd/print.h"

#include <stdio.h>
#include <unistd.h>

bool confirm(const struct invocation *in, const char *question, struct err *err)
{
    char answer[16] = "";
    if (opt_bool(in->values, OPT_sure))
        return true;
    if (!print_is_tty(STDIN_FILENO) || !print_is_tty(STDERR_FILENO))
        return FAIL(err, USAGE, "%s There is no terminal to ask on: say --yes", question);
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) == NULL)
        fputc('\n', stderr);
    return answer[0] == 'y' || answer[0] == 'Y' || FAIL(err, USAGE, "nothing was done");
}
