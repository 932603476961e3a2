#include "fake_h2.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "store/list_page.h"
#include "store/store_admin.h"
#include "store/store_client.h"

#define STORE "projects/p/locations/l/datasets/d/hl7V2Stores/s"
#define ACK_AA "TVNIfF5+XCZ8QQ1NU0F8QUF8MQ=="    /* MSH|^~\&|A CR MSA|AA|1 */
#define ACK_AE "TVNIfF5+XCZ8QQ1NU0F8QUV8MQ=="

static struct loop *loop;
static struct store_client *client;
static struct store_bodies *bodies;
static struct store_result last;
static char last_id[64], last_text[320];
static unsigned done_count;
static uint64_t wanted;

static void on_want(void *ctx, uint64_t total)
{
    (void) ctx;
    wanted = total;
}

static void on_done(void *ctx, const struct store_result *r)
{
    (void) ctx;
    last = *r;
    done_count++;
    memset(last_id, 0, sizeof(last_id));
    memcpy(last_id, r->id.ptr != NULL ? r->id.ptr : "", MIN(r->id.len, sizeof(last_id) - 1));
    memcpy(last_text, r->err->text, sizeof(last_text));
}

static const struct store_events events = { on_want, on_done };
static const struct store_attempt attempt = { .token = { "tok", 3 }, .token_gen = 7, .deadline_us = 99 };

static int setup(void **state)
{
    struct err err;
    struct store_names names = { 0 };
    (void) state;
    loop = loop_make(&err);
    assert_non_null(loop);
    assert_true(store_name_parse(BYTES_LIT(STORE), &names.own, &err));
    names.aliases_count = 1;
    assert_true(store_name_parse(BYTES_LIT("projects/12/locations/l/datasets/d/hl7V2Stores/s"), &names.alias[0], &err));
    struct store_client_conf conf = { .names = &names, .quota_project = BYTES_LIT("bill"), .reply_max = 1 << 20 };
    client = store_client_make(loop, &conf);
    bodies = store_bodies_make(8);
    done_count = 0;
    wanted = 0;
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    store_client_free(client);
    store_bodies_free(bodies);
    loop_free(loop);
    fake_fini();
    return 0;
}

static void fetch_with(uint16_t status, const char *header, const char *value, const char *reply)
{
    struct store_body *b = store_body_take(bodies);
    store_fetch(client, &attempt, BYTES_LIT("id1="), b, &events, NULL);
    fake_reply(fake_last(), status, header, value, reply);
    store_body_give(bodies, b);
}

static void a_fetch_asks_as_the_api_wants_it(void **state)
{
    (void) state;
    struct store_body *b = store_body_take(bodies);
    unsigned before = done_count;
    store_fetch(client, &attempt, BYTES_LIT("id1="), b, &events, NULL);
    struct h2_call *c = fake_last();
    assert_int_equal(done_count, before);
    assert_string_equal(buf_str(&c->method), "GET");
    assert_string_equal(buf_str(&c->path), "/v1/" STORE "/messages/id1=?view=RAW_ONLY");
    assert_true(fake_sent(c, "authorization: Bearer tok\n"));
    assert_true(fake_sent(c, "accept-encoding: identity\n"));
    assert_true(fake_sent(c, "x-goog-user-project: bill\n"));
    assert_int_equal(c->deadline_us, 99);
    assert_int_equal(c->granted, LIMIT_STREAM_WINDOW);
    fake_reply(c, 200, NULL, NULL,
               "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TVNI\",\"labels\":{\"a\":\"b\"},\"createTime\":\"x\"}");
    assert_int_equal(last.class, ERR_OK);
    assert_int_equal(last.reach, ANSWERED);
    assert_int_equal(last.http, 200);
    assert_int_equal(last.token_gen, 7);
    assert_int_equal(last.first_byte_us, 2);
    assert_bytes_equal(b->data, "TVNI");
    assert_bytes_equal(b->labels, "{\"a\":\"b\"}");
    assert_int_equal(b->message_bytes, 3);
    store_body_give(bodies, b);
}

