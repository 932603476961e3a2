#include "unit.h"

#include "base/b64.h"
#include "store/answer.h"

#define ERROR(code, status, more) "{\"error\":{\"code\":" #code ",\"message\":\"m\",\"status\":\"" status "\"" more "}}"
#define NACK \
    ",\"details\":[{\"@type\":\"t\"},{\"@type\":\"t/google.cloud.healthcare.v1beta1.hl7v2.IngestMessageErrorDetail\"," \
    "\"hl7Nack\":\"TVNI\"}]"

static void every_status_has_its_class(void **state)
{
    static const struct {
        uint16_t status, class;
        const char *body;
    } rows[] = {
        /* retried, whoever answered */
        { 408, ERR_TRANSIENT, "" }, { 425, ERR_TRANSIENT, "" }, { 429, ERR_THROTTLED, "<html>" },
        { 500, ERR_TRANSIENT, "<html>" }, { 502, ERR_TRANSIENT, "<html>" }, { 503, ERR_TRANSIENT, "" },
        { 504, ERR_TRANSIENT, ERROR(504, "DEADLINE_EXCEEDED", "") }, { 401, ERR_UNAUTHENTICATED, "<html>" },
        { 407, ERR_PROXY, "" }, { 301, ERR_REDIRECTED, "" }, { 307, ERR_REDIRECTED, "" }, { 204, ERR_BAD_REPLY, "" },
        /* only from the API itself */
        { 400, ERR_REFUSED, ERROR(400, "INVALID_ARGUMENT", "") },
        { 400, ERR_NACKED, ERROR(400, "INVALID_ARGUMENT", NACK) },
        { 400, ERR_PRECONDITION, ERROR(400, "FAILED_PRECONDITION", "") },
        { 403, ERR_FORBIDDEN, ERROR(403, "PERMISSION_DENIED", "") },
        { 404, ERR_NOT_FOUND, ERROR(404, "NOT_FOUND", "") },
        { 410, ERR_NOT_FOUND, ERROR(410, "NOT_FOUND", "") },
        { 405, ERR_UNIMPLEMENTED, ERROR(405, "UNIMPLEMENTED", "") },
        { 409, ERR_ALREADY_EXISTS, ERROR(409, "ALREADY_EXISTS", "") },
        { 409, ERR_ALREADY_EXISTS, ERROR(409, "ALREADY_EXISTS", NACK) },
        { 409, ERR_NACKED, ERROR(409, "ABORTED", NACK) },
        { 409, ERR_CONFLICT, ERROR(409, "ABORTED", "") },
        { 412, ERR_PRECONDITION, ERROR(412, "FAILED_PRECONDITION", "") },
        { 413, ERR_REFUSED, ERROR(413, "INVALID_ARGUMENT", "") },
        { 422, ERR_NACKED, ERROR(422, "INVALID_ARGUMENT", NACK) },
        { 499, ERR_TRANSIENT, ERROR(499, "CANCELLED", "") },
        { 501, ERR_UNIMPLEMENTED, ERROR(501, "UNIMPLEMENTED", "") },
        { 599, ERR_TRANSIENT, ERROR(599, "INTERNAL", "") },
        /* the same statuses from something else */
        { 400, ERR_NOT_API, "<html>Bad Request</html>" }, { 400, ERR_NOT_API, "" }, { 400, ERR_NOT_API, "{}" },
        { 403, ERR_NOT_API, "<html>" }, { 404, ERR_NOT_API, "<html>" }, { 404, ERR_NOT_API, "Not Found" },
        { 404, ERR_NOT_API, ERROR(403, "NOT_FOUND", "") }, { 404, ERR_NOT_API, "{\"error\":\"NOT_FOUND\"}" },
        { 404, ERR_NOT_API, "{\"error\":{\"code\":404,\"message\":\"no status\"}}" },
        { 404, ERR_NOT_API, "{\"error\":{\"code\":404,\"status\":\"not found\"}}" },
        { 404, ERR_NOT_API, "{\"error\":{\"code\":\"x\",\"status\":\"NOT_FOUND\"}}" },
        { 404, ERR_NOT_API, ERROR(404, "NOT_FOUND", "") "x" },
        { 409, ERR_NOT_API, "conflict" }, { 413, ERR_NOT_API, "" }, { 501, ERR_NOT_API, "" }, { 511, ERR_NOT_API, "<html>" },
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer_head head = { .status = rows[i].status };
        struct answer_error a = answer_classify(&head, bytes_str(rows[i].body), 0);
        if (a.class != rows[i].class)
            fail_msg("row %zu, status %u: %s", i, rows[i].status, err_name(a.class));
    }
}

