#include "store/answer.h"

#include "base/b64.h"

/* The parts of the API's own error that we look at. */
struct api_error {
    struct bytes status;
    struct json_value nack;
    us_t delay_us;
};

static bool is_status_word(const struct json_value *v)
{
    if (v->kind != JSON_STRING || v->escaped || v->raw.len == 0 || v->raw.len > 40)
        return false;
    for (size_t i = 0; i < v->raw.len; i++)
        if ((v->raw.ptr[i] < 'A' || v->raw.ptr[i] > 'Z') && v->raw.ptr[i] != '_')
            return false;
    return true;
}

/* google/rpc/code.proto: the only words of a far side that may stand in a text of ours. */
static const char *known_status(struct bytes word)
{
    static const char *const known[] = {
        "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
        "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (bytes_eq_str(word, known[i]))
            return known[i];
    return "";
}

static void read_details(const struct json_value *details, struct api_error *ret)
{
    struct json_value detail;
    for (struct json_cursor c = json_cursor_of(details); json_next(&c, NULL, &detail);) {
        struct json_field f[] = { { "hl7Nack", { 0 } }, { "retryDelay", { 0 } } };
        if (detail.kind != JSON_OBJECT || !json_scan_object(detail.raw, f, ARRAY_LEN(f), NULL))
            continue;
        /* By the key, not by @type: that of v1 is in no public source. */
        if (f[0].value.kind == JSON_STRING && f[0].value.raw.len > 0 && ret->nack.kind == JSON_NONE)
            ret->nack = f[0].value;
        if (f[1].value.kind == JSON_STRING)
            ret->delay_us = MAX(ret->delay_us, answer_retry_delay(f[1].value.raw));
    }
}

/* {"error":{"code":<status>,"message":"...","status":"<WORD>","details":[...]}} and nothing less. */
static bool read_api_error(const struct answer_head *head, struct bytes body, struct api_error *ret)
{
    struct json_field top[] = { { "error", { 0 } } };
    struct json_field f[] = { { "code", { 0 } }, { "status", { 0 } }, { "details", { 0 } } };
    int64_t code;
    if (head->encoded || !json_scan_object(body, top, 1, NULL) || top[0].value.kind != JSON_OBJECT)
        return false;
    if (!json_scan_object(top[0].value.raw, f, ARRAY_LEN(f), NULL))
        return false;
    if (!json_to_i64(&f[0].value, &code) || code != head->status || !is_status_word(&f[1].value))
        return false;
    ret->status = f[1].value.raw;
    read_details(&f[2].value, ret);
    return true;
}

/* Statuses whose meaning does not hang on who answered: ours to wait and ask again. */
static bool class_of_status(uint16_t status, uint16_t *ret_class)
{
    switch (status) {
    case 408: case 425: case 500: case 502: case 503: case 504:
        *ret_class = ERR_TRANSIENT;
        return true;
    case 429:
        *ret_class = ERR_THROTTLED;
        return true;
    case 401:
        *ret_class = ERR_UNAUTHENTICATED;
        return true;
    case 407:
        *ret_class = ERR_PROXY;
        return true;
    default:
        break;
    }
    if (status < 400) {
        *ret_class = status >= 300 ? ERR_REDIRECTED : ERR_BAD_REPLY;
        return true;
    }
    return false;
}

static uint16_t class_of_conflict(const struct api_error *e)
{
    if (bytes_eq_str(e->status, "ALREADY_EXISTS"))
        return ERR_ALREADY_EXISTS;
    return e->nack.kind != JSON_NONE ? ERR_NACKED : ERR_CONFLICT;
}

static uint16_t class_of_api_error(uint16_t status, const struct api_error *e)
{
    if (status == 409)
        return class_of_conflict(e);
    if (status < 500 && e->nack.kind != JSON_NONE)
        return ERR_NACKED;
    switch (status) {
    case 403:
        return ERR_FORBIDDEN;
    case 404: case 410:
        return ERR_NOT_FOUND;
    case 412:
        return ERR_PRECONDITION;
    case 405: case 501:
        return ERR_UNIMPLEMENTED;
    case 499:
        return ERR_TRANSIENT;
    default:
        break;
    }
    if (status >= 500)
        return ERR_TRANSIENT;
    return bytes_eq_str(e->status, "FAILED_PRECONDITION") ? ERR_PRECONDITION : ERR_REFUSED;
}

struct answer_error answer_classify(const struct answer_head *head, struct bytes body, us_t wall_us)
{
    struct api_error e = { 0 };
    struct answer_error a = { .class = ERR_NOT_API };
    bool api = read_api_error(head, body, &e);
    if (!class_of_status(head->status, &a.class) && api)
        a.class = class_of_api_error(head->status, &e);
    a.wait_us = MAX(answer_retry_after(head->retry_after, head->date_wall_us, wall_us), e.delay_us);
    a.nack = e.nack;
    a.status = known_status(e.status);
    return a;
}

static bool is_ack_code(struct bytes b)
{
    return b.len == 2 && (b.ptr[0] == 'A' || b.ptr[0] == 'C') &&
           (b.ptr[1] == 'A' || b.ptr[1] == 'E' || b.ptr[1] == 'R');
}

/* "PID^1^5": a segment's name and numbers; anything else could be a value. */
static bool is_place(struct bytes b)
{
    size_t i = 0;
    for (; i < b.len && b.ptr[i] != '^'; i++)
        if ((b.ptr[i] < 'A' || b.ptr[i] > 'Z') && (i == 0 || b.ptr[i] < '0' || b.ptr[i] > '9'))
            return false;
    if (i != 3)
        return false;
    size_t run = 0;
    for (; i < b.len; i++) {
        run = b.ptr[i] == '^' ? 0 : run + 1;
        if (run > 3 || (b.ptr[i] != '^' && (b.ptr[i] < '0' || b.ptr[i] > '9')))
            return false;
    }
    return true;
}

static struct bytes field(struct bytes segment, char separator, unsigned n)
{
    struct bytes f = bytes_cut(&segment, separator);
    while (n-- > 0)
        f = bytes_cut(&segment, separator);
    return f;
}

static struct bytes cut_segment(struct bytes *rest)
{
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != '\r' && rest->ptr[end] != '\n')
        end++;
    struct bytes segment = bytes_sub(*rest, 0, end);
    *rest = bytes_sub(*rest, end + 1, rest->len);
    return segment;
}

