#include "cmd/help.h"

#include "base/limits.h"
#include "cmd/command.h"
#include "cmd/help_text.h"
#include "cmd/print.h"
#include "conf/config.h"
#include "conf/opt_text.h"
#include "conf/suggest.h"
#include "obs/log.h"
#include "obs/metrics.h"

#include <stdio.h>

static void render_overview(struct buf *out);
static bool render_command(const char *word, struct buf *out);
static void render_flag(enum opt o, size_t column, struct buf *out);
static void render_config(struct buf *out);
static bool render_group(const char *word, struct buf *out);
static bool render_key(const char *word, struct buf *out);
static void render_exits(struct buf *out);
static void render_reasons(struct buf *out);
static void render_metrics(struct buf *out);
static void render_events(struct buf *out);
static void render_errors(struct buf *out);
static bool render_code(const char *word, struct buf *out);

enum { FLAG_COLUMN = 24, FLAG_COLUMN_MAX = 30 };

static const struct {
    const char *word, *text;
    void (*render)(struct buf *out);
} topics[] = {
    { "config", "the configuration file: its groups and keys", render_config },
    { "exit-codes", "what the program's exit code says", render_exits },
    { "reasons", "why a message is dead, or was given back", render_reasons },
    { "metrics", "every metric", render_metrics },
    { "events", "every event of the log", render_events },
    { "errors", "every code of a wrong configuration", render_errors },
    { "seed", "the file that furnishes the local cloud", help_seed },
};

int cmd_help(const struct invocation *in)
{
    CLEANUP(buf_fini) struct buf topic = { 0 };
    for (size_t i = 0; i < in->args_count; i++)
        buf_printf(&topic, "%s%s", i > 0 ? " " : "", in->args[i]);
    if (!opt_bool(in->values, OPT_markdown))
        return help_show(buf_str(&topic));
    CLEANUP(buf_fini) struct buf page = { 0 };
    if (!help_markdown(buf_str(&topic), &page)) {
        fputs("error: help --markdown wants one of OPTIONS, METRICS, EVENTS, ERRORS\n", stderr);
        return CMD_EXIT_USAGE;
    }
    print_out(&page);
    return CMD_EXIT_OK;
}

int help_show(const char *topic)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    if (help_render(topic, &text)) {
        print_out(&text);
        return CMD_EXIT_OK;
    }
    unsigned best_distance = 1000, distance;
    const char *best = "";
    for (unsigned i = 0; i < COMMANDS + ARRAY_LEN(topics) + OPTS; i++) {
        const char *word = i < COMMANDS ? opt_command(i)->name : i < COMMANDS + ARRAY_LEN(topics) ? topics[i - COMMANDS].word
                           : opt_info(i - COMMANDS - ARRAY_LEN(topics))->name;
        if (suggest_is_near(bytes_sub(bytes_str(topic), 0, 60), bytes_str(word), &distance) && distance < best_distance) {
            best = word;
            best_distance = distance;
        }
    }
    fprintf(stderr, "error: no help on \"%.60s\"%s%s%s\n", topic, *best != '\0' ? "; did you mean `hl7relay help " : "", best,
            *best != '\0' ? "`?" : "; `hl7relay help` lists the topics");
    return CMD_EXIT_USAGE;
}

bool help_render(const char *topic, struct buf *out)
{
    if (topic[0] == '\0')
        return render_overview(out), true;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        if (strcmp(topics[i].word, topic) == 0)
            return topics[i].render(out), true;
    if (strncmp(topic, "config ", 7) == 0)
        return render_group(topic + 7, out) || render_key(topic + 7, out);
    return render_command(topic, out) || render_code(topic, out) || render_key(topic, out) || render_group(topic, out);
}

static void render_overview(struct buf *out)
{
    buf_append_str(out, "hl7relay " HL7RELAY_VERSION ": moves HL7v2 messages between Google Cloud Healthcare stores\n\n"
                        "usage: hl7relay [COMMAND] [flags]       without a command: run\n\n");
    for (unsigned c = 0; c < COMMANDS; c++) {
        CLEANUP(buf_fini) struct buf left = { 0 };
        if (opt_command(c)->later || c == CMD_BEAM_WORKER)    /* runners call that one, people do not */
            continue;
        buf_printf(&left, "  %s", opt_command(c)->name);
        help_row(out, buf_str(&left), 15, opt_command(c)->summary);
    }
    buf_append_str(out, "\nexamples:\n"
                        "  hl7relay demo                            try it here, offline, in ten seconds\n"
                        "  hl7relay --config_path config.json       run it\n"
                        "more: hl7relay help COMMAND | config | exit-codes | reasons | metrics | events\n");
}

