/*
 * What one request costs the client, beside h2load on the same server in the
 * same run: CPU (user + system) of the whole process, TLS, certificates checked.
 *
 *     bench_h2_client [requests] [in flight] [rounds]
 *
 * Server on core 1, clients on core 0 where there are two. One JSON line a
 * measurement; the last one holds the ratios of the medians.
 */
#include "certs.h"
#include "rig.h"

#include "base/mem.h"
#include "loop/resolve.h"
#include "net/h2_client.h"
#include "net/listen.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BODY = 4126, CONNECTIONS = 10, STREAMS = 100, ROUNDS_MAX = 15 };

static char body[BODY];
static struct certs certs;
static struct loop *loop;

static void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof(set), &set);    /* one core only: measured unpinned */
}

/* ---- the server -------------------------------------------------------- */

static void on_request(void *ctx UNUSED, struct net_request *r)
{
    const struct net_header type = { BYTES_LIT("content-type"), BYTES_LIT("application/json") };
    bool get = bytes_eq_str(net_request_method(r), "GET");
    net_reply(r, 200, &type, 1, get ? bytes_of(body, BODY) : BYTES_LIT("{\"hl7Ack\":\"MSA|AA\"}"));
}

static struct net_route route(void *ctx UNUSED, const struct net_request *r UNUSED)
{
    return (struct net_route) { .kind = NET_BUFFERED, .body_max = 1 << 20, .fn = on_request };
}

static pid_t serve(uint16_t *ret_port)
{
    int pipe_fd[2];
    CHECK(pipe(pipe_fd) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct err err;
        struct cert_files files = certs_leaf(&certs, "server", "DNS:localhost,IP:127.0.0.1", 2);
        struct net_listen_conf conf = { .host = "127.0.0.1", .route = route,
                                        .tls = tls_server_make(files.cert, files.key, &err) };
        pin(1);
        loop = loop_make(&err);
        struct net_listener *n = net_listen(loop, &conf, &err);
        CHECK(n != NULL);
        uint16_t port = net_listener_port(n);
        CHECK(write(pipe_fd[1], &port, sizeof(port)) == sizeof(port));
        loop_run(loop);
    }
    CHECK(read(pipe_fd[0], ret_port, sizeof(*ret_port)) == sizeof(*ret_port));
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    return pid;
}

/* ---- our client -------------------------------------------------------- */

static struct h2_pool *pool;
static struct h2_request request;
static unsigned long to_start, to_finish, wrong;
static size_t received;

static void on_data(void *ctx UNUSED, struct bytes data)
{
    received += data.len;
}

static void on_done(void *ctx, const struct h2_result *result);

static const struct h2_call_events events = { .on_data = on_data, .on_done = on_done };

static void start_one(void)
{
    to_start--;
    request.deadline_us = loop_now(loop) + 60 * US_PER_S;
    h2_call_start(pool, &request, &events, NULL);
}

static void on_done(void *ctx UNUSED, const struct h2_result *result)
{
    if (result->err.class != ERR_OK || result->status != 200)
        wrong++;
    to_finish--;
    if (to_start > 0)
        start_one();
}

