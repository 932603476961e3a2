/* The reference pages of docs/, from the tables. */
#include "cmd/exit.h"
#include "cmd/help_text.h"
#include "conf/config.h"
#include "conf/opt_text.h"
#include "obs/log.h"
#include "obs/metrics.h"

static const char made[] = "<!-- Made from the tables in src/ by tools/docs: do not edit. -->\n\n";

static void options_page(struct buf *out);
static void option_row(enum opt o, struct buf *out);
static void metrics_page(struct buf *out);
static void events_page(struct buf *out);
static void errors_page(struct buf *out);

bool help_markdown(const char *page, struct buf *out)
{
    static const struct {
        const char *name;
        void (*render)(struct buf *out);
    } pages[] = { { "OPTIONS", options_page }, { "METRICS", metrics_page }, { "EVENTS", events_page }, { "ERRORS", errors_page } };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (strcmp(pages[i].name, page) == 0)
            return pages[i].render(out), true;
    return false;
}

static void options_page(struct buf *out)
{
    buf_printf(out, "%s# Options\n\nA key of the configuration file is also a flag (`--flow.rate_limit 500`), a variable of the environment\n"
               "(`HL7RELAY_FLOW_RATE_LIMIT=500`) and `--set flow.rate_limit=500`. Flag over variable over file over default.\n"
               "In flags `-` and `_` are the same. Durations: `250ms 30s 15m 1h 7d`, without a unit seconds; sizes: `64KiB 256MiB 1GiB`,\n"
               "without a unit bytes. *Reload*: SIGHUP brings a change into force; all else needs a restart.\n", made);
    for (unsigned g = 0; g < OPT_G_FLAG; g++) {
        buf_printf(out, "\n## %s\n\n| Key | Type | Default | Range | | Meaning |\n|---|---|---|---|---|---|\n", opt_group_title(g));
        for (unsigned o = 0; o < OPTS; o++)
            if (opt_info(o)->group == g)
                option_row(o, out);
    }
    for (unsigned c = 0; c < COMMANDS; c++) {
        bool any = false;
        for (unsigned o = 0; o < OPTS; o++) {
            const struct opt_info *info = opt_info(o);
            if (info->key || (info->commands & (1u << c)) == 0 || info->commands == C_ALL)
                continue;
            if (!any)
                buf_printf(out, "\n## Flags of `hl7relay %s`\n\n| Flag | Type | Default | Range | | Meaning |\n|---|---|---|---|---|---|\n",
                           opt_command(c)->name);
            any = true;
            option_row(o, out);
        }
    }
    buf_append_str(out, "\n## Flags of every command\n\n| Flag | Type | Default | Range | | Meaning |\n|---|---|---|---|---|---|\n");
    for (unsigned o = 0; o < OPTS; o++)
        if (!opt_info(o)->key && opt_info(o)->commands == C_ALL)
            option_row(o, out);
}

static void option_row(enum opt o, struct buf *out)
{
    const struct opt_info *info = opt_info(o);
    static const struct {
        unsigned attribute;
        const char *text;
    } notes[] = { { OPT_REQUIRED, "required" },          { OPT_NO_EFFECT, "no effect" }, { OPT_RUNNER, "Beam runners" },
                  { OPT_RELOAD, "reload" },              { OPT_LATER, "not in this version" } };
    buf_printf(out, "| `%s%s` | %s | ", info->key ? "" : "--", info->name, opt_text_type(info->type));
    help_cell(out, info->def);
    buf_append_str(out, " | ");
    help_cell(out, info->range);
    buf_append_str(out, " | ");
    const char *between = "";
    for (size_t i = 0; i < ARRAY_LEN(notes); i++)
        if ((info->attributes & notes[i].attribute) != 0) {
            buf_printf(out, "%s%s", between, notes[i].text);
            between = ", ";
        }
    buf_append_str(out, " | ");
    help_cell(out, info->help);
    buf_append_str(out, " |\n");
}

