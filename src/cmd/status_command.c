/* `hl7relay status` and `hl7relay top`: the status page of a running relay, once or again every second. */
#include "cmd/command.h"
#include "cmd/print.h"
#include "cmd/rest.h"
#include "cmd/status_show.h"
#include "loop/resolve.h"
#include "net/host_port.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 132, DEFAULT_PORT = 9464 };

struct watching {
    const struct invocation *in;
    struct host_port at;
    struct rest rest;
    struct loop *loop;
};

static volatile int stopped;

static void on_signal(int number UNUSED)
{
    stopped = 1;
}

static bool read_url(struct watching *w, struct err *err)
{
    struct bytes text = bytes_str(opt_str(w->in->values, OPT_url));
    if (bytes_starts(text, BYTES_LIT("http://")))
        text = bytes_sub(text, sizeof("http://") - 1, SIZE_MAX);
    if (bytes_ends(text, BYTES_LIT("/")))
        text = bytes_sub(text, 0, text.len - 1);
    return host_port_parse(text, DEFAULT_PORT, &w->at) ||
           FAIL(err, USAGE, "--url \"%.80s\" is no http://HOST:PORT of a status port (status_listen)", opt_str(w->in->values, OPT_url));
}

static bool fetch(struct watching *w, struct buf *json, struct err *err)
{
    uint16_t status = rest_ask(&w->rest, "GET", BYTES_LIT("/status.json"), BYTES_LIT(""), json, err);
    if (status == 200)
        return true;
    if (status == 421)
        return FAIL(err, FORBIDDEN, "the status port at %s:%u answers for localhost and its address only", w->at.host, w->at.port);
    return FAIL(err, REFUSED_CONNECT, "no relay answers at %s:%u: is it running, and is that its status_listen? Give --url HOST:PORT", w->at.host,
                w->at.port);
}

static size_t width_of(int fd)
{
    struct winsize size = { 0 };
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40 ? size.ws_col : WIDTH;
}

static bool show_once(struct watching *w, struct err *err)
{
    CLEANUP(buf_fini) struct buf json = { 0 }, out = { 0 };
    TRY(fetch(w, &json, err));
    if (opt_bool(w->in->values, OPT_json))
        buf_append(&out, buf_bytes(&json));
    else
        TRY(status_show(buf_bytes(&json), width_of(STDOUT_FILENO), print_in_colour(w->in, STDOUT_FILENO), &out, err));
    print_out(&out);
    return true;
}

/* A relay that goes away for a moment (a restart) is waited for. */
static bool show_live(struct watching *w, struct err *err)
{
    if (!print_is_tty(STDOUT_FILENO))
        return FAIL(err, USAGE, "top draws on a terminal: `hl7relay status` prints the same once");
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    fputs("\033[?1049h", stdout);
    while (!stopped) {
        CLEANUP(buf_fini) struct buf json = { 0 }, out = { 0 };
        struct err why = { 0 };
        buf_append_str(&out, "\033[H\033[J");
        if (!fetch(w, &json, &why) || !status_show(buf_bytes(&json), width_of(STDOUT_FILENO), print_in_colour(w->in, STDOUT_FILENO), &out, &why))
            buf_printf(&out, "%s\n", why.text);
        buf_append_str(&out, "\nCtrl-C ends this; the relay goes on.\n");
        print_out(&out);
        us_t next = loop_now(w->loop) + US_PER_S;
        while (!stopped && loop_now(w->loop) < next)
            loop_pass(w->loop, next - loop_now(w->loop));
    }
    fputs("\033[?1049l", stdout);
    fflush(stdout);
    return true;
}

static int watch(const struct invocation *in, bool (*show)(struct watching *w, struct err *err))
{
    struct err err = { 0 };
    struct watching w = { .in = in };
    bool ok = read_url(&w, &err) && (w.loop = loop_make(&err)) != NULL;
    if (ok) {
        struct resolver *resolver = resolver_make(w.loop);
        const struct h2_pool_conf conf = { .host = w.at.host, .port = w.at.port, .connections_max = 1, .streams_max = 2,
                                           .connect_timeout_us = 5 * US_PER_S };
        w.rest = (struct rest) { .loop = w.loop, .pool = h2_pool_make(w.loop, resolver, &conf), .attempts_max = 2 };
        ok = show(&w, &err);
        h2_pool_free(w.rest.pool);
        resolver_free(resolver);
        loop_pass(w.loop, 0);
    }
    loop_free(w.loop);
    if (!ok)
        print_error(&err);
    return ok ? CMD_EXIT_OK : exit_for(&err);
}

int cmd_status(const struct invocation *in)
{
    return watch(in, show_once);
}

int cmd_top(const struct invocation *in)
{
    return watch(in, show_live);
}
