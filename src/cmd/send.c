/*
 * `hl7relay send`: HL7v2 files into a store of the local cloud, so that
 * notifications flow. A file of lines (.ndjson, or "-" for stdin) holds what
 * `gen` prints; any other file is one message, byte for byte.
 *
 * Only loopback addresses: putting files into a real store is not this
 * program's business.
 */
#include "cmd/child.h"
#include "cmd/command.h"
#include "cmd/local_endpoint.h"
#include "cmd/rest.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "json/scan.h"
#include "json/write.h"
#include "loop/resolve.h"
#include "store/store_path.h"

#include <errno.h>
#include <stdio.h>

enum { SEND_WINDOW = 32 };

struct send_message {
    size_t at, len;          /* base64, in `coded` */
    size_t from;             /* which file */
    uint64_t line;           /* 0: the whole file */
};

struct sending {
    const struct invocation *in;
    struct buf coded;
    struct send_message *messages;
    size_t count, cap;
    struct store_name store;
    char host[LOCAL_ENDPOINT_HOST];
    uint16_t port;
    size_t taken, refused;
    struct err first;        /* why the first was refused */
    bool json;
};

static void add(struct sending *s, size_t from, uint64_t line, struct bytes coded)
{
    if (s->count == s->cap) {
        s->cap = MAX(s->cap * 2, (size_t) 64);
        s->messages = mem_grow(s->messages, s->cap * sizeof(*s->messages));
    }
    s->messages[s->count++] = (struct send_message) { .at = s->coded.len, .len = coded.len, .from = from, .line = line };
    buf_append(&s->coded, coded);
}

static bool read_stdin(struct buf *out, struct err *err)
{
    for (;;) {
        char *at = buf_reserve(out, 65536);
        size_t got = fread(at, 1, 65536, stdin);
        out->len += got;
        if (got == 0)
            return !ferror(stdin) || FAIL(err, BAD_INPUT, "send: cannot read standard input: %s", strerror(errno));
    }
}

static bool add_lines(struct sending *s, size_t from, struct bytes text, struct err *err)
{
    for (uint64_t line = 1; text.len > 0; line++) {
        struct bytes one = bytes_trim(bytes_cut(&text, '\n'));
        if (one.len == 0)
            continue;
        struct json_field data = { .key = "data" };
        struct err why = { 0 };
        if (!json_scan_object(one, &data, 1, &why) || data.value.kind != JSON_STRING || !b64_is_valid(data.value.raw, NULL))
            return FAIL(err, BAD_INPUT, "send: line %llu of %s is no {\"data\": \"<base64>\"}; `hl7relay gen` prints such lines",
                        (unsigned long long) line, s->in->args[from]);
        add(s, from, line, data.value.raw);
    }
    return true;
}

static bool read_input(struct sending *s, struct err *err)
{
    for (size_t i = 0; i < s->in->args_count; i++) {
        const char *name = s->in->args[i];
        CLEANUP(buf_fini) struct buf text = { 0 }, coded = { 0 };
        bool is_stdin = strcmp(name, "-") == 0;
        if (is_stdin) {
            TRY(read_stdin(&text, err));
        } else if (!child_read_file(name, &text, err)) {
            err->class = ERR_BAD_INPUT;
            return err_wrap(err, "send");
        }
        if (is_stdin || bytes_ends(bytes_str(name), BYTES_LIT(".ndjson"))) {
            TRY(add_lines(s, i, buf_bytes(&text), err));
        } else {
            b64_encode(buf_bytes(&text), &coded);
            add(s, i, 0, buf_bytes(&coded));
        }
    }
    return true;
}

static bool send_make(void *ctx, struct rest_job *job)
{
    struct sending *s = ctx;
    const struct send_message *m = &s->messages[job->index];
    job->method = "POST";
    store_path_url(&s->store, "/messages:ingest", &job->path);
    buf_append_str(&job->body, "{\"message\":{\"data\":\"");
    buf_append(&job->body, bytes_of(s->coded.ptr + m->at, m->len));
    buf_append_str(&job->body, "\"}}");
    return true;
}

