#include "cloud/pubsub.h"

#include "cloud/attribute_filter.h"
#include "cloud/proto_wire.h"

/* google/pubsub/v1/pubsub.proto, message Subscription */
enum {
    F_NAME = 1, F_TOPIC = 2, F_PUSH = 4, F_ACK_DEADLINE = 5, F_RETAIN_ACKED = 7, F_RETENTION = 8, F_LABELS = 9,
    F_ORDERING = 10, F_EXPIRATION = 11, F_FILTER = 12, F_DEAD_LETTER = 13, F_RETRY = 14, F_DETACHED = 15,
    F_EXACTLY_ONCE = 16, F_TOPIC_RETENTION = 17, F_BIGQUERY = 18, F_STATE = 19, F_STORAGE = 22, F_HUB = 23,
    F_TRANSFORMS = 25, F_BIGTABLE = 27
};

enum { STATE_ACTIVE = 1 };

#define US_PER_DAY (24 * 60 * US_PER_MIN)

static bool refuse(struct err *err, enum grpc_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool refuse(struct err *err, enum grpc_code code, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    FAIL(err, REFUSED, "%s", buf_str(&text));
    err->grpc = code;
    return false;
}

static bool read_time(struct bytes message, const char *field, us_t *ret_us, struct err *err)
{
    if (!cloud_wire_read_time(message, ret_us))
        return refuse(err, GRPC_INVALID_ARGUMENT, "Invalid duration in %s.", field);
    return true;
}

static bool read_dead_letter(struct bytes policy, struct cloud_sub_conf *conf, struct err *err)
{
    conf->dead_topic = cloud_wire_find(policy, 1);
    uint64_t attempts = cloud_wire_find_uint(policy, 2);
    conf->attempts_max = attempts == 0 ? 5 : (uint32_t) MIN(attempts, 1000);
    if (!cloud_pubsub_name_ok(conf->dead_topic, "topics"))
        return refuse(err, GRPC_INVALID_ARGUMENT, "Invalid [topics] name: (name=%.*s)", BYTES_FMT(conf->dead_topic));
    if (conf->attempts_max < 5 || conf->attempts_max > 100)
        return refuse(err, GRPC_INVALID_ARGUMENT, "max_delivery_attempts must be between 5 and 100 "
                      "(max_delivery_attempts=%d)", (int) (int32_t) attempts);
    return true;
}

static bool read_retry(struct bytes policy, struct cloud_sub_conf *conf, struct err *err)
{
    conf->has_retry = true;
    conf->retry_min_us = 10 * US_PER_S;
    conf->retry_max_us = 600 * US_PER_S;
    struct cloud_wire w = cloud_wire_of(policy);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == CLOUD_WIRE_LEN)
            TRY(read_time(f.octets, "retry_policy.minimum_backoff", &conf->retry_min_us, err));
        else if (f.number == 2 && f.type == CLOUD_WIRE_LEN)
            TRY(read_time(f.octets, "retry_policy.maximum_backoff", &conf->retry_max_us, err));
    }
    if (conf->retry_max_us > 600 * US_PER_S || conf->retry_min_us > conf->retry_max_us)
        return refuse(err, GRPC_INVALID_ARGUMENT, "The backoffs of retry_policy must be between 0 and 600 seconds, "
                      "the minimum not above the maximum.");
    return true;
}

static bool read_expiration(struct bytes policy, struct cloud_sub_conf *conf, struct err *err)
{
    struct bytes ttl = cloud_wire_find(policy, 1);
    conf->has_expiration = true;
    conf->expiration_us = 0;
    if (ttl.ptr == NULL)
        return true;    /* set, with no ttl: never expires */
    TRY(read_time(ttl, "expiration_policy.ttl", &conf->expiration_us, err));
    if (conf->expiration_us < US_PER_DAY)
        return refuse(err, GRPC_INVALID_ARGUMENT, "expiration_policy.ttl must be at least one day.");
    return true;
}

/* PushConfig{ push_endpoint = 1; oidc_token = 3 { service_account_email = 1 } } */
static bool read_push(struct bytes config, struct cloud_sub_conf *conf, struct err *err)
{
    struct bytes endpoint = cloud_wire_find(config, 1), oidc = cloud_wire_find(config, 3);
    conf->push = endpoint.len > 0;
    conf->push_config = config;
    if (conf->push && !bytes_starts(endpoint, BYTES_LIT("https://")) && !bytes_starts(endpoint, BYTES_LIT("http://")))
        return refuse(err, GRPC_INVALID_ARGUMENT, "Invalid push endpoint given: it must be an URL that begins with "
                      "https://.");
    if (oidc.ptr != NULL && cloud_wire_find(oidc, 1).len == 0)
        return refuse(err, GRPC_INVALID_ARGUMENT, "An oidc_token must name a service_account_email.");
    return true;
}

static bool not_yet(struct err *err, const char *field)
{
    return refuse(err, GRPC_UNIMPLEMENTED, "%s is not offered by the local cloud.", field);
}