static void good_replies_are_judged(void **state)
{
    static const struct {
        const char *reply;
        enum err_class class;
    } rows[] = {
        { "{\"name\":\"projects/12/locations/l/datasets/d/hl7V2Stores/s/messages/id1=\",\"data\":\"TVNI\"}", ERR_OK },
        { "{\"name\":\"" STORE "/messages/id1\\u003d\",\"data\":\"TVN\\u0049\",\"labels\":null}", ERR_OK },
        { "{\"name\":\"" STORE "/messages/id2\",\"data\":\"TVNI\"}", ERR_WRONG_NAME },
        { "{\"name\":\"" STORE "x/messages/id1=\",\"data\":\"TVNI\"}", ERR_WRONG_NAME },
        { "{\"data\":\"TVNI\"}", ERR_BAD_REPLY },
        { "{\"name\":7,\"data\":\"TVNI\"}", ERR_BAD_REPLY },
        { "{\"name\":\"" STORE "/messages/id1=\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":null}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":[1]}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TV!I\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TVN\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"\\ud800\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TVNI\",\"data\":\"TVNI\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TVNI\",\"labels\":{\"a\":{}}}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TVNI\",\"labels\":\"x\"}", ERR_BAD_PAYLOAD },
        { "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TV", ERR_BAD_REPLY },
        { "<html>please log in</html>", ERR_NOT_API },
        { "", ERR_NOT_API },
        { "[]", ERR_NOT_API },
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fetch_with(200, NULL, NULL, rows[i].reply);
        if (last.class != rows[i].class)
            fail_msg("row %zu: %s", i, err_name(last.class));
    }
    fetch_with(200, "content-encoding", "gzip", "{}");
    assert_int_equal(last.class, ERR_BAD_REPLY);
}

static void errors_keep_class_wait_and_a_text_without_content(void **state)
{
    (void) state;
    fetch_with(503, "retry-after", "3", "<html>SECRET</html>");
    assert_int_equal(last.class, ERR_TRANSIENT);
    assert_int_equal(last.wait_us, 3 * US_PER_S);
    assert_int_equal(last.http, 503);
    assert_null(strstr(last_text, "SECRET"));
    assert_non_null(strstr(last_text, "HTTP 503"));
    fetch_with(404, NULL, NULL, "{\"error\":{\"code\":404,\"message\":\"SECRET\",\"status\":\"NOT_FOUND\"}}");
    assert_int_equal(last.class, ERR_NOT_FOUND);
    assert_null(strstr(last_text, "SECRET"));
    struct store_body *b = store_body_take(bodies);
    store_fetch(client, &attempt, BYTES_LIT("id1="), b, &events, NULL);
    fake_done(fake_last(), ERR_RESET, MAYBE_APPLIED);
    assert_int_equal(last.class, ERR_RESET);
    assert_int_equal(last.reach, MAYBE_APPLIED);
    store_body_give(bodies, b);
}

static void long_replies_wait_for_a_grant(void **state)
{
    (void) state;
    struct store_body *b = store_body_take(bodies);
    struct store_call *call = store_fetch(client, &attempt, BYTES_LIT("id1="), b, &events, NULL);
    struct h2_call *c = fake_last();
    c->ev->on_headers(c->ctx, 200, (struct net_headers) { 0 });
    c->ev->on_want(c->ctx, 100000);
    assert_int_equal(wanted, 100000);
    assert_int_equal(c->granted, LIMIT_STREAM_WINDOW);
    store_grant(call, 50000);
    assert_int_equal(c->granted, LIMIT_STREAM_WINDOW + 50000);
    c->ev->on_want(c->ctx, 2 << 20);
    assert_int_equal(wanted, 100000);
    loop_pass(loop, 0);
    assert_true(c->cancelled);
    assert_int_equal(last.class, ERR_TOO_LARGE);
    assert_int_equal(done_count, 1);
    store_body_give(bodies, b);
}

static void a_long_error_page_is_cut(void **state)
{
    static char page[40000];
    (void) state;
    memset(page, 'x', sizeof(page) - 1);
    struct store_body *b = store_body_take(bodies);
    store_fetch(client, &attempt, BYTES_LIT("id1="), b, &events, NULL);
    struct h2_call *c = fake_last();
    c->ev->on_headers(c->ctx, 404, (struct net_headers) { 0 });
    c->ev->on_data(c->ctx, bytes_str(page));
    c->ev->on_want(c->ctx, 60000);
    assert_int_equal(wanted, 0);
    c->ev->on_data(c->ctx, bytes_str(page));
    loop_pass(loop, 0);
    assert_true(c->cancelled);
    assert_int_equal(last.class, ERR_NOT_API);
    store_body_give(bodies, b);
}

