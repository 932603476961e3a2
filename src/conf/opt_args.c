/* The command line, read against the option table. */
#include "conf/opt.h"
#include "conf/suggest.h"

struct args {
    struct opt_values *values;
    unsigned command;
    int argc, at;
    char *const *argv;
    struct err *err;
};

static bool take_long(struct args *a, struct bytes name);
static bool take_short(struct args *a, const char *letters);
static bool take_value(struct args *a, enum opt o, struct bytes name, bool has_value, struct bytes value);
static bool unknown(struct args *a, struct bytes name);
static bool set(struct args *a, enum opt o, struct bytes value);

bool opt_parse_args(struct opt_values *v, unsigned command, int argc, char *const *argv,
                    const char **ret_rest, size_t *ret_rest_count, struct err *err)
{
    struct args a = { v, command, argc, 0, argv, err };
    size_t rest = 0;
    bool only_rest = false;
    for (; a.at < argc; a.at++) {
        const char *arg = argv[a.at];
        if (only_rest || arg[0] != '-' || arg[1] == '\0')
            ret_rest[rest++] = arg;
        else if (strcmp(arg, "--") == 0)
            only_rest = true;
        else if (arg[1] == '-')
            TRY(take_long(&a, bytes_str(arg + 2)));
        else
            TRY(take_short(&a, arg + 1));
    }
    *ret_rest_count = rest;
    return true;
}

static bool take_long(struct args *a, struct bytes name)
{
    size_t eq = bytes_find(name, 0, '=');
    bool has_value = eq < name.len;
    struct bytes value = bytes_sub(name, eq + 1, name.len);
    name = bytes_sub(name, 0, eq);
    enum opt o = opt_find_flag(a->command, name);
    if (o != OPTS)
        return take_value(a, o, name, has_value, value);
    if (bytes_starts(name, BYTES_LIT("no-")) || bytes_starts(name, BYTES_LIT("no_"))) {
        o = opt_find_flag(a->command, bytes_sub(name, 3, name.len));
        if (o != OPTS && opt_info(o)->type == OPT_BOOL && !has_value)
            return set(a, o, BYTES_LIT("false"));
    }
    return unknown(a, name);
}

static bool take_value(struct args *a, enum opt o, struct bytes name, bool has_value, struct bytes value)
{
    const struct opt_info *info = opt_info(o);
    if ((info->attributes & OPT_LATER) != 0 && !info->key)
        return FAIL(a->err, USAGE, "--%.*s is not in this version", BYTES_FMT(name));
    if (has_value)
        return set(a, o, value);
    const char *next = a->at + 1 < a->argc ? a->argv[a->at + 1] : NULL;
    if (info->type == OPT_BOOL) {
        bool worded = next != NULL && info->key && (strcmp(next, "true") == 0 || strcmp(next, "false") == 0);
        a->at += worded;
        return set(a, o, worded ? bytes_str(next) : BYTES_LIT("true"));
    }
    if (next == NULL || (next[0] == '-' && next[1] == '-'))
        return FAIL(a->err, USAGE, "--%.*s wants a value: --%.*s %s", BYTES_FMT(name), BYTES_FMT(name), info->arg);
    a->at++;
    return set(a, o, bytes_str(next));
}

static bool set(struct args *a, enum opt o, struct bytes value)
{
    struct err why = { 0 };
    if (opt_set_text(a->values, o, OPT_FROM_FLAG, value, &why) == OPT_RIGHT)
        return true;
    return FAIL(a->err, USAGE, "--%s", why.text);
}

static bool take_short(struct args *a, const char *letters)
{
    for (const char *c = letters; *c != '\0'; c++) {
        if (*c == 'q') {
            TRY(set(a, OPT_quiet, BYTES_LIT("true")));
        } else if (*c == 'h') {
            TRY(set(a, OPT_help, BYTES_LIT("true")));
        } else if (*c == 'v') {
            const char *more = opt_int(a->values, OPT_verbose) > 0 ? "2" : "1";
            TRY(set(a, OPT_verbose, bytes_str(more)));
        } else {
            return FAIL(a->err, USAGE, "unknown flag -%.1s; short flags are -q, -v, -vv and -h", c);
        }
    }
    return true;
}

static bool unknown(struct args *a, struct bytes name)
{
    enum opt best = OPTS;
    unsigned best_distance = 1000, distance;
    bool elsewhere = false;
    for (unsigned pass = 0; pass < 2 && best == OPTS; pass++)
        for (unsigned o = 0; o < OPTS; o++) {
            bool ours = (opt_info(o)->commands & (1u << a->command)) != 0;
            if (ours == (pass == 0) && suggest_is_near(name, bytes_str(opt_info(o)->name), &distance) &&
                distance < best_distance) {
                best = o;
                best_distance = distance;
                elsewhere = pass == 1;
            }
        }
    const char *command = opt_command(a->command)->name;
    if (best == OPTS)
        return FAIL(a->err, USAGE, "unknown flag --%.*s; `hl7relay help %s` lists them", (int) MIN(name.len, (size_t) 60),
                    name.ptr, command);
    if (elsewhere)
        return FAIL(a->err, USAGE, "`hl7relay %s` has no flag --%.*s; other commands do", command, BYTES_FMT(name));
    return FAIL(a->err, USAGE, "unknown flag --%.*s; did you mean --%s?", BYTES_FMT(name), opt_info(best)->name);
}
