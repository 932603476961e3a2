#include "cloud/message_arrival.h"

#include "base/b64.h"
#include "base/sha256.h"
#include "hl7/ack.h"

void cloud_arrival_fini(struct cloud_arrival *a)
{
    buf_fini(&a->scratch);
    buf_fini(&a->bytes);
    buf_fini(&a->labels);
}

static void append_u32(struct buf *out, size_t n)
{
    char octets[4] = { (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
    buf_append(out, bytes_of(octets, sizeof(octets)));
}

void cloud_messages_append(struct bytes facts, struct bytes ack, struct buf *row)
{
    append_u32(row, facts.len);
    buf_append(row, facts);
    append_u32(row, ack.len);
    buf_append(row, ack);
}

struct bytes cloud_arrival_sum(const struct cloud_arrival *a)
{
    return bytes_of((const char *) a->sum.octet, SHA256_LEN);
}

static struct bytes terminator_of(const struct cloud_store *store)
{
    struct bytes t = buf_bytes(&store->conf.terminator);
    return t.len > 0 ? t : HL7_CR;
}

bool cloud_messages_is_output(const struct json_value *key)
{
    static const char *const names[] = { "name",         "createTime",      "create_time",
                                         "sendFacility", "send_facility",   "sendTime",
                                         "send_time",    "messageType",     "message_type",
                                         "patientIds",   "patient_ids",     "parsedData",
                                         "parsed_data",  "schematizedData", "schematized_data" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_str_is(key, names[i]))
            return true;
    return false;
}

bool cloud_arrival_read_message(const struct json_value *message, bool strict, struct cloud_arrival *a,
                         struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(message);
    struct json_value key, v;
    if (message->kind != JSON_OBJECT)
        return cloud_json_bad(fault, "message", "it must be an object");
    while (json_next(&members, &key, &v)) {
        if (json_str_is(&key, "data")) {
            TRY(cloud_json_text(&v, "message.data", &a->scratch, &a->data, fault));
            a->has_data = v.kind == JSON_STRING;
        } else if (json_str_is(&key, "labels")) {
            buf_clear(&a->labels);
            TRY(cloud_json_labels(&v, &a->labels, &a->labels_count, fault));
        } else if (!cloud_messages_is_output(&key) && strict) {
            return cloud_json_unknown(&key, "message", fault);
        }
    }
    return true;
}

/* True if the body is {"message": <message>} and nothing else: what every client sends. */
static bool is_message_alone(struct bytes body, struct bytes message)
{
    const char *end = message.ptr + message.len;
    struct bytes before = bytes_of(body.ptr, (size_t) (message.ptr - body.ptr));
    struct bytes behind = bytes_trim(bytes_of(end, (size_t) (body.ptr + body.len - end)));
    char squeezed[16];
    size_t len = 0;
    for (size_t i = 0; i < before.len && len < sizeof(squeezed); i++)
        if (before.ptr[i] > ' ')
            squeezed[len++] = before.ptr[i];
    return bytes_eq_str(bytes_of(squeezed, len), "{\"message\":") && bytes_eq_str(behind, "}");
}

/* Refuses the first member that is not "message". */
static bool refuse_other(struct bytes body, struct cloud_json_fault *fault)
{
    struct json_value root, key, v;
    TRY(json_scan(body, &root, &fault->err));
    struct json_cursor members = json_cursor_of(&root);
    while (json_next(&members, &key, &v))
        if (!json_str_is(&key, "message"))
            return cloud_json_unknown(&key, "", fault);
    return true;
}

bool cloud_arrival_read(struct bytes body, const struct cloud_store *store, bool strict, struct cloud_arrival *a,
                         struct cloud_json_fault *fault)
{
    struct json_field message = { .key = "message" };
    TRY(json_scan_object(body, &message, 1, &fault->err));
    if (strict && (message.value.kind == JSON_NONE || !is_message_alone(body, message.value.raw)))
        TRY(refuse_other(body, fault));
    if (message.value.kind != JSON_NONE)
        TRY(cloud_arrival_read_message(&message.value, strict, a, fault));
    return cloud_arrival_decode(store, a, fault);
}

bool cloud_arrival_decode(const struct cloud_store *store, struct cloud_arrival *a,
                          struct cloud_json_fault *fault)
{
    if (!a->has_data || (a->data.len == 0 && !store->accept_all))
        return cloud_json_bad(fault, "message.data", "it is required");
    if (!b64_decode(a->data, &a->bytes))
        return cloud_json_bad(fault, "message.data", "Base64 decoding failed (TYPE_BYTES)");
    return true;
}

static void append_data(const struct cloud_arrival *a, struct buf *row)
{
    bool canonical = a->data.len % 4 == 0 && memchr(a->data.ptr, '-', a->data.len) == NULL &&
                     memchr(a->data.ptr, '_', a->data.len) == NULL;
    buf_append_char(row, '"');
    if (a->data.len > 0 && canonical)
        buf_append(row, a->data);
    else
        b64_encode(buf_bytes(&a->bytes), row);
    buf_append_char(row, '"');
}

/* The row as messages.h draws it. */
void cloud_arrival_row(struct cloud *c, const struct cloud_store *store, const struct cloud_arrival *a,
                     struct buf *row)
{
    CLEANUP(buf_fini) struct buf ack = { 0 };
    CLEANUP(buf_fini) struct buf facts = { 0 };
    char uuid[CLOUD_UUID_LEN];
    us_t now_wall_us = loop_wall(c->loop);
    cloud_stores_uuid(c->stores, uuid);
    /* A message without a header can only be here because the store takes such: it gets the plainest ACK. */
    const struct hl7_msh none = { .seps = HL7_SEPS_USUAL, .field[2] = BYTES_LIT("^~\\&") };
    hl7_ack_accept(a->header ? &a->msh : &none, now_wall_us, uuid, &ack);
    cloud_facts_append(buf_bytes(&a->bytes), terminator_of(store), a->header ? &a->msh : NULL, store->zone, now_wall_us,
                       &facts);
    cloud_facts_append_labels_count(&facts, a->labels_count);
    buf_append(&facts, buf_bytes(&a->labels));
    buf_reserve(row, a->data.len + ack.len + facts.len + 16);
    cloud_messages_append(buf_bytes(&facts), buf_bytes(&ack), row);
    append_data(a, row);
}

enum hl7_defect cloud_arrival_judge(struct cloud_arrival *a, const struct cloud_store *store)
{
    struct hl7_rules rules = { .terminator = buf_bytes(&store->conf.terminator),
                               .null_header = store->conf.null_header };
    a->header = hl7_msh_read(buf_bytes(&a->bytes), terminator_of(store), &a->msh);
    a->sum = sha256_of(buf_bytes(&a->bytes));
    return store->accept_all ? HL7_SOUND : hl7_validate(buf_bytes(&a->bytes), &rules);
}
