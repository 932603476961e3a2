/* `hl7relay dead list|show|replay|accept`: what could not be delivered, and what to do about it. */
#include "adapters/storm_file.h"
#include "cmd/command.h"
#include "cmd/dead_entries.h"
#include "cmd/dead_replay.h"
#include "cmd/print.h"
#include "conf/config.h"
#include "json/write.h"
#include "loop/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct dead_work {
    const struct invocation *in;
    struct config *config;    /* NULL with --dir */
    const char *dir;          /* "" : the dead letters are a topic's */
    struct dead_topic topic;
    struct dead_filter filter;
    size_t limit;
    bool json;
};

static int open_work(struct dead_work *w);
static int list(struct dead_work *w);
static int show(struct dead_work *w);
static int replay(struct dead_work *w);
static int accept_storm(struct dead_work *w);
static int fail(const struct err *err);
static void unload(struct dead_work *w, struct dead_entries *e);

static const struct {
    const char *verb;
    int (*run)(struct dead_work *w);
    bool needs_config;
} verbs[] = { { "list", list, false }, { "show", show, false }, { "replay", replay, true }, { "accept", accept_storm, false } };

int cmd_dead(const struct invocation *in)
{
    struct dead_work w = { .in = in, .json = opt_bool(in->values, OPT_json), .limit = (size_t) opt_int(in->values, OPT_limit) };
    size_t v = 0;
    while (v < ARRAY_LEN(verbs) && (in->args_count == 0 || strcmp(in->args[0], verbs[v].verb) != 0))
        v++;
    if (v == ARRAY_LEN(verbs)) {
        fprintf(stderr, "error: dead wants one of list, show, replay, accept: hl7relay dead list --config_path FILE\n");
        return CMD_EXIT_USAGE;
    }
    if (verbs[v].needs_config && opt_str(in->values, OPT_dir)[0] != '\0' && opt_str(in->values, OPT_config_path)[0] == '\0') {
        fprintf(stderr, "error: dead %s needs --config_path FILE: it asks the configured subscription\n", verbs[v].verb);
        return CMD_EXIT_USAGE;
    }
    w.filter = (struct dead_filter) { opt_str(in->values, OPT_reason), 0, in->args + 1, in->args_count - 1 };
    const char *since = opt_str(in->values, OPT_since);
    if (since[0] != '\0' && !dead_entries_since(since, clock_wall(), &w.filter.since_us)) {
        fprintf(stderr, "error: --since wants a time such as 2026-01-31T18:00:00Z, or how long ago: 2h, 3d\n");
        return CMD_EXIT_USAGE;
    }
    int code = open_work(&w);
    if (code == CMD_EXIT_OK)
        code = verbs[v].run(&w);
    config_free(w.config);
    return code;
}

static const char *env(const char *name)
{
    return getenv(name);
}

static int open_work(struct dead_work *w)
{
    w->dir = opt_str(w->in->values, OPT_dir);
    if (w->dir[0] != '\0' && access(w->dir, F_OK) != 0) {    /* a configured one is made with the first record */
        fprintf(stderr, "error: there is no directory %s\n", w->dir);
        return CMD_EXIT_DATA;
    }
    if (w->dir[0] != '\0' && opt_str(w->in->values, OPT_config_path)[0] == '\0')
        return CMD_EXIT_OK;
    const struct conf_input input = { .flags = w->in->values, .env = env, .wall_us = clock_wall(),
                                      .parse_time = clock_parse_rfc3339 };
    struct conf_faults faults;
    w->config = config_load(&input, &faults, NULL);
    if (w->config == NULL) {
        print_faults(&faults);
        return CMD_EXIT_CONFIG;
    }
    if (w->dir[0] == '\0')
        w->dir = w->config->sink_dir;
    if (w->dir[0] != '\0' || w->config->sink == CONF_SINK_TOPIC)
        return CMD_EXIT_OK;
    fprintf(stderr, "error: %s has no dead-letter sink (dead_letter.sink); name its directory with --dir\n", w->config->path);
    return CMD_EXIT_CONFIG;
}

static const char *place_of(const struct dead_work *w)
{
    return w->dir[0] != '\0' ? w->dir : w->config->dead_letter_subscription;
}

