#include "cloud/pubsub.h"

#include "cloud/details.h"
#include "cloud/fault.h"
#include "cloud/proto_wire.h"
#include "grpc/grpc_server.h"

/* google/pubsub/v1/pubsub.proto, message StreamingPullRequest */
enum {
    F_SUBSCRIPTION = 1, F_ACK = 2, F_MODIFY_SECONDS = 3, F_MODIFY_ID = 4, F_DEADLINE = 5, F_CLIENT = 6,
    F_MESSAGES_MAX = 7, F_BYTES_MAX = 8, F_PROTOCOL = 10
};

/* message StreamingPullResponse */
enum { R_MODIFY_CONFIRMED = 3, R_PROPERTIES = 4, R_ACK_CONFIRMED = 5 };

enum { MESSAGES_IN_RESPONSE = 1000 };

struct stream {
    struct cloud_consumer consumer;
    struct cloud *cloud;
    struct grpc_stream *grpc;
    struct loop_task closing;    /* a fault on command ends the stream after its next response */
    uint64_t serial;             /* tells it from one that has its address later */
    bool begun;
};

/* One StreamingPullRequest, read. */
struct pull_request {
    struct bytes subscription;
    struct cloud_ack_id *acks, *modified;
    struct bytes *ack_texts, *modified_texts;
    int64_t *seconds;
    size_t acks_count, modified_count, seconds_count, room;
    int64_t deadline_s, messages_max, bytes_max, protocol;
    bool has_subscription, has_deadline, has_client;
    const char *wrong;           /* what to refuse it for */
    struct bytes wrong_id;
};

static void pull_request_fini(struct pull_request *r)
{
    mem_free(r->acks);
    mem_free(r->modified);
    mem_free(r->ack_texts);
    mem_free(r->modified_texts);
    mem_free(r->seconds);
}

static void stream_free(struct stream *st)
{
    cloud_consumer_remove(&st->consumer);
    loop_task_cancel(st->cloud->loop, &st->closing);
    mem_free(st);
}

static void stream_end(struct stream *st, enum grpc_code code, const char *why)
{
    CLEANUP(buf_fini) struct buf details = { 0 };
    struct bytes name = st->begun ? bytes_str(st->consumer.sub->name) : BYTES_LIT("");
    if (code != GRPC_UNAVAILABLE)    /* the usual end: clients come back at their own pace */
        cloud_details_write(code, bytes_str(why), code == GRPC_INVALID_ARGUMENT ? BYTES_LIT("") : name, &details);
    grpc_stream_end(st->grpc, code, bytes_str(why), buf_bytes(&details));
    stream_free(st);
}

/* --- reading a request --- */

/* Every list of a request has room for all of its fields: bounded by LIMIT_GRPC_MESSAGE, two octets a field. */
static void make_room(struct pull_request *r)
{
    if (MAX(MAX(r->acks_count, r->modified_count), r->seconds_count) < r->room)
        return;
    r->room = r->room == 0 ? 64 : 2 * r->room;
    r->acks = mem_grow(r->acks, r->room * sizeof(r->acks[0]));
    r->modified = mem_grow(r->modified, r->room * sizeof(r->modified[0]));
    r->ack_texts = mem_grow(r->ack_texts, r->room * sizeof(r->ack_texts[0]));
    r->modified_texts = mem_grow(r->modified_texts, r->room * sizeof(r->modified_texts[0]));
    r->seconds = mem_grow(r->seconds, r->room * sizeof(r->seconds[0]));
}

static void read_id(struct pull_request *r, struct bytes text, struct cloud_ack_id *ret)
{
    if (!cloud_ack_id_read(text, ret) && r->wrong == NULL) {
        r->wrong = "Invalid ack id";
        r->wrong_id = text;
    }
}

