/* `hl7relay verify`: is the copy complete? Reads both stores, and changes nothing but the
 * marks of dead letters. */
#include "cmd/verify.h"

#include "cmd/command.h"
#include "cmd/print.h"
#include "cmd/tokens.h"
#include "conf/config.h"
#include "json/write.h"
#include "loop/clock.h"
#include "run/assemble.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int stopped;

static void on_signal(int number UNUSED)
{
    stopped = 1;
}

/* ---- progress, on a terminal alone ---- */

struct telling {
    bool on;
    us_t began_us, last_us;
    const char *what;
};

static void tell(void *ctx, const char *what, size_t done, size_t of)
{
    struct telling *t = ctx;
    us_t now = clock_now();
    if (!t->on || now - t->last_us < 250 * US_PER_MS)
        return;
    if (t->what != what) {
        t->what = what;
        t->began_us = now;
    }
    t->last_us = now;
    double seconds = (double) (now - t->began_us) / US_PER_S, rate = seconds > 0.1 ? (double) done / seconds : 0;
    fprintf(stderr, "\r\033[Kverify: %s  %zu", what, done);
    if (of > 0)
        fprintf(stderr, " of %zu", of);
    fprintf(stderr, "   %.0f/s", rate);
    if (of > done && rate > 0)
        fprintf(stderr, "   %.0f s left", (double) (of - done) / rate);
    fflush(stderr);
}

/* ---- the report ---- */

static bool write_combined(const struct verify *v, const char *path, struct err *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (f == NULL)
        return FAIL(err, DISK, "verify: cannot write %s: %s", path, strerror(errno));
    for (size_t i = 0; i < v->source.count + v->dest.count; i++) {
        bool of_source = i < v->source.count;
        size_t place = of_source ? i : i - v->source.count;
        enum verify_mark mark = (enum verify_mark) (of_source ? v->source_mark[place] : v->dest_mark[place]);
        if (!of_source && mark == VERIFY_SAME)
            continue;    /* said at the source's, or found there by name */
        CLEANUP(buf_fini) struct buf id = { 0 };
        verify_id_text(of_source ? &v->source : &v->dest, place, &id);
        fprintf(f, "%c %s\n", verify_mark_char(mark), buf_str(&id));
    }
    bool ok = fflush(f) == 0 && !ferror(f);
    if (f != stdout)
        ok = fclose(f) == 0 && ok;
    return ok || FAIL(err, DISK, "verify: cannot write %s: %s", path, strerror(errno));
}

static void report(const struct verify *v, bool json, double seconds, size_t also_delivered)
{
    const size_t *n = v->count;
    if (!json) {
        printf("=  %zu identical   +  %zu missing at the destination   -  %zu only at the destination   *  %zu different   !  %zu unreadable\n",
               n[VERIFY_SAME], n[VERIFY_MISSING], n[VERIFY_EXTRA], n[VERIFY_DIFFERENT], n[VERIFY_UNREADABLE]);
        printf("%s, in %.1f s\n", v->deep ? "the bytes of every message were compared" : "compared by id, which is a digest of a message's bytes; "
               "--deep compares the bytes", seconds);
        if (also_delivered > 0)
            printf("%zu of the dead letters are at the destination after all; `dead list` shows them as also delivered\n", also_delivered);
        return;
    }
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", BYTES_LIT("verify"));
    json_write_int(&w, "same", (int64_t) n[VERIFY_SAME]);
    json_write_int(&w, "missing", (int64_t) n[VERIFY_MISSING]);
    json_write_int(&w, "extra", (int64_t) n[VERIFY_EXTRA]);
    json_write_int(&w, "different", (int64_t) n[VERIFY_DIFFERENT]);
    json_write_int(&w, "unreadable", (int64_t) n[VERIFY_UNREADABLE]);
    json_write_int(&w, "also_delivered", (int64_t) also_delivered);
    json_write_bool(&w, "deep", v->deep);
    json_write_double(&w, "seconds", seconds);
    json_write_end(&w);
    printf("%s\n", buf_str(&out));
}

/* ---- connections ---- */

static bool compare(struct assembly *a, struct verify *v, const char *combined, struct err *err)
{
    TRY(assembly_connect(a, err));
    TRY(tokens_wait(a, "verify", &stopped, err));
    v->rest = (struct rest) { .loop = a->loop, .pool = a->store_pool, .auth = a->auth };
    if (a->auth != NULL)
        v->rest.quota_project = auth_source_quota_project(a->auth);
    v->source.store = a->conf->source_hl7v2_store;
    v->dest.store = a->conf->dest_hl7v2_store;
    TRY(verify_list(v, err));
    TRY(verify_compare(v, err));
    return combined[0] == '\0' || write_combined(v, combined, err);
}

static struct config *load(const struct invocation *in)
{
    const struct conf_input input = {
        .flags = in->values, .env = (const char *(*) (const char *)) getenv, .wall_us = clock_wall(), .parse_time = clock_parse_rfc3339
    };
    struct conf_faults faults;
    struct config *c = config_load(&input, &faults, NULL);
    if (c == NULL)
        print_faults(&faults);
    return c;
}

int cmd_verify(const struct invocation *in)
{
    if (in->args_count > 0) {
        fprintf(stderr, "error: verify takes no arguments; did you mean --config_path %.60s?\n", in->args[0]);
        return CMD_EXIT_USAGE;
    }
    struct config *c = load(in);
    if (c == NULL)
        return CMD_EXIT_CONFIG;
    struct err err = { 0 };
    struct telling telling = { .on = isatty(STDERR_FILENO) && !opt_bool(in->values, OPT_quiet) && !opt_bool(in->values, OPT_json) };
    struct verify v = { .deep = opt_bool(in->values, OPT_deep), .stop = &stopped, .progress = tell, .ctx = &telling };
    struct assembly a = { .conf = c, .loop = loop_make(&err) };
    us_t from = clock_now();
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    bool ok = a.loop != NULL && compare(&a, &v, opt_str(in->values, OPT_combined), &err);
    if (telling.on)
        fputs("\r\033[K", stderr);
    double seconds = (double) (clock_now() - from) / US_PER_S;
    size_t also_delivered = 0;
    struct err marks = { 0 };
    if (ok && c->sink == CONF_SINK_FILE && !verify_mark_dead(&v, c->sink_dir, &also_delivered, &marks))
        fprintf(stderr, "note: dead letters that are delivered after all cannot be marked: %s\n", marks.text);
    if (ok)
        report(&v, opt_bool(in->values, OPT_json), seconds, also_delivered);
    else
        print_error(&err);
    size_t differences = 0;
    for (int mark = VERIFY_MISSING; mark < VERIFY_MARKS; mark++)
        differences += v.count[mark];
    assembly_fini(&a);
    if (a.loop != NULL) {
        loop_pass(a.loop, 0);
        loop_free(a.loop);
    }
    verify_fini(&v);
    config_free(c);
    if (!ok)
        return stopped ? CMD_EXIT_INTERRUPTED : exit_for(&err);
    return differences > 0 ? CMD_EXIT_DIFFERENT : CMD_EXIT_OK;
}
