#include "cloud/pubsub.h"

#include "cloud/details.h"
#include "cloud/proto_wire.h"

struct ack_request {
    struct cloud_ack_id *ids;
    size_t count;
    bool *invalid;      /* of each id, with exactly-once delivery */
    struct bytes *texts;
    int64_t seconds;
};

static void ack_request_fini(struct ack_request *r)
{
    mem_free(r->ids);
    mem_free(r->texts);
    mem_free(r->invalid);
}

enum { ACK_REQUEST_BYTES_MAX = 524288 };    /* documented */

/* AcknowledgeRequest{ subscription = 1; ack_ids = 2 },
 * ModifyAckDeadlineRequest{ subscription = 1; ack_deadline_seconds = 3; ack_ids = 4 } */
static bool read_ids(struct cloud_unary *u, struct bytes request, uint32_t ids_number, struct ack_request *r)
{
    if (request.len > ACK_REQUEST_BYTES_MAX) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Request payload size exceeds the limit: 524288 bytes.");
        return false;
    }
    size_t room = 0;
    struct cloud_wire w = cloud_wire_of(request);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number == 3 && f.type == CLOUD_WIRE_VARINT)
            r->seconds = (int32_t) f.value;
        if (f.number != ids_number || f.type != CLOUD_WIRE_LEN)
            continue;
        if (r->count == room) {
            room = room == 0 ? 64 : 2 * room;
            r->ids = mem_grow(r->ids, room * sizeof(r->ids[0]));
            r->texts = mem_grow(r->texts, room * sizeof(r->texts[0]));
        }
        r->texts[r->count] = f.octets;
        if (!cloud_ack_id_read(f.octets, &r->ids[r->count++])) {
            cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid ack id (ack_id=%.*s)",
                             (int) MIN(f.octets.len, 256), f.octets.ptr);
            return false;
        }
    }
    if (w.broken || r->count == 0) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "No ack ids specified.");
        return false;
    }
    r->invalid = mem_alloc_n(r->count, sizeof(r->invalid[0]));
    return true;
}

/*
 * One google.rpc.ErrorInfo{ reason = 1; domain = 2; metadata = 3 } that names the ids
 * (in the trailers; clients bear some 16 KiB there, so not more than 60 of them).
 */
static void write_details(const struct ack_request *r, struct bytes message, struct buf *out)
{
    CLEANUP(buf_fini) struct buf info = { 0 };
    cloud_wire_put_text(&info, 1, BYTES_LIT("EXACTLY_ONCE_ACKID_FAILURE"));
    cloud_wire_put_text(&info, 2, BYTES_LIT("pubsub.googleapis.com"));
    size_t named = 0;
    for (size_t i = 0; i < r->count && named < 60; i++)
        if (r->invalid[i]) {
            cloud_wire_put_pair(&info, 3, r->texts[i], BYTES_LIT("PERMANENT_FAILURE_INVALID_ACK_ID"));
            named++;
        }
    cloud_details_write_one(GRPC_INVALID_ARGUMENT, message, "google.rpc.ErrorInfo", buf_bytes(&info), out);
}

/* What is to be said once the valid part of the request is durable. */
struct ack_answer {
    struct cloud_unary *call;
    struct buf details;    /* empty: all ids were valid */
};

static const char some_invalid[] = "Some acknowledgement ids in the request were invalid. This could be because "
                                   "the acknowledgement ids have expired or the acknowledgement ids were malformed.";

static void acknowledged(void *ctx, const struct err *err)
{
    struct ack_answer *answer = ctx;
    struct cloud_unary *u = answer->call;
    if (err != NULL)
        cloud_unary_disk(u, err);
    else if (answer->details.len > 0)
        cloud_unary_fail_with(u, GRPC_INVALID_ARGUMENT, BYTES_LIT(some_invalid), buf_bytes(&answer->details));
    else
        cloud_unary_ok(u, BYTES_LIT(""));
    buf_fini(&answer->details);
    mem_free(answer);
}

static bool any_invalid(const struct ack_request *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->invalid[i])
            return true;
    return false;
}

void cloud_sub_acknowledge(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    CLEANUP(ack_request_fini) struct ack_request r = { 0 };
    if (s == NULL || !read_ids(u, request, 2, &r))
        return;
    struct ack_answer *answer = mem_alloc(sizeof(*answer));
    answer->call = u;
    cloud_sub_ack(s, r.ids, r.count, r.invalid, acknowledged, answer);
    if (any_invalid(&r))
        write_details(&r, BYTES_LIT(some_invalid), &answer->details);
}

void cloud_sub_modify_deadline(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    CLEANUP(ack_request_fini) struct ack_request r = { 0 };
    if (s == NULL || !read_ids(u, request, 4, &r))
        return;
    if (r.seconds < 0 || r.seconds > 600) {
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "ack_deadline_seconds must be between 0 and 600 seconds "
                         "(ack_deadline_seconds=%d)", (int) r.seconds);
        return;
    }
    cloud_sub_extend(s, r.ids, r.count, r.seconds * US_PER_S, r.invalid);
    CLEANUP(buf_fini) struct buf details = { 0 };
    if (any_invalid(&r)) {
        write_details(&r, BYTES_LIT(some_invalid), &details);
        cloud_unary_fail_with(u, GRPC_INVALID_ARGUMENT, BYTES_LIT(some_invalid), buf_bytes(&details));
    } else {
        cloud_unary_ok(u, BYTES_LIT(""));
    }
}