static int load(struct dead_work *w, struct dead_entries *e)
{
    struct err err = { 0 };
    if (w->dir[0] != '\0' ? !dead_entries_load(e, w->dir, &err) : !dead_topic_load(&w->topic, w->config, e, &err)) {
        unload(w, e);
        return fail(&err);
    }
    if (e->torn > 0)
        fprintf(stderr, "note: %zu segment%s with a cut last line, which was never confirmed to anybody\n", e->torn, e->torn == 1 ? " ends" : "s end");
    if (e->damaged > 0)
        fprintf(stderr, "error: %zu damaged line%s in %s; the first: %s. What they held is not shown.\n", e->damaged, e->damaged == 1 ? "" : "s",
                place_of(w), e->first_damage);
    return CMD_EXIT_OK;
}

/* What a topic's dead letters were read with is given back: others are to see them too. */
static void unload(struct dead_work *w, struct dead_entries *e)
{
    struct err err;
    if (w->dir[0] == '\0' && !dead_topic_close(&w->topic, &err))
        fprintf(stderr, "note: dead letters that were shown stay hidden for ten minutes: %s\n", err.text);
    dead_entries_fini(e);
}

static void put_json(const struct dead_entry *d, struct buf *out)
{
    const struct {
        const char *key, *value;
    } texts[] = { { "id", d->id },       { "stage", d->stage },     { "reason", d->reason },   { "class", d->class },
                  { "first", d->first }, { "last", d->last },       { "written", d->written }, { "name", d->name },
                  { "name_sha256", d->name_sha256 }, { "message_id", d->message_id } };
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", bytes_str(d->skipped ? "skipped" : "dead"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value[0] != '\0')
            json_write_str(&w, texts[i].key, bytes_str(texts[i].value));
    json_write_int(&w, "http", d->http);
    json_write_int(&w, "grpc", d->grpc);
    json_write_int(&w, "attempts", d->attempts);
    json_write_int(&w, "times", d->times);
    json_write_bool(&w, "replayed", d->replayed);
    json_write_bool(&w, "also_delivered", d->delivered);
    json_write_end(&w);
    buf_append_char(out, '\n');
}

static void put_line(const struct dead_entry *d, struct buf *out)
{
    buf_printf(out, "%.19sZ  %-13s  %-19s  %3lld  ", d->written, d->skipped ? "skipped" : d->stage, d->reason, (long long) d->http);
    if (d->name[0] != '\0')
        buf_append_str(out, d->name);
    else
        buf_printf(out, "(no name; %lld bytes; notification %s)", (long long) d->name_bytes, d->message_id);
    if (d->times > 1)
        buf_printf(out, "  written x%u", d->times);
    if (d->replayed)
        buf_append_str(out, "  replayed");
    buf_append_str(out, d->delivered ? "  also delivered\n" : "\n");
}

static int list(struct dead_work *w)
{
    struct dead_entries e;
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t shown = 0, skipped = 0, fitting = 0;
    int code = load(w, &e);
    if (code != CMD_EXIT_OK)
        return code;
    for (size_t i = 0; i < e.count; i++) {
        if (!dead_entries_fit(&e.at[i], &w->filter))
            continue;
        fitting++;
        skipped += e.at[i].skipped;
        if (w->limit != 0 && shown == w->limit)
            continue;
        shown++;
        (w->json ? put_json : put_line)(&e.at[i], &out);
        if (out.len > KIB(64)) {
            print_out(&out);
            buf_clear(&out);
        }
    }
    print_out(&out);
    if (!w->json)
        fprintf(stderr, "%zu dead letter%s, %zu skip record%s%s\n", fitting - skipped, fitting - skipped == 1 ? "" : "s", skipped,
                skipped == 1 ? "" : "s", shown < fitting ? " (not all shown: --limit)" : "");
    code = e.damaged > 0 ? CMD_EXIT_DATA : CMD_EXIT_OK;
    unload(w, &e);
    return code;
}

static const char *advice(const char *reason)
{
    static const struct {
        const char *reason, *advice;
    } rows[] = {
        { "bad_path", "somebody publishes other things to the topic: find the publisher; a replay does not help" },
        { "foreign_store", "the topic carries another store's notifications too; a replay does not help" },
        { "decode_error", "the notification cannot be read; a replay does not help" },
        { "source_not_found", "the message was deleted at the source; a replay helps only where it is there again" },
        { "source_gone", "the message was removed at the source; a replay does not help" },
        { "source_refused", "the source refuses to give this one message: look at it there, then replay" },
        { "bad_source_payload", "look at the message in the source store; replay when it is mended" },
        { "too_large", "larger than HL7v2 stores take; a replay does not help" },
        { "dest_nack", "the destination refused the message: look at its parser configuration, then replay" },
        { "dest_rejected", "the destination refused the request: look at its configuration, then replay" },
        { "attempts_exhausted", "the failure may have passed: replay" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].reason, reason) == 0)
            return rows[i].advice;
    return "nothing is to be done";
}

