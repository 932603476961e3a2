/* The reply of messages:ingest: {"hl7Ack": base64, "message": {"name": ...}}. */
#include "store/store_call.h"

void store_read_ingest(struct store_call *call, struct store_result *r, struct err *err)
{
    struct json_field f[] = { { "hl7Ack", { 0 } }, { "message", { 0 } } };
    struct json_field m[] = { { "name", { 0 } } };
    if (!store_read_object(buf_bytes(call->reply), f, ARRAY_LEN(f), ERR_BAD_REPLY, r, err))
        return;
    struct json_value *ack = &f[0].value, *message = &f[1].value;
    if (ack->kind != JSON_STRING || !store_read_string(ack) ||
        !answer_hl7_ack(ack->raw, &call->scratch, r->ack, r->nack_where)) {
        store_read_fail(r, err, ERR_NOT_ACCEPTED, "the reply holds no HL7 acknowledgement that can be read");
        return;
    }
    if (strcmp(r->ack, "AA") != 0) {
        store_read_fail(r, err, ERR_NOT_ACCEPTED, "the HL7 acknowledgement does not say AA");
        return;
    }
    if (message->kind != JSON_OBJECT || !json_scan_object(message->raw, m, 1, NULL) ||
        m[0].value.kind != JSON_STRING || !store_read_string(&m[0].value)) {
        store_read_fail(r, err, ERR_BAD_REPLY, "the reply names no message");
        return;
    }
    if (store_path_check(&call->client->names, m[0].value.raw, &r->id) != STORE_PATH_OK) {
        store_read_fail(r, err, ERR_WRONG_NAME, "the message is said to be in another store");
        return;
    }
    r->name = m[0].value.raw;
}
