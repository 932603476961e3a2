#include "stores_rig.h"

#include "base/b64.h"

#define SAMPLE                                                                                               \
    "MSH|^~\\&|A|SEND_FACILITY|A|A|20180101000000||TYPE^A|20180101000000|T|0.0|||AA||00|ASCII\r"             \
    "EVN|A00|20180101040000\rPID||14\x01"                                                                    \
    "111^^^^MRN|11111111^^^^MRN~1111111111^^^^ORGNMBR"
#define SAMPLE_ID "2yqbdhYHlk_ucSmWkcKOVm_N0p0OpBXgIlVG18rB-cw="

static struct bytes sample(void)
{
    return BYTES_LIT(SAMPLE);
}

/* The value of a string member, decoded from base64. */
static void decoded(struct stores_rig *rig, const char *key, struct buf *out)
{
    CLEANUP(buf_fini) struct buf mark = { 0 };
    buf_printf(&mark, "\"%s\":\"", key);
    char *at = strstr(buf_str(&rig->json), buf_str(&mark));
    assert_non_null(at);
    at += mark.len;
    buf_clear(out);
    assert_true(b64_decode(bytes_of(at, strcspn(at, "\"")), out));
}

static void an_ingested_message_has_its_metadata_and_its_ack(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf ack = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages:ingest", sample());
    assert_int_equal(rig.status, 200);
    decoded(&rig, "hl7Ack", &ack);
    assert_true(bytes_starts(buf_bytes(&ack), BYTES_LIT("MSH|^~\\&|A|A|A|SEND_FACILITY|")));
    assert_true(bytes_ends(buf_bytes(&ack), BYTES_LIT("|T|0.0\rMSA|AA|20180101000000")));
    assert_json_has(&rig, "\"name\":\"" STORE "/messages/" SAMPLE_ID "\"");
    assert_json_has(&rig, "\"sendTime\":\"2018-01-01T00:00:00Z\"");
    assert_json_has(&rig, "\"messageType\":\"TYPE\",\"sendFacility\":\"SEND_FACILITY\"");
    assert_json_has(
        &rig,
        "\"patientIds\":[{\"value\":\"14\\u0001111\",\"type\":\"MRN\"},{\"value\":\"11111111\",\"type\":"
        "\"MRN\"},{\"value\":\"1111111111\",\"type\":\"ORGNMBR\"}]");
    assert_json_lacks(&rig, "parsedData");
    stores_rig_end(&rig);
}

static void every_view_shows_what_it_should(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf data = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages", sample());
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID "?view=RAW_ONLY", "");
    decoded(&rig, "data", &data);
    assert_true(bytes_eq(buf_bytes(&data), sample()));
    assert_json_lacks(&rig, "parsedData");
    assert_json_has(&rig, "createTime");
    stores_rig_ask_str(&rig, "GET", STORE "/messages/2yqbdhYHlk_ucSmWkcKOVm_N0p0OpBXgIlVG18rB-cw%3D", "");
    assert_json_has(&rig, "\"data\":");
    assert_json_has(&rig, "parsedData");
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID "?view=parsed_only", "");
    assert_json_lacks(&rig, "\"data\":");
    assert_json_has(&rig, "parsedData");
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID "?view=SCHEMATIZED_ONLY", "");
    assert_json_lacks(&rig, "\"data\":");
    assert_json_lacks(&rig, "parsedData");
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID "?view=BASIC", "");
    assert_string_equal(buf_str(&rig.json), "{\"name\":\"" STORE "/messages/" SAMPLE_ID "\"}");
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID "?view=SOME", "");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "GET", STORE "/messages/AAAAdhYHlk_ucSmWkcKOVm_N0p0OpBXgIlVG18rB-cw=", "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "GET", STORE "/messages/nonsense", "");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
}

static void parsed_data_is_what_googles_page_shows(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages", sample());
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID, "");
    assert_json_has(&rig, "{\"segmentId\":\"MSH\",\"fields\":{\"0\":\"MSH\",\"1\":\"^~\\\\&\",\"2\":\"A\","
                          "\"3\":\"SEND_FACILITY\","
                          "\"4\":\"A\",\"5\":\"A\",\"6\":\"20180101000000\",\"8.1\":\"TYPE\",\"8.2\":\"A\","
                          "\"9\":\"20180101000000\","
                          "\"10\":\"T\",\"11\":\"0.0\",\"14\":\"AA\",\"16\":\"00\",\"17\":\"ASCII\"}}");
    assert_json_has(&rig, "\"fields\":{\"0\":\"PID\",\"2.1\":\"14\\u0001111\",\"2.5\":\"MRN\",\"3[0].1\":"
                          "\"11111111\",\"3[0].5\":\"MRN\","
                          "\"3[1].1\":\"1111111111\",\"3[1].5\":\"ORGNMBR\"}");
    stores_rig_end(&rig);
}