static void an_ingest_sends_the_same_base64(void **state)
{
    (void) state;
    store_ingest(client, &attempt, BYTES_LIT("TVNI"), BYTES_LIT("{\"a\":\"b\"}"), &events, NULL);
    struct h2_call *c = fake_last();
    assert_string_equal(buf_str(&c->method), "POST");
    assert_string_equal(buf_str(&c->path), "/v1/" STORE "/messages:ingest");
    assert_string_equal(buf_str(&c->body), "{\"message\":{\"data\":\"TVNI\",\"labels\":{\"a\":\"b\"}}}");
    assert_true(fake_sent(c, "x-goog-api-format-version: 2\n"));
    assert_true(fake_sent(c, "content-type: application/json\n"));
    fake_reply(c, 200, NULL, NULL, "{\"hl7Ack\":\"" ACK_AA "\",\"message\":{\"name\":\"" STORE "/messages/x_=\"}}");
    assert_int_equal(last.class, ERR_OK);
    assert_string_equal(last.ack, "AA");
    assert_string_equal(last_id, "x_=");
    store_ingest(client, &attempt, BYTES_LIT("TVNI"), bytes_of(NULL, 0), &events, NULL);
    assert_string_equal(buf_str(&fake_last()->body), "{\"message\":{\"data\":\"TVNI\"}}");
    fake_done(fake_last(), ERR_TIMEOUT, MAYBE_APPLIED);
    assert_int_equal(last.class, ERR_TIMEOUT);
}

static void ingest_replies_are_judged(void **state)
{
    static const struct {
        uint16_t status;
        const char *reply;
        enum err_class class;
        const char *ack;
    } rows[] = {
        { 200, "{\"hl7Ack\":\"" ACK_AE "\",\"message\":{\"name\":\"" STORE "/messages/x\"}}", ERR_NOT_ACCEPTED, "AE" },
        { 200, "{\"message\":{\"name\":\"" STORE "/messages/x\"}}", ERR_NOT_ACCEPTED, "" },
        { 200, "{\"hl7Ack\":\"\",\"message\":{}}", ERR_NOT_ACCEPTED, "" },
        { 200, "{\"hl7Ack\":\"?\",\"message\":{}}", ERR_NOT_ACCEPTED, "" },
        { 200, "{\"hl7Ack\":\"" ACK_AA "\"}", ERR_BAD_REPLY, "AA" },
        { 200, "{\"hl7Ack\":\"" ACK_AA "\",\"message\":{\"name\":\"" STORE "2/messages/x\"}}", ERR_WRONG_NAME, "AA" },
        { 200, "<html>", ERR_NOT_API, "" },
        { 200, "{\"hl7Ack\":", ERR_BAD_REPLY, "" },
        { 400, "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"hl7Nack\":\"" ACK_AE "\"}]}}",
          ERR_NACKED, "AE" },
        { 409, "{\"error\":{\"code\":409,\"status\":\"ALREADY_EXISTS\"}}", ERR_ALREADY_EXISTS, "" },
        { 413, "{\"error\":{\"code\":413,\"status\":\"INVALID_ARGUMENT\"}}", ERR_REFUSED, "" },
        { 413, "<html>", ERR_NOT_API, "" },
    };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        store_ingest(client, &attempt, BYTES_LIT("TVNI"), bytes_of(NULL, 0), &events, NULL);
        fake_reply(fake_last(), rows[i].status, NULL, NULL, rows[i].reply);
        if (last.class != rows[i].class)
            fail_msg("row %zu: %s", i, err_name(last.class));
        assert_string_equal(last.ack, rows[i].ack);
    }
}

static void what_is_too_large_is_never_sent(void **state)
{
    CLEANUP(buf_fini) struct buf big = { 0 };
    unsigned before = fake_calls;
    (void) state;
    memset(buf_reserve(&big, LIMIT_REQUEST_BODY), 'A', LIMIT_REQUEST_BODY);
    store_ingest(client, &attempt, bytes_of(big.ptr, LIMIT_REQUEST_BODY), bytes_of(NULL, 0), &events, NULL);
    assert_int_equal(done_count, 0);
    loop_pass(loop, 0);
    assert_int_equal(done_count, 1);
    assert_int_equal(fake_calls, before);
    assert_int_equal(last.class, ERR_TOO_LARGE);
    assert_int_equal(last.reach, NOT_SENT);
}

static void a_token_cannot_smuggle_a_header(void **state)
{
    struct store_attempt evil = { .token = BYTES_LIT("a\r\nx: y"), .token_gen = 8 };
    unsigned before = fake_calls;
    (void) state;
    store_prove_alive(client, &evil, &events, NULL);
    loop_pass(loop, 0);
    assert_int_equal(fake_calls, before);
    assert_int_equal(last.class, ERR_CONFIG);
}

