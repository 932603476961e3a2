#include "cmd/child.h"

#include "base/check.h"
#include "loop/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHILD_LOOK_MS = 2, CHILD_PAGE_MAX = 1 << 20 };

const char *child_self(void)
{
    static char path[4096];
    if (path[0] == '\0') {
        ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
        CHECK(len > 0);
        path[len] = '\0';
    }
    return path;
}

/* No credentials, proxies or emulators of whoever calls us: what a child of ours does depends on its arguments. */
static bool is_inherited(const char *variable)
{
    static const char *const names[] = { "PATH=", "HOME=", "TMPDIR=", "TZ=", "LANG=", "LC_", "ASAN_", "UBSAN_", "LSAN_", "MALLOC_" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static NO_RETURN void become(int fd, int parent, const char *program, const char *const *argv, const char *const *environment)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    signal(SIGINT, SIG_IGN);    /* Ctrl-C is ours; we tell the child */
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    size_t have = 0, count = 0;
    while (environ[have] != NULL)
        have++;
    while (environment != NULL && environment[count] != NULL)
        count++;
    const char **all = calloc(have + count + 1, sizeof(*all));    /* tidy: banned: between fork and exec */
    if (all == NULL)
        _exit(127);
    for (size_t i = 0; i < count; i++)
        all[i] = environment[i];
    for (size_t i = 0; i < have; i++)
        if (is_inherited(environ[i]))
            all[count++] = environ[i];
    execve(program, (char *const *) argv, (char *const *) all);
    _exit(127);
}

bool child_start(struct child *c, const char *const *argv, const char *const *environment, const char *out, struct err *err)
{
    return child_start_program(c, child_self(), argv, environment, out, err);
}

bool child_start_program(struct child *c, const char *program, const char *const *argv, const char *const *environment, const char *out,
                         struct err *err)
{
    *c = (struct child) { 0 };
    CHECK(strlen(out) < sizeof(c->out));
    memcpy(c->out, out, strlen(out) + 1);
    int fd = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return FAIL(err, DISK, "cannot write %s: %s", out, strerror(errno));
    struct stat st;
    c->out_begins = fstat(fd, &st) == 0 ? (size_t) st.st_size : 0;
    fflush(NULL);
    int parent = getpid();
    int pid = fork();
    if (pid == 0)
        become(fd, parent, program, argv, environment);
    close(fd);
    if (pid < 0)
        return FAIL(err, INTERNAL, "cannot start a process: %s", strerror(errno));
    c->pid = pid;
    return true;
}

bool child_is_running(struct child *c)
{
    if (c->pid == 0)
        return false;
    int status;
    if (waitpid(c->pid, &status, WNOHANG) == 0)
        return true;
    c->status = status;
    c->pid = 0;
    return false;
}

/* A short look away from a condition that nothing announces. */
static void look_away(void)
{
    poll(NULL, 0, CHILD_LOOK_MS);
}

bool child_wait(struct child *c, us_t wait_us)
{
    us_t until = clock_now() + wait_us;
    while (child_is_running(c)) {
        if (clock_now() >= until)
            return false;
        look_away();
    }
    return true;
}

void child_signal(struct child *c, int signal_number)
{
    if (c->pid != 0)
        kill(c->pid, signal_number);
}

void child_kill(struct child *c)
{
    child_signal(c, SIGCONT);
    child_signal(c, SIGKILL);
    if (c->pid != 0) {
        waitpid(c->pid, &c->status, 0);
        c->pid = 0;
    }
}

int child_exit_code(const struct child *c)
{
    return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
}

static bool find_marker(struct bytes text, const char *marker, struct buf *ret_rest)
{
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, marker, strlen(marker)) : NULL;
    if (at == NULL)
        return false;
    struct bytes rest = bytes_sub(text, (size_t) (at - text.ptr) + strlen(marker), SIZE_MAX);
    if (bytes_find(rest, 0, '\n') == rest.len)
        return false;    /* the line is not whole yet */
    if (ret_rest != NULL) {
        buf_clear(ret_rest);
        buf_append(ret_rest, bytes_cut(&rest, '\n'));
    }
    return true;
}

bool child_wait_line(struct child *c, const char *marker, us_t wait_us, struct buf *ret_rest, struct err *err)
{
    us_t until = clock_now() + wait_us;
    for (;;) {
        bool running = child_is_running(c);
        CLEANUP(buf_fini) struct buf text = { 0 };
        TRY(child_read_file(c->out, &text, err));
        if (find_marker(bytes_sub(buf_bytes(&text), c->out_begins, SIZE_MAX), marker, ret_rest))
            return true;
        if (!running)
            return FAIL(err, INTERNAL, "a program of this run ended too early (exit code %d); see %s",
                        child_exit_code(c), c->out);
        if (clock_now() >= until)
            return FAIL(err, TIMEOUT, "a program of this run was not ready in time; see %s", c->out);
        look_away();
    }
}

uint16_t child_free_port(uint16_t wanted)
{
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        a.sin_port = htons(i == 0 ? wanted : 0);
        socklen_t len = sizeof(a);
        int one = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        bool ok = bind(fd, (struct sockaddr *) &a, len) == 0 && listen(fd, 1) == 0 &&
                  getsockname(fd, (struct sockaddr *) &a, &len) == 0;
        close(fd);
        if (ok)
            return ntohs(a.sin_port);
    }
    return 0;
}

static bool http_exchange(int fd, const char *path, struct buf *reply)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    if (send(fd, request.ptr, request.len, MSG_NOSIGNAL) != (ssize_t) request.len)
        return false;
    while (reply->len < CHILD_PAGE_MAX) {
        char *at = buf_reserve(reply, 16384);
        ssize_t got = recv(fd, at, 16384, 0);
        if (got <= 0)
            return got == 0;
        reply->len += (size_t) got;
    }
    return false;
}

bool child_http_get(uint16_t port, const char *path, struct buf *ret_body)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 2 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    CLEANUP(buf_fini) struct buf reply = { 0 };
    bool ok = connect(fd, (struct sockaddr *) &a, sizeof(a)) == 0 && http_exchange(fd, path, &reply);
    close(fd);
    const char *end = ok && reply.len > 0 ? memmem(reply.ptr, reply.len, "\r\n\r\n", 4) : NULL;
    if (end == NULL || !bytes_starts(buf_bytes(&reply), BYTES_LIT("HTTP/1.1 200")))
        return false;
    buf_append(ret_body, bytes_sub(buf_bytes(&reply), (size_t) (end - reply.ptr) + 4, SIZE_MAX));
    return true;
}

bool child_read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL(err, DISK, "cannot read %s: %s", path, strerror(errno));
    for (;;) {
        char *at = buf_reserve(out, 65536);
        ssize_t got = read(fd, at, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            close(fd);
            return got == 0 || FAIL(err, DISK, "cannot read %s: %s", path, strerror(errno));
        }
        out->len += (size_t) got;
    }
}

bool child_write_file(const char *path, struct bytes text, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return FAIL(err, DISK, "cannot write %s: %s", path, strerror(errno));
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            close(fd);
            return FAIL(err, DISK, "cannot write %s: %s", path, strerror(errno));
        }
        text = bytes_sub(text, (size_t) put, SIZE_MAX);
    }
    close(fd);
    return true;
}
