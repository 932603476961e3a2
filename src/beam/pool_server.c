#include "beam/pool_server.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "grpc/grpc_server.h"
#include "loop/clock.h"
#include "run/log_drain.h"
#include "run/signals.h"

#include "proto/beam.pb-c.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const us_t kill_after_us = 60 * US_PER_S;
static const us_t exit_after_us = 90 * US_PER_S;

struct pool_worker {
    struct list_link link;
    struct beam_pool *pool;
    char *id;
    pid_t pid;
    struct loop_io io;            /* its pidfd: readable when it has ended */
    struct loop_timer kill;
};

struct beam_pool {
    const struct beam_pool_conf *conf;
    struct loop *loop;
    struct log *log;
    struct log_drain *log_drain;
    struct signals *signals;
    struct net_listener *listener;
    struct grpc_server *server;
    struct list workers;
    struct loop_timer deadline;
    bool stopping;
};

/* ---- workers ---------------------------------------------------------------- */

static struct pool_worker *find(struct beam_pool *p, const char *id)
{
    LIST_EACH(&p->workers, link, after) {
        struct pool_worker *w = CONTAINER_OF(link, struct pool_worker, link);
        if (strcmp(w->id, id) == 0)
            return w;
    }
    return NULL;
}

static void forget(struct pool_worker *w)
{
    loop_io_remove(w->pool->loop, &w->io);
    loop_timer_stop(w->pool->loop, &w->kill);
    close(w->io.fd);
    list_remove(&w->pool->workers, &w->link);
    mem_free(w->id);
    mem_free(w);
}

static void on_ended(struct loop_io *io, unsigned ready UNUSED)
{
    struct pool_worker *w = CONTAINER_OF(io, struct pool_worker, io);
    struct beam_pool *p = w->pool;
    int status = 0;
    if (waitpid(w->pid, &status, WNOHANG) != w->pid)
        return;
    LOG(p->log, POOL_WORKER_ENDED, LOG_NAME_STR("id", w->id), LOG_INT("pid", w->pid),
        LOG_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
    forget(w);
    if (p->stopping && list_is_empty(&p->workers))
        loop_stop(p->loop);
}

static void on_kill(struct loop_timer *t)
{
    kill(CONTAINER_OF(t, struct pool_worker, kill)->pid, SIGKILL);
}

static void stop(struct pool_worker *w)
{
    kill(w->pid, SIGTERM);
    loop_timer_set(w->pool->loop, &w->kill, loop_now(w->pool->loop) + kill_after_us);
}

static char *flag(const char *name, const Beam__ApiServiceDescriptor *d)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    buf_printf(&out, "--%s=%s", name, d != NULL ? d->url : "");
    return mem_dup(buf_bytes(&out));
}

/* In the child: signals as a program expects them, and an end when the pool ends. */
static void become_worker(char *const *argv, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        return;
    execv("/proc/self/exe", argv);
}

static bool start(struct beam_pool *p, const Beam__StartWorkerRequest *ask, struct err *err)
{
    CLEANUP(buf_fini) struct buf id = { 0 };
    buf_printf(&id, "--id=%s", ask->worker_id);
    CLEANUP(mem_free_ptr) char *provision = flag("provision_endpoint", ask->provision_endpoint);
    CLEANUP(mem_free_ptr) char *control = flag("control_endpoint", ask->control_endpoint);
    CLEANUP(mem_free_ptr) char *logging = flag("logging_endpoint", ask->logging_endpoint);
    char *const argv[] = { (char *) "hl7relay", (char *) "beam-worker", (char *) buf_str(&id), provision, control, logging, NULL };
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become_worker(argv, parent);
        kill(getpid(), SIGKILL);    /* nothing of the pool may run twice */
    }
    int fd = pid > 0 ? (int) syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0) {
        int why = errno;
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        return FAIL(err, INTERNAL, "cannot start a worker: %s", strerror(why));
    }
    struct pool_worker *w = mem_alloc(sizeof(*w));
    *w = (struct pool_worker) { .pool = p, .id = mem_dup(bytes_str(ask->worker_id)), .pid = pid, .io = { .fd = fd, .fn = on_ended },
                                .kill.fn = on_kill };
    list_push_back(&p->workers, &w->link);
    loop_io_add(p->loop, &w->io, LOOP_READ);
    LOG(p->log, POOL_WORKER_STARTED, LOG_NAME_STR("id", w->id), LOG_INT("pid", pid));
    return true;
}

/* ---- the service -------------------------------------------------------------- */

static void answer(struct grpc_stream *s, const char *error)
{
    Beam__StartWorkerResponse r = BEAM__START_WORKER_RESPONSE__INIT;    /* StopWorkerResponse has the same field */
    CLEANUP(buf_fini) struct buf out = { 0 };
    r.error = (char *) error;
    size_t len = beam__start_worker_response__get_packed_size(&r);
    beam__start_worker_response__pack(&r, (uint8_t *) buf_reserve(&out, len));
    grpc_stream_answer(s, bytes_of(out.ptr, len));
}

