/* Error bodies, Retry-After and HL7 acknowledgements of a hostile server: a class, a bounded wait, nothing else. */
#include "fuzz.h"

#include "base/b64.h"
#include "base/limits.h"
#include "store/answer.h"

static void check_ack(struct bytes b64)
{
    CLEANUP(buf_fini) struct buf scratch = { 0 };
    char code[3] = "", where[24] = "";
    if (answer_hl7_ack(b64, &scratch, code, where))
        CHECK(strlen(code) == 2);
    CHECK(strlen(where) < sizeof(where));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint16_t statuses[] = { 204, 301, 400, 401, 403, 404, 408, 409, 410, 412, 413, 422, 429, 499, 500, 501,
                                         502, 503, 504, 511, 599 };
    struct bytes in = fuzz_bytes(data, len);
    us_t most = (us_t) LIMIT_RETRY_AFTER_S * US_PER_S, at = 0;
    if (len == 0)
        return 0;
    struct answer_head head = { .status = statuses[data[0] % ARRAY_LEN(statuses)], .encoded = (data[0] & 0x80) != 0 };
    struct bytes body = bytes_sub(in, 1, in.len);
    head.retry_after = bytes_sub(body, 0, 40);
    struct answer_error a = answer_classify(&head, body, 784111777 * US_PER_S);
    CHECK(a.class != ERR_OK && a.class < ERR_CLASSES && a.wait_us >= 0 && a.wait_us <= most);
    CHECK(a.nack.kind == JSON_NONE || a.nack.kind == JSON_STRING);
    CHECK(strlen(a.status) <= strlen("FAILED_PRECONDITION") && strstr(a.status, "CANARY") == NULL);
    if (answer_http_date(body, &at))
        CHECK(at >= 0);
    us_t delay = answer_retry_delay(body);
    CHECK(delay >= 0 && delay <= most);
    check_ack(body);
    CLEANUP(buf_fini) struct buf coded = { 0 };
    b64_encode(body, &coded);
    check_ack(buf_bytes(&coded));
    return 0;
}
