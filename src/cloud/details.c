#include "cloud/details.h"

#include "cloud/proto_wire.h"
#include "cloud/transcode.h"

#define TYPE_PREFIX "type.googleapis.com/"

/* Seconds after which a client may try again what the disk or its queue refused. */
enum { RETRY_S = 1 };

/* google.rpc.Status{ code = 1; message = 2; details = 3 }, google.protobuf.Any{ type_url = 1; value = 2 } */
void cloud_details_write_one(enum grpc_code code, struct bytes message, const char *type, struct bytes detail,
                             struct buf *status)
{
    CLEANUP(buf_fini) struct buf any = { 0 }, url = { 0 };
    buf_printf(&url, TYPE_PREFIX "%s", type);
    cloud_wire_put_text(&any, 1, buf_bytes(&url));
    cloud_wire_put_bytes(&any, 2, detail);
    if (status->len == 0) {
        cloud_wire_put_uint(status, 1, code);
        cloud_wire_put_text(status, 2, message);
    }
    cloud_wire_put_bytes(status, 3, buf_bytes(&any));
}

/* "google.pubsub.v1.Topic" of "projects/p/topics/t" */
static const char *type_of(struct bytes name)
{
    struct bytes kind = name;
    bytes_cut(&kind, '/');
    bytes_cut(&kind, '/');
    kind = bytes_cut(&kind, '/');
    return bytes_eq_str(kind, "topics")          ? "google.pubsub.v1.Topic"
           : bytes_eq_str(kind, "subscriptions") ? "google.pubsub.v1.Subscription"
           : bytes_eq_str(kind, "snapshots")     ? "google.pubsub.v1.Snapshot" : "";
}

void cloud_details_write(enum grpc_code code, struct bytes message, struct bytes about, struct buf *status)
{
    CLEANUP(buf_fini) struct buf inner = { 0 }, detail = { 0 };
    const char *type = NULL;
    switch (code) {
    case GRPC_INVALID_ARGUMENT:    /* BadRequest{ field_violations = 1 { field = 1; description = 2 } } */
        type = "google.rpc.BadRequest";
        cloud_wire_put_text(&inner, 1, about);
        cloud_wire_put_text(&inner, 2, message);
        cloud_wire_put_bytes(&detail, 1, buf_bytes(&inner));
        break;
    case GRPC_NOT_FOUND:
    case GRPC_ALREADY_EXISTS:      /* ResourceInfo{ resource_type = 1; resource_name = 2; description = 4 } */
        type = about.len > 0 ? "google.rpc.ResourceInfo" : NULL;
        cloud_wire_put_text(&detail, 1, bytes_str(type_of(about)));
        cloud_wire_put_text(&detail, 2, about);
        cloud_wire_put_text(&detail, 4, message);
        break;
    case GRPC_FAILED_PRECONDITION: /* PreconditionFailure{ violations = 1 { type = 1; subject = 2; description = 3 } } */
        type = about.len > 0 ? "google.rpc.PreconditionFailure" : NULL;
        cloud_wire_put_text(&inner, 1, BYTES_LIT("STATE"));
        cloud_wire_put_text(&inner, 2, about);
        cloud_wire_put_text(&inner, 3, message);
        cloud_wire_put_bytes(&detail, 1, buf_bytes(&inner));
        break;
    case GRPC_RESOURCE_EXHAUSTED:  /* QuotaFailure{ violations = 1 { subject = 1; description = 2 } } */
        cloud_wire_put_text(&inner, 2, message);
        cloud_wire_put_bytes(&detail, 1, buf_bytes(&inner));
        cloud_details_write_one(code, message, "google.rpc.QuotaFailure", buf_bytes(&detail), status);
        buf_clear(&detail);
        /* fall through */
    case GRPC_UNAVAILABLE:         /* RetryInfo{ retry_delay = 1 } */
        type = "google.rpc.RetryInfo";
        cloud_wire_put_time(&detail, 1, RETRY_S * US_PER_S);
        break;
    default:
        break;
    }
    if (type != NULL)
        cloud_details_write_one(code, message, type, buf_bytes(&detail), status);
}

/* --- in JSON --- */

static enum cloud_message message_of(struct bytes url)
{
    static const struct {
        const char *url;
        enum cloud_message message;
    } types[] = {
        { TYPE_PREFIX "google.rpc.ErrorInfo", CLOUD_MESSAGE_error_info },
        { TYPE_PREFIX "google.rpc.BadRequest", CLOUD_MESSAGE_bad_request },
        { TYPE_PREFIX "google.rpc.ResourceInfo", CLOUD_MESSAGE_resource_info },
        { TYPE_PREFIX "google.rpc.PreconditionFailure", CLOUD_MESSAGE_precondition_failure },
        { TYPE_PREFIX "google.rpc.QuotaFailure", CLOUD_MESSAGE_quota_failure },
        { TYPE_PREFIX "google.rpc.RetryInfo", CLOUD_MESSAGE_retry_info },
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_eq_str(url, types[i].url))
            return types[i].message;
    return CLOUD_MESSAGE_empty;
}

void cloud_details_json(struct json_writer *w, struct bytes status)
{
    json_write_array(w, "details");
    struct cloud_wire wire = cloud_wire_of(status);
    struct cloud_wire_field f;
    while (cloud_wire_next(&wire, &f)) {
        if (f.number != 3)
            continue;
        struct bytes url = cloud_wire_find(f.octets, 1);
        json_write_object(w, NULL);
        json_write_str(w, "@type", url);
        cloud_transcode_members(message_of(url), cloud_wire_find(f.octets, 2), w);
        json_write_end(w);
    }
    json_write_end(w);
}