static void a_copy_is_compared_by_its_bytes(void **state)
{
    static const struct {
        const char *data, *want;
        enum err_class class;
    } rows[] = {
        { "TVNI", "TVNI", ERR_OK }, { "+/+/", "-_-_", ERR_OK }, { "TVM=", "TVM", ERR_OK }, { "TVNI", "TVNJ", ERR_DIFFERENT },
        { "TVNITVNI", "TVNI", ERR_DIFFERENT }, { "", "TVNI", ERR_BAD_PAYLOAD },
    };
    CLEANUP(buf_fini) struct buf reply = { 0 };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&reply);
        buf_printf(&reply, "{\"name\":\"" STORE "/messages/x\",\"data\":\"%s\"}", rows[i].data);
        store_compare(client, &attempt, BYTES_LIT("x"), bytes_str(rows[i].want), NULL, &events, NULL);
        fake_reply(fake_last(), 200, NULL, NULL, buf_str(&reply));
        if (last.class != rows[i].class)
            fail_msg("row %zu: %s", i, err_name(last.class));
    }
    store_compare(client, &attempt, BYTES_LIT("x"), BYTES_LIT("TVNI"), NULL, &events, NULL);
    fake_reply(fake_last(), 403, NULL, NULL, "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\"}}");
    assert_int_equal(last.class, ERR_FORBIDDEN);
}

static void the_labels_of_a_copy_are_compared(void **state)
{
    static const struct {
        const char *copy, *want;
        bool differ;
    } rows[] = {
        { "", "", false }, { ",\"labels\":null", "", false }, { ",\"labels\":{}", "", false },
        { ",\"labels\":{\"a\":\"1\"}", "{\"a\":\"1\"}", false },
        { ",\"labels\":{\"b\":\"2\", \"a\":\"\\u0031\"}", "{\"a\":\"1\",\"b\":\"2\"}", false },
        { "", "{\"a\":\"1\"}", true }, { ",\"labels\":{\"a\":\"1\"}", "", true },
        { ",\"labels\":{\"a\":\"2\"}", "{\"a\":\"1\"}", true },
        { ",\"labels\":{\"b\":\"1\"}", "{\"a\":\"1\"}", true },
        { ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}", "{\"a\":\"1\"}", true },
        { ",\"labels\":{\"a\":\"1\",\"a\":\"1\"}", "{\"a\":\"1\",\"b\":\"1\"}", true },
        { ",\"labels\":[\"a\"]", "{\"a\":\"1\"}", true }, { ",\"labels\":{\"a\":1}", "{\"a\":\"1\"}", true },
    };
    CLEANUP(buf_fini) struct buf reply = { 0 };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes labels = bytes_str(rows[i].want);
        buf_clear(&reply);
        buf_printf(&reply, "{\"name\":\"" STORE "/messages/x\",\"data\":\"TVNI\"%s}", rows[i].copy);
        store_compare(client, &attempt, BYTES_LIT("x"), BYTES_LIT("TVNI"), &labels, &events, NULL);
        fake_reply(fake_last(), 200, NULL, NULL, buf_str(&reply));
        assert_int_equal(last.class, ERR_OK);
        if (last.labels_differ != rows[i].differ)
            fail_msg("row %zu", i);
    }
    store_compare(client, &attempt, BYTES_LIT("x"), BYTES_LIT("TVNI"), NULL, &events, NULL);
    fake_reply(fake_last(), 200, NULL, NULL, buf_str(&reply));
    assert_int_equal(last.class, ERR_OK);
    assert_false(last.labels_differ);    /* not asked for */
}

static void a_live_store_answers_a_list(void **state)
{
    (void) state;
    store_prove_alive(client, &attempt, &events, NULL);
    assert_string_equal(buf_str(&fake_last()->path), "/v1/" STORE "/messages?pageSize=1");
    fake_reply(fake_last(), 200, NULL, NULL, "{}");
    assert_int_equal(last.class, ERR_OK);
    store_prove_alive(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 200, NULL, NULL, "{\"hl7V2Messages\":{}}");
    assert_int_equal(last.class, ERR_BAD_REPLY);
    store_prove_alive(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 200, NULL, NULL, "<html>");
    assert_int_equal(last.class, ERR_NOT_API);
}

