#include "cmd/emulate.h"

#include "cloud/cloud.h"
#include "cmd/print.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DRAIN_S = 5 };

struct emulate {
    struct loop *loop;
    struct cloud *cloud;
    struct tls_context *tls;
    struct loop_io signals;
    struct loop_hook hook;        /* looks whether the last connection has ended */
    struct loop_timer patience;
    bool stopping;
};

bool emulate_host_port(const struct opt_values *v, struct buf *host, uint16_t *ret_port, struct err *err)
{
    const char *text = opt_str(v, OPT_host_port);
    struct bytes all = bytes_str(text), port = all;
    size_t colon = all.len;
    while (colon > 0 && all.ptr[colon - 1] != ':')
        colon--;
    if (colon > 0) {
        struct bytes name = bytes_sub(all, 0, colon - 1);
        port = bytes_sub(all, colon, SIZE_MAX);
        if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
            name = bytes_sub(name, 1, name.len - 2);
        buf_append(host, name);
    }
    uint64_t n;
    if (!bytes_to_u64(port, &n) || n > UINT16_MAX)
        return FAIL(err, USAGE, "--host-port %s must end in a port, 0 to 65535: give HOST:PORT, like 127.0.0.1:8085", text);
    if (host->len == 0)
        buf_append_str(host, "127.0.0.1");
    *ret_port = (uint16_t) n;
    return true;
}

bool emulate_near(const struct opt_values *v, struct buf *host, uint16_t *ret_port, struct err *err)
{
    CLEANUP(buf_fini) struct buf said = { 0 };
    TRY(emulate_host_port(v, &said, ret_port, err));
    if (bytes_eq_str(buf_bytes(&said), "0.0.0.0"))
        buf_append_str(host, "127.0.0.1");
    else if (bytes_eq_str(buf_bytes(&said), "::"))
        buf_append_str(host, "::1");
    else
        buf_append(host, buf_bytes(&said));
    return true;
}

static void begin_stop(struct emulate *e)
{
    if (e->stopping) {
        loop_stop(e->loop);    /* asked twice: no patience */
        return;
    }
    e->stopping = true;
    cloud_drain(e->cloud);
    loop_timer_set(e->loop, &e->patience, loop_now(e->loop) + DRAIN_S * US_PER_S);
}

static void on_signal(struct loop_io *io, unsigned ready UNUSED)
{
    struct emulate *e = CONTAINER_OF(io, struct emulate, signals);
    struct signalfd_siginfo info;
    while (read(io->fd, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
        struct err err = { 0 };
        if (info.ssi_signo != SIGHUP)
            begin_stop(e);
        else if (!cloud_reload_faults(e->cloud, &err))
            print_error(&err);
        else
            fprintf(stderr, "The fault rules were read again.\n");
    }
}

static void on_pass(struct loop_hook *h)
{
    struct emulate *e = CONTAINER_OF(h, struct emulate, hook);
    if (e->stopping && cloud_is_drained(e->cloud))
        loop_stop(e->loop);
}

static void out_of_patience(struct loop_timer *t)
{
    loop_stop(CONTAINER_OF(t, struct emulate, patience)->loop);
}

static void tell(void *ctx UNUSED, const char *sentence)
{
    fprintf(stderr, "%s\n", sentence);
}

static bool start(struct emulate *e, const struct opt_values *v, struct err *err)
{
    CLEANUP(buf_fini) struct buf host = { 0 };
    const char *cert = opt_str(v, OPT_tls_cert), *key = opt_str(v, OPT_tls_key);
    const char *data_dir = opt_str(v, OPT_data_dir), *fault_file = opt_str(v, OPT_fault_file);
    const char *seed_file = opt_str(v, OPT_seed_file);
    const char *accepting = opt_str(v, OPT_accept_all_stores);
    struct cloud_conf conf = {
        .data_dir = *data_dir != '\0' ? data_dir : NULL,
        .accept_all = opt_bool(v, OPT_accept_all) || *accepting != '\0',
        .accept_all_stores = *accepting != '\0' ? accepting : NULL,
        .release_on_disconnect = opt_bool(v, OPT_release_on_disconnect),
        .tell = tell,
        .seed_file = *seed_file != '\0' ? seed_file : NULL,
        .seed = (uint64_t) opt_int(v, OPT_fault_seed),
        .gcs_folder = *opt_str(v, OPT_gcs_folder) != '\0' ? opt_str(v, OPT_gcs_folder) : NULL,
        .fault_file = *fault_file != '\0' ? fault_file : NULL,
        .faults = opt_get(v, OPT_fault)->list.at, .faults_count = opt_get(v, OPT_fault)->list.count,
    };
    for (size_t i = 0; i < opt_get(v, OPT_answer)->list.count; i++)
        TRY(cloud_answers_set(&conf, opt_get(v, OPT_answer)->list.at[i], err));
    TRY(emulate_host_port(v, &host, &conf.port, err));
    if ((*cert == '\0') != (*key == '\0'))
        return FAIL(err, USAGE, "TLS needs both --tls-cert and --tls-key");
    if (*cert != '\0') {
        e->tls = tls_server_make(cert, key, err);
        if (e->tls == NULL)
            return false;
    }
    conf.host = buf_str(&host);
    conf.tls = e->tls;
    e->cloud = cloud_start(e->loop, &conf, err);
    return e->cloud != NULL;
}

static void catch_signals(struct emulate *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    e->signals = (struct loop_io) { .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .fn = on_signal };
    CHECK(e->signals.fd >= 0);
    loop_io_add(e->loop, &e->signals, LOOP_READ);
}

static int serve(const struct invocation *in)
{
    struct err err = { 0 };
    struct emulate e = { .hook.fn = on_pass, .patience.fn = out_of_patience };
    e.loop = loop_make(&err);
    if (e.loop == NULL) {
        print_error(&err);
        return exit_for(&err);
    }
    catch_signals(&e);
    int code = CMD_EXIT_OK;
    if (start(&e, in->values, &err)) {
        loop_hook_add(e.loop, &e.hook);
        printf("Server started, listening on %u\n", cloud_port(e.cloud));
        fflush(stdout);
        loop_run(e.loop);
        loop_timer_stop(e.loop, &e.patience);
        loop_hook_remove(e.loop, &e.hook);
    } else {
        print_error(&err);
        code = exit_for(&err);
    }
    cloud_free(e.cloud);
    tls_context_free(e.tls);
    loop_io_remove(e.loop, &e.signals);
    close(e.signals.fd);
    loop_free(e.loop);
    return code;
}

int cmd_emulate(const struct invocation *in)
{
    if (in->args_count == 0)
        return serve(in);
    if (in->args_count == 1 && strcmp(in->args[0], "env-init") == 0)
        return emulate_env_init(in);
    if (in->args_count == 1 && strcmp(in->args[0], "reset") == 0)
        return emulate_reset(in);
    struct err err = { 0 };
    FAIL(&err, USAGE, "emulate takes no argument but env-init or reset: hl7relay emulate --help");
    print_error(&err);
    return exit_for(&err);
}
