/*
 * One row of bytes a message, written by hand from the numbers of the public contract: both sides of
 * ours are generated from the same files, so only bytes from elsewhere can show a wrong number.
 *
 * Each row is read, printed field by field with names, compared, and written back to the same bytes.
 */
#include "unit.h"

#include "proto/protobuf_types.pb-c.h"
#include "proto/pubsub.pb-c.h"
#include "proto/rpc.pb-c.h"

#include <inttypes.h>

static void print_fields(const ProtobufCMessage *m, struct buf *out);

static void print_value(const ProtobufCFieldDescriptor *f, const void *at, struct buf *out)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        buf_append_str(out, *(char *const *) at);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *d = at;
        buf_append(out, bytes_of((const char *) d->data, d->len));
        break;
    }
    case PROTOBUF_C_TYPE_INT32:
        buf_printf(out, "%d", *(const int32_t *) at);
        break;
    case PROTOBUF_C_TYPE_INT64:
        buf_printf(out, "%" PRId64, *(const int64_t *) at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_append_str(out, *(const protobuf_c_boolean *) at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        buf_append_char(out, '{');
        print_fields(*(ProtobufCMessage *const *) at, out);
        buf_append_char(out, '}');
        break;
    default:
        fail_msg("a type that no field of ours has: %d", f->type);
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_INT32    ? 4
           : f->type == PROTOBUF_C_TYPE_INT64  ? 8
           : f->type == PROTOBUF_C_TYPE_BOOL   ? sizeof(protobuf_c_boolean)
           : f->type == PROTOBUF_C_TYPE_BYTES  ? sizeof(ProtobufCBinaryData)
                                               : sizeof(void *);
}

static bool is_zero(const void *at, const ProtobufCFieldDescriptor *f)
{
    static const char zero[sizeof(ProtobufCBinaryData)];
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return (*(char *const *) at)[0] == '\0';
    if (f->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *) at)->len == 0;
    return memcmp(at, zero, size_of(f)) == 0;
}

static void print_fields(const ProtobufCMessage *m, struct buf *out)
{
    assert_int_equal(m->n_unknown_fields, 0);
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const char *at = (const char *) m + f->offset, *quantifier = (const char *) m + f->quantifier_offset;
        size_t count = 1;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            memcpy(&count, quantifier, sizeof(count));
            at = *(char *const *) (const void *) at;
        } else if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            count = *(const uint32_t *) (const void *) quantifier == f->id;
        } else {
            count = !is_zero(at, f);
        }
        for (size_t n = 0; n < count; n++) {
            buf_printf(out, "%s%s=", out->len > 0 && out->ptr[out->len - 1] != '{' ? " " : "", f->name);
            print_value(f, at + n * size_of(f), out);
        }
    }
}