static void metrics_page(struct buf *out)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    buf_printf(out, "%s# Metrics\n\nServed at `/metrics` of `status_listen`. A metric with two labels shows a series once it was used.\n"
               "\n"
               "| Prometheus | Kind | Beam (namespace `HL7v2`) | Cloud Monitoring | Meaning |\n|---|---|---|---|---|\n", made);
    for (unsigned id = 0; id < METRICS; id++) {
        const struct metric_info *info = metric_info(id);
        buf_printf(out, "| `%s", info->prom);
        if (info->label[0] != LABELS_NONE)
            buf_printf(out, "{%s%s%s}", label_key(info->label[0]), info->label[1] != LABELS_NONE ? "," : "",
                       info->label[1] != LABELS_NONE ? label_key(info->label[1]) : "");
        buf_printf(out, "` | %s | %s | %s | ", kinds[info->kind], info->beam, info->monitoring);
        help_cell(out, info->help);
        buf_append_str(out, " |\n");
    }
    buf_append_str(out, "\n## Labels\n");
    for (unsigned set = LABELS_NONE + 1; set < LABEL_SETS; set++) {
        buf_printf(out, "\n### %s\n\n| Value | Meaning |\n|---|---|\n", label_key(set));
        for (unsigned v = 0; v < label_count(set); v++) {
            buf_printf(out, "| `%s` | ", label_text(set, v));
            help_cell(out, label_meaning(set, v));
            buf_append_str(out, " |\n");
        }
    }
}

static void events_page(struct buf *out)
{
    buf_printf(out, "%s# Events of the log\n\nEach line names its event. More than ten lines of one event in a second are counted instead of\n"
               "written (`log_suppressed`); a log that nobody reads drops lines (`log_dropped`) and never stops the relay.\n\n"
               "| Event | Severity | Sentence | More |\n|---|---|---|---|\n", made);
    for (unsigned e = 0; e < LOG_EVENTS; e++) {
        const struct log_event_info *info = log_event_info(e);
        buf_printf(out, "| `%s` | %s | ", info->code, log_severity_name(info->severity));
        help_cell(out, info->sentence);
        buf_append_str(out, " | ");
        help_cell(out, info->doc);
        buf_append_str(out, " |\n");
    }
}

static void errors_page(struct buf *out)
{
    static const struct {
        const char *code, *text;
        bool storm;
    } reasons[] = {
#define REASON(name, code, storm, text) { code, text, storm },
#include "relay/reason.def"
#undef REASON
    };
    static const struct {
        const char *name, *text;
    } notices[] = {
#define NOTICE(name, text) { #name, text },
#include "relay/notice.def"
#undef NOTICE
    };
    buf_printf(out, "%s# Errors, reasons, notices, exit codes\n\n## Configuration\n\n| Code | What is wrong | What to do |\n|---|---|---|\n", made);
    for (unsigned c = 0; c < CONF_CODES; c++) {
        buf_printf(out, "| %s | %s | ", conf_code_text(c), conf_code_title(c));
        help_cell(out, conf_code_fix(c));
        buf_append_str(out, " |\n");
    }
    buf_append_str(out, "\n## Reasons\n\nWhy a message is in a dead letter, or was given back. Storm guard: counted by it.\n\n"
                        "| Reason | Storm guard | Meaning |\n|---|---|---|\n");
    for (size_t i = 1; i < ARRAY_LEN(reasons); i++)
        buf_printf(out, "| `%s` | %s | %s |\n", reasons[i].code, reasons[i].storm ? "yes" : "", reasons[i].text);
    buf_append_str(out, "\n## Classes\n\nHow one attempt went; the log's field `class`.\n\n| Class | Meaning |\n|---|---|\n");
    for (unsigned c = 0; c < ERR_CLASSES; c++)
        buf_printf(out, "| `%s` | %s |\n", err_name((uint16_t) c), err_text((uint16_t) c));
    buf_append_str(out, "\n## Notices\n\nWhat an operator must know while it lasts (log, status page, `/readyz`).\n\n| Notice | Meaning |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(notices); i++)
        buf_printf(out, "| `%s` | %s |\n", notices[i].name, notices[i].text);
    buf_append_str(out, "\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
#define EXIT(name, code, text) buf_printf(out, "| %d | %s |\n", code, text);
    EXITS(EXIT)
#undef EXIT
}