static bool is_flag_of(enum opt o, unsigned command)
{
    const struct opt_info *info = opt_info(o);
    return !info->key && (info->commands & (1u << command)) != 0 && info->commands != C_ALL && (info->attributes & OPT_LATER) == 0;
}

/* The column at which its help may begin: "  --name ARG  ". */
static size_t flag_width(enum opt o)
{
    const struct opt_info *info = opt_info(o);
    return strlen("  --") + strlen(info->name) + (info->arg[0] != '\0' ? 1 + strlen(info->arg) : 0) + 2;
}

static void append_flag(enum opt o, struct buf *out)
{
    buf_append_str(out, "--");
    for (const char *ch = opt_info(o)->name; *ch != '\0'; ch++)
        buf_append_char(out, *ch == '_' && strcmp(opt_info(o)->name, "config_path") != 0 ? '-' : *ch);
}

static void render_rest(unsigned command, struct buf *out)
{
    const char *before = "; seldom: ";
    buf_append_str(out, "  common: --json --no-color -q -v -vv -h");
    for (unsigned o = 0; o < OPTS; o++) {
        if (!is_flag_of(o, command) || (opt_info(o)->attributes & OPT_SELDOM) == 0)
            continue;
        buf_append_str(out, before);
        append_flag(o, out);
        before = " ";
    }
    buf_append_char(out, '\n');
}

static bool render_command(const char *word, struct buf *out)
{
    unsigned command = 0;
    while (command < COMMANDS && suggest_distance(bytes_str(opt_command(command)->name), bytes_str(word), 0) != 0)
        command++;
    if (command == COMMANDS)
        return false;
    const struct opt_command *c = opt_command(command);
    buf_printf(out, "usage: hl7relay %s\n\n", c->args);
    CLEANUP(buf_fini) struct buf summary = { 0 };
    buf_printf(&summary, "%s%s.", c->summary, c->later ? " (not in this version)" : "");
    help_paragraph(out, 2, buf_str(&summary));
    buf_append_char(out, '\n');
    size_t column = 0;
    for (unsigned o = 0; o < OPTS; o++)
        if (is_flag_of(o, command))
            column = MAX(column, flag_width(o));
    for (unsigned o = 0; o < OPTS; o++)
        if (is_flag_of(o, command) && (opt_info(o)->attributes & OPT_SELDOM) == 0)
            render_flag(o, column > FLAG_COLUMN && column <= FLAG_COLUMN_MAX ? column : FLAG_COLUMN, out);
    if ((C_CONFIG & (1u << command)) != 0)
        buf_append_str(out, "  and every key of the configuration: hl7relay help config\n");
    if (!c->later)
        render_rest(command, out);
    if (c->examples[0] == '\0')
        return true;
    buf_append_str(out, "\nexamples:\n");
    for (struct bytes rest = bytes_str(c->examples); rest.len > 0;) {
        struct bytes line = bytes_cut(&rest, '\n');
        buf_printf(out, "  %.*s\n", BYTES_FMT(line));
    }
    return true;
}

static void render_flag(enum opt o, size_t column, struct buf *out)
{
    const struct opt_info *info = opt_info(o);
    CLEANUP(buf_fini) struct buf left = { 0 };
    buf_append_str(&left, "  ");
    append_flag(o, &left);
    if (info->arg[0] != '\0')
        buf_printf(&left, " %s", info->arg);
    help_row(out, buf_str(&left), column, info->help);
}

static void render_config(struct buf *out)
{
    buf_append_str(out, "One JSON object. Required: project_id, region, source_hl7v2_store,\n"
                        "dest_hl7v2_store, pubsub_subscription. All else has a default.\n"
                        "A key is also a flag (--flow.rate_limit 500), a variable\n"
                        "(HL7RELAY_FLOW_RATE_LIMIT=500) and --set flow.rate_limit=500;\n"
                        "flag over variable over file over default. Durations: 250ms 30s 15m 1h 7d;\n"
                        "without a unit: seconds. Sizes: 64KiB 256MiB 1GiB; without a unit: bytes.\n\n");
    for (unsigned g = 0; g < OPT_G_FLAG; g++) {
        CLEANUP(buf_fini) struct buf left = { 0 };
        buf_printf(&left, "  help config %s", opt_group_word(g));
        help_row(out, buf_str(&left), 28, opt_group_title(g));
    }
}