static void parser_v3_counts_msh_1_and_undoes_escapes(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    struct bytes message = BYTES_LIT("MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\rPID|1||x^y\\S\\z&w\r");
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores?hl7V2StoreId=v3",
                       "{\"parserConfig\":{\"version\":\"V3\"}}");
    CLEANUP(buf_fini) struct buf body = { 0 };
    buf_append_str(&body, "{\"message\":{\"data\":\"");
    b64_encode(message, &body);
    buf_append_str(&body, "\"}}");
    stores_rig_ask(&rig, "POST", DATASET "/hl7V2Stores/v3/messages", buf_bytes(&body));
    stores_rig_ask_str(&rig, "GET", DATASET "/hl7V2Stores/v3/messages?view=FULL", "");
    assert_json_has(&rig, "\"fields\":{\"0\":\"MSH\",\"1\":\"|\",\"2\":\"^~\\\\&\",\"3\":\"A\"");
    assert_json_has(&rig, "\"setId\":\"1\",\"fields\":{\"0\":\"PID\",\"1\":\"1\",\"3.1\":\"x\",\"3.2.1\":\"y^"
                          "z\",\"3.2.2\":\"w\"}");
    stores_rig_end(&rig);
}

static void a_duplicate_is_the_same_resource_with_the_same_ack(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf first = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=notificationConfigs",
                       "{\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/t\"},"
                       "{\"pubsubTopic\":\"projects/p/topics/gone\"}]}");
    stores_rig_put(&rig, "messages:ingest", sample());
    buf_append(&first, buf_bytes(&rig.json));
    stores_rig_put(&rig, "messages:ingest", sample());
    assert_int_equal(rig.status, 200);
    assert_string_equal(buf_str(&rig.json), buf_str(&first));
    stores_rig_put(&rig, "messages", sample());
    assert_int_equal(rig.status, 200);
    assert_string_equal(buf_str(&stores_rig_notes),
                        "projects/p/topics/t " STORE "/messages/" SAMPLE_ID " TYPE\n");
    stores_rig_end(&rig);
}

static void announcements_are_as_told(void **state)
{
    (void) state;
    const char *conf =
        "{\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/t\",\"filter\":\"messageType=TYPE\"},"
        "{\"pubsubTopic\":\"projects/q/topics/t\",\"filter\":\"messageType=OTHER\"}]}";
    struct stores_rig rig = { .conf.notify_project = "123456" };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=notificationConfigs", conf);
    stores_rig_put(&rig, "messages:ingest", sample());
    assert_string_equal(buf_str(&stores_rig_notes),
                        "projects/p/topics/t projects/123456/locations/l/datasets/d/hl7V2Stores/"
                        "s/messages/" SAMPLE_ID " TYPE\n");
    assert_json_has(&rig, "\"name\":\"" STORE "/messages/" SAMPLE_ID "\"");
    stores_rig_end(&rig);
    /* The rig's database knows no topic. */
    rig = (struct stores_rig) { .conf.missing_topic_fails = true };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=notificationConfigs", conf);
    stores_rig_put(&rig, "messages:ingest", sample());
    assert_int_equal(rig.status, 400);
    assert_json_has(&rig, "FAILED_PRECONDITION");
    stores_rig_ask_str(&rig, "GET", STORE "/messages", "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_end(&rig);
}

static void a_store_that_rejects_duplicates_answers_as_told(void **state)
{
    (void) state;
    const uint16_t told[] = { 0, 409, 400 };
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        struct stores_rig rig = { .conf.duplicate_status = told[i] };
        CLEANUP(buf_fini) struct buf nack = { 0 };
        stores_rig_begin(&rig);
        stores_rig_ask_str(&rig, "PATCH", STORE "?updateMask=rejectDuplicateMessage",
                           "{\"rejectDuplicateMessage\":true}");
        stores_rig_put(&rig, "messages:ingest", sample());
        assert_int_equal(rig.status, 200);
        stores_rig_put(&rig, "messages:ingest", sample());
        assert_int_equal(rig.status, told[i] == 400 ? 400 : 409);
        assert_json_has(&rig, told[i] == 400 ? "INVALID_ARGUMENT" : "ALREADY_EXISTS");
        assert_json_has(&rig, "IngestMessageErrorDetail");
        decoded(&rig, "hl7Nack", &nack);
        assert_true(bytes_ends(buf_bytes(&nack), BYTES_LIT("\rMSA|AE|20180101000000|duplicate message")));
        stores_rig_put(&rig, "messages", sample());
        assert_json_lacks(&rig, "hl7Nack");
        stores_rig_end(&rig);
    }
}