enum { ACK_LOOK = 4096 };    /* base64 characters of an acknowledgement that we look at */

bool answer_hl7_ack(struct bytes b64, struct buf *scratch, char ret_code[3], char ret_where[24])
{
    buf_clear(scratch);
    if (b64.len > ACK_LOOK && !b64_is_valid(b64, NULL))
        return false;
    if (!b64_decode(bytes_sub(b64, 0, ACK_LOOK), scratch))
        return false;
    struct bytes rest = buf_bytes(scratch);
    if (!bytes_starts(rest, BYTES_LIT("MSH")) || rest.len < 4)
        return false;
    char separator = rest.ptr[3];
    bool found = false;
    while (rest.len > 0) {
        struct bytes segment = cut_segment(&rest);
        struct bytes name = field(segment, separator, 0);
        if (bytes_eq_str(name, "MSA") && !found) {
            struct bytes code = field(segment, separator, 1);
            if (!is_ack_code(code))
                return false;
            memcpy(ret_code, code.ptr, 2);
            ret_code[2] = '\0';
            found = true;
        } else if (bytes_eq_str(name, "ERR") && ret_where[0] == '\0') {
            struct bytes place = field(segment, separator, 2);
            if (place.len < 24 && is_place(place)) {
                memcpy(ret_where, place.ptr, place.len);
                ret_where[place.len] = '\0';
            }
        }
    }
    return found;
}