static void read_list(struct pull_request *r, const struct cloud_wire_field *f)
{
    make_room(r);
    if (f->number == F_ACK) {
        r->ack_texts[r->acks_count] = f->octets;
        read_id(r, f->octets, &r->acks[r->acks_count++]);
    } else if (f->number == F_MODIFY_ID) {
        r->modified_texts[r->modified_count] = f->octets;
        read_id(r, f->octets, &r->modified[r->modified_count++]);
    } else if (f->type == CLOUD_WIRE_VARINT) {
        r->seconds[r->seconds_count++] = (int32_t) f->value;
    } else {
        struct bytes packed = f->octets;
        uint64_t value;
        while (cloud_wire_packed(&packed, &value)) {
            make_room(r);
            r->seconds[r->seconds_count++] = (int32_t) value;
        }
        if (packed.len > 0)
            r->wrong = "modify_deadline_seconds cannot be read";
    }
}

static void read_request(struct bytes message, struct pull_request *r)
{
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        switch (f.number) {
        case F_SUBSCRIPTION:
            r->subscription = f.octets;
            r->has_subscription = f.octets.len > 0;
            break;
        case F_ACK:
        case F_MODIFY_SECONDS:
        case F_MODIFY_ID:
            read_list(r, &f);
            break;
        case F_DEADLINE:
            r->deadline_s = (int32_t) f.value;
            r->has_deadline = true;
            break;
        case F_CLIENT:
            r->has_client = f.octets.len > 0;
            break;
        case F_MESSAGES_MAX:
            r->messages_max = (int64_t) f.value;
            break;
        case F_BYTES_MAX:
            r->bytes_max = (int64_t) f.value;
            break;
        case F_PROTOCOL:
            r->protocol = (int64_t) f.value;
            break;
        default:
            break;
        }
    }
    if (w.broken)
        r->wrong = "the request is not a sound protobuf message";
}

/* The emulator's sentences, which clients' tests know. */
static void judge_request(const struct stream *st, struct pull_request *r)
{
    if (r->wrong != NULL)
        return;
    if (!st->begun && !r->has_subscription)
        r->wrong = "first message must set subscription";
    else if (!st->begun && !r->has_deadline)
        r->wrong = "first message must set stream_ack_deadline_seconds";
    else if (r->has_deadline && (r->deadline_s < 10 || r->deadline_s > 600))
        r->wrong = "stream_ack_deadline_seconds must be between 10 and 600 seconds";
    else if (st->begun && r->has_subscription)
        r->wrong = "subscription may only be set in first message";
    else if (st->begun && (r->messages_max != 0 || r->bytes_max != 0))
        r->wrong = "max_outstanding_messages and max_outstanding_bytes may only be set in first message";
    else if (st->begun && r->protocol != 0)
        r->wrong = "protocol_version may only be set in first message";
    else if (st->begun && r->has_client)
        r->wrong = "client_id may only be set in first message";
    else if (r->modified_count != r->seconds_count)
        r->wrong = "ack IDs and deadlines must have the same size";
    for (size_t i = 0; i < r->seconds_count && r->wrong == NULL; i++)
        if (r->seconds[i] < 0)
            r->wrong = "Ack deadline cannot be negative";
        else if (r->seconds[i] > 600)
            r->wrong = "Ack deadline must be between 0 and 600 seconds";
}

/* --- answering --- */

static void put_properties(const struct stream *st, struct buf *out)
{
    const struct cloud_sub_conf *conf = &st->consumer.sub->conf;
    CLEANUP(buf_fini) struct buf properties = { 0 };
    cloud_wire_put_uint(&properties, 1, conf->exactly_once);
    cloud_wire_put_uint(&properties, 2, conf->ordering);
    cloud_wire_put_bytes(out, R_PROPERTIES, buf_bytes(&properties));
}

static void stream_send(struct stream *st, struct buf *out)
{
    put_properties(st, out);
    grpc_stream_send(st->grpc, buf_bytes(out));
    buf_clear(out);
    if (grpc_stream_unsent(st->grpc) > LIMIT_CLOUD_UNSENT)
        st->consumer.blocked = true;
}

static void stream_flush(struct cloud_consumer *c)
{
    struct stream *st = CONTAINER_OF(c, struct stream, consumer);
    stream_send(st, &c->out);
    c->out_count = 0;
    if (cloud_fault_stream_closed(st->cloud->fault, bytes_str(c->sub->name))) {
        c->blocked = true;
        loop_task_post(st->cloud->loop, &st->closing);
    }
}

