#include "net/conn.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/tls_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONN_MAGIC = 0x434f4e4e,
    READ_AT_ONCE = 64 << 10,
    READ_PER_PASS = 512 << 10,   /* then the other connections have their turn */
    RECORD = 16 << 10,           /* the most that one TLS record holds */
    DEPARTING = 96 << 10,        /* what is gathered for one write, and a record or two beyond */
    OUT_KEPT = 128 << 10         /* a larger output buffer is given back once it is empty */
};

enum state { STARTING, HANDSHAKE, OPEN, CLOSED };

struct conn {
    unsigned magic;
    enum state state;
    struct loop *loop;
    struct loop_io io;
    struct loop_task task;         /* begins; and reads on when a pass was not enough */
    const struct conn_events *events;
    void *ctx;
    SSL *ssl;                      /* NULL: cleartext */
    struct err err;                /* why it failed, when it did */
    bool failed, in_callback, freed, reading, clogged, ended;
    bool drained, eof;             /* the socket had no more in this pass; the far side has ended */
    struct bytes wire;             /* received and not yet taken by OpenSSL: in wire_buffer or in held */
    struct buf held;               /* what of it had to wait for another pass */
    struct buf out;                /* what the socket did not take: out_sent of it have left since */
    size_t out_sent;
    uint64_t bytes_in, bytes_out;
};

/*
 * Plain bytes on their way into TLS. A record costs some 30 bytes and a
 * microsecond whatever it holds, so small frames are gathered into full ones.
 * One buffer a thread is enough: it belongs to the connection that is written
 * now, and is sealed when another one wants it.
 */
static _Thread_local struct {
    struct conn *owner;
    size_t len;
    char bytes[RECORD];
} staging;

/*
 * What is ready for a socket. It leaves in the same pass, as a rule, so one
 * buffer a thread is enough and stays in the processor's cache, where a buffer
 * for each of a hundred connections would not. What the socket does not take,
 * and what another connection finds here, goes to its owner's `out`.
 *
 *      plain -> staging -> OpenSSL (a record at a time) -> departing -> socket
 *                                                              +-> out -> socket
 */
static _Thread_local struct {
    struct conn *owner;          /* its `out` is empty */
    size_t len;
    char bytes[DEPARTING];
} departing;

/*
 *      socket -> wire_buffer -> OpenSSL (a record at a time) -> read_buffer -> on_read
 *
 * OpenSSL's own read-ahead would save the first step, but it moves all that it
 * holds to the front of its buffer for each record.
 */
static _Thread_local char wire_buffer[READ_AT_ONCE], read_buffer[READ_AT_ONCE];

static bool fail(struct conn *c, enum err_class class, const char *what, const char *why)
{
    if (!c->failed)
        err_set(&c->err, class, "%s: %s", what, why);
    c->failed = true;
    return false;
}

/* ---- what waits for the socket ----------------------------------------- */

static void move_to_out(size_t sent)
{
    if (departing.owner != NULL && departing.len > sent)
        buf_append(&departing.owner->out, bytes_of(departing.bytes + sent, departing.len - sent));
    departing.owner = NULL;
    departing.len = 0;
}

static void put_out(struct conn *c, struct bytes data)
{
    if (data.len == 0)
        return;
    if (departing.owner != c && c->out.len == 0) {
        move_to_out(0);
        departing.owner = c;
    }
    if (departing.owner == c && data.len <= sizeof(departing.bytes) - departing.len) {
        memcpy(departing.bytes + departing.len, data.ptr, data.len);
        departing.len += data.len;
        return;
    }
    if (departing.owner == c)
        move_to_out(0);
    buf_append(&c->out, data);
}

static struct bytes waiting_out(const struct conn *c)
{
    if (departing.owner == c)
        return bytes_of(departing.bytes, departing.len);
    return bytes_sub(buf_bytes(&c->out), c->out_sent, c->out.len);
}

/* ---- what OpenSSL reads and writes ------------------------------------ */

static int bio_read(BIO *bio, char *out, int len)
{
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (c->wire.len == 0) {
        if (!c->eof)
            BIO_set_retry_read(bio);
        return c->eof ? 0 : -1;
    }
    size_t n = MIN((size_t) len, c->wire.len);
    memcpy(out, c->wire.ptr, n);
    c->wire = bytes_sub(c->wire, n, c->wire.len);
    return (int) n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len > 0)
        put_out(c, bytes_of(data, (size_t) len));
    return len;
}