static void malformed_messages_are_refused_with_a_nack_and_not_stored(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf nack = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages:ingest",
                   BYTES_LIT("MSH|^~\\&|EEH|EHS|||||ADT^A08|1026295|P|2.3||||||8859/1\rPID|1"));
    assert_int_equal(rig.status, 400);
    assert_json_has(&rig,
                    "\"message\":\"unsupported encoding in message, only ASCII and UTF-8 are supported\"");
    decoded(&rig, "hl7Nack", &nack);
    assert_true(bytes_ends(buf_bytes(&nack),
                           BYTES_LIT("|P|2.3\rMSA|AE|1026295|unsupported encoding in message, only ASCII and "
                                     "UTF-8 are supported")));
    stores_rig_put(&rig, "messages:ingest", BYTES_LIT("no HL7 at all"));
    assert_int_equal(rig.status, 400);
    assert_json_has(&rig, "hl7Nack");
    stores_rig_put(&rig, "messages", BYTES_LIT("no HL7 at all"));
    assert_int_equal(rig.status, 400);
    assert_json_lacks(&rig, "hl7Nack");
    stores_rig_ask_str(&rig, "GET", STORE "/messages", "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_end(&rig);
}

static void an_accept_all_store_takes_anything(void **state)
{
    (void) state;
    struct stores_rig rig = { .conf.accept_all = true };
    CLEANUP(buf_fini) struct buf data = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages:ingest", BYTES_LIT("no \xff HL7 \0 at all"));
    assert_int_equal(rig.status, 200);
    decoded(&rig, "data", &data);
    assert_true(bytes_eq(buf_bytes(&data), BYTES_LIT("no \xff HL7 \0 at all")));
    stores_rig_put(&rig, "messages:ingest", BYTES_LIT(""));
    assert_int_equal(rig.status, 200);
    assert_json_has(&rig, "\"data\":\"\"");
    stores_rig_ask_str(&rig, "GET", STORE "/messages?view=FULL", "");
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "POST", STORE "/messages:ingest", "{\"message\":{}}");
    assert_int_equal(rig.status, 400);
    stores_rig_end(&rig);
    rig = (struct stores_rig) { .conf = { .accept_all = true, .accept_all_stores = "src,other" } };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages:ingest", BYTES_LIT("no HL7 at all"));
    assert_int_equal(rig.status, 400);
    stores_rig_end(&rig);
}