static void print_name(const struct sending *s, struct bytes name, struct bytes from)
{
    if (!s->json) {
        printf("%.*s\n", BYTES_FMT(name));
        return;
    }
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    json_write_object(&w, NULL);
    json_write_str(&w, "file", from);
    json_write_str(&w, "name", name);
    json_write_end(&w);
    printf("%s\n", buf_str(&out));
}

/* What a store says of a message it refuses may quote the message: its status is all that is told. */
static void send_done(void *ctx, const struct rest_job *job, const struct rest_reply *reply)
{
    struct sending *s = ctx;
    const struct send_message *m = &s->messages[job->index];
    const char *file = s->in->args[m->from];
    struct json_field message = { .key = "message" }, name = { .key = "name" };
    struct err why = { 0 };
    if (reply->err.class == ERR_OK && reply->status == 200 && json_scan_object(reply->body, &message, 1, &why) &&
        message.value.kind == JSON_OBJECT && json_scan_object(message.value.raw, &name, 1, &why)) {
        s->taken++;
        print_name(s, name.value.raw, bytes_str(file));
        return;
    }
    s->refused++;
    struct err one = reply->err;
    if (one.class == ERR_OK && reply->status == 404)
        FAIL(&one, CONFIG, "there is no store %.*s in this local cloud", BYTES_FMT(s->store.full));
    else if (one.class == ERR_OK)
        FAIL(&one, BAD_INPUT, "the store refused it (HTTP %u); is it an HL7v2 message with segments that end in CR?", reply->status);
    fprintf(stderr, "error: send: %s", file);
    if (m->line > 0)
        fprintf(stderr, " line %llu", (unsigned long long) m->line);
    fprintf(stderr, ": %s\n", one.text);
    if (s->first.class == ERR_OK)
        s->first = one;
}

static bool send_all(struct sending *s, struct err *err)
{
    struct loop *loop = loop_make(err);
    if (loop == NULL)
        return false;
    struct resolver *resolver = resolver_make(loop);
    const struct h2_pool_conf conf = {
        .host = s->host, .port = s->port, .connections_max = 2, .streams_max = LIMIT_STREAMS, .connect_timeout_us = 5 * US_PER_S
    };
    struct h2_pool *pool = h2_pool_make(loop, resolver, &conf);
    const struct rest rest = { .loop = loop, .pool = pool };
    const struct rest_crew crew = {
        .rest = &rest, .count = s->count, .window = SEND_WINDOW, .attempts_max = 8, .make = send_make, .done = send_done, .ctx = s
    };
    rest_crew_run(&crew, NULL);
    h2_pool_free(pool);
    resolver_free(resolver);
    loop_pass(loop, 0);
    loop_free(loop);
    return true;
}

int cmd_send(const struct invocation *in)
{
    struct err err = { 0 };
    struct sending s = { .in = in, .json = opt_bool(in->values, OPT_json) };
    bool ok = in->args_count > 0 || FAIL(&err, USAGE, "send: name files to send, or - for lines on stdin; see `hl7relay send --help`");
    if (ok && opt_str(in->values, OPT_to)[0] == '\0')
        ok = FAIL(&err, USAGE, "send: --to STORE is missing: projects/P/locations/L/datasets/D/hl7V2Stores/S");
    ok = ok && store_name_parse(bytes_str(opt_str(in->values, OPT_to)), &s.store, &err);
    ok = ok && local_endpoint(in, "send", s.host, &s.port, &err) && read_input(&s, &err) && send_all(&s, &err);
    if (ok && s.refused > 0)
        err = s.first;
    else if (!ok)
        fprintf(stderr, "error: %s\n", err.text);
    if (ok && !opt_bool(in->values, OPT_quiet))
        fprintf(stderr, "%zu sent, %zu refused\n", s.taken, s.refused);
    buf_fini(&s.coded);
    mem_free(s.messages);
    return ok && s.refused == 0 ? CMD_EXIT_OK : exit_for(&err);
}