static void run_ours(uint16_t port, bool post, unsigned long count, unsigned long in_flight)
{
    static const struct net_header headers[] = {
        { BYTES_LIT("authorization"), BYTES_LIT("Bearer 0123456789012345678901234567890123456789") },
        { BYTES_LIT("user-agent"), BYTES_LIT("bench") },
        { BYTES_LIT("content-type"), BYTES_LIT("application/json") },
    };
    struct err err;
    char host[] = "127.0.0.1";
    loop = loop_make(&err);
    struct resolver *resolver = resolver_make(loop);
    struct h2_pool_conf conf = { .host = host, .port = port, .tls = tls_client_make(certs.ca_file, &err),
                                 .connections_max = CONNECTIONS, .streams_max = STREAMS,
                                 .idle_ping_us = 30 * US_PER_S };
    pool = h2_pool_make(loop, resolver, &conf);
    request = (struct h2_request) { .method = post ? "POST" : "GET", .path = BYTES_LIT("/v1/projects/p/messages/m"),
                                    .headers = headers, .headers_count = ARRAY_LEN(headers), .first_window = 16384,
                                    .slow_us = 10 * US_PER_S };
    if (post)
        request.body[0] = bytes_of(body, BODY);
    to_start = to_finish = count;
    uint64_t allocations = 0;
    for (unsigned long i = 0; i < in_flight && to_start > 0; i++)
        start_one();
    while (to_finish > 0) {
        loop_pass(loop, US_NEVER);
        if (allocations == 0 && to_finish < count / 2)
            allocations = mem_count();
    }
    allocations = mem_count() - allocations;
    struct h2_pool_stats stats = h2_pool_stats(pool);
    CHECK(wrong == 0 && (post || received == count * BODY));
    fprintf(stderr, "  ours: %llu allocations in the second half, %llu connections\n",
            (unsigned long long) allocations, (unsigned long long) stats.connections_made);
}

/* ---- measuring --------------------------------------------------------- */

static double cpu_us(pid_t pid)
{
    struct rusage u;
    int status;
    CHECK(wait4(pid, &status, 0, &u) == pid && status == 0);
    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double measure(const char *who, uint16_t port, bool post, unsigned long count, unsigned long in_flight)
{
    us_t begun = clock_now();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        char n[32], c[32], m[32], data[160], url[64];
        pin(0);
        if (who[0] == 'o') {
            run_ours(port, post, count, in_flight);
            _exit(0);
        }
        snprintf(n, sizeof(n), "-n%lu", count);
        snprintf(c, sizeof(c), "-c%d", CONNECTIONS);
        snprintf(m, sizeof(m), "-m%lu", MAX(in_flight / CONNECTIONS, 1ul));
        snprintf(url, sizeof(url), "https://127.0.0.1:%u/v1/projects/p/messages/m", port);
        snprintf(data, sizeof(data), "%s/body", certs.dir);
        CHECK(freopen("/dev/null", "w", stdout) != NULL);
        execlp("h2load", "h2load", "-t1", n, c, m, url, post ? "-d" : NULL, data, NULL);
        _exit(127);
    }
    double us = cpu_us(pid) / (double) count;
    double seconds = (double) (clock_now() - begun) / 1e6;
    printf("{\"client\":\"%s\",\"method\":\"%s\",\"requests\":%lu,\"in_flight\":%lu,\"cpu_us\":%.2f,\"per_s\":%.0f}\n",
           who, post ? "POST" : "GET", count, in_flight, us, (double) count / seconds);
    fflush(stdout);
    return us;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t) count, sizeof(values[0]), by_size);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    unsigned long in_flight = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    int rounds = argc > 3 ? (int) strtol(argv[3], NULL, 10) : 3;
    double figures[2][2][ROUNDS_MAX];    /* h2load, ours; GET, POST */
    CHECK(count > 0 && in_flight > 0 && rounds > 0 && rounds <= ROUNDS_MAX);
    memset(body, 'Q', sizeof(body));
    certs_make(&certs);
    char path[160];
    snprintf(path, sizeof(path), "%s/body", certs.dir);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fwrite(body, 1, BODY, f) == BODY && fclose(f) == 0);
    uint16_t port;
    pid_t server = serve(&port);
    for (int i = 0; i < rounds; i++) {
        for (int post = 0; post < 2; post++) {
            for (int k = 0; k < 2; k++) {
                int ours = (k + i) % 2;    /* order alternated */
                figures[ours][post][i] = measure(ours ? "ours" : "h2load", port, post, count, in_flight);
            }
        }
    }
    double h2load = median(figures[0][0], rounds) + median(figures[0][1], rounds);
    double ours = median(figures[1][0], rounds) + median(figures[1][1], rounds);
    printf("{\"get_plus_post_us\":{\"h2load\":%.2f,\"ours\":%.2f},\"ratio\":%.2f}\n", h2load, ours, ours / h2load);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    certs_fini(&certs);
    return 0;
}