static void bad_requests_say_what_is_wrong(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    const struct {
        const char *body, *words;
    } cases[] = {
        { "", "INVALID_ARGUMENT" },
        { "{\"message\":{}}", "message.data" },
        { "{\"message\":{\"data\":\"\"}}", "message.data" },
        { "{\"message\":{\"data\":\"!!!\"}}", "Base64 decoding failed" },
        { "{\"message\":{\"data\":7}}", "must be a string" },
        { "{\"message\":{\"data\":\"TVNI\",\"x\":1}}",
          "Unknown name \\\"x\\\" at 'message': Cannot find field." },
        { "{\"messages\":{}}", "Unknown name \\\"messages\\\": Cannot find field." },
        { "{\"message\":{\"data\":\"TVNI\",\"labels\":{\"A\":\"\"}}}", "labels" },
        { "{\"message\":[]}", "must be an object" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stores_rig_ask_str(&rig, "POST", STORE "/messages:ingest", cases[i].body);
        assert_int_equal(rig.status, 400);
        assert_json_has(&rig, cases[i].words);
        assert_json_lacks(&rig, "hl7Nack");
    }
    stores_rig_ask_str(&rig, "POST", DATASET "/hl7V2Stores/none/messages:ingest", "{}");
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
}

static void too_large_a_request_is_refused(void **state)
{
    (void) state;
    struct stores_rig rig = { .conf.oversize_status = 413 };
    CLEANUP(buf_fini) struct buf body = { 0 };
    buf_reserve(&body, 11 << 20);
    memset(body.ptr, ' ', 11 << 20);
    stores_rig_begin(&rig);
    stores_rig_ask(&rig, "POST", STORE "/messages:ingest", bytes_of(body.ptr, 11 << 20));
    assert_int_equal(rig.status, 413);
    assert_json_has(&rig, "\"code\":413");
    stores_rig_end(&rig);
}

static void url_safe_and_escaped_base64_are_stored_as_the_standard_form(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf body = { 0 };
    CLEANUP(buf_fini) struct buf want = { 0 };
    stores_rig_begin(&rig);
    /* The bytes make both characters that the alphabets differ in. */
    struct bytes message = BYTES_LIT("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5\rPID|1||\xc3\xbe>>\xc3\xbf??\r");
    buf_append_str(&body, "{\"message\":{\"data\":\"");
    b64_encode_url_bare(message, &body);
    buf_append_str(&body, "\"}}");
    b64_encode(message, &want);
    assert_true(memchr(body.ptr, '_', body.len) != NULL || memchr(body.ptr, '-', body.len) != NULL);
    stores_rig_ask(&rig, "POST", STORE "/messages", buf_bytes(&body));
    assert_int_equal(rig.status, 200);
    assert_json_has(&rig, buf_str(&want));
    stores_rig_ask_str(&rig, "POST", STORE "/messages", "{\"message\":{\"data\":\"TVNI\\u003d\"}}");
    assert_int_equal(rig.status, 400);
    stores_rig_end(&rig);
}

static void labels_are_kept_and_merged(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf body = { 0 };
    stores_rig_begin(&rig);
    buf_append_str(&body, "{\"message\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"data\":\"");
    b64_encode(sample(), &body);
    buf_append_str(&body, "\"}}");
    stores_rig_ask(&rig, "POST", STORE "/messages", buf_bytes(&body));
    assert_json_has(&rig, "\"labels\":{\"a\":\"1\",\"b\":\"2\"}");
    stores_rig_ask_str(&rig, "PATCH", STORE "/messages/" SAMPLE_ID "?updateMask=labels",
                       "{\"labels\":{\"b\":\"3\",\"c\":\"\"}}");
    assert_json_has(&rig, "\"labels\":{\"a\":\"1\",\"b\":\"3\",\"c\":\"\"}");
    stores_rig_ask_str(&rig, "GET", STORE "/messages?filter=labels.%22b%22%3D%223%22&view=RAW_ONLY", "");
    assert_json_has(&rig, "\"labels\":{\"a\":\"1\",\"b\":\"3\",\"c\":\"\"}");
    stores_rig_ask_str(&rig, "PATCH", STORE "/messages/" SAMPLE_ID "?updateMask=data", "{\"data\":\"TVNI\"}");
    assert_int_equal(rig.status, 400);
    stores_rig_end(&rig);
}

static void a_deleted_message_is_gone_and_can_come_again(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages", sample());
    stores_rig_ask_str(&rig, "DELETE", STORE "/messages/" SAMPLE_ID, "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_ask_str(&rig, "DELETE", STORE "/messages/" SAMPLE_ID, "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "GET", STORE "/messages", "");
    assert_string_equal(buf_str(&rig.json), "{}");
    stores_rig_put(&rig, "messages", sample());
    assert_int_equal(rig.status, 200);
    stores_rig_end(&rig);
}

/* Puts n messages, one a minute. */
static void put_many(struct stores_rig *rig, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        CLEANUP(buf_fini) struct buf m = { 0 };
        buf_printf(&m, "MSH|^~\\&|A|%s|C|D|2026010100%02u||%s^A01|%u|P|2.5\r", i % 2 ? "EAST" : "WEST", i,
                   i % 3 ? "ADT" : "ORU", i);
        stores_rig_put(rig, "messages", buf_bytes(&m));
        assert_int_equal(rig->status, 200);
    }
}

/* Names on all pages, counted; the order of send times is checked where the view shows them. */
static unsigned count_listed(struct stores_rig *rig, const char *query)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    unsigned count = 0;
    buf_printf(&path, STORE "/messages?%s", query);
    for (;;) {
        stores_rig_ask_str(rig, "GET", buf_str(&path), "");
        assert_int_equal(rig->status, 200);
        for (char *at = (char *) buf_str(&rig->json); (at = strstr(at, "\"name\"")) != NULL; at++)
            count++;
        char *token = strstr(buf_str(&rig->json), "nextPageToken\":\"");
        if (token == NULL)
            return count;
        token += strlen("nextPageToken\":\"");
        buf_clear(&path);
        buf_printf(&path, STORE "/messages?%s&pageToken=%.*s", query, (int) strcspn(token, "\""), token);
    }
}