static void start_worker(void *ctx, struct grpc_stream *s, struct bytes request)
{
    struct beam_pool *p = ctx;
    struct err err = { 0 };
    Beam__StartWorkerRequest *ask = beam__start_worker_request__unpack(NULL, request.len, (const uint8_t *) request.ptr);
    if (ask == NULL || ask->worker_id[0] == '\0' || ask->provision_endpoint == NULL)
        FAIL(&err, BAD_INPUT, "StartWorker needs a worker_id and a provision_endpoint");
    else if (p->stopping)
        FAIL(&err, CANCELLED, "the worker pool is stopping");
    else if (find(p, ask->worker_id) == NULL && p->workers.count >= LIMIT_BEAM_WORKERS)
        FAIL(&err, THROTTLED, "the worker pool runs %d workers and takes no more", LIMIT_BEAM_WORKERS);
    else if (find(p, ask->worker_id) == NULL)
        (void) !start(p, ask, &err);
    if (ask != NULL)
        beam__start_worker_request__free_unpacked(ask, NULL);
    answer(s, err.text);
}

static void stop_worker(void *ctx, struct grpc_stream *s, struct bytes request)
{
    struct beam_pool *p = ctx;
    Beam__StopWorkerRequest *ask = beam__stop_worker_request__unpack(NULL, request.len, (const uint8_t *) request.ptr);
    struct pool_worker *w = ask != NULL ? find(p, ask->worker_id) : NULL;
    if (w != NULL)
        stop(w);
    if (ask != NULL)
        beam__stop_worker_request__free_unpacked(ask, NULL);
    answer(s, "");
}

static struct net_route route(void *ctx, const struct net_request *r)
{
    struct beam_pool *p = ctx;
    struct net_route to = { 0 };
    (void) !grpc_server_route(p->server, r, &to);
    return to;
}

/* ---- life ----------------------------------------------------------------------- */

static void on_deadline(struct loop_timer *t)
{
    loop_stop(CONTAINER_OF(t, struct beam_pool, deadline)->loop);
}

static void on_signal(void *ctx, int signo)
{
    struct beam_pool *p = ctx;
    if (signo != SIGTERM && signo != SIGINT)
        return;
    if (p->stopping || list_is_empty(&p->workers)) {
        loop_stop(p->loop);
        return;
    }
    p->stopping = true;
    LIST_EACH(&p->workers, link, after)
        stop(CONTAINER_OF(link, struct pool_worker, link));
    loop_timer_set(p->loop, &p->deadline, loop_now(p->loop) + exit_after_us);
}

static bool open_all(struct beam_pool *p, struct err *err)
{
    static const struct grpc_method methods[] = {
        { "/org.apache.beam.model.fn_execution.v1.BeamFnExternalWorkerPool/StartWorker", .fn_unary = start_worker },
        { "/org.apache.beam.model.fn_execution.v1.BeamFnExternalWorkerPool/StopWorker", .fn_unary = stop_worker },
    };
    p->signals = signals_make(p->loop, on_signal, p, err);
    if (p->signals == NULL)
        return false;
    p->server = grpc_server_make(methods, ARRAY_LEN(methods), LIMIT_SMALL_REPLY, p);
    /* No SO_REUSEPORT: two pools on one port would share its requests and nobody would know. */
    p->listener = net_listen(p->loop, &(struct net_listen_conf) {
        .host = p->conf->host, .port = p->conf->port, .route = route, .ctx = p,
    }, err);
    if (p->listener == NULL)
        return false;
    LOG(p->log, POOL_LISTENING, LOG_NAME_STR("host", p->conf->host), LOG_INT("port", net_listener_port(p->listener)));
    if (p->conf->on_listening != NULL)
        p->conf->on_listening(p->conf->ctx, p->conf->host, net_listener_port(p->listener));
    return true;
}

static void close_all(struct beam_pool *p)
{
    for (struct list_link *link; (link = list_first(&p->workers)) != NULL;) {
        struct pool_worker *w = CONTAINER_OF(link, struct pool_worker, link);
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
        forget(w);
    }
    if (p->listener != NULL)
        net_listener_free(p->listener);
    grpc_server_free(p->server);
    loop_timer_stop(p->loop, &p->deadline);
    signals_free(p->signals);
}

bool beam_pool_run(const struct beam_pool_conf *conf, struct err *err)
{
    struct beam_pool p = { .conf = conf, .deadline.fn = on_deadline };
    list_init(&p.workers);
    p.loop = loop_make(err);
    if (p.loop == NULL)
        return false;
    p.log = log_make(&(struct log_conf) {
        .format = conf->log_format, .level = conf->log_level, .wall = clock_wall, .stamp = clock_rfc3339,
    });
    p.log_drain = log_drain_make(p.loop, p.log, STDERR_FILENO);
    bool ok = open_all(&p, err);
    if (ok)
        loop_run(p.loop);
    close_all(&p);
    log_drain_end(p.log_drain, US_PER_S);
    log_free(p.log);
    loop_free(p.loop);
    return ok;
}
