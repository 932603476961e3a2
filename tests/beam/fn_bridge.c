/*
 * The runner's side of the Fn API as a bridge of lines: whatever a story says
 * goes out on a stream as it is, whatever the worker sends comes back as it is.
 * It knows no message; the stories write and read the bytes themselves, so that
 * no encoder of the worker's can hide its own mistake.
 *
 *   in    provision HEX          the answer to GetProvisionInfo from now on
 *         stage ID HEX           the answer to GetProcessBundleDescriptor for ID; without HEX: NOT_FOUND
 *         send STREAM HEX        a message; STREAM is control, data, logging
 *         end STREAM CODE        the stream ends with this gRPC status
 *         reset STREAM           RST_STREAM
 *         cut                    the connection of the control stream goes
 *         quit
 *   out   port N
 *         call provision ID | call stage ID HEX    (ID: the worker_id of the call)
 *         open STREAM ID | got STREAM HEX | half STREAM | gone STREAM
 */
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "grpc/grpc_server.h"

#include <stdio.h>
#include <unistd.h>

enum { CONTROL, DATA, LOGGING, STREAMS, STAGES = 256 };

static const char *const names[STREAMS] = { "control", "data", "logging" };

struct stage {
    char *id;
    struct buf reply;
};

struct bridge {
    struct loop *loop;
    struct loop_io in;
    struct buf line;
    struct grpc_server *server;
    struct net_listener *listener;
    struct grpc_stream *streams[STREAMS];
    struct buf provision;
    struct stage stages[STAGES];
    size_t stages_count;
};

static struct bridge bridge;

static void say(const char *what, const char *which, struct bytes raw, struct bytes hex)
{
    printf("%s %s%s%.*s", what, which, raw.len > 0 ? " " : "", BYTES_FMT(raw));
    if (hex.ptr != NULL)
        putchar(' ');
    for (size_t i = 0; i < hex.len; i++)
        printf("%02x", (unsigned char) hex.ptr[i]);
    putchar('\n');
    fflush(stdout);
}

static void unhex(struct bytes hex, struct buf *out)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        unsigned n = 0;
        for (size_t j = i; j < i + 2; j++)
            n = n * 16 + (unsigned) (hex.ptr[j] <= '9' ? hex.ptr[j] - '0' : hex.ptr[j] - 'a' + 10);
        buf_append_char(out, (char) n);
    }
}

/* ---- the services --------------------------------------------------------- */

static void provision(void *ctx UNUSED, struct grpc_stream *s, struct bytes request UNUSED)
{
    say("call", "provision", grpc_stream_metadata(s, "worker_id"), bytes_of(NULL, 0));
    grpc_stream_answer(s, buf_bytes(&bridge.provision));
}

/* The request is the id alone: field 1, a string shorter than 128 bytes. */
static void stage(void *ctx UNUSED, struct grpc_stream *s, struct bytes request)
{
    say("call", "stage", grpc_stream_metadata(s, "worker_id"), request);
    struct bytes id = bytes_sub(request, 2, request.len);
    for (size_t i = 0; i < bridge.stages_count; i++)
        if (bytes_eq_str(id, bridge.stages[i].id) && bridge.stages[i].reply.len > 0) {
            grpc_stream_answer(s, buf_bytes(&bridge.stages[i].reply));
            return;
        }
    grpc_stream_end(s, GRPC_NOT_FOUND, BYTES_LIT("no such stage"), bytes_of(NULL, 0));
}

