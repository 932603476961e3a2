/* `hl7relay demo`: the main job on this machine alone, and the proof of its result. */
#include "cmd/demo.h"

#include "base/mem.h"
#include "cmd/command.h"
#include "loop/clock.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static volatile int interrupted;

static void on_signal(int number UNUSED)
{
    interrupted = 1;
}

bool demo_interrupted(void)
{
    return interrupted;
}

const char *demo_number(uint64_t n)
{
    static char text[4][32];    /* several in one sentence */
    static unsigned turn;
    char digits[24], *out = text[turn++ % 4];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long) n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static void clear_line(const struct demo *d)
{
    if (d->tty)
        fputs("\r\033[K", stdout);
}

void demo_say(struct demo *d, const char *fmt, ...)
{
    if (d->json || d->quiet)
        return;
    clear_line(d);
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    fflush(stdout);
}

void demo_say_progress(struct demo *d, const char *what, size_t done, size_t of)
{
    static us_t last;
    us_t now = clock_now();
    if (!d->tty || d->json || d->quiet || now - last < 100 * US_PER_MS)
        return;
    last = now;
    unsigned part = of > 0 ? (unsigned) (MIN(done, of) * 30 / of) : 0;
    printf("\r\033[K        %-9s [%.*s%.*s] %s of %s", what, (int) part, "##############################",
           (int) (30 - part), "..............................", demo_number(done), demo_number(of));
    fflush(stdout);
}

/* ---- the six steps ---- */

static double seconds_since(us_t from)
{
    return (double) (clock_now() - from) / US_PER_S;
}

static bool step_world(struct demo *d, const char *work_dir, struct err *err)
{
    us_t from = clock_now();
    TRY(demo_world_make(d, work_dir, err));
    TRY(demo_world_furnish(d, err));
    demo_say(d, "  [1/6] local Pub/Sub and 2 HL7v2 stores on 127.0.0.1:%u ........ ready   %.0f ms   (data: %s)\n", d->cloud_port,
             seconds_since(from) * 1000, work_dir);
    return true;
}

static bool step_fill(struct demo *d, struct err *err)
{
    us_t from = clock_now();
    TRY(demo_fill(d, err));
    demo_say(d, "  [2/6] %s synthetic HL7v2 messages of many types ............ announced   %.1f s   (%.1f MB, seed %llu)\n",
             demo_number(d->count), seconds_since(from), (double) d->made_bytes / 1e6, (unsigned long long) d->seed);
    demo_say(d, "        planted: %zu malformed, %zu deleted at the source, %zu of another store, %zu \"../\" paths, %zu of 11 MB, "
             "%zu empty notifications\n", d->planted[DEMO_MALFORMED], d->planted[DEMO_DELETED], d->planted[DEMO_WRONG_STORE],
             d->planted[DEMO_BAD_PATH], d->planted[DEMO_HUGE], d->planted[DEMO_EMPTY]);
    return true;
}

static bool step_relay(struct demo *d, struct err *err)
{
    const char *what = d->beam ? "relay as a job of Prism" : "relay";
    if (d->faults)
        demo_say(d, "  [3/6] %s, with faults on: 429, 503, resets, lost and cut answers, slow ones, duplicates, reorder\n", what);
    else
        demo_say(d, "  [3/6] %s, no faults\n", what);
    TRY(demo_relay_run(d, err));
    uint64_t deliveries = d->before_kill.received + d->after.received;
    double rate = d->relay_us > 0 ? (double) d->count * US_PER_S / (double) d->relay_us : 0;
    if (d->beam)
        demo_say(d, "        %s messages/s, the lapse of the dead worker's leases and the wait for proof of the planted ones included\n",
                 demo_number((uint64_t) rate));
    else
        demo_say(d, "        %s deliveries   %s retries   %s messages/s, the wait for proof of the planted ones included\n",
                 demo_number(deliveries), demo_number(d->before_kill.retries + d->after.retries), demo_number((uint64_t) rate));
    TRY(demo_relay_drain(d, err));
    demo_say(d, "  [4/6] graceful stop (SIGTERM) .................................. drained in %.2f s\n",
             (double) d->drain_us / US_PER_S);
    return true;
}

static bool step_verify(struct demo *d, struct err *err)
{
    TRY(demo_world_end_faults(d, err));
    if (d->plant != DEMO_BREAK_NONE)
        TRY(demo_judge_break(d, err));
    TRY(demo_judge_stores(d, err));
    TRY(demo_judge_pending(d, err));
    TRY(demo_dead_read(d, err));
    struct demo_ledger l;
    demo_ledger_make(d, &l);
    demo_say(d, "  [5/6] verify: SHA-256 of every message, source against destination\n");
    demo_say(d, "        =  %s identical   +  %zu missing (%zu more at the source are explained by dead letters)   -  %zu unexpected"
             "   *  %zu different   !  %zu unreadable\n", demo_number(l.identical), l.lost, l.explained, d->unexpected,
             l.altered - d->unexpected, d->unreadable);
    return true;
}