static void an_encoded_body_is_not_read(void **state)
{
    struct answer_head head = { .status = 404, .encoded = true };
    (void) state;
    assert_int_equal(answer_classify(&head, BYTES_LIT(ERROR(404, "NOT_FOUND", "")), 0).class, ERR_NOT_API);
}

static void the_nack_is_found_by_its_key(void **state)
{
    struct answer_head head = { .status = 400 };
    struct answer_error a = answer_classify(&head, BYTES_LIT(ERROR(400, "INVALID_ARGUMENT", NACK)), 0);
    (void) state;
    assert_bytes_equal(a.nack.raw, "TVNI");
    a = answer_classify(&head, BYTES_LIT(ERROR(400, "INVALID_ARGUMENT", ",\"details\":[{\"hl7Nack\":\"\"},7]")), 0);
    assert_int_equal(a.class, ERR_REFUSED);
}

static void only_known_words_are_repeated(void **state)
{
    struct answer_head head = { .status = 400 };
    (void) state;
    assert_string_equal(answer_classify(&head, BYTES_LIT(ERROR(400, "INVALID_ARGUMENT", "")), 0).status, "INVALID_ARGUMENT");
    struct answer_error a = answer_classify(&head, BYTES_LIT(ERROR(400, "DOE_JOHN", "")), 0);
    assert_int_equal(a.class, ERR_REFUSED);
    assert_string_equal(a.status, "");
}

static void waits_are_read_and_capped(void **state)
{
    const us_t now = (us_t) 784111777 * US_PER_S;    /* Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's example */
    static const struct {
        const char *value;
        us_t wait_s;
    } rows[] = {
        { "", 0 }, { "0", 0 }, { "7", 7 }, { " 7 ", 7 }, { "600", 600 }, { "601", 600 }, { "999999999999", 600 },
        { "99999999999999999999999", 0 }, { "-1", 0 }, { "1.5", 0 }, { "soon", 0 }, { "Sun, 06 Nov 1994 08:49:47 GMT", 10 },
        { "Sunday, 06-Nov-94 08:49:47 GMT", 10 }, { "Sun Nov  6 08:49:47 1994", 10 }, { "Sun Nov 06 08:49:47 1994", 10 },
        { "Sun, 06 Nov 1994 08:49:27 GMT", 0 }, { "Sun, 06 Nov 2094 08:49:37 GMT", 600 },
        { "Sun, 06 Nov 1994 08:49:47 PST", 0 }, { "Sun, 06 Nov 1994 8:49:47 GMT", 0 }, { "Sun, 06 Foo 1994 08:49:47 GMT", 0 },
        { "Sun, 06 Nov 1994 08:49:47 GMT x", 0 }, { "Sun, 00 Nov 1994 08:49:47 GMT", 0 }, { "Sun, 06 Nov 1994 24:49:47 GMT", 0 },
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        us_t wait = answer_retry_after(bytes_str(rows[i].value), 0, now);
        if (wait != rows[i].wait_s * US_PER_S)
            fail_msg("row %zu: %lld", i, (long long) wait);
    }
    /* The server's own Date beats a clock of ours that is an hour off. */
    assert_int_equal(answer_retry_after(BYTES_LIT("Sun, 06 Nov 1994 08:49:47 GMT"), now, now + 3600 * US_PER_S),
                     10 * US_PER_S);
}