#define STREAM(which, WHICH)                                                                    \
    static void which##_message(void *ctx UNUSED, struct bytes message)                        \
    {                                                                                           \
        say("got", #which, bytes_of(NULL, 0), bytes_of(message.len > 0 ? message.ptr : "", message.len)); \
    }                                                                                           \
    static void which##_half(void *ctx UNUSED)                                                 \
    {                                                                                           \
        say("half", #which, bytes_of(NULL, 0), bytes_of(NULL, 0));                             \
    }                                                                                           \
    static void which##_gone(void *ctx UNUSED)                                                 \
    {                                                                                           \
        bridge.streams[WHICH] = NULL;                                                           \
        say("gone", #which, bytes_of(NULL, 0), bytes_of(NULL, 0));                             \
    }                                                                                           \
    static void which##_open(void *ctx UNUSED, struct grpc_stream *s)                          \
    {                                                                                           \
        static const struct grpc_stream_events events = { which##_message, which##_half, which##_gone, NULL }; \
        bridge.streams[WHICH] = s;                                                              \
        grpc_stream_watch(s, &events, NULL);                                                    \
        grpc_stream_accept(s);                                                                  \
        say("open", #which, grpc_stream_metadata(s, "worker_id"), bytes_of(NULL, 0));          \
    }

STREAM(control, CONTROL)
STREAM(data, DATA)
STREAM(logging, LOGGING)

#define FN "/org.apache.beam.model.fn_execution.v1."

static const struct grpc_method methods[] = {
    { FN "ProvisionService/GetProvisionInfo", .fn_unary = provision },
    { FN "BeamFnControl/GetProcessBundleDescriptor", .fn_unary = stage },
    { FN "BeamFnControl/Control", .streaming = true, .fn_stream = control_open },
    { FN "BeamFnData/Data", .streaming = true, .fn_stream = data_open },
    { FN "BeamFnLogging/Logging", .streaming = true, .fn_stream = logging_open },
};

static struct net_route route(void *ctx UNUSED, const struct net_request *r)
{
    struct net_route to = { 0 };
    (void) !grpc_server_route(bridge.server, r, &to);
    return to;
}

/* ---- what the story says ---------------------------------------------------- */

static void set_stage(struct bytes id, struct bytes hex)
{
    size_t i = 0;
    while (i < bridge.stages_count && !bytes_eq_str(id, bridge.stages[i].id))
        i++;
    CHECK(i < STAGES);
    if (i == bridge.stages_count)
        bridge.stages[bridge.stages_count++].id = mem_dup(id);
    buf_clear(&bridge.stages[i].reply);
    unhex(hex, &bridge.stages[i].reply);
}

static struct grpc_stream **stream_of(struct bytes name)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (bytes_eq_str(name, names[i]))
            return &bridge.streams[i];
    CHECK(!"a stream that there is");
    return NULL;
}

static void obey(struct bytes line)
{
    struct bytes word = bytes_cut(&line, ' ');
    if (bytes_eq_str(word, "quit")) {
        loop_stop(bridge.loop);
        return;
    }
    if (bytes_eq_str(word, "provision")) {
        buf_clear(&bridge.provision);
        unhex(line, &bridge.provision);
        return;
    }
    if (bytes_eq_str(word, "stage")) {
        struct bytes id = bytes_cut(&line, ' ');
        set_stage(id, line);
        return;
    }
    if (bytes_eq_str(word, "cut")) {
        if (bridge.streams[CONTROL] != NULL)
            grpc_stream_cut_connection(bridge.streams[CONTROL]);
        return;
    }
    struct grpc_stream **s = stream_of(bytes_cut(&line, ' ')), *stream = *s;
    if (stream == NULL)
        return;    /* the worker was faster */
    CLEANUP(buf_fini) struct buf message = { 0 };
    uint64_t code = 0;
    if (bytes_eq_str(word, "send")) {
        unhex(line, &message);
        grpc_stream_send(stream, buf_bytes(&message));
        return;
    }
    *s = NULL;
    if (bytes_eq_str(word, "end") && bytes_to_u64(line, &code))
        grpc_stream_end(stream, (enum grpc_code) code, BYTES_LIT(""), bytes_of(NULL, 0));
    else
        grpc_stream_reset(stream);
}

static void on_input(struct loop_io *io, unsigned ready UNUSED)
{
    ssize_t n = read(io->fd, buf_reserve(&bridge.line, KIB(64)), KIB(64));
    if (n <= 0) {
        loop_stop(bridge.loop);
        return;
    }
    bridge.line.len += (size_t) n;
    struct bytes rest = buf_bytes(&bridge.line);
    while (bytes_find(rest, 0, '\n') < rest.len)
        obey(bytes_cut(&rest, '\n'));
    buf_drop_front(&bridge.line, bridge.line.len - rest.len);
}

int main(void)
{
    struct err err;
    bridge.loop = loop_make(&err);
    CHECK(bridge.loop != NULL);
    bridge.server = grpc_server_make(methods, ARRAY_LEN(methods), LIMIT_BEAM_MESSAGE, NULL);
    bridge.listener = net_listen(bridge.loop, &(struct net_listen_conf) { .route = route }, &err);
    CHECK(bridge.listener != NULL);
    printf("port %u\n", net_listener_port(bridge.listener));
    fflush(stdout);
    bridge.in = (struct loop_io) { .fd = STDIN_FILENO, .fn = on_input };
    loop_io_add(bridge.loop, &bridge.in, LOOP_READ);
    loop_run(bridge.loop);
    loop_io_remove(bridge.loop, &bridge.in);
    net_listener_free(bridge.listener);
    grpc_server_free(bridge.server);
    for (size_t i = 0; i < bridge.stages_count; i++) {
        mem_free(bridge.stages[i].id);
        buf_fini(&bridge.stages[i].reply);
    }
    buf_fini(&bridge.provision);
    buf_fini(&bridge.line);
    loop_free(bridge.loop);
    return 0;
}