static bool step_sweep(struct demo *d, struct err *err)
{
    char prefix[HL7_GEN_CANARY_LEN];
    hl7_gen_canary_prefix(d->seed, prefix);
    sweep_init(&d->sweep, prefix);
    TRY(sweep_folder(&d->sweep, d->dir, DEMO_CLOUD_DIR, err));
    demo_say(d, "  [6/6] look for patient data in everything written (%zu files, %.1f MB; the local cloud's own data in %s/ is left out),"
             " in %d forms and inside gzip ... %zu of %s canaries found\n", d->sweep.files, (double) d->sweep.bytes / 1e6,
             DEMO_CLOUD_DIR, SWEEP_FORMS, d->sweep.found, demo_number(d->count * HL7_GEN_CANARIES));
    for (size_t i = 0; i < MIN(d->sweep.found, (size_t) SWEEP_FINDS); i++)
        demo_say(d, "        %s: %s%s\n", d->sweep.first[i].path, sweep_form_name(d->sweep.first[i].form),
                 d->sweep.first[i].gzip_depth > 0 ? ", inside gzip" : "");
    return true;
}

/* --keep: the cloud and a relay stay, until somebody has seen enough. */
static bool stay(struct demo *d, struct err *err)
{
    TRY(demo_world_start_relay(d, err));
    demo_say(d, "\n  Both keep running until Ctrl-C:  http://127.0.0.1:%u/  is the status page, the local cloud is on 127.0.0.1:%u\n",
             d->status_port, d->cloud_port);
    while (!interrupted && child_is_running(&d->relay))
        child_wait(&d->relay, 100 * US_PER_MS);
    child_signal(&d->relay, SIGTERM);
    child_wait(&d->relay, 30 * US_PER_S);
    return true;
}

static bool play(struct demo *d, const char *work_dir, int *ret_exit, struct err *err)
{
    TRY(step_world(d, work_dir, err));
    TRY(step_fill(d, err));
    TRY(step_relay(d, err));
    TRY(step_verify(d, err));
    TRY(step_sweep(d, err));
    struct demo_ledger l;
    demo_ledger_make(d, &l);
    demo_ledger_print(d, &l);
    *ret_exit = demo_ledger_is_clean(&l) ? CMD_EXIT_OK : CMD_EXIT_DIFFERENT;
    demo_say(d, "\n  Done in %.1f s.\n", seconds_since(d->began_us));
    if (d->keep)
        return stay(d, err);
    demo_say(d, "  Next:\n"
             "    ./hl7relay demo --keep                          the same, and the status page stays to be looked at\n"
             "    ./hl7relay check --config_path config.json      is the configuration for your own stores right?\n"
             "    ./hl7relay help                                 everything else\n");
    return true;
}

int cmd_demo(const struct invocation *in)
{
    const struct opt_values *v = in->values;
    struct err err = { 0 };
    if (in->args_count > 0) {
        fprintf(stderr, "error: demo: \"%s\" is not expected here; see `hl7relay demo --help`\n", in->args[0]);
        return CMD_EXIT_USAGE;
    }
    struct demo d = {
        .count = (size_t) opt_int(v, OPT_messages), .seed = (uint64_t) opt_int(v, OPT_seed),
        .faults = strcmp(opt_str(v, OPT_faults), "on") == 0, .keep = opt_bool(v, OPT_keep), .json = opt_bool(v, OPT_json),
        .quiet = opt_bool(v, OPT_quiet), .plant = (enum demo_break) opt_int(v, OPT_plant),
        .beam = strcmp(opt_str(v, OPT_demo_runner), "PrismRunner") == 0, .prism = opt_str(v, OPT_prism),
        .tty = isatty(STDOUT_FILENO), .began_us = clock_now()
    };
    if (d.beam && d.keep) {
        fprintf(stderr, "error: demo: --keep shows a status page, which a job of a runner has not\n");
        return CMD_EXIT_USAGE;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    demo_say(&d, "hl7relay %s - offline demo. Synthetic patients only. No network beyond 127.0.0.1, no credentials read.\n\n",
             HL7RELAY_VERSION);
    int code = CMD_EXIT_FAILURE;
    if (!play(&d, opt_str(v, OPT_work_dir), &code, &err)) {
        clear_line(&d);
        fprintf(stderr, "error: %s\n", err.text);
        code = interrupted ? CMD_EXIT_INTERRUPTED : exit_for(&err);
    }
    demo_world_end(&d);
    buf_fini(&d.empty_ids);
    mem_free(d.messages);
    mem_free(d.by_sum);
    return code;
}
