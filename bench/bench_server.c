/*
 * The far side of bench/relay: Pub/Sub and two HL7v2 stores that cost as little
 * as a server can, so that the client under test is what is measured.
 *
 * It announces messages 0..count-1 on one StreamingPull stream, serves each
 * with a body of its own (the message's number stands in its bytes), checks
 * every ingest for being that body, and ends when all are acknowledged.
 *
 *   bench_server --cert F --key F --count N --bytes B [--latency-min-ms N --latency-max-ms N]
 *                [--big-every N --big-bytes B]
 *
 * It prints its port, then, when all are acknowledged, one JSON line with what it
 * counted, and goes on until it is killed. With --count 0 it serves GET and POST
 * alone (h2load).
 */
#include "base/b64.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "grpc/grpc_server.h"
#include "proto/pubsub.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define STORE      "projects/bench/locations/l/datasets/d/hl7V2Stores/"
#define GET_PATH   "/v1/" STORE "src/messages/"
#define POST_PATH  "/v1/" STORE "dst/messages:ingest"
#define ID_FORMAT  "bench%010u"

enum { ID_LEN = 15, NUMBER_LEN = 12, BATCH = 100, DIGITS_AT = 16 };

struct delayed {
    struct loop_timer timer;
    struct bench *bench;
    struct net_request *request;
    struct delayed *next_free;
    uint32_t number;
    bool is_get;
};

struct bench {
    struct loop *loop;
    struct rnd rnd;
    uint32_t count, announced, acked, outstanding, outstanding_max;
    uint64_t gets, posts, wrong;
    us_t latency_min_us, latency_max_us;
    struct buf data, big;          /* base64; DIGITS_AT holds 16 characters that carry the number */
    uint32_t big_every;            /* every so manieth message is the big one; 0: none */
    struct buf ack;                /* base64 of an HL7 ACK */
    struct buf reply;
    struct grpc_stream *pull;
    struct delayed *free;
    uint8_t *seen;
};

/* 12 decimal digits become 16 characters of base64, in place: bytes 12..23 of the message. */
static void put_number(char *at, uint32_t number)
{
    char digits[NUMBER_LEN + 1];
    CLEANUP(buf_fini) struct buf coded = { 0 };
    snprintf(digits, sizeof(digits), "%012u", number);
    b64_encode(bytes_of(digits, NUMBER_LEN), &coded);
    memcpy(at, coded.ptr, 16);
}

static bool get_number(const char *at, uint32_t *ret_number)
{
    CLEANUP(buf_fini) struct buf digits = { 0 };
    uint64_t n;
    if (!b64_decode(bytes_of(at, 16), &digits) || !bytes_to_u64(buf_bytes(&digits), &n) || n > UINT32_MAX)
        return false;
    *ret_number = (uint32_t) n;
    return true;
}

static const struct net_header json_header[] = {
    { { "content-type", 12 }, { "application/json; charset=UTF-8", 31 } },
};

static struct buf *data_of(struct bench *b, uint32_t number)
{
    struct buf *data = b->big_every > 0 && number % b->big_every == 0 ? &b->big : &b->data;
    put_number(data->ptr + DIGITS_AT, number);
    return data;
}

static void reply_get(struct bench *b, struct net_request *r, uint32_t number)
{
    const struct buf *data = data_of(b, number);
    buf_clear(&b->reply);
    buf_printf(&b->reply, "{\"name\":\"" STORE "src/messages/" ID_FORMAT "\",\"data\":\"", number);
    buf_append(&b->reply, buf_bytes(data));
    buf_append_str(&b->reply, "\",\"createTime\":\"2026-01-01T00:00:00Z\",\"messageType\":\"ADT\"}");
    net_reply(r, 200, json_header, 1, buf_bytes(&b->reply));
}

static void reply_post(struct bench *b, struct net_request *r, uint32_t number)
{
    buf_clear(&b->reply);
    buf_printf(&b->reply, "{\"hl7Ack\":\"%s\",\"message\":{\"name\":\"" STORE "dst/messages/" ID_FORMAT "\"}}",
               buf_str(&b->ack), number);
    net_reply(r, 200, json_header, 1, buf_bytes(&b->reply));
}

static void on_late(struct loop_timer *t)
{
    struct delayed *d = CONTAINER_OF(t, struct delayed, timer);
    struct bench *b = d->bench;
    if (d->request != NULL)
        (d->is_get ? reply_get : reply_post)(b, d->request, d->number);
    d->next_free = b->free;
    b->free = d;
}

static void on_gone(void *ctx)
{
    struct delayed *d = ctx;
    d->request = NULL;
}