static void lists_are_paged_ordered_and_filtered(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    put_many(&rig, 30);
    assert_int_equal(count_listed(&rig, ""), 30);
    assert_int_equal(count_listed(&rig, "pageSize=7"), 30);
    assert_int_equal(count_listed(&rig, "pageSize=1&orderBy=sendTime+desc"), 30);
    assert_int_equal(count_listed(&rig, "pageSize=3&filter=message_type%3D%22ORU%22"), 10);
    assert_int_equal(count_listed(&rig, "filter=NOT+messageType%3DORU+AND+sendFacility%3DAS"), 10);
    assert_int_equal(count_listed(&rig, "filter=sendTime+%3E%3D+%222026-01-01T00:10:00Z%22+AND+sendTime+%3C+%"
                                        "222026-01-01T01:12:00%2B01:00%22"),
                     2);
    assert_int_equal(count_listed(&rig, "filter=send_date%3D%222026-01-01%22"), 30);
    stores_rig_ask_str(&rig, "GET", STORE "/messages?orderBy=send_time+desc&pageSize=1&view=RAW_ONLY", "");
    assert_json_has(&rig, "\"sendTime\":\"2026-01-01T00:29:00Z\"");
    stores_rig_ask_str(&rig, "GET", STORE "/messages?pageSize=1&view=RAW_ONLY", "");
    assert_json_has(&rig, "\"sendTime\":\"2026-01-01T00:00:00Z\"");
    stores_rig_ask_str(&rig, "GET", STORE "/messages?pageSize=-1", "");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "GET", STORE "/messages?pageToken=AAAA", "");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "GET", STORE "/messages?orderBy=create_time", "");
    assert_int_equal(rig.status, 400);
    stores_rig_ask_str(&rig, "GET", STORE "/messages?filter=nonsense%3D1", "");
    assert_int_equal(rig.status, 501);
    stores_rig_end(&rig);
}

static void a_long_get_may_come_as_a_post(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    put_many(&rig, 6);
    struct cloud_ask ask = { BYTES_LIT("POST"),
                             BYTES_LIT("/v1/" STORE "/messages"),
                             { 0 },
                             BYTES_LIT("filter=message_type+%3D+%22ORU%22&view=BASIC&alt=json"),
                             BYTES_LIT("GET") };
    stores_rig_ask_str(&rig, "GET", STORE "/messages?filter=message_type+%3D+%22ORU%22", "");
    CLEANUP(buf_fini) struct buf want = { 0 };
    buf_append(&want, buf_bytes(&rig.json));
    stores_rig_override(&rig, &ask);
    assert_string_equal(buf_str(&rig.json), buf_str(&want));
    /* Python's list_next() adds the token to the query, and leaves the rest, an old token too, in the form. */
    ask.body = BYTES_LIT("filter=message_type+%3D+%22ORU%22&pageToken=old&pageSize=1");
    ask.query = BYTES_LIT("pageToken=new");
    stores_rig_override(&rig, &ask);
    assert_int_equal(rig.status, 400);
    ask.query = BYTES_LIT("pageToken=&pageSize=1000");
    stores_rig_override(&rig, &ask);
    assert_string_equal(buf_str(&rig.json), buf_str(&want));
    stores_rig_end(&rig);
}