static bool render_group(const char *word, struct buf *out)
{
    unsigned g = 0;
    while (g < OPT_G_FLAG && strcmp(opt_group_word(g), word) != 0)
        g++;
    if (g == OPT_G_FLAG)
        return false;
    buf_printf(out, "%s\n", opt_group_title(g));
    for (unsigned o = 0; o < OPTS; o++)
        if (opt_info(o)->group == g) {
            buf_append_char(out, '\n');
            render_key(opt_info(o)->name, out);
        }
    return true;
}

static bool render_key(const char *word, struct buf *out)
{
    enum opt o = opt_find_key(bytes_str(word));
    if (o == OPTS)
        return false;
    const struct opt_info *info = opt_info(o);
    buf_printf(out, "%s: %s", info->name, opt_text_type(info->type));
    if (info->def[0] != '\0' && info->type != OPT_LIST && info->type != OPT_MAP)
        buf_printf(out, ", default %s", info->def);
    buf_append_str(out, (info->attributes & OPT_REQUIRED) != 0 ? ", required\n" : (info->attributes & OPT_LATER) != 0 ?
                        ", not in this version\n" : "\n");
    if (info->type == OPT_CHOICE) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        buf_append_str(&line, "One of");
        for (struct bytes rest = bytes_str(info->range); rest.len > 0;) {
            struct bytes one = bytes_cut(&rest, '|');
            buf_printf(&line, " %.*s", BYTES_FMT(one));
        }
        help_paragraph(out, 4, buf_str(&line));
    }
    CLEANUP(buf_fini) struct buf text = { 0 };
    buf_append_str(&text, info->help);
    if (strstr(info->range, "..") != NULL)
        buf_printf(&text, " Within %s.", info->range);
    help_paragraph(out, 4, buf_str(&text));
    return true;
}

static void render_exits(struct buf *out)
{
#define EXIT(name, code, text) help_row(out, code < 10 ? "    " #code : code < 100 ? "   " #code : "  " #code, 8, text);
    EXITS(EXIT)
#undef EXIT
    buf_append_str(out, "\nAny other code is a failure too.\n");
}

static void render_reasons(struct buf *out)
{
    static const struct {
        const char *code, *text;
    } reasons[] = {
#define REASON(name, code, storm, text) { code, text },
#include "relay/reason.def"
#undef REASON
    };
    for (size_t i = 1; i < ARRAY_LEN(reasons); i++) {
        CLEANUP(buf_fini) struct buf left = { 0 };
        buf_printf(&left, "  %s", reasons[i].code);
        help_row(out, buf_str(&left), 24, reasons[i].text);
    }
}

static void render_metrics(struct buf *out)
{
    for (unsigned id = 0; id < METRICS; id++) {
        const struct metric_info *info = metric_info(id);
        buf_append_str(out, info->prom);
        for (unsigned l = 0; l < 2; l++)
            if (info->label[l] != LABELS_NONE)
                buf_printf(out, "%s%s", l == 0 ? "{" : ",", label_key(info->label[l]));
        buf_append_str(out, info->label[0] != LABELS_NONE ? "}\n" : "\n");
        help_paragraph(out, 4, info->help);
    }
}

static void render_events(struct buf *out)
{
    for (unsigned e = 0; e < LOG_EVENTS; e++) {
        const struct log_event_info *info = log_event_info(e);
        buf_printf(out, "%s (%s)\n", info->code, log_severity_name(info->severity));
        CLEANUP(buf_fini) struct buf text = { 0 };
        buf_printf(&text, "%s. %s", info->sentence, info->doc);
        help_paragraph(out, 4, buf_str(&text));
    }
}

static void render_errors(struct buf *out)
{
    for (unsigned c = 0; c < CONF_CODES; c++) {
        CLEANUP(buf_fini) struct buf left = { 0 };
        buf_printf(&left, "  %s", conf_code_text(c));
        help_row(out, buf_str(&left), 14, conf_code_title(c));
    }
}

static bool render_code(const char *word, struct buf *out)
{
    for (unsigned c = 0; c < CONF_CODES; c++)
        if (strcmp(conf_code_text(c), word) == 0) {
            buf_printf(out, "%s: %s\n", word, conf_code_title(c));
            help_row(out, "  fix", 8, conf_code_fix(c));
            return true;
        }
    return false;
}
