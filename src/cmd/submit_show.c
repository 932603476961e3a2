#include "cmd/submit_show.h"

#include "cmd/print.h"
#include "json/write.h"
#include "loop/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { IMPORTANT = 4 };    /* JOB_MESSAGE_WARNING */

struct submit_show submit_show_make(const struct invocation *in, const char *runner)
{
    bool json = opt_bool(in->values, OPT_json), quiet = opt_bool(in->values, OPT_quiet);
    return (struct submit_show) {
        .json = json, .quiet = quiet, .verbose = opt_int(in->values, OPT_verbose) > 0,
        .terminal = !json && !quiet && print_is_tty(STDERR_FILENO), .runner = runner, .began_us = clock_now(),
    };
}

static double seconds(const struct submit_show *s)
{
    return (double) (clock_now() - s->began_us) / US_PER_S;
}

static void clear_progress(const struct submit_show *s)
{
    if (s->terminal)
        fputs("\r\033[K", stderr);
}

static void show_progress(const struct submit_show *s)
{
    if (!s->terminal)
        return;
    const struct job_counters *c = &s->counters;
    fprintf(stderr, "\r\033[K%s  %.0f s", s->state, seconds(s));
    if (c->any)
        fprintf(stderr, "   Fetched %" PRIu64 "  FailedFetch %" PRIu64 "  Ingested %" PRIu64 "  FailedIngest %" PRIu64,
                c->fetched, c->failed_fetch, c->ingested, c->failed_ingest);
    fflush(stderr);
}

void submit_show_line(struct submit_show *s, const char *fmt, ...)
{
    if (s->quiet)
        return;
    clear_progress(s);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

/* One JSON object a line; `key`: its one text. */
static void json_line(const char *type, const char *key, const char *text, const struct job_counters *c)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", bytes_str(type));
    if (key != NULL)
        json_write_str(&w, key, bytes_str(text));
    if (c != NULL) {
        json_write_int(&w, "Fetched", (int64_t) c->fetched);
        json_write_int(&w, "FailedFetch", (int64_t) c->failed_fetch);
        json_write_int(&w, "Ingested", (int64_t) c->ingested);
        json_write_int(&w, "FailedIngest", (int64_t) c->failed_ingest);
    }
    json_write_end(&w);
    printf("%s\n", buf_str(&out));
    fflush(stdout);
}

static void on_submitted(void *ctx, const char *job)
{
    struct submit_show *s = ctx;
    if (s->json)
        json_line("submitted", "job", job, NULL);
    else
        submit_show_line(s, "%s runs the job %s", s->runner, job);
}

static void on_state(void *ctx, const char *state)
{
    struct submit_show *s = ctx;
    snprintf(s->state, sizeof(s->state), "%s", state);
    if (s->json)
        json_line("state", "state", state, NULL);
    else
        submit_show_line(s, "%8.1f s  %s", seconds(s), state);
    show_progress(s);
}

static void on_message(void *ctx, int importance, const char *text)
{
    struct submit_show *s = ctx;
    if (importance < IMPORTANT && !s->verbose)
        return;
    if (s->json)
        json_line("message", "text", text, NULL);
    else
        submit_show_line(s, "%8.1f s  the runner says: %s", seconds(s), text);
    show_progress(s);
}

static void on_counters(void *ctx, const struct job_counters *counters)
{
    struct submit_show *s = ctx;
    s->counters = *counters;
    if (s->json)
        json_line("counters", NULL, NULL, counters);
    show_progress(s);
}

static void on_notice(void *ctx, const char *text)
{
    struct submit_show *s = ctx;
    if (s->json)
        json_line("notice", "text", text, NULL);
    else
        submit_show_line(s, "%8.1f s  %s", seconds(s), text);
    show_progress(s);
}

const struct submit_events submit_show_events = { on_submitted, on_state, on_message, on_counters, on_notice };

void submit_show_end(struct submit_show *s, const struct submit_result *result)
{
    clear_progress(s);
    const struct job_counters *c = &result->counters;
    struct buf job = result->job;
    if (s->json)
        return;
    printf("job %s %s\n", buf_str(&job), result->detached ? "goes on" : job_state_name(result->state));
    if (c->any)
        printf("HL7v2/Fetched %" PRIu64 "\nHL7v2/FailedFetch %" PRIu64 "\nHL7v2/Ingested %" PRIu64 "\nHL7v2/FailedIngest %" PRIu64 "\n",
               c->fetched, c->failed_fetch, c->ingested, c->failed_ingest);
}
