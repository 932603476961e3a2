/* The reply of a GET of one message: read, or compared with a message that we hold. */
#include "base/b64.h"
#include "base/check.h"
#include "store/store_call.h"

bool store_read_string(struct json_value *v)
{
    if (!v->escaped)
        return true;
    /* The slice lies in a reply's buffer, which is ours to write: base64 with "\/" or "\u003d" is rare. */
    if (!json_unescape_in_place((char *) (uintptr_t) v->raw.ptr, &v->raw.len))
        return false;
    v->escaped = false;
    return true;
}

bool store_read_object(struct bytes body, struct json_field *fields, size_t count, enum err_class twice,
                       struct store_result *r, struct err *err)
{
    struct json_value root;
    if (json_scan_object(body, fields, count, NULL)) {
        r->class = ERR_OK;
        return true;
    }
    struct bytes text = bytes_trim(body);
    if (text.len == 0 || text.ptr[0] != '{')
        store_read_fail(r, err, ERR_NOT_API, "the reply is not JSON: something else than the API answered");
    else if (json_scan(body, &root, NULL))
        store_read_fail(r, err, twice, "a field stands in the reply twice");
    else
        store_read_fail(r, err, ERR_BAD_REPLY, "the reply is broken JSON");
    return false;
}

static bool read_name(struct store_call *call, struct json_value *name, struct store_result *r, struct err *err)
{
    struct bytes id;
    if (name->kind != JSON_STRING || !store_read_string(name)) {
        store_read_fail(r, err, ERR_BAD_REPLY, "the reply names no message");
        return false;
    }
    if (store_path_check(&call->client->names, name->raw, &id) != STORE_PATH_OK ||
        !bytes_eq(id, bytes_of(call->id, call->id_len))) {
        store_read_fail(r, err, ERR_WRONG_NAME, "the reply is for another message than the one asked for");
        return false;
    }
    return true;
}

static bool read_data(struct json_value *data, size_t *ret_len, struct store_result *r, struct err *err)
{
    if (data->kind != JSON_STRING || !store_read_string(data) || data->raw.len == 0) {
        store_read_fail(r, err, ERR_BAD_PAYLOAD, "the reply holds no data, or empty data");
        return false;
    }
    if (!b64_is_valid(data->raw, ret_len)) {
        store_read_fail(r, err, ERR_BAD_PAYLOAD, "the data is not base64");
        return false;
    }
    return true;
}

/* Labels go to the destination as they stand: an object of strings, or nothing. */
static bool read_labels(struct json_value *labels, struct store_result *r, struct err *err)
{
    struct json_value value;
    if (labels->kind == JSON_NULL || labels->kind == JSON_NONE) {
        labels->raw = bytes_of(NULL, 0);
        return true;
    }
    bool sound = labels->kind == JSON_OBJECT;
    bool some = false;
    for (struct json_cursor c = json_cursor_of(labels); sound && json_next(&c, NULL, &value); some = true)
        sound = value.kind == JSON_STRING;
    if (!sound) {
        store_read_fail(r, err, ERR_BAD_PAYLOAD, "the labels are not an object of strings");
        return false;
    }
    if (!some)
        labels->raw = bytes_of(NULL, 0);
    return true;
}

void store_read_fetch(struct store_call *call, struct store_result *r, struct err *err)
{
    struct json_field f[] = { { "name", { 0 } }, { "data", { 0 } }, { "labels", { 0 } } };
    struct store_body *into = call->into;
    size_t message_bytes = 0;
    if (!store_read_object(buf_bytes(call->reply), f, ARRAY_LEN(f), ERR_BAD_PAYLOAD, r, err) ||
        !read_name(call, &f[0].value, r, err) || !read_data(&f[1].value, &message_bytes, r, err) ||
        !read_labels(&f[2].value, r, err))
        return;
    into->data = f[1].value.raw;
    into->labels = f[2].value.raw;
    into->message_bytes = message_bytes;
}

/* Same bytes, though one may be padded or of the other alphabet. */
static bool same_bytes(struct bytes a, struct bytes b)
{
    CLEANUP(buf_fini) struct buf plain_a = { 0 }, plain_b = { 0 };
    if (bytes_eq(a, b))
        return true;
    return b64_decode(a, &plain_a) && b64_decode(b, &plain_b) && bytes_eq(buf_bytes(&plain_a), buf_bytes(&plain_b));
}

void store_read_compare(struct store_call *call, struct store_result *r, struct err *err)
{
    struct json_field f[] = { { "name", { 0 } }, { "data", { 0 } }, { "labels", { 0 } } };
    size_t len;
    if (!store_read_object(buf_bytes(call->reply), f, ARRAY_LEN(f), ERR_BAD_REPLY, r, err) ||
        !read_name(call, &f[0].value, r, err) || !read_data(&f[1].value, &len, r, err))
        return;
    if (!same_bytes(f[1].value.raw, call->want))
        store_read_fail(r, err, ERR_DIFFERENT, "the copy holds other bytes than the message");
    else if (call->labels_too)
        r->labels_differ = !store_labels_same(f[2].value.raw, call->labels);
}