static void dates_are_right_over_the_years(void **state)
{
    us_t at;
    (void) state;
    assert_true(answer_http_date(BYTES_LIT("Thu, 01 Jan 1970 00:00:00 GMT"), &at));
    assert_int_equal(at, 0);
    assert_true(answer_http_date(BYTES_LIT("Thu, 29 Feb 2024 12:00:00 GMT"), &at));
    assert_int_equal(at, (us_t) 1709208000 * US_PER_S);
    assert_true(answer_http_date(BYTES_LIT("Tue, 19 Jan 2038 03:14:08 GMT"), &at));
    assert_int_equal(at, (us_t) 2147483648 * US_PER_S);
}

static void retry_info_is_read(void **state)
{
    struct answer_head head = { .status = 429, .retry_after = BYTES_LIT("2") };
    (void) state;
    assert_int_equal(answer_retry_delay(BYTES_LIT("3.5s")), 3500000);
    assert_int_equal(answer_retry_delay(BYTES_LIT("0.000000001s")), 0);
    assert_int_equal(answer_retry_delay(BYTES_LIT("1.123456789s")), 1123456);
    assert_int_equal(answer_retry_delay(BYTES_LIT("99999s")), 600 * US_PER_S);
    assert_int_equal(answer_retry_delay(BYTES_LIT("s")), 0);
    assert_int_equal(answer_retry_delay(BYTES_LIT("-1s")), 0);
    assert_int_equal(answer_retry_delay(BYTES_LIT("3")), 0);
    struct answer_error a = answer_classify(
        &head, BYTES_LIT(ERROR(429, "RESOURCE_EXHAUSTED", ",\"details\":[{\"retryDelay\":\"4s\"}]")), 0);
    assert_int_equal(a.class, ERR_THROTTLED);
    assert_int_equal(a.wait_us, 4 * US_PER_S);
}

static void acknowledgements_are_read(void **state)
{
    static const struct {
        const char *hl7, *code, *where;
        bool ok;
    } rows[] = {
        { "MSH|^~\\&|A|A|A|F|20200214212005||ACK|1|T|0.0\rMSA|AA|20180101000000", "AA", "", true },
        { "MSH|^~\\&|A\rMSA|AE|1|some text of a patient\r", "AE", "", true },
        { "MSH|^~\\&|A\rERR||PID^1^5|101\rMSA|AR|1", "AR", "PID^1^5", true },
        { "MSH|^~\\&|A\nMSA|AE|1\nERR||PID^1^5^1^2|101", "AE", "PID^1^5^1^2", true },
        { "MSH|^~\\&|A\rMSA|AE|1\rERR||DOE^JOHN|101", "AE", "", true },
        { "MSH|^~\\&|A\rMSA|AE|1\rERR||PID^19700101|101", "AE", "", true },
        { "MSH#^~\\&#A\rMSA#CA#1", "CA", "", true },
        { "MSH|^~\\&|A\rMSA|ZZ|1", "", "", false },
        { "MSH|^~\\&|A\rMSA", "", "", false },
        { "MSA|AA|1", "", "", false },
        { "MSH|^~\\&|A\rPID|AA", "", "", false },
        { "", "", "", false },
    };
    CLEANUP(buf_fini) struct buf b64 = { 0 }, scratch = { 0 };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char code[3] = "", where[24] = "";
        buf_clear(&b64);
        b64_encode(bytes_str(rows[i].hl7), &b64);
        if (answer_hl7_ack(buf_bytes(&b64), &scratch, code, where) != rows[i].ok)
            fail_msg("row %zu", i);
        assert_string_equal(code, rows[i].code);
        assert_string_equal(where, rows[i].where);
    }
    char code[3] = "", where[24] = "";
    assert_false(answer_hl7_ack(BYTES_LIT("not base64!"), &scratch, code, where));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_class),
        cmocka_unit_test(an_encoded_body_is_not_read),
        cmocka_unit_test(the_nack_is_found_by_its_key),
        cmocka_unit_test(only_known_words_are_repeated),
        cmocka_unit_test(waits_are_read_and_capped),
        cmocka_unit_test(dates_are_right_over_the_years),
        cmocka_unit_test(retry_info_is_read),
        cmocka_unit_test(acknowledgements_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