static void stream_close(struct loop_task *t)
{
    stream_end(CONTAINER_OF(t, struct stream, closing), GRPC_UNAVAILABLE,
               "The service was unable to fulfill your request. Please try again. [code=8a75]");
}

static void consumer_end(struct cloud_consumer *c, enum grpc_code code, const char *why)
{
    stream_end(CONTAINER_OF(c, struct stream, consumer), code, why);
}

static bool begin(struct stream *st, const struct pull_request *r)
{
    struct cloud_sub *s = cloud_sub_find(st->cloud->pubsub, r->subscription);
    CLEANUP(buf_fini) struct buf why = { 0 };
    if (!cloud_pubsub_name_ok(r->subscription, "subscriptions")) {
        buf_printf(&why, "Invalid [subscriptions] name: (name=%.*s)", BYTES_FMT(r->subscription));
        stream_end(st, GRPC_INVALID_ARGUMENT, buf_str(&why));
        return false;
    }
    if (s == NULL || !s->durable) {
        buf_printf(&why, "Subscription does not exist (resource=%.*s)", BYTES_FMT(r->subscription));
        stream_end(st, GRPC_NOT_FOUND, buf_str(&why));
        return false;
    }
    if (cloud_sub_closed(s) != NULL) {
        stream_end(st, GRPC_FAILED_PRECONDITION, cloud_sub_closed(s));
        return false;
    }
    st->begun = true;
    grpc_stream_accept(st->grpc);
    st->consumer.messages_max = r->messages_max > 0 ? (uint64_t) r->messages_max : 0;
    st->consumer.bytes_max = r->bytes_max > 0 ? (uint64_t) r->bytes_max : 0;
    cloud_consumer_add(&st->consumer, s);
    return true;
}

static void put_confirmation(struct buf *out, uint32_t number, const struct bytes *texts, const bool *invalid,
                             size_t count)
{
    CLEANUP(buf_fini) struct buf confirmation = { 0 };
    for (size_t i = 0; i < count; i++)
        cloud_wire_put_bytes(&confirmation, invalid[i] ? 2 : 1, texts[i]);
    cloud_wire_put_bytes(out, number, buf_bytes(&confirmation));
}

/* In-stream acknowledgements: confirmed on the stream only with exactly-once delivery. */
struct confirmation {
    struct cloud_pubsub *pubsub;
    uint64_t number;
    uint64_t serial;
    struct buf message;
};

/* NULL: it has gone meanwhile. */
static struct stream *find_stream(struct cloud_sub *s, uint64_t serial)
{
    if (s == NULL)
        return NULL;
    LIST_EACH(&s->consumers, link, after) {
        struct cloud_consumer *c = CONTAINER_OF(link, struct cloud_consumer, link);
        struct stream *st = CONTAINER_OF(c, struct stream, consumer);
        if (c->flush == stream_flush && st->serial == serial)
            return st;
    }
    return NULL;
}

/* The disk failed: what would have been confirmed may be tried again. AcknowledgeConfirmation{ ack_ids = 1;
 * temporary_failed_ack_ids = 4 } */
static void say_failed(struct buf *message)
{
    CLEANUP(buf_fini) struct buf confirmation = { 0 };
    struct cloud_wire w = cloud_wire_of(cloud_wire_find(buf_bytes(message), R_ACK_CONFIRMED));
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        cloud_wire_put_bytes(&confirmation, f.number == 1 ? 4 : f.number, f.octets);
    buf_clear(message);
    cloud_wire_put_bytes(message, R_ACK_CONFIRMED, buf_bytes(&confirmation));
}

static void confirm(void *ctx, const struct err *err)
{
    struct confirmation *c = ctx;
    struct stream *st = find_stream(cloud_sub_by_number(c->pubsub, c->number), c->serial);
    if (st != NULL && err != NULL)
        say_failed(&c->message);
    if (st != NULL)
        stream_send(st, &c->message);
    buf_fini(&c->message);
    mem_free(c);
}