static void answer(struct bench *b, struct net_request *r, bool is_get, uint32_t number)
{
    static const struct net_request_events events = { .on_gone = on_gone };
    if (b->latency_max_us == 0) {
        (is_get ? reply_get : reply_post)(b, r, number);
        return;
    }
    struct delayed *d = b->free;
    if (d != NULL)
        b->free = d->next_free;
    else
        d = mem_alloc(sizeof(*d));
    *d = (struct delayed) { .timer.fn = on_late, .timer.entry.place = 0, .bench = b, .request = r,
                            .number = number, .is_get = is_get };
    net_request_watch(r, &events, d);
    us_t wait = b->latency_min_us +
                (us_t) rnd_below(&b->rnd, (uint64_t) (b->latency_max_us - b->latency_min_us) + 1);
    loop_timer_set(b->loop, &d->timer, loop_now(b->loop) + wait);
}

static void on_get(void *ctx, struct net_request *r)
{
    struct bench *b = ctx;
    struct bytes id = bytes_sub(net_request_path(r), sizeof(GET_PATH) - 1, SIZE_MAX);
    uint64_t number = 0;
    b->gets++;
    if (!bytes_to_u64(bytes_sub(id, 5, SIZE_MAX), &number))
        b->wrong++;
    answer(b, r, true, (uint32_t) number);
}

/* {"message":{"data":"<base64>" ... : the body must be the message that its number says. */
static void on_post(void *ctx, struct net_request *r)
{
    struct bench *b = ctx;
    struct bytes body = net_request_body(r);
    static const struct bytes head = { "{\"message\":{\"data\":\"", 20 };
    uint32_t number = 0;
    b->posts++;
    bool right = bytes_starts(body, head) && body.len > head.len + b->data.len &&
                 get_number(body.ptr + head.len + DIGITS_AT, &number);
    if (right) {
        const struct buf *data = data_of(b, number);
        right = bytes_eq(bytes_sub(body, head.len, data->len), buf_bytes(data));
    }
    if (right && b->seen != NULL && number < b->count)
        b->seen[number] = 1;
    if (!right)
        b->wrong++;
    answer(b, r, false, number);
}

/* Hands out a few batches a pass: a server that feeds steadily, not in one flood. */
static void announce(struct bench *b)
{
    while (b->pull != NULL && b->announced < b->count && b->outstanding < b->outstanding_max &&
           grpc_stream_unsent(b->pull) < KIB(256)) {
        Google__Pubsub__V1__StreamingPullResponse response = GOOGLE__PUBSUB__V1__STREAMING_PULL_RESPONSE__INIT;
        static Google__Pubsub__V1__ReceivedMessage received[BATCH];
        static Google__Pubsub__V1__PubsubMessage messages[BATCH];
        static Google__Pubsub__V1__ReceivedMessage *pointers[BATCH];
        static char names[BATCH][128], acks[BATCH][192], ids[BATCH][16];
        size_t n = 0;
        for (; n < BATCH && b->announced < b->count && b->outstanding < b->outstanding_max; n++) {
            google__pubsub__v1__received_message__init(&received[n]);
            google__pubsub__v1__pubsub_message__init(&messages[n]);
            int len = snprintf(names[n], sizeof(names[n]), STORE "src/messages/" ID_FORMAT, b->announced);
            snprintf(ids[n], sizeof(ids[n]), "%u", b->announced);
            snprintf(acks[n], sizeof(acks[n]), "%0160u", b->announced);    /* as long as the service's */
            messages[n].data = (ProtobufCBinaryData) { (size_t) len, (uint8_t *) names[n] };
            messages[n].message_id = ids[n];
            received[n].message = &messages[n];
            received[n].ack_id = acks[n];
            pointers[n] = &received[n];
            b->announced++;
            b->outstanding++;
        }
        response.n_received_messages = n;
        response.received_messages = pointers;
        static uint8_t packed[BATCH * 512];
        size_t len = google__pubsub__v1__streaming_pull_response__pack(&response, packed);
        grpc_stream_send(b->pull, bytes_of((char *) packed, len));
    }
}

static void on_pull_message(void *ctx, struct bytes message)
{
    struct bench *b = ctx;
    Google__Pubsub__V1__StreamingPullRequest *q =
        google__pubsub__v1__streaming_pull_request__unpack(NULL, message.len, (const uint8_t *) message.ptr);
    CHECK(q != NULL);
    if (q->max_outstanding_messages > 0)
        b->outstanding_max = (uint32_t) q->max_outstanding_messages;
    google__pubsub__v1__streaming_pull_request__free_unpacked(q, NULL);
    grpc_stream_send(b->pull, bytes_of(NULL, 0));
    announce(b);
}

static void on_pull_gone(void *ctx)
{
    struct bench *b = ctx;
    b->pull = NULL;
}

static void on_pull_half_close(void *ctx)
{
    struct bench *b = ctx;
    struct grpc_stream *s = b->pull;
    b->pull = NULL;
    grpc_stream_end(s, GRPC_UNAVAILABLE, BYTES_LIT("closed"), bytes_of(NULL, 0));
}

static void on_pull_drained(void *ctx)
{
    announce(ctx);
}

static void on_pull(void *ctx, struct grpc_stream *s)
{
    static const struct grpc_stream_events events = {
        on_pull_message, on_pull_half_close, on_pull_gone, on_pull_drained,
    };
    struct bench *b = ctx;
    b->pull = s;
    b->outstanding_max = UINT32_MAX;
    grpc_stream_watch(s, &events, b);
}