static long bio_ctrl(BIO *bio, int cmd, long num UNUSED, void *ptr UNUSED)
{
    const struct conn *c = BIO_get_data(bio);
    if (cmd == BIO_CTRL_EOF)
        return c->eof && c->wire.len == 0;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;    /* for the process; made by the first connection */

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hl7relay conn");
    CHECK(method != NULL);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

static void attach_tls(struct conn *c, SSL *ssl)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, make_method) == 0);
    BIO *bio = BIO_new(method);
    CHECK(bio != NULL);
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    c->ssl = ssl;
}

/* ---- sending ---------------------------------------------------------- */

static void seal(struct conn *c)
{
    size_t at = 0;
    while (at < staging.len && !c->failed) {
        size_t n = 0;
        ERR_clear_error();
        /* The memory behind it takes everything: anything but success is an error. */
        if (SSL_write_ex(c->ssl, staging.bytes + at, staging.len - at, &n) != 1) {
            char why[128];
            tls_explain(c->ssl, why, sizeof(why));
            fail(c, ERR_RESET, "TLS write failed", why);
        }
        at += n;
    }
    staging.len = 0;
    staging.owner = NULL;
}

void conn_send(struct conn *c, struct bytes data)
{
    CHECK_MAGIC(c, CONN_MAGIC);
    if (c->state != OPEN || c->failed || c->ended)
        return;
    c->bytes_out += data.len;
    if (c->ssl == NULL) {
        put_out(c, data);
        return;
    }
    if (staging.owner != c && staging.owner != NULL)
        seal(staging.owner);
    while (data.len > 0) {
        staging.owner = c;
        size_t n = MIN(data.len, RECORD - staging.len);
        memcpy(staging.bytes + staging.len, data.ptr, n);
        staging.len += n;
        data = bytes_sub(data, n, data.len);
        if (staging.len == RECORD)
            seal(c);
    }
}

static void update_wanted(struct conn *c)
{
    if (c->io.added)
        loop_io_want(c->loop, &c->io, (c->reading ? LOOP_READ : 0) | (c->clogged ? LOOP_WRITE : 0));
}

/* A failure found while sending is told from the loop, not from inside conn_flush(). */
static void send_out(struct conn *c)
{
    struct bytes rest = waiting_out(c);
    size_t sent = 0;
    while (sent < rest.len && !c->failed) {
        ssize_t n = send(c->io.fd, rest.ptr + sent, rest.len - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t) n;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            fail(c, ERR_RESET, "sending failed", strerror(errno));
        }
    }
    c->clogged = sent < rest.len;
    if (departing.owner == c)
        move_to_out(sent);
    else
        c->out_sent += sent;
    if (!c->clogged) {
        c->out_sent = 0;
        if (c->out.cap > OUT_KEPT)
            buf_fini(&c->out);
        else
            buf_clear(&c->out);
    }
    update_wanted(c);
    if (c->failed)
        loop_task_post(c->loop, &c->task);
}

void conn_flush(struct conn *c)
{
    CHECK_MAGIC(c, CONN_MAGIC);
    if (staging.owner == c)
        seal(c);
    if (c->state != CLOSED && (waiting_out(c).len > 0 || c->failed) && !c->clogged)
        send_out(c);
}

bool conn_is_clogged(const struct conn *c)
{
    return c->clogged;
}

size_t conn_unsent(const struct conn *c)
{
    return waiting_out(c).len + (staging.owner == c ? staging.len : 0);
}

/* ---- the end ---------------------------------------------------------- */

static void destroy(struct conn *c)
{
    if (staging.owner == c) {
        staging.owner = NULL;
        staging.len = 0;
    }
    if (departing.owner == c) {
        departing.owner = NULL;
        departing.len = 0;
    }
    loop_io_remove(c->loop, &c->io);
    loop_task_cancel(c->loop, &c->task);
    close(c->io.fd);
    SSL_free(c->ssl);
    buf_fini(&c->out);
    buf_fini(&c->held);
    c->magic = 0;
    mem_free(c);
}

void conn_send_end(struct conn *c)
{
    CHECK_MAGIC(c, CONN_MAGIC);
    if (c->state != OPEN || c->failed || c->ended || conn_unsent(c) > 0)
        return;
    c->ended = true;
    if (c->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(c->ssl);
        send_out(c);
    }
    shutdown(c->io.fd, SHUT_WR);
}

void conn_cut(struct conn *c)
{
    static const struct linger none = { .l_onoff = 1 };
    if (c == NULL)
        return;
    CHECK_MAGIC(c, CONN_MAGIC);
    setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    c->failed = true;    /* so that conn_free() says nothing */
    conn_free(c);
}