static void a_copy_is_looked_for_by_its_content_too(void **state)
{
    CLEANUP(buf_fini) struct buf id = { 0 }, path = { 0 }, reply = { 0 };
    struct store_body *b = store_body_take(bodies);
    (void) state;
    b->data = BYTES_LIT("TVNI");
    store_body_content_id(b, &id);
    buf_printf(&path, "/v1/" STORE "/messages/%s?view=RAW_ONLY", buf_str(&id));
    store_compare(client, &attempt, BYTES_LIT("x"), BYTES_LIT("TVNI"), NULL, &events, NULL);
    fake_reply(fake_last(), 404, NULL, NULL, "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\"}}");
    assert_int_equal(done_count, 0);
    assert_string_equal(buf_str(&fake_last()->path), buf_str(&path));
    assert_true(fake_sent(fake_last(), "authorization: Bearer tok\n"));
    buf_printf(&reply, "{\"name\":\"" STORE "/messages/%s\",\"data\":\"TVNI\"}", buf_str(&id));
    fake_reply(fake_last(), 200, NULL, NULL, buf_str(&reply));
    assert_int_equal(done_count, 1);
    assert_int_equal(last.class, ERR_OK);
    assert_int_equal(last.token_gen, 7);
    /* asked for by that id already: one look is enough */
    store_compare(client, &attempt, buf_bytes(&id), BYTES_LIT("TVNI"), NULL, &events, NULL);
    fake_reply(fake_last(), 404, NULL, NULL, "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\"}}");
    assert_int_equal(done_count, 2);
    assert_int_equal(last.class, ERR_NOT_FOUND);
    store_body_give(bodies, b);
}

static void probes_show_who_lets_us_in(void **state)
{
    static const char *const missing = "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\"}}";
    static const char *const forbidden = "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\"}}";
    (void) state;
    store_probe_source(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 200, NULL, NULL, "{}");
    assert_int_equal(last.class, ERR_OK);
    store_probe_source(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 404, NULL, NULL, missing);
    assert_int_equal(last.class, ERR_NOT_FOUND);
    store_probe_source(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 403, NULL, NULL, forbidden);
    assert_int_equal(done_count, 2);
    fake_reply(fake_last(), 404, NULL, NULL, missing);
    assert_int_equal(last.class, ERR_OK);
    store_probe_source(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 403, NULL, NULL, forbidden);
    fake_reply(fake_last(), 403, NULL, NULL, forbidden);
    assert_int_equal(last.class, ERR_FORBIDDEN);
    store_probe_dest(client, &attempt, &events, NULL);
    assert_string_equal(buf_str(&fake_last()->body), "{\"message\":{}}");
    fake_reply(fake_last(), 400, NULL, NULL, "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\"}}");
    assert_int_equal(last.class, ERR_OK);
    store_probe_dest(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 400, NULL, NULL, "<html>");
    assert_int_equal(last.class, ERR_NOT_API);
    store_probe_dest(client, &attempt, &events, NULL);
    fake_reply(fake_last(), 403, NULL, NULL, forbidden);
    assert_int_equal(last.class, ERR_FORBIDDEN);
    assert_int_equal(done_count, 7);
}

static void after_a_cancel_nothing_is_heard(void **state)
{
    (void) state;
    struct store_call *call = store_prove_alive(client, &attempt, &events, NULL);
    store_cancel(call);
    assert_true(fake_last()->cancelled);
    loop_pass(loop, 0);
    assert_int_equal(done_count, 0);
}

static struct buf page_seen;

static void on_page(void *ctx, struct list_page *page)
{
    struct list_page_entry e;
    (void) ctx;
    buf_clear(&page_seen);
    while (list_page_next(page, &e))
        buf_printf(&page_seen, "%.*s:%.*s ", BYTES_FMT(e.id), BYTES_FMT(e.data));
    buf_printf(&page_seen, "%s next=%.*s", err_name(page->result.class), BYTES_FMT(page->next_page_token));
}

static void pages_are_walked(void **state)
{
    (void) state;
    list_page_get(client, &attempt, 100, true, BYTES_LIT("a/b="), on_page, NULL);
    assert_string_equal(buf_str(&fake_last()->path),
                        "/v1/" STORE "/messages?pageSize=100&view=RAW_ONLY&pageToken=a%2Fb%3D");
    fake_reply(fake_last(), 200, NULL, NULL,
               "{\"hl7V2Messages\":[{\"name\":\"" STORE "/messages/a\",\"data\":\"TVNI\"},{\"name\":\"" STORE
               "/messages/b\"}],\"nextPageToken\":\"t\\u003d\"}");
    assert_string_equal(buf_str(&page_seen), "a:TVNI b: OK next=t=");
    list_page_get(client, &attempt, 1000, false, bytes_of(NULL, 0), on_page, NULL);
    assert_string_equal(buf_str(&fake_last()->path), "/v1/" STORE "/messages?pageSize=1000&view=BASIC");
    fake_reply(fake_last(), 200, NULL, NULL, "{\"hl7V2Messages\":[{\"name\":\"" STORE "2/messages/a\"}]}");
    assert_string_equal(buf_str(&page_seen), "BAD_REPLY next=");
    buf_fini(&page_seen);
}

