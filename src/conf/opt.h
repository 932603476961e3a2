/*
 * Options: the table (options.def, commands.def) and values given for it.
 *
 * A value comes from a flag, from the environment (HL7RELAY_NAME), from the
 * file, or is the default, in this order. struct opt_values holds what was given
 * and where; config.h turns it into the typed, checked struct config. Commands
 * read their own flags here: opt_int(v, OPT_until_empty).
 *
 * In names '-' and '_' are the same, and so are '.' and '_' in the environment.
 */
#ifndef CONF_OPT_H
#define CONF_OPT_H

#include "base/buf.h"
#include "base/err.h"

enum opt_command_place {
#define COMMAND(name, word, built, args, summary, examples) CMD_##name,
#include "conf/commands.def"
#undef COMMAND
    COMMANDS
};

/* Sets of commands, for FLAG rows. */
enum {
#define COMMAND(name, word, built, args, summary, examples) C_##name = 1 << CMD_##name,
#include "conf/commands.def"
#undef COMMAND
    C_CONFIG = C_RUN | C_CHECK | C_VERIFY | C_DEAD | C_SUBMIT | C_JOBS | C_GET,    /* commands that read a configuration */
    C_WORDS = C_DEAD | C_EMULATE | C_SEND | C_HELP | C_JOBS | C_GET,    /* commands that take words beside flags */
    C_ALL = (1 << COMMANDS) - 1
};

struct opt_command {
    const char *name, *args, *summary, *examples;
    bool later;
};
const struct opt_command *opt_command(unsigned command);

enum opt {
#define KEY(field, name, type, def, range, attributes, group, arg, help)     OPT_##field,
#define FLAG(field, name, type, def, range, attributes, commands, arg, help) OPT_##field,
#include "conf/options.def"
#undef KEY
#undef FLAG
    OPTS
};

enum opt_type { OPT_STR, OPT_BOOL, OPT_INT, OPT_REAL, OPT_DURATION, OPT_SIZE, OPT_CHOICE, OPT_LIST, OPT_MAP };

enum opt_attribute {
    OPT_SEED = 1, OPT_REQUIRED = 2, OPT_NO_EFFECT = 4, OPT_RUNNER = 8, OPT_RELOAD = 16, OPT_LATER = 32, OPT_SECRET = 64,
    OPT_WHOLE = 128, OPT_SELDOM = 256
};

#define OPT_GROUPS_TABLE(GROUP)                                        \
    GROUP(PIPELINE, "pipeline", "the keys of the Python pipeline")      \
    GROUP(RUNNER_GROUP, "runner", "where it runs (Beam runners)")       \
    GROUP(STORES, "stores", "stores and copies")                        \
    GROUP(FLOW, "flow", "load")                                         \
    GROUP(LEASE, "lease", "leases")                                     \
    GROUP(RETRY, "retry", "attempts and waits")                         \
    GROUP(DEAD_LETTER, "dead_letter", "dead letters")                   \
    GROUP(NETWORK, "network", "credentials and network")                \
    GROUP(STATUS, "status", "status page and metrics")                  \
    GROUP(LOG, "log", "the log")                                        \
    GROUP(PROCESS, "process", "the process")                            \
    GROUP(FLAG, "flags", "flags of the command")

enum opt_group {
#define GROUP(name, word, title) OPT_G_##name,
    OPT_GROUPS_TABLE(GROUP)
#undef GROUP
    OPT_GROUPS
};

struct opt_info {
    const char *name, *def, *range, *arg, *help;
    enum opt_type type;
    unsigned attributes;
    enum opt_group group;
    unsigned commands;       /* that take it as a flag */
    bool key;                /* in the file */
};

const struct opt_info *opt_info(enum opt o);
const char *opt_group_word(enum opt_group g);     /* "lease": help config lease */
const char *opt_group_title(enum opt_group g);

struct opt_list {
    const char *const *at;
    size_t count;
};

struct opt_map {
    const char *const *key, *const *value;
    size_t count;
};

enum opt_source { OPT_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENV, OPT_FROM_FLAG };

struct opt_value {
    enum opt_source source;
    uint32_t line, column;    /* in the file, from 1; 0: not from the file */
    bool b;
    int64_t i;                /* INT; DURATION in microseconds; SIZE in bytes; CHOICE: index */
    double r;
    const char *s;            /* STR and CHOICE; never NULL */
    struct opt_list list;
    struct opt_map map;
};

struct opt_values;

/* All at their defaults. */
struct opt_values *opt_values_make(void);
void opt_values_free(struct opt_values *v);
const struct opt_value *opt_get(const struct opt_values *v, enum opt o);

static inline const char *opt_str(const struct opt_values *v, enum opt o)
{
    return opt_get(v, o)->s;
}

/* Also DURATION (us_t), SIZE and CHOICE (the index). */
static inline int64_t opt_int(const struct opt_values *v, enum opt o)
{
    return opt_get(v, o)->i;
}

static inline bool opt_bool(const struct opt_values *v, enum opt o)
{
    return opt_get(v, o)->b;
}

static inline double opt_real(const struct opt_values *v, enum opt o)
{
    return opt_get(v, o)->r;
}

static inline bool opt_given(const struct opt_values *v, enum opt o)
{
    return opt_get(v, o)->source != OPT_DEFAULT;
}

/* The value as text, as it could be written again: "250ms", "256MiB", "a,b". */
void opt_show(const struct opt_values *v, enum opt o, struct buf *out);
/* Where a value of the file stands, for messages. */
void opt_place(struct opt_values *v, enum opt o, uint32_t line, uint32_t column);
/* All that `from` was given (not its defaults) is put over `to`, unless `to` has it from a stronger source. */
void opt_merge(struct opt_values *to, const struct opt_values *from);

/* What is wrong with a value. */
enum opt_wrong { OPT_RIGHT, OPT_WRONG_TYPE, OPT_WRONG_UNIT, OPT_WRONG_RANGE, OPT_WRONG_CHOICE };

/* Reads text as the option's type; lists take "a,b" and, repeated, append; maps "key=value". err: why not, one sentence. */
enum opt_wrong opt_set_text(struct opt_values *v, enum opt o, enum opt_source source, struct bytes text,
                            struct err *err);

/* The flag of that name that a command takes ("until-empty", "flow.rate_limit"); OPTS: none. */
enum opt opt_find_flag(unsigned command, struct bytes name);
/* The key of the file of that full name ("flow.rate_limit"); OPTS: none. */
enum opt opt_find_key(struct bytes name);

/*
 * Flags of argv (without program and command name): --name VALUE, --name=VALUE, --bool, --no-bool, -q -v -vv -h, "--".
 * What is no flag goes to ret_rest (argc long, the caller's). Class USAGE: unknown flag (with the nearest name), missing value.
 */
bool opt_parse_args(struct opt_values *v, unsigned command, int argc, char *const *argv,
                    const char **ret_rest, size_t *ret_rest_count, struct err *err);

#endif