static void on_acknowledge(void *ctx, struct grpc_stream *s, struct bytes request)
{
    struct bench *b = ctx;
    Google__Pubsub__V1__AcknowledgeRequest *q =
        google__pubsub__v1__acknowledge_request__unpack(NULL, request.len, (const uint8_t *) request.ptr);
    CHECK(q != NULL);
    b->acked += (uint32_t) q->n_ack_ids;
    b->outstanding -= MIN(b->outstanding, (uint32_t) q->n_ack_ids);
    google__pubsub__v1__acknowledge_request__free_unpacked(q, NULL);
    grpc_stream_send(s, bytes_of(NULL, 0));
    grpc_stream_end(s, GRPC_OK, bytes_of(NULL, 0), bytes_of(NULL, 0));
    announce(b);
    if (b->acked >= b->count)
        loop_stop(b->loop);
}

static void on_extend(void *ctx UNUSED, struct grpc_stream *s, struct bytes request UNUSED)
{
    grpc_stream_send(s, bytes_of(NULL, 0));
    grpc_stream_end(s, GRPC_OK, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

static struct grpc_server *grpc;

static struct net_route route(void *ctx, const struct net_request *r)
{
    struct net_route found;
    if (grpc_server_route(grpc, r, &found))
        return found;
    bool is_get = bytes_starts(net_request_path(r), BYTES_LIT(GET_PATH));
    return (struct net_route) { NET_BUFFERED, LIMIT_REQUEST_BODY, is_get ? on_get : on_post, ctx };
}

static void make_body(size_t message_bytes, struct buf *out)
{
    CLEANUP(buf_fini) struct buf raw = { 0 };
    buf_append_str(&raw, "MSH|^~\\&|A|B000000000000");    /* the number's digits are bytes 12..23 */
    while (raw.len < message_bytes)
        buf_append_char(&raw, (char) ('A' + raw.len % 26));
    b64_encode(buf_bytes(&raw), out);
}

int main(int argc, char **argv)
{
    struct bench b = { .outstanding_max = UINT32_MAX };
    const char *cert = NULL, *key = NULL;
    size_t bytes = 2700, big_bytes = 2 << 20;
    struct err err;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cert") == 0)
            cert = argv[i + 1];
        else if (strcmp(argv[i], "--key") == 0)
            key = argv[i + 1];
        else if (strcmp(argv[i], "--count") == 0)
            b.count = (uint32_t) strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--bytes") == 0)
            bytes = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--big-every") == 0)
            b.big_every = (uint32_t) strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--big-bytes") == 0)
            big_bytes = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--latency-min-ms") == 0)
            b.latency_min_us = (us_t) strtoul(argv[i + 1], NULL, 10) * US_PER_MS;
        else if (strcmp(argv[i], "--latency-max-ms") == 0)
            b.latency_max_us = (us_t) strtoul(argv[i + 1], NULL, 10) * US_PER_MS;
    }
    static const struct grpc_method methods[] = {
        { "/google.pubsub.v1.Subscriber/StreamingPull", true, NULL, on_pull },
        { "/google.pubsub.v1.Subscriber/Acknowledge", false, on_acknowledge, NULL },
        { "/google.pubsub.v1.Subscriber/ModifyAckDeadline", false, on_extend, NULL },
    };
    rnd_seed(&b.rnd, 1);
    make_body(bytes, &b.data);
    make_body(big_bytes, &b.big);
    b64_encode(BYTES_LIT("MSH|^~\\&|A|A|A|B|20260101000000||ACK|1|P|2.5\rMSA|AA|1"), &b.ack);
    b.seen = b.count > 0 ? mem_alloc(b.count) : NULL;
    b.loop = loop_make(&err);
    struct tls_context *tls = cert != NULL ? tls_server_make(cert, key, &err) : NULL;
    grpc = grpc_server_make(methods, ARRAY_LEN(methods), LIMIT_GRPC_MESSAGE, &b);
    struct net_listener *n = net_listen(b.loop, &(struct net_listen_conf) {
        .tls = tls, .route = route, .ctx = &b, .streams_max = LIMIT_STREAMS,
    }, &err);
    if (n == NULL) {
        fprintf(stderr, "bench_server: %s\n", err.text);
        return 1;
    }
    printf("%u\n", net_listener_port(n));
    fflush(stdout);
    loop_run(b.loop);
    uint32_t ingested = 0;
    for (uint32_t i = 0; i < b.count; i++)
        ingested += b.seen[i];
    printf("{\"announced\":%u,\"acknowledged\":%u,\"ingested\":%u,\"gets\":%llu,\"posts\":%llu,\"wrong\":%llu}\n",
           b.announced, b.acked, ingested, (unsigned long long) b.gets, (unsigned long long) b.posts,
           (unsigned long long) b.wrong);
    fflush(stdout);
    loop_run(b.loop);    /* the client takes its leave first; then we are killed */
    return 0;
}