static void on_admin(void *ctx, const struct store_admin_reply *reply)
{
    (void) ctx;
    last = reply->result;
    done_count++;
}

static void stores_and_datasets_are_made(void **state)
{
    struct store_admin_store s = { .notification_topic = BYTES_LIT("projects/p/topics/t"), .reject_duplicates = true };
    (void) state;
    store_admin_create_dataset(client, &attempt, on_admin, NULL);
    assert_string_equal(buf_str(&fake_last()->path), "/v1/projects/p/locations/l/datasets?datasetId=d");
    fake_reply(fake_last(), 200, NULL, NULL, "{\"name\":\"projects/p/locations/l/datasets/d/operations/7\"}");
    assert_int_equal(last.class, ERR_OK);
    store_admin_create_store(client, &attempt, &s, on_admin, NULL);
    assert_string_equal(buf_str(&fake_last()->path),
                        "/v1/projects/p/locations/l/datasets/d/hl7V2Stores?hl7V2StoreId=s");
    assert_string_equal(buf_str(&fake_last()->body),
                        "{\"parserConfig\":{\"version\":\"V3\"},\"rejectDuplicateMessage\":true,"
                        "\"notificationConfigs\":[{\"pubsubTopic\":\"projects/p/topics/t\"}]}");
    fake_reply(fake_last(), 409, NULL, NULL, "{\"error\":{\"code\":409,\"status\":\"ALREADY_EXISTS\"}}");
    assert_int_equal(last.class, ERR_ALREADY_EXISTS);
    store_admin_get_operation(client, &attempt, BYTES_LIT("projects/p/locations/l/datasets/d/operations/7"), on_admin,
                              NULL);
    assert_string_equal(buf_str(&fake_last()->path), "/v1/projects/p/locations/l/datasets/d/operations/7");
    fake_reply(fake_last(), 200, NULL, NULL, "{\"done\":true}");
    store_admin_get_operation(client, &attempt, BYTES_LIT("projects/q/operations/7"), on_admin, NULL);
    loop_pass(loop, 0);
    assert_int_equal(last.class, ERR_BAD_INPUT);
}

static void nothing_is_allocated_per_message(void **state)
{
    uint64_t before = 0;
    (void) state;
    for (int i = 0; i < 200; i++) {
        struct store_body *b = store_body_take(bodies);
        store_fetch(client, &attempt, BYTES_LIT("id1="), b, &events, NULL);
        fake_reply(fake_last(), 200, NULL, NULL,
                   "{\"name\":\"" STORE "/messages/id1=\",\"data\":\"TVNI\",\"labels\":{\"a\":\"b\"}}");
        store_ingest(client, &attempt, b->data, b->labels, &events, NULL);
        fake_reply(fake_last(), 200, NULL, NULL, "{\"hl7Ack\":\"" ACK_AA "\",\"message\":{\"name\":\"" STORE "/messages/x_=\"}}");
        assert_int_equal(last.class, ERR_OK);
        store_body_give(bodies, b);
        if (i == 99)
            before = mem_count();
    }
#ifdef BUF_MOVES
    before = mem_count();    /* there each reserve allocates */
#endif
    assert_int_equal(mem_count(), before);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_fetch_asks_as_the_api_wants_it), T(good_replies_are_judged),
        T(errors_keep_class_wait_and_a_text_without_content), T(long_replies_wait_for_a_grant),
        T(a_long_error_page_is_cut), T(an_ingest_sends_the_same_base64), T(ingest_replies_are_judged),
        T(what_is_too_large_is_never_sent), T(a_token_cannot_smuggle_a_header), T(a_copy_is_compared_by_its_bytes), T(the_labels_of_a_copy_are_compared),
        T(a_live_store_answers_a_list), T(a_copy_is_looked_for_by_its_content_too),
        T(probes_show_who_lets_us_in), T(after_a_cancel_nothing_is_heard), T(pages_are_walked),
        T(stores_and_datasets_are_made), T(nothing_is_allocated_per_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