static void take_acks(struct stream *st, const struct pull_request *r)
{
    struct cloud_sub *s = st->consumer.sub;
    CLEANUP(mem_free_ptr) bool *invalid = mem_alloc_n(r->acks_count, sizeof(invalid[0]));
    struct confirmation *c = NULL;
    if (s->conf.exactly_once) {
        c = mem_alloc(sizeof(*c));
        *c = (struct confirmation) { .pubsub = st->cloud->pubsub, .number = s->number, .serial = st->serial };
    }
    cloud_sub_ack(s, r->acks, r->acks_count, invalid, c != NULL ? confirm : NULL, c);
    if (c != NULL)
        put_confirmation(&c->message, R_ACK_CONFIRMED, r->ack_texts, invalid, r->acks_count);
}

static void take_modified(struct stream *st, const struct pull_request *r)
{
    struct cloud_sub *s = st->consumer.sub;
    CLEANUP(mem_free_ptr) bool *invalid = mem_alloc_n(r->modified_count, sizeof(invalid[0]));
    for (size_t i = 0; i < r->modified_count; i++)
        cloud_sub_extend(s, &r->modified[i], 1, r->seconds[i] * US_PER_S, &invalid[i]);
    if (!s->conf.exactly_once)
        return;
    CLEANUP(buf_fini) struct buf out = { 0 };
    put_confirmation(&out, R_MODIFY_CONFIRMED, r->modified_texts, invalid, r->modified_count);
    stream_send(st, &out);
}

static void on_message(void *ctx, struct bytes message)
{
    struct stream *st = ctx;
    CLEANUP(pull_request_fini) struct pull_request r = { 0 };
    read_request(message, &r);
    judge_request(st, &r);
    if (r.wrong != NULL) {
        CLEANUP(buf_fini) struct buf why = { 0 };
        buf_append_str(&why, r.wrong);
        if (r.wrong_id.ptr != NULL)
            buf_printf(&why, " (ack_id=%.*s)", (int) MIN(r.wrong_id.len, 256), r.wrong_id.ptr);
        stream_end(st, GRPC_INVALID_ARGUMENT, buf_str(&why));
        return;
    }
    bool first = !st->begun;
    if (r.has_deadline)
        st->consumer.lease_us = r.deadline_s * US_PER_S;
    if (first && !begin(st, &r))
        return;
    if (r.acks_count > 0)
        take_acks(st, &r);
    if (r.modified_count > 0)
        take_modified(st, &r);
    if (!first && r.acks_count == 0 && r.modified_count == 0) {
        CLEANUP(buf_fini) struct buf pong = { 0 };
        stream_send(st, &pong);
    }
}

static void on_half_close(void *ctx)
{
    stream_end(ctx, GRPC_OK, "");
}

/* Google's leases of a client that went go on until their deadlines; a test may not want to wait for them. */
static void on_gone(void *ctx)
{
    struct stream *st = ctx;
    if (st->begun && st->cloud->release_on_disconnect)
        cloud_consumer_give_back(&st->consumer);
    stream_free(st);
}

static void on_drained(void *ctx)
{
    struct stream *st = ctx;
    if (!st->consumer.blocked || !st->begun)
        return;
    st->consumer.blocked = false;
    cloud_sub_wake(st->consumer.sub);
}

void cloud_streaming_pull(void *cloud, struct grpc_stream *s)
{
    static const struct grpc_stream_events events = {
        .on_message = on_message, .on_half_close = on_half_close, .on_gone = on_gone, .on_drained = on_drained
    };
    struct stream *st = mem_alloc(sizeof(*st));
    st->cloud = cloud;
    st->grpc = s;
    st->serial = ++st->cloud->pubsub->streams;
    st->closing.fn = stream_close;
    st->consumer = (struct cloud_consumer) {
        .out_max = MESSAGES_IN_RESPONSE, .flush = stream_flush, .end = consumer_end
    };
    grpc_stream_watch(s, &events, st);
}