static bool read_field(const struct cloud_wire_field *f, struct cloud_sub_conf *conf, struct err *err)
{
    switch (f->number) {
    case F_NAME:
        conf->name = f->octets;
        return true;
    case F_TOPIC:
        conf->topic = f->octets;
        return true;
    case F_PUSH:
        return read_push(f->octets, conf, err);
    case F_ACK_DEADLINE:
        conf->ack_deadline_us = (us_t) (int32_t) f->value * US_PER_S;
        return true;
    case F_RETAIN_ACKED:
        conf->retain_acked = f->value != 0;
        return true;
    case F_DETACHED:
        conf->detached = f->value != 0;
        return true;
    case F_RETENTION:
        return read_time(f->octets, "message_retention_duration", &conf->retention_us, err);
    case F_ORDERING:
        conf->ordering = f->value != 0;
        return true;
    case F_EXPIRATION:
        return read_expiration(f->octets, conf, err);
    case F_FILTER:
        conf->filter = f->octets;
        if (cloud_attribute_filter_check(f->octets, err))
            return true;
        err->grpc = GRPC_INVALID_ARGUMENT;
        return false;
    case F_DEAD_LETTER:
        return read_dead_letter(f->octets, conf, err);
    case F_RETRY:
        return read_retry(f->octets, conf, err);
    case F_EXACTLY_ONCE:
        conf->exactly_once = f->value != 0;
        return true;
    case F_BIGQUERY:
        return not_yet(err, "bigquery_config");
    case F_STORAGE:
        return not_yet(err, "cloud_storage_config");
    case F_BIGTABLE:
        return not_yet(err, "bigtable_config");
    case F_TRANSFORMS:
        return not_yet(err, "message_transforms");
    default:    /* labels are kept as given; input-only, output-only and unknown fields are nothing to us */
        return true;
    }
}

bool cloud_sub_conf_parse(struct bytes proto, struct cloud_sub_conf *ret, struct err *err)
{
    struct cloud_sub_conf conf = { .ack_deadline_us = 0, .retention_us = 7 * US_PER_DAY,
                                   .expiration_us = 31 * US_PER_DAY };
    struct cloud_wire w = cloud_wire_of(proto);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        TRY(read_field(&f, &conf, err));
    if (w.broken)
        return refuse(err, GRPC_INVALID_ARGUMENT, "The subscription is not a sound protobuf message.");
    if (!cloud_pubsub_name_ok(conf.name, "subscriptions"))
        return refuse(err, GRPC_INVALID_ARGUMENT, "Invalid [subscriptions] name: (name=%.*s)", BYTES_FMT(conf.name));
    if (!cloud_pubsub_name_ok(conf.topic, "topics") && !bytes_eq_str(conf.topic, "_deleted-topic_"))
        return refuse(err, GRPC_INVALID_ARGUMENT, "Invalid [topics] name: (name=%.*s)", BYTES_FMT(conf.topic));
    if (conf.ack_deadline_us == 0)
        conf.ack_deadline_us = 10 * US_PER_S;
    if (conf.ack_deadline_us < 10 * US_PER_S || conf.ack_deadline_us > 600 * US_PER_S)
        return refuse(err, GRPC_INVALID_ARGUMENT, "ack_deadline_seconds must be between 10 and 600 seconds "
                      "(ack_deadline_seconds=%d)", (int) (conf.ack_deadline_us / US_PER_S));
    if (conf.retention_us < 10 * US_PER_MIN || conf.retention_us > 31 * US_PER_DAY)
        return refuse(err, GRPC_INVALID_ARGUMENT, "message_retention_duration must be between 10 minutes and 31 days.");
    *ret = conf;
    return true;
}

/* What a database of before may hold is not refused there: so this is not in cloud_sub_conf_parse(). */
bool cloud_sub_conf_accept(struct bytes proto, struct cloud_sub_conf *ret, struct err *err)
{
    struct cloud_sub_conf conf;
    TRY(cloud_sub_conf_parse(proto, &conf, err));
    if (conf.push && conf.exactly_once)
        return refuse(err, GRPC_INVALID_ARGUMENT, "Exactly-once delivery is for subscriptions that are pulled from: "
                      "enable_exactly_once_delivery and push_config exclude each other.");
    const char *wrong = cloud_labels_wrong(proto, F_LABELS);
    if (wrong != NULL)
        return refuse(err, GRPC_INVALID_ARGUMENT, "%s", wrong);
    *ret = conf;
    return true;
}

void cloud_sub_conf_write(const struct cloud_sub_conf *conf, struct bytes given, struct buf *out)
{
    CLEANUP(buf_fini) struct buf part = { 0 };
    cloud_wire_put_text(out, F_NAME, conf->name);
    cloud_wire_put_text(out, F_TOPIC, conf->topic);
    cloud_wire_put_bytes(out, F_PUSH, conf->push_config);
    cloud_wire_put_uint(out, F_ACK_DEADLINE, (uint64_t) (conf->ack_deadline_us / US_PER_S));
    cloud_wire_put_uint(out, F_RETAIN_ACKED, conf->retain_acked);
    cloud_wire_put_time(out, F_RETENTION, conf->retention_us);
    cloud_wire_put_uint(out, F_ORDERING, conf->ordering);
    if (conf->expiration_us > 0)
        cloud_wire_put_time(&part, 1, conf->expiration_us);
    cloud_wire_put_bytes(out, F_EXPIRATION, buf_bytes(&part));
    cloud_wire_put_text(out, F_FILTER, conf->filter);
    if (conf->attempts_max > 0) {
        buf_clear(&part);
        cloud_wire_put_text(&part, 1, conf->dead_topic);
        cloud_wire_put_uint(&part, 2, conf->attempts_max);
        cloud_wire_put_bytes(out, F_DEAD_LETTER, buf_bytes(&part));
    }
    if (conf->has_retry) {
        buf_clear(&part);
        cloud_wire_put_time(&part, 1, conf->retry_min_us);
        cloud_wire_put_time(&part, 2, conf->retry_max_us);
        cloud_wire_put_bytes(out, F_RETRY, buf_bytes(&part));
    }
    cloud_wire_put_uint(out, F_DETACHED, conf->detached);
    cloud_wire_put_uint(out, F_EXACTLY_ONCE, conf->exactly_once);
    cloud_wire_put_uint(out, F_STATE, STATE_ACTIVE);
    struct cloud_wire w = cloud_wire_of(given);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == F_LABELS)
            cloud_wire_put_bytes(out, f.number, f.octets);
}