void conn_free(struct conn *c)
{
    if (c == NULL)
        return;
    CHECK_MAGIC(c, CONN_MAGIC);
    CHECK(!c->freed);
    if (c->state == OPEN && !c->failed && !c->clogged) {
        if (staging.owner == c)
            seal(c);
        if (c->ssl != NULL && !c->failed && !c->ended) {
            ERR_clear_error();
            SSL_shutdown(c->ssl);
        }
        if (waiting_out(c).len > 0)
            send_out(c);
    }
    c->freed = true;
    if (!c->in_callback)
        destroy(c);
}

/* Tells the owner that it is over, once. */
static void close_down(struct conn *c)
{
    if (c->state == CLOSED)
        return;
    c->state = CLOSED;
    loop_io_remove(c->loop, &c->io);
    loop_task_cancel(c->loop, &c->task);
    c->events->on_closed(c->ctx, &c->err);
}

/* ---- receiving -------------------------------------------------------- */

/* What a failed SSL call means: wait for the socket, or the end. */
static void judge(struct conn *c, int ret, enum err_class class, const char *what)
{
    int e = SSL_get_error(c->ssl, ret);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return;
    char why[128];
    if (e == SSL_ERROR_ZERO_RETURN)
        fail(c, ERR_RESET, "connection ended", "closed by the far side");
    else if (e == SSL_ERROR_SYSCALL && errno != 0)
        fail(c, ERR_RESET, what, strerror(errno));
    else {
        tls_explain(c->ssl, why, sizeof(why));
        fail(c, class, what, why);
    }
}

/* False: nothing new now. The socket is asked again only when it filled the buffer. */
static bool receive(struct conn *c)
{
    if (c->wire.len > 0)
        return true;
    if (c->drained)
        return false;
    ssize_t n;
    do
        n = recv(c->io.fd, wire_buffer, sizeof(wire_buffer), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN)
        return fail(c, ERR_RESET, "connection ended", strerror(errno));
    c->drained = n < (ssize_t) sizeof(wire_buffer);
    c->eof = n == 0;
    if (n > 0) {
        buf_clear(&c->held);
        c->wire = bytes_of(wire_buffer, (size_t) n);
    }
    return n >= 0;
}

static void hold_rest(struct conn *c)
{
    if (c->wire.len == 0)
        buf_fini(&c->held);
    else if (c->held.len > 0)    /* the rest is held's own end */
        buf_drop_front(&c->held, c->held.len - c->wire.len);
    else
        buf_append(&c->held, c->wire);
    c->wire = (struct bytes) { 0 };
}

static size_t read_tls(struct conn *c)
{
    size_t len = 0;
    while (len < sizeof(read_buffer) && !c->failed) {
        if (!SSL_has_pending(c->ssl) && !receive(c))
            break;
        size_t n = 0;
        ERR_clear_error();
        errno = 0;
        int ret = SSL_read_ex(c->ssl, read_buffer + len, sizeof(read_buffer) - len, &n);
        len += n;
        if (ret == 1)
            continue;
        judge(c, ret, ERR_RESET, "connection ended without notice");
        if (!receive(c))    /* it holds a part of a record */
            break;
    }
    return len;
}