#define GOOGLE(name)  &google__protobuf__##name##__descriptor
#define RPC(name)     &google__rpc__##name##__descriptor
#define PUBSUB(name)  &google__pubsub__v1__##name##__descriptor
#define ROW(d, bytes, text) { d, { (bytes), sizeof(bytes) - 1 }, text }

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    struct bytes bytes;
    const char *text;
} rows[] = {
    ROW(GOOGLE(timestamp), "\x08\x05\x10\x06", "seconds=5 nanos=6"),
    ROW(GOOGLE(duration), "\x08\x05\x10\x06", "seconds=5 nanos=6"),
    ROW(GOOGLE(empty), "", ""),
    ROW(GOOGLE(field_mask), "\x0a\x01" "a\x0a\x01" "b", "paths=a paths=b"),
    ROW(GOOGLE(any), "\x0a\x01t\x12\x01v", "type_url=t value=v"),

    ROW(RPC(status), "\x08\x05\x12\x01m\x1a\x03\x0a\x01t", "code=5 message=m details={type_url=t}"),
    ROW(RPC(error_info), "\x0a\x01r\x12\x01" "d\x1a\x06\x0a\x01k\x12\x01v", "reason=r domain=d metadata={key=k value=v}"),
    ROW(RPC(retry_info), "\x0a\x02\x08\x03", "retry_delay={seconds=3}"),
    ROW(RPC(bad_request), "\x0a\x06\x0a\x01" "f\x12\x01" "d", "field_violations={field=f description=d}"),

    ROW(PUBSUB(pubsub_message), "\x0a\x01" "d\x12\x06\x0a\x01k\x12\x01v\x1a\x01i\x22\x02\x08\x05\x2a\x01o",
        "data=d attributes={key=k value=v} message_id=i publish_time={seconds=5} ordering_key=o"),
    ROW(PUBSUB(received_message), "\x0a\x01" "a\x12\x03\x0a\x01" "d\x18\x02", "ack_id=a message={data=d} delivery_attempt=2"),
    ROW(PUBSUB(message_storage_policy), "\x0a\x01r\x10\x01", "allowed_persistence_regions=r enforce_in_transit=true"),
    ROW(PUBSUB(schema_settings), "\x0a\x01s\x10\x02\x1a\x01" "f\x22\x01l",
        "schema=s encoding=2 first_revision_id=f last_revision_id=l"),
    ROW(PUBSUB(topic),
        "\x0a\x01n\x12\x06\x0a\x01k\x12\x01v\x1a\x02\x10\x01\x2a\x01K\x32\x02\x10\x01\x38\x01\x42\x02\x08\x05\x48\x01"
        "\x72\x06\x0a\x01k\x12\x01v",
        "name=n labels={key=k value=v} message_storage_policy={enforce_in_transit=true} kms_key_name=K "
        "schema_settings={encoding=1} satisfies_pzs=true message_retention_duration={seconds=5} state=1 "
        "tags={key=k value=v}"),
    ROW(PUBSUB(get_topic_request), "\x0a\x01t", "topic=t"),
    ROW(PUBSUB(update_topic_request), "\x0a\x03\x0a\x01n\x12\x03\x0a\x01p", "topic={name=n} update_mask={paths=p}"),
    ROW(PUBSUB(delete_topic_request), "\x0a\x01t", "topic=t"),
    ROW(PUBSUB(list_topics_request), "\x0a\x01p\x10\x07\x1a\x01t", "project=p page_size=7 page_token=t"),
    ROW(PUBSUB(list_topics_response), "\x0a\x03\x0a\x01n\x12\x01t", "topics={name=n} next_page_token=t"),
    ROW(PUBSUB(list_topic_subscriptions_request), "\x0a\x01p\x10\x07\x1a\x01t", "topic=p page_size=7 page_token=t"),
    ROW(PUBSUB(list_topic_subscriptions_response), "\x0a\x01s\x12\x01t", "subscriptions=s next_page_token=t"),
    ROW(PUBSUB(list_topic_snapshots_request), "\x0a\x01p\x10\x07\x1a\x01t", "topic=p page_size=7 page_token=t"),
    ROW(PUBSUB(list_topic_snapshots_response), "\x0a\x01s\x12\x01t", "snapshots=s next_page_token=t"),
    ROW(PUBSUB(detach_subscription_request), "\x0a\x01s", "subscription=s"),
    ROW(PUBSUB(detach_subscription_response), "", ""),
    ROW(PUBSUB(publish_request), "\x0a\x01t\x12\x03\x0a\x01" "d", "topic=t messages={data=d}"),
    ROW(PUBSUB(publish_response), "\x0a\x01" "1\x0a\x01" "2", "message_ids=1 message_ids=2"),

    ROW(PUBSUB(push_config), "\x0a\x01" "e\x12\x06\x0a\x01k\x12\x01v\x1a\x06\x0a\x01s\x12\x01" "a\x2a\x02\x08\x01",
        "push_endpoint=e attributes={key=k value=v} oidc_token={service_account_email=s audience=a} "
        "no_wrapper={write_metadata=true}"),
    ROW(PUBSUB(push_config), "\x22\x00", "pubsub_wrapper={}"),
    ROW(PUBSUB(expiration_policy), "\x0a\x02\x08\x05", "ttl={seconds=5}"),
    ROW(PUBSUB(dead_letter_policy), "\x0a\x01t\x10\x05", "dead_letter_topic=t max_delivery_attempts=5"),
    ROW(PUBSUB(retry_policy), "\x0a\x02\x08\x01\x12\x02\x08\x02", "minimum_backoff={seconds=1} maximum_backoff={seconds=2}"),
    ROW(PUBSUB(subscription),
        "\x0a\x01n\x12\x01t\x22\x03\x0a\x01" "e\x28\x0a\x38\x01\x42\x02\x08\x05\x4a\x06\x0a\x01k\x12\x01v\x50\x01"
        "\x5a\x00\x62\x01" "f\x6a\x03\x0a\x01" "d\x72\x04\x0a\x02\x08\x01\x78\x01\x80\x01\x01\x8a\x01\x02\x08\x06"
        "\x98\x01\x01\xd2\x01\x06\x0a\x01k\x12\x01v",
        "name=n topic=t push_config={push_endpoint=e} ack_deadline_seconds=10 retain_acked_messages=true "
        "message_retention_duration={seconds=5} labels={key=k value=v} enable_message_ordering=true "
        "expiration_policy={} filter=f dead_letter_policy={dead_letter_topic=d} "
        "retry_policy={minimum_backoff={seconds=1}} detached=true enable_exactly_once_delivery=true "
        "topic_message_retention_duration={seconds=6} state=1 tags={key=k value=v}"),
    ROW(PUBSUB(get_subscription_request), "\x0a\x01s", "subscription=s"),
    ROW(PUBSUB(update_subscription_request), "\x0a\x03\x0a\x01n\x12\x03\x0a\x01p",
        "subscription={name=n} update_mask={paths=p}"),
    ROW(PUBSUB(list_subscriptions_request), "\x0a\x01p\x10\x07\x1a\x01t", "project=p page_size=7 page_token=t"),
    ROW(PUBSUB(list_subscriptions_response), "\x0a\x03\x0a\x01n\x12\x01t", "subscriptions={name=n} next_page_token=t"),
    ROW(PUBSUB(delete_subscription_request), "\x0a\x01s", "subscription=s"),
    ROW(PUBSUB(modify_push_config_request), "\x0a\x01s\x12\x03\x0a\x01" "e", "subscription=s push_config={push_endpoint=e}"),

    ROW(PUBSUB(pull_request), "\x0a\x01s\x10\x01\x18\x0a", "subscription=s return_immediately=true max_messages=10"),
    ROW(PUBSUB(pull_response), "\x0a\x03\x0a\x01" "a", "received_messages={ack_id=a}"),
    ROW(PUBSUB(acknowledge_request), "\x0a\x01s\x12\x01" "a\x12\x01" "b", "subscription=s ack_ids=a ack_ids=b"),
    ROW(PUBSUB(modify_ack_deadline_request), "\x0a\x01s\x18\x0a\x22\x01" "a", "subscription=s ack_deadline_seconds=10 ack_ids=a"),
    ROW(PUBSUB(streaming_pull_request),
        "\x0a\x01s\x12\x01" "a\x1a\x02\x01\x02\x22\x01" "b\x22\x01" "c\x28\x3c\x32\x01i\x38\x07\x40\x08\x50\x01",
        "subscription=s ack_ids=a modify_deadline_seconds=1 modify_deadline_seconds=2 modify_deadline_ack_ids=b "
        "modify_deadline_ack_ids=c stream_ack_deadline_seconds=60 client_id=i max_outstanding_messages=7 "
        "max_outstanding_bytes=8 protocol_version=1"),
    ROW(PUBSUB(streaming_pull_response),
        "\x0a\x03\x0a\x01" "a\x1a\x09\x0a\x01" "a\x12\x01" "b\x1a\x01" "c\x22\x04\x08\x01\x10\x01"
        "\x2a\x0c\x0a\x01" "a\x12\x01" "b\x1a\x01" "c\x22\x01" "d",
        "received_messages={ack_id=a} modify_ack_deadline_confirmation={ack_ids=a invalid_ack_ids=b "
        "temporary_failed_ack_ids=c} subscription_properties={exactly_once_delivery_enabled=true "
        "message_ordering_enabled=true} acknowledge_confirmation={ack_ids=a invalid_ack_ids=b unordered_ack_ids=c "
        "temporary_failed_ack_ids=d}"),

    ROW(PUBSUB(snapshot), "\x0a\x01n\x12\x01t\x1a\x02\x08\x05\x22\x06\x0a\x01k\x12\x01v",
        "name=n topic=t expire_time={seconds=5} labels={key=k value=v}"),
    ROW(PUBSUB(create_snapshot_request), "\x0a\x01n\x12\x01s\x1a\x06\x0a\x01k\x12\x01v\x22\x06\x0a\x01k\x12\x01w",
        "name=n subscription=s labels={key=k value=v} tags={key=k value=w}"),
    ROW(PUBSUB(get_snapshot_request), "\x0a\x01s", "snapshot=s"),
    ROW(PUBSUB(update_snapshot_request), "\x0a\x03\x0a\x01n\x12\x03\x0a\x01p", "snapshot={name=n} update_mask={paths=p}"),
    ROW(PUBSUB(list_snapshots_request), "\x0a\x01p\x10\x07\x1a\x01t", "project=p page_size=7 page_token=t"),
    ROW(PUBSUB(list_snapshots_response), "\x0a\x03\x0a\x01n\x12\x01t", "snapshots={name=n} next_page_token=t"),
    ROW(PUBSUB(delete_snapshot_request), "\x0a\x01s", "snapshot=s"),
    ROW(PUBSUB(seek_request), "\x0a\x01s\x12\x02\x08\x05", "subscription=s time={seconds=5}"),
    ROW(PUBSUB(seek_request), "\x0a\x01s\x1a\x01n", "subscription=s snapshot=n"),
    ROW(PUBSUB(seek_response), "", ""),
};

static void each_message_reads_and_writes_the_public_bytes(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf text = { 0 }, again = { 0 };
        ProtobufCMessage *m = protobuf_c_message_unpack(rows[i].descriptor, NULL, rows[i].bytes.len,
                                                        (const uint8_t *) rows[i].bytes.ptr);
        if (m == NULL)
            fail_msg("row %zu, %s: cannot be read", i, rows[i].descriptor->name);
        print_fields(m, &text);
        assert_string_equal(buf_str(&text), rows[i].text);
        size_t len = protobuf_c_message_get_packed_size(m);
        again.len = protobuf_c_message_pack(m, (uint8_t *) buf_reserve(&again, len));
        if (!bytes_eq(buf_bytes(&again), rows[i].bytes))
            fail_msg("row %zu, %s: written otherwise", i, rows[i].descriptor->name);
        protobuf_c_message_free_unpacked(m, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_message_reads_and_writes_the_public_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
