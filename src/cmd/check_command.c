/* `hl7relay check`: syntax, what keys mean together, and what this machine has. Offline: nobody is asked. */
#include "base/limits.h"
#include "cmd/check_places.h"
#include "cmd/command.h"
#include "cmd/print.h"
#include "conf/config.h"
#include "json/write.h"
#include "loop/clock.h"

#include <stdio.h>
#include <stdlib.h>

static void show_limits(bool json, struct buf *out);
static void show_effective(const struct config *c, bool json, struct buf *out);
static void show_summary(const struct config *c, const struct check_place *places, size_t count, struct buf *out);
static void show_summary_json(const struct config *c, const struct check_place *places, size_t count, struct buf *out);
static void show_faults_json(const struct conf_faults *faults, struct buf *out);

static const char *env(const char *name)
{
    return getenv(name);
}

int cmd_check(const struct invocation *in)
{
    bool json = opt_bool(in->values, OPT_json);
    CLEANUP(buf_fini) struct buf out = { 0 };
    if (opt_bool(in->values, OPT_limits)) {
        show_limits(json, &out);
        print_out(&out);
        return CMD_EXIT_OK;
    }
    const struct conf_input input = {
        .flags = in->values, .env = env, .wall_us = clock_wall(), .parse_time = clock_parse_rfc3339
    };
    struct conf_faults faults;
    struct check_place places[CHECK_PLACES];
    size_t count = 0;
    int code = CMD_EXIT_OK;
    struct config *c = config_load(&input, &faults, NULL);
    if (c == NULL && json) {
        show_faults_json(&faults, &out);
        print_out(&out);
    } else if (c == NULL) {
        print_faults(&faults);
    } else {
        bool effective = opt_bool(in->values, OPT_show_effective);
        if (!effective)
            count = check_places(c, places);
        for (size_t i = 0; i < count && code == CMD_EXIT_OK; i++)
            code = places[i].exit;
        if (effective)
            show_effective(c, json, &out);
        else if (json)
            show_summary_json(c, places, count, &out);
        else
            show_summary(c, places, count, &out);
        print_out(&out);
    }
    config_free(c);
    return c != NULL ? code : CMD_EXIT_CONFIG;
}

static void show_limits(bool json, struct buf *out)
{
    static const struct {
        const char *name, *reason;
        int value;
    } rows[] = {
#define LIMIT(name, value, reason) { #name, reason, name },
        LIMITS(LIMIT)
#undef LIMIT
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!json) {
            buf_printf(out, "%-28s %10d  %s\n", rows[i].name, rows[i].value, rows[i].reason);
            continue;
        }
        struct json_writer w = json_write_to(out);
        json_write_object(&w, NULL);
        json_write_str(&w, "type", BYTES_LIT("limit"));
        json_write_str(&w, "name", bytes_str(rows[i].name));
        json_write_int(&w, "value", rows[i].value);
        json_write_str(&w, "reason", bytes_str(rows[i].reason));
        json_write_end(&w);
        buf_append_char(out, '\n');
    }
}

static void show_effective(const struct config *c, bool json, struct buf *out)
{
    static const char *const sources[] = { "default", "file", "environment", "flag" };
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_info *info = opt_info(o);
        const struct opt_value *v = opt_get(c->values, o);
        if (!info->key || ((info->attributes & OPT_LATER) != 0))
            continue;
        CLEANUP(buf_fini) struct buf shown = { 0 };
        opt_show(c->values, o, &shown);
        if ((info->attributes & OPT_SECRET) != 0 && shown.len > 0) {
            buf_clear(&shown);
            buf_append_str(&shown, "(set, not shown)");
        }
        if (json) {
            struct json_writer w = json_write_to(out);
            json_write_object(&w, NULL);
            json_write_str(&w, "type", BYTES_LIT("key"));
            json_write_str(&w, "key", bytes_str(info->name));
            json_write_str(&w, "value", buf_bytes(&shown));
            json_write_str(&w, "source", bytes_str(sources[v->source]));
            if (v->line > 0)
                json_write_int(&w, "line", v->line);
            json_write_end(&w);
            buf_append_char(out, '\n');
            continue;
        }
        buf_printf(out, "%-34s %-44s %s", info->name, buf_str(&shown), sources[v->source]);
        if (v->line > 0)
            buf_printf(out, ":%u", v->line);
        buf_append_char(out, '\n');
    }
}