static size_t read_clear(struct conn *c)
{
    ssize_t n;
    do
        n = recv(c->io.fd, read_buffer, sizeof(read_buffer), 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        fail(c, ERR_RESET, "connection ended", "closed by the far side");
    else if (n < 0 && errno != EAGAIN)
        fail(c, ERR_RESET, "connection ended", strerror(errno));
    return n > 0 ? (size_t) n : 0;
}

static void read_all(struct conn *c)
{
    size_t total = 0, n;
    do {
        n = c->ssl != NULL ? read_tls(c) : read_clear(c);
        c->bytes_in += n;
        total += n;
        if (n > 0)
            c->events->on_read(c->ctx, bytes_of(read_buffer, n));
    } while (n == sizeof(read_buffer) && total < READ_PER_PASS && !c->failed && !c->freed && c->reading);
    if (c->freed)
        return;
    /* What is on this side of the socket already rings no bell. */
    if (c->ssl != NULL && !c->failed && c->reading && n == sizeof(read_buffer))
        loop_task_post(c->loop, &c->task);
    /* TLS itself may have had something to say (a key update). */
    if (c->ssl != NULL && !c->clogged && waiting_out(c).len > 0)
        send_out(c);
}

/* ---- from the loop ---------------------------------------------------- */

static void opened(struct conn *c)
{
    c->state = OPEN;
    c->events->on_open(c->ctx, c->ssl != NULL && tls_is_h2(c->ssl));
}

static void shake_hands(struct conn *c)
{
    int ret;
    do {
        ERR_clear_error();
        errno = 0;
        ret = SSL_do_handshake(c->ssl);
        if (ret != 1)
            judge(c, ret, ERR_TLS, "TLS handshake failed");
    } while (ret != 1 && !c->failed && receive(c));
    if (!c->clogged && waiting_out(c).len > 0) {
        bool was = c->failed;    /* an alert that tells why is sent even when we are the ones who fail */
        c->failed = false;
        send_out(c);
        c->failed = was || c->failed;
    }
    if (c->failed && c->err.class == ERR_RESET)
        c->err.class = ERR_TLS;
    if (ret == 1 && !c->failed)
        opened(c);
}

static bool is_alive(const struct conn *c)
{
    return !c->freed && !c->failed;
}

static void step(struct conn *c, unsigned ready)
{
    if (c->state == STARTING) {
        c->state = HANDSHAKE;
        if (c->ssl == NULL && !c->failed)
            opened(c);
    }
    if (is_alive(c) && c->clogged && (ready & LOOP_WRITE)) {
        c->clogged = false;
        send_out(c);
        if (!c->clogged && !c->failed && c->state == OPEN)
            c->events->on_drained(c->ctx);
    }
    if (is_alive(c) && c->state == HANDSHAKE) {
        shake_hands(c);
        ready |= LOOP_READ;    /* more than the handshake may have come */
    }
    /* Also after a hang-up: what was sent before it is read first. */
    if (is_alive(c) && c->state == OPEN && c->reading && (ready & (LOOP_READ | LOOP_HANGUP)))
        read_all(c);
    if (is_alive(c) && !c->reading && (ready & LOOP_HANGUP))
        fail(c, ERR_RESET, "connection ended", "closed by the far side");
    if (!c->freed && c->failed)
        close_down(c);
}

static void run(struct conn *c, unsigned ready)
{
    c->in_callback = true;
    c->drained = false;
    c->wire = buf_bytes(&c->held);
    step(c, ready);
    hold_rest(c);
    c->in_callback = false;
    if (c->freed)
        destroy(c);
}

static void on_io(struct loop_io *io, unsigned ready)
{
    run(CONTAINER_OF(io, struct conn, io), ready);
}

static void on_task(struct loop_task *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, task);
    run(c, c->state == OPEN ? LOOP_READ : 0);
}

static struct conn *start(struct loop *l, int fd, const struct conn_events *events, void *ctx)
{
    int on = 1;
    struct conn *c = mem_alloc(sizeof(*c));
    c->magic = CONN_MAGIC;
    c->loop = l;
    c->events = events;
    c->ctx = ctx;
    c->io = (struct loop_io) { .fd = fd, .fn = on_io };
    c->task.fn = on_task;
    c->reading = true;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* we gather ourselves; not TCP: no matter */
    loop_io_add(l, &c->io, LOOP_READ);
    loop_task_post(l, &c->task);
    return c;
}

struct conn *conn_start_client(struct loop *l, int fd, struct tls_context *tls, const char *host,
                               const struct conn_events *events, void *ctx)
{
    struct conn *c = start(l, fd, events, ctx);
    if (tls == NULL)
        return c;
    SSL *ssl = tls_begin(tls, host, &c->err);
    if (ssl != NULL)
        attach_tls(c, ssl);
    c->failed = ssl == NULL;
    return c;
}

struct conn *conn_start_server(struct loop *l, int fd, struct tls_context *tls,
                               const struct conn_events *events, void *ctx)
{
    struct conn *c = start(l, fd, events, ctx);
    if (tls != NULL) {
        SSL *ssl = tls_begin(tls, NULL, &c->err);
        CHECK(ssl != NULL);
        attach_tls(c, ssl);
    }
    return c;
}

void conn_want_read(struct conn *c, bool wanted)
{
    CHECK_MAGIC(c, CONN_MAGIC);
    c->reading = wanted;
    update_wanted(c);
    /* What is on this side of the socket already rings no bell. */
    if (wanted && c->ssl != NULL && c->state == OPEN &&
        (SSL_has_pending(c->ssl) || c->held.len + c->wire.len > 0))
        loop_task_post(c->loop, &c->task);
}

uint64_t conn_bytes_in(const struct conn *c)
{
    return c->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *c)
{
    return c->bytes_out;
}