static void put_whole(const struct dead_entry *d, struct buf *out)
{
    buf_printf(out, "id            %s\nkind          %s\n", d->id, d->skipped ? "skipped" : "dead");
    const struct {
        const char *label, *value;
    } rows[] = { { "name", d->name },       { "name_sha256", d->name_sha256 }, { "message_id", d->message_id }, { "stage", d->stage },
                 { "reason", d->reason },   { "class", d->class },             { "first", d->first },           { "last", d->last },
                 { "written", d->written } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].value[0] != '\0')
            buf_printf(out, "%-13s %s\n", rows[i].label, rows[i].value);
    buf_printf(out, "status        http %lld, grpc %lld\nattempts      %lld\nwritten       %u time%s\nreplayed      %s\ndelivered     %s\n"
               "what to do    %s\n\n",
               (long long) d->http, (long long) d->grpc, (long long) d->attempts, d->times, d->times == 1 ? "" : "s", d->replayed ? "yes" : "no",
               d->delivered ? "yes, `verify` has seen the copy at the destination" : "not as far as `verify` has looked",
               d->delivered ? "nothing is to be done" : advice(d->reason));
}

static int show(struct dead_work *w)
{
    struct dead_entries e;
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t shown = 0;
    if (w->filter.names_count == 0) {
        fprintf(stderr, "error: dead show wants a name, the end of one, an id or a message id: hl7relay dead show NAME\n");
        return CMD_EXIT_USAGE;
    }
    int code = load(w, &e);
    if (code != CMD_EXIT_OK)
        return code;
    for (size_t i = 0; i < e.count; i++) {
        if (!dead_entries_fit(&e.at[i], &w->filter))
            continue;
        shown++;
        (w->json ? put_json : put_whole)(&e.at[i], &out);
    }
    print_out(&out);
    unload(w, &e);
    if (shown > 0)
        return CMD_EXIT_OK;
    fprintf(stderr, "error: there is no such dead letter in %s; `hl7relay dead list` shows all\n", place_of(w));
    return CMD_EXIT_EMPTY;
}

static int replay(struct dead_work *w)
{
    struct dead_entries e;
    struct err err = { 0 };
    struct dead_replay r = { .config = w->config, .dir = w->dir, .topic = w->dir[0] == '\0' ? &w->topic : NULL,
                             .entries = &e, .filter = &w->filter, .limit = w->limit,
                             .per_second = opt_real(w->in->values, OPT_rate) };
    int code = load(w, &e);
    if (code != CMD_EXIT_OK)
        return code;
    bool ok = dead_replay_run(&r, &err);
    if (w->json)
        printf("{\"type\":\"replay\",\"published\":%zu,\"already\":%zu,\"without_name\":%zu}\n", r.published, r.already, r.without_name);
    else
        printf("%zu published again to the subscription's topic, %zu were already, %zu have no name\n", r.published, r.already, r.without_name);
    unload(w, &e);
    return ok ? CMD_EXIT_OK : fail(&err);
}

static int accept_storm(struct dead_work *w)
{
    us_t since = 0;
    struct err err = { 0 };
    const char *dir = w->dir[0] != '\0' ? w->dir : w->config->storm_dir;
    if (!storm_state_read(dir, &since, &err) || (since != 0 && !storm_state_write(dir, 0, &err)))
        return fail(&err);
    char stamp[CLOCK_RFC3339_LEN];
    clock_rfc3339(since, stamp);
    if (w->json)
        printf("{\"type\":\"accept\",\"released\":%s}\n", since != 0 ? "true" : "false");
    else if (since == 0)
        printf("the storm guard does not hold; nothing to release\n");
    else
        printf("the storm guard, which held since %s, is released; a running relay goes on within a few seconds\n", stamp);
    return CMD_EXIT_OK;
}

static int fail(const struct err *err)
{
    print_error(err);
    return exit_for(err);
}