static void show_endpoint(const char *label, const struct conf_endpoint *e, struct buf *out)
{
    buf_printf(out, "  %-13s %s://%s:%u%s%s\n", label, e->tls ? "https" : "http", e->host, e->port,
               e->connect_to[0] != '\0' ? ", connects to " : "", e->connect_to);
}

static void show_summary(const struct config *c, const struct check_place *places, size_t count, struct buf *out)
{
    buf_printf(out, "ok: %s\n  source        %s\n  destination   %s\n  subscription  %s\n", c->path, c->source.name, c->dest.name,
               c->pubsub_subscription);
    show_endpoint("Pub/Sub", &c->pubsub, out);
    show_endpoint("Healthcare", &c->healthcare, out);
    if (!c->credentials)
        buf_append_str(out, "  credentials   none: the local cloud\n");
    buf_printf(out, "  dead letters  %s\n", c->sink == CONF_SINK_FILE ? c->sink_dir : c->sink == CONF_SINK_TOPIC ? c->dead_letter_topic :
               "no sink: messages at fault are held");
    buf_printf(out, "  gives up      after %u counted attempts and %lld s\n", c->attempts_max, (long long) (c->give_up_after_us / US_PER_S));
    if (c->status_host[0] != '\0')
        buf_printf(out, "  status page   http://%s:%u/\n", c->status_host, c->status_port);
    if (c->content_until_us != 0)
        buf_append_str(out, "warning: PATIENT DATA WILL BE WRITTEN TO THE LOG until log.phi_logging_until\n");
    for (size_t i = 0; i < count; i++)
        if (places[i].exit == CMD_EXIT_OK)
            buf_printf(out, "  %-13s %s\n", places[i].name, places[i].text);
        else
            buf_printf(out, "error: %s: %s\n", places[i].name, places[i].text);
    for (size_t i = 0; i < c->notes_count; i++)
        buf_printf(out, "note: %s: %s\n", c->notes[i].key, c->notes[i].text);
    buf_append_str(out, "Checked offline: names, types, ranges, contradictions and this machine; not permissions, nor that the stores exist.\n");
}

static void show_summary_json(const struct config *c, const struct check_place *places, size_t count, struct buf *out)
{
    struct json_writer w = json_write_to(out);
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        ok &= places[i].exit == CMD_EXIT_OK;
    json_write_object(&w, NULL);
    json_write_str(&w, "type", BYTES_LIT("check"));
    json_write_bool(&w, "ok", ok);
    json_write_str(&w, "path", bytes_str(c->path));
    json_write_str(&w, "sha256", bytes_str(c->sha256));
    json_write_array(&w, "places");
    for (size_t i = 0; i < count; i++) {
        json_write_object(&w, NULL);
        json_write_str(&w, "name", bytes_str(places[i].name));
        json_write_bool(&w, "ok", places[i].exit == CMD_EXIT_OK);
        json_write_str(&w, "text", bytes_str(places[i].text));
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_array(&w, "notes");
    for (size_t i = 0; i < c->notes_count; i++) {
        json_write_object(&w, NULL);
        json_write_str(&w, "key", bytes_str(c->notes[i].key));
        json_write_str(&w, "text", bytes_str(c->notes[i].text));
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_end(&w);
    buf_append_char(out, '\n');
}

static void show_faults_json(const struct conf_faults *faults, struct buf *out)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct conf_fault *f = &faults->at[i];
        struct json_writer w = json_write_to(out);
        json_write_object(&w, NULL);
        json_write_str(&w, "type", BYTES_LIT("fault"));
        json_write_str(&w, "code", bytes_str(conf_code_text(f->code)));
        json_write_str(&w, "text", bytes_str(f->text));
        json_write_str(&w, "path", bytes_str(f->path));
        json_write_int(&w, "line", f->line);
        json_write_int(&w, "column", f->column);
        json_write_str(&w, "did_you_mean", bytes_str(f->did_you_mean));
        json_write_str(&w, "fix", bytes_str(conf_code_fix(f->code)));
        json_write_end(&w);
        buf_append_char(out, '\n');
    }
}