static void messages_are_given_in_batches_by_id(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    CLEANUP(buf_fini) struct buf query = { 0 };
    stores_rig_begin(&rig);
    put_many(&rig, 3);
    stores_rig_ask_str(&rig, "GET", STORE "/messages", "");
    const char *at = buf_str(&rig.json);
    for (unsigned i = 0; (at = strstr(at, "/messages/")) != NULL; i++) {
        at += strlen("/messages/");
        if (i != 1)
            buf_printf(&query, "ids=%.*s&", (int) strcspn(at, "\""), at);
    }
    buf_append_str(&query, "ids=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&ids=x&view=RAW_ONLY");
    struct cloud_ask ask = { .method = BYTES_LIT("GET"),
                             .path = BYTES_LIT("/v1beta1/" STORE "/messages:batchGet"),
                             .query = buf_bytes(&query) };
    stores_rig_override(&rig, &ask);
    assert_int_equal(rig.status, 200);
    unsigned found = 0;
    for (at = buf_str(&rig.json); (at = strstr(at, "\"data\":")) != NULL; at++)
        found++;
    assert_int_equal(found, 2);
    ask.query = BYTES_LIT("ids=x");
    stores_rig_override(&rig, &ask);
    assert_string_equal(buf_str(&rig.json), "{}");
    ask.query = BYTES_LIT("view=FULL");
    stores_rig_override(&rig, &ask);
    assert_int_equal(rig.status, 400);
    buf_clear(&query);
    for (int i = 0; i < 101; i++)
        buf_append_str(&query, "ids=x&");
    ask.query = buf_bytes(&query);
    stores_rig_override(&rig, &ask);
    assert_int_equal(rig.status, 400);
    ask.path = BYTES_LIT("/v1/" STORE "/messages:batchGet");
    stores_rig_override(&rig, &ask);
    assert_int_equal(rig.status, 404);
    stores_rig_end(&rig);
}

static void a_head_is_a_get_and_wrong_forms_are_refused(void **state)
{
    (void) state;
    struct stores_rig rig = { 0 };
    stores_rig_begin(&rig);
    stores_rig_ask_str(&rig, "HEAD", STORE, "");
    assert_int_equal(rig.status, 200);
    stores_rig_ask_str(&rig, "OPTIONS", STORE, "");
    assert_int_equal(rig.status, 404);
    stores_rig_ask_str(&rig, "GET", STORE "?alt=proto", "");
    assert_int_equal(rig.status, 501);
    stores_rig_ask_str(&rig, "GET", STORE "?fields=nom", "");
    assert_int_equal(rig.status, 400);
    assert_json_has(&rig, "\"field\":\"fields\"");
    stores_rig_end(&rig);
}

static void faults_stand_in_the_plan_and_stop_what_comes_before(void **state)
{
    (void) state;
    const char *const rules[] = { "ingest:429:first=1,retry_after=2", "ingest:lost:first=1",
                                  "get:wrong_name" };
    struct stores_rig rig = { .conf = { .faults = rules, .faults_count = 3 } };
    stores_rig_begin(&rig);
    stores_rig_put(&rig, "messages:ingest", sample());
    assert_int_equal(rig.status, 429);
    assert_int_equal(rig.plan.retry_after_s, 2);
    assert_json_has(&rig, "RESOURCE_EXHAUSTED");
    stores_rig_put(&rig, "messages:ingest", sample());
    assert_int_equal(rig.plan.kind, CLOUD_FAULT_LOST);
    stores_rig_ask_str(&rig, "GET", STORE "/messages/" SAMPLE_ID "?view=BASIC", "");
    assert_int_equal(rig.status, 200);
    assert_int_equal(rig.plan.kind, CLOUD_FAULT_WRONG_NAME);
    stores_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ingested_message_has_its_metadata_and_its_ack),
        cmocka_unit_test(every_view_shows_what_it_should),
        cmocka_unit_test(parsed_data_is_what_googles_page_shows),
        cmocka_unit_test(parser_v3_counts_msh_1_and_undoes_escapes),
        cmocka_unit_test(a_duplicate_is_the_same_resource_with_the_same_ack),
        cmocka_unit_test(announcements_are_as_told),
        cmocka_unit_test(a_store_that_rejects_duplicates_answers_as_told),
        cmocka_unit_test(malformed_messages_are_refused_with_a_nack_and_not_stored),
        cmocka_unit_test(an_accept_all_store_takes_anything),
        cmocka_unit_test(bad_requests_say_what_is_wrong),
        cmocka_unit_test(too_large_a_request_is_refused),
        cmocka_unit_test(url_safe_and_escaped_base64_are_stored_as_the_standard_form),
        cmocka_unit_test(labels_are_kept_and_merged),
        cmocka_unit_test(a_deleted_message_is_gone_and_can_come_again),
        cmocka_unit_test(lists_are_paged_ordered_and_filtered),
        cmocka_unit_test(a_long_get_may_come_as_a_post),
        cmocka_unit_test(messages_are_given_in_batches_by_id),
        cmocka_unit_test(a_head_is_a_get_and_wrong_forms_are_refused),
        cmocka_unit_test(faults_stand_in_the_plan_and_stop_what_comes_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
